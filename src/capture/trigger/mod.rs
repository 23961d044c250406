//! Deliveries that are made here and sent to a door or an app, as Cakemail would send them.

pub mod own;
pub mod request;
pub mod send;

/// A seed for samples that nobody has named one for.
///
/// # Errors
/// Where the system gives no random numbers.
pub fn random_seed() -> Result<u64, getrandom::Error> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

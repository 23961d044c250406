//! Ids of deliveries, and the letters that ids and names are written in.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

/// Crockford's base 32 in lower case: without `i`, `l`, `o` and `u`, which are read as others.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new id: 48 bits of time and 80 that no other id has, in 26 letters that sort by time.
/// It is unique and no secret.
pub fn new() -> Box<str> {
    // The keys are random for each process.
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    let millis = Timestamp::now().as_millisecond().cast_unsigned() & 0xffff_ffff_ffff;
    let (low, high) = (KEYS.hash_one((0, n)), KEYS.hash_one((1, n)) & 0xffff);
    let bits = u128::from(millis) << 80 | u128::from(high) << 64 | u128::from(low);
    let letters = (0..26).rev().map(|at| letter(bits >> (5 * at)));
    letters.collect::<String>().into()
}

fn letter(bits: u128) -> char {
    char::from(LETTERS[usize::try_from(bits & 31).unwrap_or(0)])
}

/// So many random letters, of five bits each.
///
/// # Errors
/// Where the system gives no random numbers.
pub(super) fn random(letters: usize) -> Result<String, getrandom::Error> {
    let mut bytes = vec![0; letters];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.into_iter().map(|byte| letter(byte.into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let first = new();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let many: HashSet<_> = (0..10_000).map(|_| new()).collect();
        assert_eq!(many.len(), 10_000);
        assert!(many.iter().all(|id| *id > first && id.len() == 26));
    }

    #[test]
    fn random_letters_are_those() {
        let text = random(4096).unwrap();
        let found: HashSet<u8> = text.bytes().collect();
        assert_eq!(found, LETTERS.iter().copied().collect());
    }
}

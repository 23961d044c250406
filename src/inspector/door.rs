//! Links to the page.

use std::net::SocketAddr;

use super::token::Tokens;

/// The page of a running listener.
#[derive(Debug, Clone)]
pub struct Door {
    address: SocketAddr,
    tokens: Tokens,
}

impl Door {
    /// The page at this address.
    pub const fn new(address: SocketAddr, tokens: Tokens) -> Self {
        Self { address, tokens }
    }

    /// The page without what opens it.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// A link that opens it once, on a delivery if one is named. It can stand in the
    /// arguments of a program, where others on this machine may read it.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn link(&self, delivery: Option<u64>) -> Result<String, getrandom::Error> {
        let code = self.tokens.code()?;
        let route = delivery.map_or_else(String::new, |id| format!("/deliveries/{id}?"));
        Ok(format!("{}#{route}code={}", self.url(), code.expose()))
    }
}

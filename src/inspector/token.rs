//! What lets somebody in: this run's token, codes that are good once, and what a page gets
//! in exchange.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq as _;

/// How long a code is good that nobody has used.
const CODE_FOR: Duration = Duration::from_mins(5);

/// 128 random bits in hex. It prints as nothing.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The token itself, for the runtime file and the link.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is this, in a time that tells nothing.
    pub(super) fn is(&self, given: &str) -> bool {
        given.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What a run lets in. Clones share the code.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For commands and the start-up link.
    pub(super) run: Token,
    /// What a page's cookie holds.
    pub(super) cookie: Token,
    /// What a page's changes carry in a header.
    pub(super) page: Token,
    code: Arc<Mutex<Option<(Token, Instant)>>>,
}

impl Tokens {
    /// New ones.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            run: Token::new()?,
            cookie: Token::new()?,
            page: Token::new()?,
            code: Arc::default(),
        })
    }

    /// This run's token.
    pub const fn run(&self) -> &Token {
        &self.run
    }

    /// A code that opens one session within five minutes, in the place of any before it. It
    /// can stand where others may read it, such as in the arguments of a browser.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn code(&self) -> Result<Token, getrandom::Error> {
        let code = Token::new()?;
        *self.slot() = Some((code.clone(), Instant::now()));
        Ok(code)
    }

    /// Whether this is the code; it is used up then.
    pub(super) fn take_code(&self, given: &str) -> bool {
        let mut slot = self.slot();
        let good = slot
            .as_ref()
            .is_some_and(|(code, made)| made.elapsed() < CODE_FOR && code.is(given));
        if good {
            *slot = None;
        }
        good
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<(Token, Instant)>> {
        // What is in it is whole at any time.
        self.code.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_only_the_newest() {
        let tokens = Tokens::new().unwrap();
        assert!(!tokens.take_code(""));
        let first = tokens.code().unwrap();
        let second = tokens.code().unwrap();
        assert!(!tokens.take_code(first.expose()));
        assert!(tokens.clone().take_code(second.expose()));
        assert!(!tokens.take_code(second.expose()));
        assert!(!tokens.take_code(tokens.run().expose()));
    }

    #[test]
    fn it_has_128_bits_and_is_not_printed() {
        let token = Token::new().unwrap();
        assert_eq!(token.expose().len(), 32);
        assert!(!format!("{:?}{:?}", token, Tokens::new().unwrap()).contains(token.expose()));
        assert!(token.is(token.expose()) && !token.is("") && !token.is(&token.expose()[..31]));
    }
}

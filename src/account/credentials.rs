//! What opens an account, and where it comes from.

use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::error::Trouble;
use super::logins::{self, Login};
use super::tokens::is_token;
use crate::cakemail::sandbox;
use crate::config::shown_url;
use crate::http::line::is_loopback;

const TOKEN: &str = "CAKEMAIL_ACCESS_TOKEN";
const EMAIL: &str = "CAKEMAIL_EMAIL";
const PASSWORD: &str = "CAKEMAIL_PASSWORD";

/// What opens an account.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token that is good until it is revoked.
    Token {
        /// The token.
        token: SecretString,
        /// Where it comes from.
        from: &'static str,
    },
    /// What gets tokens.
    Password {
        /// Whose.
        email: String,
        /// The password.
        password: SecretString,
        /// Where they come from.
        from: &'static str,
    },
    /// What `cmhook login` keeps.
    Login(Login),
}

/// What the environment says.
enum Environment {
    Opens(Credentials),
    /// A variable that is not enough by itself.
    Half(&'static str),
    Nothing,
}

impl Credentials {
    /// What the environment says, as the official CLI has it, or else what `cmhook login`
    /// kept for that API. For an API on this machine it is the sandbox's own token where
    /// there is nothing else.
    ///
    /// # Errors
    /// Where there is nothing, or the file with the logins cannot be read.
    pub fn find(api: &Uri) -> Result<Self, Trouble> {
        let half = match Self::in_environment()? {
            Environment::Opens(credentials) => return Ok(credentials),
            Environment::Half(half) => Some(half),
            Environment::Nothing => None,
        };
        if let Some(login) = logins::read(api)? {
            return Ok(Self::Login(login));
        }
        if is_loopback(api) {
            return Ok(Self::Token {
                token: sandbox::ACCESS_TOKEN.into(),
                from: "cmhook itself, for a sandbox",
            });
        }
        Err(Trouble::NoCredentials {
            api: shown_url(api),
            half,
        })
    }

    /// What the environment says, as the official CLI has it.
    fn in_environment() -> Result<Environment, Trouble> {
        let set = |name: &str| {
            let text = std::env::var(name).ok()?;
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        if let Some(token) = set(TOKEN) {
            if !is_token(&token) {
                return Err(Trouble::NoToken(TOKEN));
            }
            return Ok(Environment::Opens(Self::Token {
                token: token.into(),
                from: TOKEN,
            }));
        }
        // A password may begin or end with a space.
        let password = std::env::var(PASSWORD).ok().filter(|p| !p.is_empty());
        Ok(match (set(EMAIL), password) {
            (Some(email), Some(password)) => Environment::Opens(Self::Password {
                email,
                password: password.into(),
                from: "CAKEMAIL_EMAIL and CAKEMAIL_PASSWORD",
            }),
            (Some(_), None) => Environment::Half(EMAIL),
            (None, Some(_)) => Environment::Half(PASSWORD),
            (None, None) => Environment::Nothing,
        })
    }

    /// The variables that open the account, and go before what `cmhook login` keeps; `None`
    /// where none do.
    pub fn variables() -> Option<&'static str> {
        match Self::in_environment() {
            Ok(Environment::Opens(credentials)) => Some(credentials.from()),
            Ok(_) => None,
            // Whatever is in it, it is what would be used.
            Err(_) => Some(TOKEN),
        }
    }

    /// Tells users apart who may have other webhooks at the same API. It is neither a name nor
    /// does it open anything.
    pub fn user(&self) -> String {
        let text = match self {
            Self::Token { token, .. } => token.expose_secret(),
            Self::Password { email, .. } => email,
            Self::Login(login) => match &login.email {
                Some(email) => email,
                None => login.access.expose_secret(),
            },
        };
        hex::encode(&Sha256::digest(text.as_bytes())[..8])
    }

    /// Where they come from, for people.
    pub const fn from(&self) -> &'static str {
        match self {
            Self::Token { from, .. } | Self::Password { from, .. } => from,
            Self::Login(_) => "`cmhook login`",
        }
    }
}

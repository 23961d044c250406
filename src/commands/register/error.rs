//! Why nothing is registered.

use crate::account::{AccountError, Trouble};
use crate::files::FileError;

/// Why a listener that was to register webhooks did not start. None is left behind, or the
/// user was told which.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The URL is not one that Cakemail calls.
    #[error("there is no public https URL to register{}", .0.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    NoUrl(Option<String>),
    /// Nothing opens the account.
    #[error("cannot register webhooks: {0}")]
    Account(Trouble),
    /// The API did not do its part.
    #[error(transparent)]
    Api(AccountError),
    /// The API does not know an event.
    #[error("cannot register `{event}`: {trouble}")]
    Event {
        /// The event.
        event: String,
        /// What the API says.
        trouble: Trouble,
    },
    /// What is made cannot be written down first.
    #[error("nothing was registered, since what is made has to be written down first")]
    File(#[source] FileError),
    /// Every delivery would be rejected.
    #[error("`--reject-invalid` would reject every delivery, because the API shows no key")]
    NoKeys,
}

impl RegisterError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoUrl(_) => "no_public_url",
            Self::Account(trouble) | Self::Event { trouble, .. } => trouble.code(),
            Self::Api(error) => error.trouble.code(),
            Self::File(_) => "file",
            Self::NoKeys => "no_keys",
        }
    }

    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoUrl(_) => "Cakemail calls public https URLs only: `--relay URL` gives one, and `--public-url URL` names that of a tunnel of your own".into(),
            // What may have been made is archived again.
            Self::Api(AccountError {
                trouble: Trouble::HungUp { .. } | Trouble::Silent { .. },
                ..
            }) => "try again in a while".into(),
            Self::Api(error) => error.trouble.hint(),
            Self::Account(trouble) | Self::Event { trouble, .. } => trouble.hint(),
            Self::File(_) => "check the permissions and the space of your data folder".into(),
            Self::NoKeys => "leave it out, or give the webhook's secret with `--secret`".into(),
        }
    }
}

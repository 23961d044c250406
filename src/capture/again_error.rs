//! What can be wrong with sending something again.

use std::sync::Arc;

/// Why something could not be sent or taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgainError {
    /// There is no such delivery.
    #[error("there is no delivery #{0}")]
    NoDelivery(u64),
    /// There are not so many deliveries: the newest but so many was asked for.
    #[error("there is no delivery `last~{0}`")]
    NoLast(usize),
    /// Nobody has said where to.
    #[error("there is no target to send to")]
    NoTarget,
    /// There is nothing to sign with.
    #[error("no secret is known to sign with")]
    NoSecret,
    /// That secret is not known.
    #[error("no known secret is called `{}`", .0.escape_debug())]
    UnknownSecret(String),
    /// It cannot be sent over HTTP.
    #[error("`{}` is not a method of HTTP", .0.escape_debug())]
    Method(String),
    /// It cannot stand in a request.
    #[error("`{}` is not a path", .0.escape_debug())]
    Path(String),
    /// It could not be kept.
    #[error("the store cannot be written: {0}")]
    Unsaved(Arc<str>),
}

impl AgainError {
    /// The word for it in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoDelivery(_) | Self::NoLast(_) => "no_delivery",
            Self::NoTarget => "no_target",
            Self::NoSecret | Self::UnknownSecret(_) => "no_secret",
            Self::Method(_) => "method",
            Self::Path(_) => "path",
            Self::Unsaved(_) => "store",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NoDelivery(_) | Self::NoLast(_) => "`cmhook list` shows those that there are",
            Self::NoTarget => "say where with `--to PORT` or `--to URL`",
            Self::NoSecret => {
                "give it with `--sign-with`, `--secret` or CMHOOK_SECRET, or send it with `--unsigned`"
            }
            Self::UnknownSecret(_) => "use the label of a secret that the listener knows",
            Self::Method(_) => "use one such as POST",
            Self::Path(_) => "begin it with `/`, and write spaces and the like as `%20`",
            Self::Unsaved(_) => "free space on the disk or check its permissions",
        }
    }
}

//! What verification says of a delivery. Data, never an error.

use std::fmt;
use std::sync::Arc;

/// How Cakemail writes a signature down. Its sources disagree, so there are three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `X-Cakemail-Signature`, 64 lower-case hex digits. Source: the CLI manual.
    CakemailHex,
    /// `X-Cakemail-Signature`, 44 characters of base64. Source: the developer guide.
    CakemailBase64,
    /// `X-Signature`, 44 characters of base64. Source: the API guide and the SDK.
    ApiBase64,
}

impl Scheme {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::CakemailHex, Self::CakemailBase64, Self::ApiBase64];

    /// The name in flags, screens and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CakemailHex => "cakemail-hex",
            Self::CakemailBase64 => "cakemail-base64",
            Self::ApiBase64 => "api-base64",
        }
    }

    /// The scheme of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }

    /// The header that carries the digest, as the documents write it.
    pub const fn header(self) -> &'static str {
        match self {
            Self::CakemailHex | Self::CakemailBase64 => "X-Cakemail-Signature",
            Self::ApiBase64 => "X-Signature",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What verification said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The digest in the header is the one that a known secret gives.
    Valid {
        /// How the digest was written.
        scheme: Scheme,
        /// The label of the secret that matched.
        secret: Arc<str>,
    },
    /// A signature was there and is not right.
    Invalid {
        /// Why, in plain words, without a final period.
        reason: Arc<str>,
    },
    /// No signature header came with it.
    Unsigned,
    /// A signature was there, but no secret is known to check it with.
    Unchecked,
}

impl Verdict {
    /// The word for it in JSON and filters.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Valid { .. } => "valid",
            Self::Invalid { .. } => "invalid",
            Self::Unsigned => "unsigned",
            Self::Unchecked => "unchecked",
        }
    }

    /// Whether a known secret made this signature.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }
}

//! Why the API did not do what it was asked to, and what to do about it.

use std::time::Duration;

use crate::delivery::words::span;
use crate::http::line::{Unconnected, is_loopback};

/// What was asked did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {doing}: {trouble}")]
pub struct AccountError {
    /// What was asked, such as `list webhooks`.
    pub doing: String,
    /// Why not.
    pub trouble: Trouble,
}

/// Why the API did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// Nothing opens the account.
    #[error("nobody is logged in at {api}")]
    NoCredentials {
        /// The API's URL.
        api: String,
        /// Variables that are set, but not enough of them.
        half: Option<&'static str>,
    },
    /// The file with the logins is broken.
    #[error("{0}")]
    Logins(String),
    /// There is no place where a login could be kept.
    #[error("no login can be kept: {0}")]
    Unkept(String),
    /// Another process does not let go of it.
    #[error("cannot get at the logins: {0}")]
    Busy(String),
    /// A variable holds something that is no token.
    #[error("{0} has characters that no token has")]
    NoToken(&'static str),
    /// A token that was typed to log in with is not good.
    #[error("{api} does not accept this token (401)")]
    NewToken {
        /// The API's URL.
        api: String,
        /// Whether a sandbox answered, which knows none but its own.
        sandbox: bool,
    },
    /// There is no connection.
    #[error("{0}")]
    Unconnected(#[from] Unconnected),
    /// It broke before the answer came.
    #[error("{api} hung up before it answered")]
    HungUp {
        /// The API's URL.
        api: String,
        /// Whether what was asked may have happened all the same.
        may_be_done: bool,
    },
    /// It says more than any answer is long.
    #[error("{api} answers with more than {} MiB", .over >> 20)]
    TooLong {
        /// The API's URL.
        api: String,
        /// What is over it is not read, in bytes.
        over: usize,
    },
    /// No answer came in time.
    #[error("{api} has not answered for {}", span(*.after))]
    Silent {
        /// The API's URL.
        api: String,
        /// How long that was waited for.
        after: Duration,
        /// Whether what was asked may have happened all the same.
        may_be_done: bool,
    },
    /// The e-mail address or the password is wrong.
    #[error("{api} does not know this e-mail address with this password")]
    Password {
        /// The API's URL.
        api: String,
        /// Where they came from.
        from: &'static str,
    },
    /// The account wants a second factor.
    #[error("the account asks for a code of its second factor (MFA)")]
    Challenge(Challenge),
    /// The code of the second factor is wrong, or too late.
    #[error("the code is wrong, or it came too late")]
    Code,
    /// The token is not, or not any more, good.
    #[error("{api} does not accept the token (401)")]
    Token {
        /// The API's URL.
        api: String,
        /// Where it came from.
        from: &'static str,
        /// Whether a sandbox answered, which knows none but its own.
        sandbox: bool,
    },
    /// The login is good no more.
    #[error("the login at {api} {why}")]
    LoginOver {
        /// The API's URL.
        api: String,
        /// Why so.
        why: Over,
    },
    /// The account may not do that.
    #[error("this account may not do that (403){}", tail(.said))]
    Forbidden {
        /// What the API says.
        said: String,
    },
    /// There is no such webhook.
    #[error("there is no webhook `{id}`")]
    NoWebhook {
        /// The id that was asked for.
        id: String,
    },
    /// The path leads nowhere.
    #[error("{api} has no such path (404)")]
    NotFound {
        /// The API's URL.
        api: String,
    },
    /// It makes no sense to the API.
    #[error("the API refuses it ({status}){}", tail(.said))]
    Invalid {
        /// 400 or 422.
        status: u16,
        /// What the API says, field by field.
        said: String,
        /// The fields it complains of, such as `event`.
        fields: Vec<String>,
    },
    /// It has no such event, though Cakemail's CLI manual has.
    #[error("{event_is}")]
    NoEvent {
        /// What there is to say of it.
        event_is: String,
    },
    /// Too much was asked of it.
    #[error("the API is asked too often (429)")]
    TooMany {
        /// How long to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// It is broken.
    #[error("the API is in trouble ({status}){}", tail(.said))]
    Server {
        /// 500 or more.
        status: u16,
        /// What the API says.
        said: String,
        /// Whether it is on this machine.
        is_here: bool,
    },
    /// Something that does not speak JSON answered.
    #[error("{api} answers {status} with {kind} where JSON was due")]
    NotJson {
        /// The API's URL.
        api: String,
        /// The status.
        status: u16,
        /// What came: `HTML`, `nothing`, or its content type.
        kind: String,
    },
    /// It leads elsewhere, and tokens are not taken there.
    #[error("{api} answers {status} and points to {to}")]
    Moved {
        /// The API's URL.
        api: String,
        /// The status.
        status: u16,
        /// Where it points to.
        to: String,
    },
    /// JSON, but not what the reference says.
    #[error("the API answers {status} with JSON of another shape: {what}")]
    Shape {
        /// The status.
        status: u16,
        /// What is missing or wrong.
        what: String,
    },
}

/// Why a login is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// It could not be renewed.
    RunOut,
    /// Somebody has logged out.
    LoggedOut,
    /// Somebody has logged in as another user, or with another token.
    Replaced,
}

impl std::fmt::Display for Over {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RunOut => "has run out",
            Self::LoggedOut => "is over: somebody has logged out meanwhile",
            Self::Replaced => "is over: another one has taken its place meanwhile",
        })
    }
}

/// What a challenge is answered to.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge(pub(super) String);

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenge")
    }
}

fn tail(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

/// Of something on this machine that answers as no sandbox does.
const NO_SANDBOX: &str = "that is no sandbox: is it the URL of the API, and not of your app? `--api` and CAKEMAIL_API_BASE say which one is asked, `cmhook sandbox` starts one";

/// Whether an API is on this machine.
pub(super) fn is_here(api: &str) -> bool {
    api.parse().is_ok_and(|url| is_loopback(&url))
}

impl Trouble {
    /// Whether the API complains of the event and of nothing else.
    pub fn is_of_event(&self) -> bool {
        match self {
            Self::NoEvent { .. } => true,
            Self::Invalid {
                status: 422,
                fields,
                ..
            } => !fields.is_empty() && fields.iter().all(|field| field == "event"),
            _ => false,
        }
    }

    /// The same of a request that changes nothing.
    pub(super) fn nothing_done(mut self) -> Self {
        if let Self::HungUp { may_be_done, .. } | Self::Silent { may_be_done, .. } = &mut self {
            *may_be_done = false;
        }
        self
    }

    /// With what was asked.
    pub fn while_doing(self, doing: impl Into<String>) -> AccountError {
        AccountError {
            doing: doing.into(),
            trouble: self,
        }
    }

    /// What kind, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoCredentials { .. } => "not_logged_in",
            Self::Logins(_) | Self::Unkept(_) | Self::Busy(_) => "logins",
            Self::Unconnected(_) => "unreachable",
            Self::HungUp { .. } | Self::Silent { .. } => "no_answer",
            Self::Password { .. } => "wrong_password",
            Self::Challenge(_) => "mfa_required",
            Self::Code => "wrong_code",
            Self::Token { .. } | Self::NewToken { .. } | Self::NoToken(_) => "bad_token",
            Self::LoginOver { .. } => "login_over",
            Self::Forbidden { .. } => "forbidden",
            Self::NoWebhook { .. } => "no_webhook",
            Self::NotFound { .. } => "not_found",
            Self::Invalid { .. } | Self::NoEvent { .. } => "invalid",
            Self::TooMany { .. } => "too_many_requests",
            Self::Server { .. } => "server_error",
            Self::NotJson { .. } | Self::Moved { .. } => "not_the_api",
            Self::Shape { .. } | Self::TooLong { .. } => "unexpected_answer",
        }
    }

    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        const LOOK: &str = "it may have happened all the same: `cmhook webhooks list` tells";
        match self {
            Self::NoCredentials { half: Some(half), .. } => format!(
                "{half} is set alone: set both CAKEMAIL_EMAIL and CAKEMAIL_PASSWORD, or run `cmhook login`"
            ),
            Self::NoCredentials { .. } => {
                "run `cmhook login`, or set CAKEMAIL_ACCESS_TOKEN; `cmhook sandbox` is for trying it without an account".into()
            }
            Self::Logins(_) => "mend the file, or delete it and run `cmhook login`".into(),
            Self::Unkept(_) => {
                "check the permissions and the space of your configuration folder; without it CAKEMAIL_ACCESS_TOKEN opens the account".into()
            }
            Self::Busy(_) => "try again in a while, or end that process where it hangs".into(),
            Self::NoToken(_) => "copy the token once more, without quotes and line ends".into(),
            Self::NewToken { sandbox: true, .. } => {
                "a sandbox knows no tokens but its own, and is used without a login".into()
            }
            Self::NewToken { api, .. } if is_here(api) => NO_SANDBOX.into(),
            Self::NewToken { .. } => {
                "was it copied whole? it may have expired or been revoked: make a new one".into()
            }
            Self::Unconnected(why) => why.hint.clone(),
            Self::HungUp { may_be_done: true, .. } | Self::Silent { may_be_done: true, .. } => {
                LOOK.into()
            }
            Self::HungUp { .. } | Self::Silent { .. } => "try again in a while".into(),
            Self::Password { from, .. } => format!("they come from {from}: are both right?"),
            Self::Challenge(_) => {
                "run `cmhook login`, which asks for the code, or use a personal access token".into()
            }
            Self::Code => "run `cmhook login` again with the code that is shown now".into(),
            Self::Token { sandbox: true, from, .. } => format!(
                "a sandbox knows no tokens but its own, and this one comes from {from}: leave it out, and cmhook uses the sandbox's"
            ),
            Self::Token { api, from, .. } if is_here(api) => {
                format!("it comes from {from}, and {NO_SANDBOX}")
            }
            Self::Token { from, .. } => format!(
                "it comes from {from}: it may have expired or been revoked, make a new one or run `cmhook login`"
            ),
            Self::LoginOver { why: Over::Replaced, .. } => {
                "run it again as whoever is logged in now, or `cmhook login` as before".into()
            }
            Self::LoginOver { .. } => "run `cmhook login`".into(),
            Self::Forbidden { .. } => {
                "is it the right account? `--account N` or CAKEMAIL_CURRENT_ACCOUNT_ID names another".into()
            }
            Self::NoWebhook { .. } => {
                "`cmhook webhooks list --with-archived` lists what there is".into()
            }
            Self::NotJson { api, .. } if is_here(api) => NO_SANDBOX.into(),
            Self::NotFound { .. }
            | Self::NotJson { .. }
            | Self::Moved { .. }
            | Self::TooLong { .. } => {
                "is that the URL of the API? `--api` and CAKEMAIL_API_BASE say which one is asked".into()
            }
            Self::Invalid { fields, .. } if fields.iter().any(|field| field == "event") => {
                "the API may not send this event; `cmhook trigger --list` lists the names that are known".into()
            }
            Self::Invalid { fields, .. } if fields.iter().any(|field| field == "url") => {
                "Cakemail calls public https URLs of at most 2083 characters; `cmhook listen --relay` gives one".into()
            }
            Self::NoEvent { .. } => "name events that the API has".into(),
            Self::Invalid { .. } => String::new(),
            Self::TooMany { retry_after: Some(after) } => {
                format!("try again in {}", span((*after).max(Duration::from_secs(1))))
            }
            Self::TooMany { retry_after: None } => "try again in a minute".into(),
            Self::Server { is_here: true, .. } => {
                "it is on this machine, so see what it says there; a sandbox answers so where a fault was set (docs/sandbox.md)".into()
            }
            Self::Server { .. } => "that is Cakemail's to mend: try again in a while".into(),
            Self::Shape { .. } => "is this cmhook up to date?".into(),
        }
    }
}

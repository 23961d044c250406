//! What the flags of `cmhook sandbox` say, checked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::cakemail::sandbox::{EMAIL, PASSWORD, PORT};
use crate::cli::SandboxServeArgs;
use crate::config::{self, ConfigError};
use crate::sandbox::{Options, Rules, Schedule};

/// More retries than these nobody waits for.
const MOST_RETRIES: usize = 100;
/// A wait is a week at most.
const LONGEST_WAIT: u64 = 7 * 24;

/// What the flags say, checked.
pub(super) struct Plan {
    pub(super) listen: SocketAddr,
    /// None where it is in memory.
    pub(super) data: Option<PathBuf>,
    /// Whether the password is the one that everybody knows.
    pub(super) is_usual: bool,
    pub(super) options: Options,
}

impl Plan {
    pub(super) fn of(args: &SandboxServeArgs) -> Result<Self, ConfigError> {
        let listen = config::address("--listen", &args.listen, PORT)?;
        if !listen.ip().is_loopback() && !args.i_know {
            return Err(mistake(
                format!(
                    "who reaches {listen} can have the sandbox send requests from this machine"
                ),
                "listen on this machine alone (`--listen 4500`), or add `--i-know` if that is meant",
            ));
        }
        if args.ephemeral && args.data.is_some() {
            return Err(mistake(
                "`--ephemeral` keeps nothing, and `--data` says where to keep it".into(),
                "leave one of them out",
            ));
        }
        let data = match (&args.data, args.ephemeral) {
            (_, true) => None,
            (Some(path), _) => Some(path.clone()),
            (None, _) => {
                let folder = config::user_data_folder();
                Some(folder.unwrap_or_default().join("sandbox.db"))
            }
        };
        let account = &args.account;
        let password = account.password.clone();
        let password = password.filter(|password| !password.expose_secret().is_empty());
        let email = account.email.clone().filter(|email| !email.is_empty());
        let engine = &args.deliveries;
        let schedule = match engine.retries.as_deref() {
            None => Schedule::default(),
            Some(text) => schedule(text)?,
        };
        Ok(Self {
            listen,
            data,
            is_usual: password.is_none(),
            options: Options {
                email: email.unwrap_or_else(|| EMAIL.to_owned()),
                password: password.unwrap_or_else(|| SecretString::from(PASSWORD)),
                mfa: account.mfa.clone().filter(|code| !code.is_empty()),
                token_lifetime: config::duration_up_to(
                    "--token-lifetime",
                    &account.token_lifetime,
                    365 * 24,
                )?,
                scheme: engine.scheme,
                envelope: engine.envelope,
                seed: engine.seed,
                schedule: if engine.fast {
                    schedule.fast()
                } else {
                    schedule
                },
                patience: config::duration("--timeout", &engine.timeout)?,
                duplicates: engine.duplicates,
                rules: Rules {
                    strict_urls: account.strict_urls,
                    narrow_events: account.narrow_events,
                },
            },
        })
    }
}

/// `10s,1m,10m`, or `none`.
fn schedule(text: &str) -> Result<Schedule, ConfigError> {
    if text.trim() == "none" {
        return Ok(Schedule::new(Vec::new()));
    }
    let waits = text.split(',');
    let waits = waits.map(|wait| config::duration_up_to("--retries", wait, LONGEST_WAIT));
    let waits: Vec<Duration> = waits.collect::<Result<_, _>>().map_err(|error| {
        mistake(
            error.message,
            "write the wait before each retry, such as `10s,1m,10m`, or `none`",
        )
    })?;
    if waits.len() > MOST_RETRIES {
        return Err(mistake(
            format!("`--retries` has {} waits", waits.len()),
            "100 are the most",
        ));
    }
    Ok(Schedule::new(waits))
}

fn mistake(message: String, hint: &str) -> ConfigError {
    ConfigError {
        message,
        hint: hint.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_or_refused() {
        assert_eq!(schedule("10s, 1m,10m").unwrap().to_string(), "10s, 1m, 10m");
        assert!(schedule("none").unwrap().is_empty());
        let long = vec!["1s"; 101].join(",");
        for text in ["", "soon", "1s,,2s", "1s,0", "-1s", &long] {
            assert!(schedule(text).is_err(), "{text}");
        }
    }
}

//! Turning what went wrong on the way to an app into words and a hint.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use crate::config::Target;
use crate::delivery::{Failure, FailureCode};
use crate::http::client::NoSuchHost;

fn failure(code: FailureCode, message: String, hint: impl Into<Box<str>>) -> Failure {
    Failure {
        code,
        message: message.into(),
        hint: hint.into(),
    }
}

/// `localhost:3000`, as it stands in messages.
fn name(target: &Target) -> String {
    target.authority().to_string()
}

/// The app did not answer in time.
pub fn timed_out(target: &Target, after: Duration) -> Failure {
    failure(
        FailureCode::Timeout,
        format!("{} did not answer within {}", name(target), seconds(after)),
        "answer first and work afterwards: Cakemail waits 5 s; `--timeout` sets how long cmhook waits",
    )
}

/// The target is cmhook itself.
pub fn looped(target: &Target) -> Failure {
    failure(
        FailureCode::Loop,
        format!("`{target}` is cmhook itself"),
        "forward to the port that your app listens on",
    )
}

/// The answer broke off.
pub fn broke_off(target: &Target, after: u64) -> Failure {
    failure(
        FailureCode::Reset,
        format!("{} broke off its answer after {after} bytes", name(target)),
        "look for a crash in the app's own log",
    )
}

/// The delivery's path cannot be sent to this target.
pub fn unsendable(target: &Target) -> Failure {
    failure(
        FailureCode::Protocol,
        format!("the delivery's path cannot be joined to `{target}`"),
        "",
    )
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

/// What an error of the client means.
pub fn of(target: &Target, error: &(dyn Error + 'static)) -> Failure {
    let host = name(target);
    if let Some(found) = source_of::<NoSuchHost>(error) {
        return failure(
            FailureCode::Dns,
            format!("there is no host called `{}`: {found}", target.host()),
            "check the name for a typo, or use an address",
        );
    }
    if let Some(found) = source_of::<rustls::Error>(error) {
        return tls(target, found);
    }
    if let Some(found) = source_of::<io::Error>(error)
        && let Some(failure) = of_io(target, found)
    {
        return failure;
    }
    if let Some(found) = source_of::<hyper::Error>(error) {
        if found.is_parse() {
            return failure(
                FailureCode::Protocol,
                format!("{host} answered something that is not HTTP"),
                if target.is_https() {
                    "check that the port is the app's"
                } else {
                    "check that the port is the app's; if it speaks TLS, forward to https://…"
                },
            );
        }
        if found.is_incomplete_message() || found.is_closed() || found.is_canceled() {
            return closed(&host);
        }
    }
    failure(
        FailureCode::Protocol,
        format!("{host} could not be asked: {}", innermost(error)),
        "",
    )
}

fn of_io(target: &Target, error: &io::Error) -> Option<Failure> {
    let host = name(target);
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => failure(
            FailureCode::Refused,
            format!("nothing listens on {host}: is your app running?"),
            refused_hint(target),
        ),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionAborted => failure(
            FailureCode::Reset,
            format!("{host} cut the connection before it answered"),
            "look for a crash in the app's own log",
        ),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::NotConnected => closed(&host),
        io::ErrorKind::TimedOut => failure(
            FailureCode::Timeout,
            format!("{host} cannot be reached: connecting timed out"),
            "check the address and any firewall between here and there",
        ),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable => failure(
            FailureCode::Unreachable,
            format!("there is no way to {host} from here: {error}"),
            "check the address and the network",
        ),
        _ => return None,
    })
}

fn closed(host: &str) -> Failure {
    failure(
        FailureCode::Closed,
        format!("{host} closed the connection without an answer"),
        "look for a crash in the app's own log; it may have seen the delivery, so it is not sent again by itself",
    )
}

fn tls(target: &Target, error: &rustls::Error) -> Failure {
    let host = name(target);
    match error {
        rustls::Error::InvalidCertificate(problem) => failure(
            FailureCode::Tls,
            format!("the certificate of {host} is not trusted: {problem}"),
            if target.is_loopback() {
                "accept it with `--insecure-target`, or forward to http://…"
            } else {
                "have the system trust its issuer; `--insecure-target` is for loopback targets only"
            },
        ),
        rustls::Error::InvalidMessage(_) => failure(
            FailureCode::Tls,
            format!("{host} does not speak TLS"),
            "forward to http://… instead",
        ),
        other => failure(
            FailureCode::Tls,
            format!("the TLS handshake with {host} failed: {other}"),
            "",
        ),
    }
}

fn refused_hint(target: &Target) -> &'static str {
    static PLACE: LazyLock<Place> = LazyLock::new(Place::find);
    match (&*PLACE, target.is_loopback()) {
        (Place::Container, true) => {
            "cmhook runs in a container, where localhost is the container itself: forward to host.docker.internal, or to the app's service name"
        }
        (Place::Wsl, true) => {
            "cmhook runs in WSL: an app on Windows is reached there only with mirrored networking, or at the Windows host's address"
        }
        _ => "start it, or forward to the port that it listens on; the delivery is kept",
    }
}

/// Where cmhook runs, as far as it matters for what localhost means.
enum Place {
    Container,
    Wsl,
    Host,
}

impl Place {
    fn find() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        if Path::new("/.dockerenv").exists()
            || Path::new("/run/.containerenv").exists()
            || text("/proc/1/cgroup").contains("kubepods")
        {
            Self::Container
        } else if text("/proc/version")
            .to_ascii_lowercase()
            .contains("microsoft")
        {
            Self::Wsl
        } else {
            Self::Host
        }
    }
}

/// The first error of that type in the chain.
fn source_of<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        // What an io::Error wraps is left out by its `source`, and may be another one.
        let wrapped = error.downcast_ref::<io::Error>().and_then(|e| e.get_ref());
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}

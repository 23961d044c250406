//! Turning what went wrong on the way to an app into words and a hint.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use crate::config::Target;
use crate::delivery::{Failure, FailureCode};
use crate::http::client::NoSuchHost;
use crate::http::pool::AskError;

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

/// The app began to answer and did not come to the end in time.
pub fn stalled(target: &Target, within: Duration) -> Failure {
    failure(
        FailureCode::Timeout,
        format!(
            "{} began to answer and did not finish within {}",
            name(target),
            seconds(within)
        ),
        "look for what the app waits for; `--timeout` sets how long cmhook waits",
    )
}

/// The app stopped in the middle of a large answer.
pub fn fell_silent(target: &Target, after: u64, idle: Duration) -> Failure {
    failure(
        FailureCode::Timeout,
        format!(
            "{} sent nothing for {} after {after} bytes of its answer",
            name(target),
            seconds(idle)
        ),
        "look for what the app waits for; `--timeout` sets how long cmhook waits",
    )
}

/// Whether something came before anything was asked, as from a mail server. hyper knows that
/// by its words only, behind a request that it has given up.
fn has_spoken_first(error: &(dyn Error + 'static)) -> bool {
    const WORDS: &str = "received unexpected message from connection";
    let is_it = |found: &hyper::Error| found.to_string() == WORDS;
    let mut all = chain(error).filter_map(|e| e.downcast_ref::<hyper::Error>());
    all.any(is_it)
}

/// The app wants to speak another protocol from here on.
pub fn switched(target: &Target) -> Failure {
    failure(
        FailureCode::Protocol,
        format!(
            "{} switched protocols, which nobody asked for",
            name(target)
        ),
        "answer a delivery with a status of 200 or more",
    )
}

/// The answer's chunks are not framed as HTTP says.
pub fn misframed(target: &Target, after: u64) -> Failure {
    failure(
        FailureCode::Protocol,
        format!(
            "{} framed the chunks of its answer wrongly, after {after} bytes",
            name(target)
        ),
        "let the app's HTTP library do the framing",
    )
}

/// What came before takes all the room that there is for waiting.
pub fn crowded(target: &Target) -> Failure {
    failure(
        FailureCode::Busy,
        format!(
            "{} has not answered what came before, and no more can wait for it",
            name(target)
        ),
        "look for what the app waits for; the delivery is kept",
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
    let asked = error.downcast_ref::<AskError>();
    if matches!(asked, Some(AskError::Loop)) {
        return looped(target);
    }
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
    let is_connecting = matches!(asked, Some(AskError::Connect(_)));
    for found in chain(error).filter_map(|e| e.downcast_ref::<io::Error>()) {
        let is_cut = matches!(
            found.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
        );
        if target.is_https() && is_connecting && is_cut {
            return not_tls(&host);
        }
        if let Some(failure) = of_io(target, found) {
            return failure;
        }
    }
    if let Some(found) = source_of::<hyper::Error>(error) {
        if found.is_parse() || has_spoken_first(error) {
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
        // A local firewall, or an address that nothing may be sent to.
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::HostUnreachable
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
        rustls::Error::InvalidMessage(_) => not_tls(&host),
        other => failure(
            FailureCode::Tls,
            format!("the TLS handshake with {host} failed: {other}"),
            "",
        ),
    }
}

fn not_tls(host: &str) -> Failure {
    failure(
        FailureCode::Tls,
        format!("{host} does not speak TLS"),
        "forward to http://… instead",
    )
}

fn refused_hint(target: &Target) -> &'static str {
    static PLACE: LazyLock<Place> = LazyLock::new(Place::find);
    hint_in(*PLACE, target)
}

fn hint_in(place: Place, target: &Target) -> &'static str {
    match (place, target.is_loopback()) {
        (Place::Container, true) => {
            "start it; if it runs outside of this container, forward to host.docker.internal or its service name"
        }
        (Place::Wsl, true) => {
            "cmhook runs in WSL: an app on Windows is reached there only with mirrored networking, or at the Windows host's address"
        }
        _ => "start it, or forward to the port that it listens on; the delivery is kept",
    }
}

/// Where cmhook runs, as far as it matters for what localhost means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Container,
    Wsl,
    Host,
}

impl Place {
    fn find() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let has_mark =
            Path::new("/.dockerenv").exists() || Path::new("/run/.containerenv").exists();
        Self::told_by(has_mark, &text("/proc/1/cgroup"), &text("/proc/version"))
    }

    fn told_by(has_mark: bool, cgroup: &str, version: &str) -> Self {
        if has_mark || cgroup.contains("kubepods") {
            Self::Container
        } else if version.to_ascii_lowercase().contains("microsoft") {
            Self::Wsl
        } else {
            Self::Host
        }
    }
}

/// The first error of that type in the chain.
fn source_of<'e, T: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e T> {
    chain(error).find_map(|error| error.downcast_ref::<T>())
}

/// An error and what it was made of. An io::Error passes over what it wraps when it is
/// asked for its source, and they come wrapped in one another.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests;

//! What the head of a request must be like.
//!
//! Where two programs read one request differently, a stranger can smuggle a second one
//! past the first of them. So a request that could be read in two ways is no request here:
//! what is let through has one length, one host and one end of each line.

use http::Uri;
use http::uri::Authority;

use super::Violation;

/// How the body behind a head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Whatever comes is no HTTP any more, if the request is granted.
    Upgrade,
}

const FIELDS: usize = 100;
/// No body is larger. Numbers near the largest of all have meanings of their own in hyper.
const LONGEST: u64 = i64::MAX as u64;

/// HTTP/2, which goes on from here, knows no longer numbers, with however many zeros they begin.
const DIGITS: usize = 19;

/// Whether a head may begin with this byte: one of a method, or of an empty line before it.
/// What does not is of another protocol, and may have no end of a head at all.
pub(super) fn begins_with(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~\r\n".contains(&byte)
}

/// Checks a head, which ends with its empty line.
pub(super) fn check(head: &[u8]) -> Result<Framing, Violation> {
    lines(head)?;
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Violation::TooLarge),
        _ => return Err(Violation::Malformed),
    }
    let is_1_1 = request.version == Some(1);
    let host = host(&request)?;
    target(&request, &host)?;
    let framing = framing(&request, is_1_1)?;
    let upgrades = all(&request, "upgrade").next().is_some();
    Ok(if upgrades { Framing::Upgrade } else { framing })
}

/// Every line ends with CR LF, and neither stands anywhere else.
fn lines(head: &[u8]) -> Result<(), Violation> {
    let mut before = 0;
    for (index, byte) in head.iter().enumerate() {
        match byte {
            b'\n' if before != b'\r' => return Err(Violation::BareLineEnd),
            b'\r' if head.get(index + 1) != Some(&b'\n') => return Err(Violation::BareLineEnd),
            0 => return Err(Violation::Malformed),
            _ => {}
        }
        before = *byte;
    }
    Ok(())
}

fn all<'a>(
    request: &'a httparse::Request<'_, '_>,
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let fields = request.headers.iter();
    fields
        .filter(move |field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

/// The one value of a field; `None` where there is none.
fn only<'a>(
    request: &'a httparse::Request<'_, '_>,
    name: &'a str,
    twice: Violation,
) -> Result<Option<&'a [u8]>, Violation> {
    let mut values = all(request, name);
    let first = values.next();
    match values.next() {
        Some(_) => Err(twice),
        None => Ok(first),
    }
}

fn host(request: &httparse::Request<'_, '_>) -> Result<Authority, Violation> {
    let host = only(request, "host", Violation::TwoHosts)?.ok_or(Violation::NoHost)?;
    let host = Authority::try_from(host).map_err(|_| Violation::BadHost)?;
    if is_host(&host) {
        Ok(host)
    } else {
        Err(Violation::BadHost)
    }
}

/// Whether there is nothing beside the host but a port.
pub(in crate::relay) fn is_host(authority: &Authority) -> bool {
    let host = authority.host();
    let Some(beside) = authority.as_str().strip_prefix(host) else {
        return false;
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = |text: &str| text.is_empty() || (is_digits(text) && text.parse::<u16>().is_ok());
    !host.is_empty() && beside.strip_prefix(':').map_or(beside.is_empty(), is_port)
}

/// The target is a path, or a whole URL of the same host.
fn target(request: &httparse::Request<'_, '_>, host: &Authority) -> Result<(), Violation> {
    let target = request.path.unwrap_or_default();
    // CONNECT asks for a line to somewhere, whatever else it says; and what hyper cannot read
    // it would refuse without a word.
    if request.method == Some("CONNECT") || target.parse::<Uri>().is_err() {
        return Err(Violation::BadTarget);
    }
    if target.starts_with('/') {
        return Ok(());
    }
    let rest = ["http://", "https://"]
        .into_iter()
        .find_map(|scheme| target.strip_prefix(scheme))
        .ok_or(Violation::BadTarget)?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.eq_ignore_ascii_case(host.as_str()) {
        Ok(())
    } else {
        Err(Violation::OtherTarget)
    }
}

fn framing(request: &httparse::Request<'_, '_>, is_1_1: bool) -> Result<Framing, Violation> {
    let length = only(request, "content-length", Violation::TwoLengths)?;
    let coding = only(request, "transfer-encoding", Violation::BadCoding)?;
    match (length, coding) {
        (Some(_), Some(_)) => Err(Violation::LengthAndCoding),
        (None, None) => Ok(Framing::Length(0)),
        (None, Some(coding)) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        (None, Some(_)) => Err(Violation::BadCoding),
        (Some(length), None) => {
            let is_number =
                (1..=DIGITS).contains(&length.len()) && length.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(length).ok();
            let number = number
                .filter(|_| is_number)
                .and_then(|text| text.parse().ok())
                .filter(|number| *number <= LONGEST);
            number.map(Framing::Length).ok_or(Violation::BadLength)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(head: &str) -> Result<Framing, Violation> {
        check(head.as_bytes())
    }

    #[test]
    fn honest_heads_pass() {
        for (head, framing) in [
            (
                "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
                Framing::Length(0),
            ),
            (
                "POST /x?y#z HTTP/1.1\r\nhost: a.example:8080\r\ncontent-length: 007\r\n\r\n",
                Framing::Length(7),
            ),
            (
                "POST / HTTP/1.1\r\nHost: [::1]:1\r\nTransfer-Encoding:  Chunked \r\n\r\n",
                Framing::Chunked,
            ),
            (
                "GET http://a.example/x HTTP/1.1\r\nHost: A.example\r\n\r\n",
                Framing::Length(0),
            ),
            (
                "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
                Framing::Length(0),
            ),
            (
                "GET /connect HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
                Framing::Upgrade,
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nX-Latin: caf\u{e9}\r\n\r\n",
                Framing::Length(0),
            ),
        ] {
            assert_eq!(of(head), Ok(framing), "{head:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_does_not() {
        for (fields, violation) in [
            (
                "Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
                Violation::LengthAndCoding,
            ),
            (
                "Host: a\r\nContent-Length: 5\r\nContent-Length: 5",
                Violation::TwoLengths,
            ),
            ("Host: a\r\nContent-Length: 5, 5", Violation::BadLength),
            ("Host: a\r\nContent-Length: +5", Violation::BadLength),
            ("Host: a\r\nContent-Length: 0x5", Violation::BadLength),
            ("Host: a\r\nContent-Length: ", Violation::BadLength),
            (
                "Host: a\r\nContent-Length: 99999999999999999999",
                Violation::BadLength,
            ),
            (
                "Host: a\r\nContent-Length: 00000000000000000002",
                Violation::BadLength,
            ),
            (
                "Host: a\r\nContent-Length: 18446744073709551615",
                Violation::BadLength,
            ),
            (
                "Host: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
                Violation::BadCoding,
            ),
            (
                "Host: a\r\nTransfer-Encoding: gzip, chunked",
                Violation::BadCoding,
            ),
            (
                "Host: a\r\nTransfer-Encoding: chunked, chunked",
                Violation::BadCoding,
            ),
            (
                "Host: a\r\nTransfer-Encoding: xchunked",
                Violation::BadCoding,
            ),
            (
                "Host: a\r\nTransfer-Encoding: \x0bchunked",
                Violation::Malformed,
            ),
            (
                "Host: a\r\nTransfer-Encoding : chunked",
                Violation::Malformed,
            ),
            (
                "Host: a\r\n Transfer-Encoding: chunked",
                Violation::Malformed,
            ),
            (
                "Host: a\nTransfer-Encoding: chunked",
                Violation::BareLineEnd,
            ),
            (
                "Host: a\r\nX: a\rTransfer-Encoding: chunked",
                Violation::BareLineEnd,
            ),
            ("Host: a\r\nX: a\0b", Violation::Malformed),
            ("Host: a\r\nHost: b", Violation::TwoHosts),
            ("Host: a\r\nhost: a", Violation::TwoHosts),
            ("Host: a, b", Violation::BadHost),
            ("Host: me@a", Violation::BadHost),
            ("Host: ", Violation::BadHost),
            ("Host: a/b", Violation::BadHost),
            ("Host: a:b", Violation::BadHost),
            ("Host: a:65536", Violation::BadHost),
            ("Host: a:+80", Violation::BadHost),
            ("Host: [::1]x", Violation::BadHost),
            ("X: no host", Violation::NoHost),
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            assert_eq!(of(&head), Err(violation), "{head:?}");
        }
        for (line, violation) in [
            ("GET http://b/ HTTP/1.1", Violation::OtherTarget),
            ("GET http://a@b/ HTTP/1.1", Violation::OtherTarget),
            ("GET ftp://a/ HTTP/1.1", Violation::BadTarget),
            ("CONNECT a:443 HTTP/1.1", Violation::BadTarget),
            ("CONNECT / HTTP/1.1", Violation::BadTarget),
            ("OPTIONS * HTTP/1.1", Violation::BadTarget),
            ("GET /?<a> HTTP/1.1", Violation::BadTarget),
            ("GET / HTTP/2.0", Violation::Malformed),
            ("GET /", Violation::Malformed),
            ("GET  / HTTP/1.1", Violation::Malformed),
            ("GET /\tx HTTP/1.1", Violation::Malformed),
        ] {
            let head = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(of(&head), Err(violation), "{head:?}");
        }
        let coded = "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(of(coded), Err(Violation::BadCoding));
        let many = format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: y\r\n".repeat(FIELDS)
        );
        assert_eq!(of(&many), Err(Violation::TooLarge));
    }

    proptest! {
        #[test]
        fn rubbish_does_not_break_it(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&head);
        }

        #[test]
        fn a_second_length_is_never_let_through(
            one in "(?i)content-length|transfer-encoding",
            other in "(?i)content-length|transfer-encoding",
            space in "[ \t]{0,2}",
            values in ("[0-9]{1,3}|chunked", "[0-9]{1,3}|chunked"),
        ) {
            let head = format!(
                "POST / HTTP/1.1\r\nHost: a\r\n{one}:{space}{}\r\n{other}:{space}{}\r\n\r\n",
                values.0, values.1
            );
            prop_assert!(check(head.as_bytes()).is_err());
        }
    }
}

//! Header fields: which end at this hop, and how they are kept.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::delivery::{Headers, Scheme};

/// A field's value, where it stands there once and is text.
pub fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether the field is between two neighbours only (RFC 9110 section 7.6.1).
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::PROXY_AUTHENTICATE
            | header::PROXY_AUTHORIZATION
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Fields that `Connection` may name without effect: a sender must not be able to take
/// them away from the app.
fn is_protected(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::HOST | header::CONTENT_TYPE | header::CONTENT_LENGTH | header::CONTENT_ENCODING
    ) || Scheme::ALL
        .iter()
        .any(|scheme| name.as_str().eq_ignore_ascii_case(scheme.header()))
}

/// The headers with one value under a name that they have, or with none.
pub fn replaced(headers: &Headers, name: &HeaderName, value: Option<&[u8]>) -> Headers {
    let mut value = value;
    let fields = headers.iter().filter_map(|(one, was)| {
        if one.eq_ignore_ascii_case(name.as_str()) {
            value.take().map(|value| (one.to_owned(), value.to_vec()))
        } else {
            Some((one.to_owned(), was.to_vec()))
        }
    });
    fields.collect()
}

/// Takes out what ends at this hop, and what `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .filter(|name| !is_protected(name))
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in [
        header::CONNECTION,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ] {
        headers.remove(name);
    }
}

/// The fields as they are kept. Copies every byte, so that nothing of a connection's
/// read buffer stays alive with them.
pub fn to_kept(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

/// Kept fields as hyper sends them; what cannot be sent is left out.
pub fn from_kept(headers: &Headers) -> HeaderMap {
    headers
        .iter()
        .filter_map(|(name, value)| {
            Some((
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_bytes(value).ok()?,
            ))
        })
        .collect()
}

/// Bytes of the header block, names and values with their separators.
pub fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(n, v)| {
                (
                    HeaderName::from_bytes(n.as_bytes()).unwrap(),
                    HeaderValue::from_str(v).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn connection_takes_what_it_names_but_never_what_matters() {
        let mut headers = map(&[
            (
                "connection",
                "X-Private, Host, x-cakemail-signature, X-Signature, keep-alive",
            ),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("proxy-connection", "close"),
            ("x-private", "1"),
            ("host", "example.com"),
            ("x-cakemail-signature", "a"),
            ("x-signature", "b"),
            ("x-kept", "c"),
        ]);
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["host", "x-cakemail-signature", "x-kept", "x-signature"]
        );
    }

    #[test]
    fn duplicates_and_latin_1_survive_being_kept() {
        let mut headers = map(&[("set-cookie", "a=1"), ("set-cookie", "b=2")]);
        headers.insert("x-name", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        assert_eq!(from_kept(&to_kept(&headers)), headers);
    }
}

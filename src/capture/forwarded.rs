//! What an app learns of who sent a delivery, and how.

use std::net::IpAddr;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Adds `X-Forwarded-*`. A proxy or tunnel in front may have set them; what it says of
/// the host and protocol is nearer to the truth, so it stays.
pub(super) fn add_forwarded(fields: &mut HeaderMap, peer: Option<IpAddr>, https: bool) {
    const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
    const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    if let Some(peer) = peer {
        // Several fields of that name mean one list (RFC 9110 section 5.3).
        let hops = fields.get_all(FOR).iter().filter_map(|v| v.to_str().ok());
        let own = peer.to_string();
        let all: Vec<&str> = hops.chain([&*own]).collect();
        if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
            fields.insert(FOR, value);
        }
    }
    if !fields.contains_key(HOST)
        && let Some(host) = fields.get(http::header::HOST).cloned()
    {
        fields.insert(HOST, host);
    }
    if !fields.contains_key(PROTO) {
        let scheme = if https { "https" } else { "http" };
        fields.insert(PROTO, HeaderValue::from_static(scheme));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(fields: &[(&'static str, &'static str)], https: bool) -> Vec<(String, String)> {
        let mut all = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_static(name);
            all.append(name, HeaderValue::from_static(value));
        }
        add_forwarded(&mut all, "192.0.2.7".parse().ok(), https);
        let all = all
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-"));
        let mut all: Vec<_> = all
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        all.sort();
        all
    }

    fn owned(fields: [(&str, &str); 3]) -> Vec<(String, String)> {
        fields.map(|(a, b)| (a.to_owned(), b.to_owned())).into()
    }

    #[test]
    fn an_app_learns_how_the_sender_spoke_unless_a_proxy_has_said_so() {
        for (https, scheme) in [(false, "http"), (true, "https")] {
            let expected = owned([
                ("x-forwarded-for", "192.0.2.7"),
                ("x-forwarded-host", "a.example.com"),
                ("x-forwarded-proto", scheme),
            ]);
            assert_eq!(added(&[("host", "a.example.com")], https), expected);
        }
        let said = [
            ("host", "localhost"),
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-host", "b.example.com"),
            ("x-forwarded-proto", "http"),
        ];
        let expected = owned([
            ("x-forwarded-for", "198.51.100.1, 192.0.2.7"),
            ("x-forwarded-host", "b.example.com"),
            ("x-forwarded-proto", "http"),
        ]);
        assert_eq!(added(&said, true), expected);
    }
}

//! Who sent a request that came through a proxy.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sender {
    /// Its address; the port is 0 where only a proxy knows it.
    pub(super) address: SocketAddr,
    /// Whether it spoke HTTPS.
    pub(super) https: bool,
}

/// Believes a proxy that is `trusted` about who is behind it, and takes what it has added
/// out of the fields: they are the sender's again.
pub(super) fn unwrap(trusted: &[IpNet], sender: Sender, headers: &mut HeaderMap) -> Sender {
    let is_trusted = |ip: IpAddr| {
        let ip = ip.to_canonical();
        trusted.iter().any(|net| net.contains(&ip))
    };
    if !is_trusted(sender.address.ip()) {
        return sender;
    }
    let hops = headers.get_all(FOR).iter();
    let hops = hops.filter_map(|value| value.to_str().ok());
    let mut hops: Vec<String> = hops
        .flat_map(|value| value.split(','))
        .map(|hop| hop.trim().to_owned())
        .collect();
    let mut address = sender.address;
    // From the nearest: each trusted one vouches for the one before it.
    while let Some(ip) = hops.last().and_then(|hop| ip(hop)) {
        hops.pop();
        address = SocketAddr::new(ip, 0);
        if !is_trusted(ip) {
            break;
        }
    }
    let https = headers
        .get(PROTO)
        .and_then(|proto| proto.to_str().ok())
        .map_or(sender.https, |proto| {
            proto.trim().eq_ignore_ascii_case("https")
        });
    for name in [FOR, HOST, PROTO] {
        headers.remove(name);
    }
    // What the sender itself said of hops before it.
    if let Ok(rest) = HeaderValue::from_str(&hops.join(", "))
        && !hops.is_empty()
    {
        headers.insert(FOR, rest);
    }
    Sender { address, https }
}

/// An address as proxies write it, with or without a port.
fn ip(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|at| at.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, fields: &[(HeaderName, &str)]) -> (String, bool, Option<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let sender = Sender {
            address: peer.parse().unwrap(),
            https: false,
        };
        let sender = unwrap(&trusted, sender, &mut headers);
        let rest = headers.get(FOR).map(|v| v.to_str().unwrap().to_owned());
        (sender.address.to_string(), sender.https, rest)
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let fields = [(FOR, "192.0.2.1"), (PROTO, "https")];
        assert_eq!(
            of("203.0.113.9:5", &fields),
            ("203.0.113.9:5".into(), false, Some("192.0.2.1".into()))
        );
        assert_eq!(
            of("10.1.1.1:5", &fields),
            ("192.0.2.1:0".into(), true, None)
        );
        assert_eq!(of("[::ffff:10.1.1.1]:5", &fields).0, "192.0.2.1:0");
        assert_eq!(of("10.1.1.1:5", &[]), ("10.1.1.1:5".into(), false, None));
    }

    #[test]
    fn what_the_sender_made_up_is_not_believed() {
        let fields = [
            (FOR, "1.1.1.1, 192.0.2.1, 10.9.9.9"),
            (FOR, "[2001:db8::1]:9"),
        ];
        assert_eq!(
            of("10.1.1.1:5", &fields),
            (
                "[2001:db8::1]:0".into(),
                false,
                Some("1.1.1.1, 192.0.2.1, 10.9.9.9".into())
            )
        );
        let fields = [(FOR, "1.1.1.1, 192.0.2.1, 10.9.9.9")];
        assert_eq!(
            of("[::1]:5", &fields),
            ("192.0.2.1:0".into(), false, Some("1.1.1.1".into()))
        );
        assert_eq!(of("[::1]:5", &[(FOR, "nobody")]).0, "[::1]:5");
    }
}

//! Which tunnel a request is for, by its host and path.

use std::fmt;
use std::net::IpAddr;

use http::uri::{Authority, PathAndQuery};

use super::names::is_name;
use super::strict::is_host;

/// Where the relay is reached, `host` or `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    host: Box<str>,
    port: Option<u16>,
}

/// How the public URL of a tunnel is written; requests to both are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlStyle {
    /// `https://NAME.hooks.example.com/`, which takes wildcard DNS and a certificate for it.
    Subdomain,
    /// `https://hooks.example.com/t/NAME/`.
    Path,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// A tunnel; the path is as its app is to see it.
    Tunnel(Box<str>, PathAndQuery),
    /// The relay itself.
    Own,
    /// Another host.
    Elsewhere,
}

/// What precedes the name in a path.
const PREFIX: &str = "/t/";

impl Domain {
    /// Reads one; `None` where it is no host that anybody could ask.
    pub fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.parse().ok()?;
        let host = plain(authority.host());
        (is_host(&authority) && could_be_asked(&host)).then(|| Self {
            host: host.into(),
            port: authority.port_u16(),
        })
    }

    /// The host alone, without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Whether it has no subdomains: it is an address, or a name for this machine only.
    pub fn is_bare(&self) -> bool {
        self.host().parse::<IpAddr>().is_ok() || &*self.host == "localhost"
    }

    /// Whether it is this machine, for itself alone.
    pub fn is_local(&self) -> bool {
        let address = self.host().parse::<IpAddr>();
        address.map_or(&*self.host == "localhost", |ip| ip.is_loopback())
    }

    /// The port that it was written with.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same with this port, where it has none or 0.
    pub fn or_port(self, port: u16) -> Self {
        let port = self.port.filter(|port| *port != 0).or(Some(port));
        Self { port, ..self }
    }

    /// The URL of a tunnel.
    pub fn url_of(&self, scheme: &str, name: &str, style: UrlStyle) -> String {
        match style {
            UrlStyle::Subdomain => format!("{scheme}://{name}.{self}"),
            UrlStyle::Path => format!("{scheme}://{self}{PREFIX}{name}"),
        }
    }

    /// What a request to this host and path is for.
    pub(super) fn route(&self, host: &Authority, path: &PathAndQuery) -> Route {
        let host = plain(host.host());
        if *host == *self.host {
            return tunnel_in(path);
        }
        let label = host
            .strip_suffix(&*self.host)
            .and_then(|rest| rest.strip_suffix('.'));
        match label {
            Some(name) if !self.is_bare() && is_name(name) => {
                Route::Tunnel(name.into(), path.clone())
            }
            _ => Route::Elsewhere,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Whether it is an address, or a name as there are in the DNS.
fn could_be_asked(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    address.parse::<IpAddr>().is_ok() || (host.len() <= 253 && host.split('.').all(is_label))
}

/// A host in its one spelling.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The tunnel that a path names, and what is behind the name.
fn tunnel_in(path: &PathAndQuery) -> Route {
    let Some(rest) = path.as_str().strip_prefix(PREFIX) else {
        return Route::Own;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    // A name that is written otherwise is none: nothing is decoded on the way to the app.
    if !is_name(name) {
        return Route::Tunnel(Box::default(), PathAndQuery::from_static("/"));
    }
    let rest = if rest.starts_with('/') {
        rest.parse()
    } else {
        format!("/{rest}").parse()
    };
    rest.map_or(Route::Own, |rest| Route::Tunnel(name.into(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(domain: &str, host: &str, path: &str) -> Route {
        let domain = Domain::parse(domain).unwrap();
        domain.route(&host.parse().unwrap(), &path.parse().unwrap())
    }

    fn tunnel(name: &str, path: &str) -> Route {
        Route::Tunnel(name.into(), path.parse().unwrap())
    }

    #[test]
    fn names_are_in_the_host_or_in_the_path() {
        let domain = "hooks.example.com";
        for (host, path, route) in [
            (
                "shop.hooks.example.com",
                "/a/../b?c",
                tunnel("shop", "/a/../b?c"),
            ),
            ("SHOP.Hooks.Example.com.:443", "/", tunnel("shop", "/")),
            (
                "shop.hooks.example.com",
                "/t/other/x",
                tunnel("shop", "/t/other/x"),
            ),
            ("hooks.example.com", "/t/shop", tunnel("shop", "/")),
            ("hooks.example.com:443", "/t/shop/", tunnel("shop", "/")),
            ("hooks.example.com", "/t/shop?a=b", tunnel("shop", "/?a=b")),
            (
                "hooks.example.com",
                "/t/shop//x/%2F/..;?",
                tunnel("shop", "//x/%2F/..;?"),
            ),
            ("hooks.example.com", "/connect", Route::Own),
            ("hooks.example.com", "/t", Route::Own),
            ("a.shop.hooks.example.com", "/", Route::Elsewhere),
            ("xhooks.example.com", "/", Route::Elsewhere),
            (".hooks.example.com", "/", Route::Elsewhere),
            ("127.0.0.1", "/", Route::Elsewhere),
        ] {
            assert_eq!(of(domain, host, path), route, "{host} {path}");
        }
        let none = Route::Tunnel(Box::default(), PathAndQuery::from_static("/"));
        for path in ["/t/", "/t/%73hop/x", "/t/SHOP/x", "/t//x"] {
            assert_eq!(of(domain, domain, path), none, "{path}");
        }
        assert_eq!(
            of("127.0.0.1:9", "127.0.0.1:9", "/t/a/b"),
            tunnel("a", "/b")
        );
        assert_eq!(of("127.0.0.1", "a.127.0.0.1", "/"), Route::Elsewhere);
        assert_eq!(of("[::1]:9", "[::1]:9", "/t/a"), tunnel("a", "/"));
    }

    #[test]
    fn urls_are_written_in_two_styles() {
        let domain = Domain::parse("Hooks.example.com").unwrap();
        let url = |style| domain.url_of("https", "shop", style);
        assert_eq!(url(UrlStyle::Subdomain), "https://shop.hooks.example.com");
        assert_eq!(url(UrlStyle::Path), "https://hooks.example.com/t/shop");
        let own = Domain::parse("127.0.0.1:0").unwrap().or_port(7);
        assert_eq!(
            own.url_of("http", "a", UrlStyle::Path),
            "http://127.0.0.1:7/t/a"
        );
    }

    #[test]
    fn only_what_can_be_asked_is_a_domain() {
        for text in [
            "a b",
            "me@a",
            "",
            "*.example.com",
            "bad_host!",
            "-a.example",
            "a..example",
            "a:99999",
        ] {
            assert_eq!(Domain::parse(text), None, "{text}");
        }
        for text in [
            "a",
            "my_host.example:8080",
            "xn--bcher-kva.example.",
            "[::1]:9",
            "10.0.0.1",
        ] {
            assert!(Domain::parse(text).is_some(), "{text}");
        }
        let is_local = |text| Domain::parse(text).unwrap().is_local();
        assert!(is_local("localhost:1") && is_local("127.0.0.1") && is_local("[::1]:9"));
        assert!(!is_local("hooks.example.com") && !is_local("10.0.0.1"));
    }
}

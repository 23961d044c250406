//! Where deliveries are forwarded, as people write it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

/// The user's app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    authority: Authority,
    // Without a slash at its end; empty where there is none.
    path: String,
}

/// A target that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a target: {problem}")]
pub struct BadTarget {
    given: String,
    problem: &'static str,
}

impl BadTarget {
    /// What to write instead.
    pub const fn hint(&self) -> &'static str {
        "use a port (`3000`), HOST:PORT (`localhost:3000`) or a URL (`http://localhost:3000/webhooks`)"
    }
}

impl FromStr for Target {
    type Err = BadTarget;

    /// Takes a bare port, `host:port`, either with a path, or a URL.
    fn from_str(given: &str) -> Result<Self, BadTarget> {
        let bad = |problem| BadTarget {
            // A password may stand before the `@`.
            given: given
                .rsplit_once('@')
                .map_or(given, |(_, host)| host)
                .escape_debug()
                .to_string(),
            problem,
        };
        let text = given.trim();
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        let bare = text.strip_prefix(':').unwrap_or(text);
        let port = bare.split('/').next().unwrap_or_default();
        let text = if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() {
            port.parse::<u16>()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(|| bad("a port is a number from 1 to 65535"))?;
            format!("http://localhost:{bare}")
        } else if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        if text.contains('#') {
            return Err(bad("a fragment (`#`) is never sent to a server"));
        }
        let uri: Uri = text
            .parse()
            .map_err(|_| bad("it is neither a port nor an address"))?;
        let parts = uri.into_parts();
        let scheme = match parts.scheme {
            Some(scheme) if scheme == Scheme::HTTP || scheme == Scheme::HTTPS => scheme,
            _ => return Err(bad("only http and https can be forwarded to")),
        };
        let authority = parts.authority.ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad(
                "a user and password belong into `--header 'Authorization: …'`",
            ));
        }
        if authority.host().is_empty() || authority.host().contains('%') {
            return Err(bad("it has no host"));
        }
        let has_port = authority.as_str().len() > authority.host().len();
        if has_port && authority.port_u16().is_none_or(|port| port == 0) {
            return Err(bad("a port is a number from 1 to 65535"));
        }
        let path = parts
            .path_and_query
            .unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() {
            return Err(bad("the query comes from the delivery"));
        }
        // Old resolvers take a number for an address; nobody means that.
        if authority.host().bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad("a number is no host; two ports take two `--forward`"));
        }
        Ok(Self {
            scheme,
            authority,
            path: path.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl Target {
    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// `host:port`, or the host alone for the scheme's own port. For the Host header.
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The host without brackets.
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|h| h.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, the scheme's own if none was given.
    pub fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(default)
    }

    /// Whether it is on this machine by its very name.
    pub fn is_loopback(&self) -> bool {
        let host = self.host().trim_end_matches('.').to_ascii_lowercase();
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// The URL for a delivery's path and query. The target's path comes first, unless
    /// the delivery's has it already; a delivery to `/` goes to exactly that path. No
    /// byte of the delivery's own is changed.
    pub fn url_for(&self, path_and_query: &str) -> Option<Uri> {
        let (path, query) = match path_and_query.find('?') {
            Some(at) => path_and_query.split_at(at),
            None => (path_and_query, ""),
        };
        let has_it = path
            .strip_prefix(&*self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let joined;
        let whole = if self.path.is_empty() || has_it {
            path_and_query
        } else if path == "/" {
            joined = format!("{}{query}", self.path);
            &joined
        } else {
            joined = format!("{}{path_and_query}", self.path);
            &joined
        };
        let whole = PathAndQuery::try_from(whole).ok()?;
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(whole);
        Uri::from_parts(parts).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_is_understood() {
        for (given, shown) in [
            ("3000", "http://localhost:3000"),
            (":3000", "http://localhost:3000"),
            ("3000/hooks", "http://localhost:3000/hooks"),
            ("localhost:3000", "http://localhost:3000"),
            ("127.0.0.1:3000/", "http://127.0.0.1:3000"),
            ("[::1]:3000", "http://[::1]:3000"),
            ("app.test", "http://app.test"),
            ("localhost:3000/hooks/", "http://localhost:3000/hooks"),
            ("https://localhost:3000/a/b", "https://localhost:3000/a/b"),
        ] {
            assert_eq!(given.parse::<Target>().unwrap().to_string(), shown);
        }
        for given in [
            "",
            "0",
            "70000",
            "localhost:0",
            "localhost:99999",
            "ftp://x",
            "http://",
            "a b",
            "http://u:p@host",
            "http://x/?q",
            "http://x/#f",
            "http://:80",
            "3000:3001",
            "http://3000/",
        ] {
            let error = given.parse::<Target>().unwrap_err();
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
    }

    #[test]
    fn paths_are_joined_once_and_bytes_kept() {
        for (target, path, url) in [
            (
                "3000",
                "/a%2Fb/../c//d;e?x=+%zz",
                "http://localhost:3000/a%2Fb/../c//d;e?x=+%zz",
            ),
            ("3000", "//double", "http://localhost:3000//double"),
            ("3000/hooks", "/", "http://localhost:3000/hooks"),
            ("3000/hooks", "/?a=1", "http://localhost:3000/hooks?a=1"),
            ("3000/hooks", "/x", "http://localhost:3000/hooks/x"),
            ("3000/hooks", "/hooks", "http://localhost:3000/hooks"),
            (
                "3000/hooks",
                "/hooks/x?y",
                "http://localhost:3000/hooks/x?y",
            ),
            (
                "3000/hooks",
                "/hooksx",
                "http://localhost:3000/hooks/hooksx",
            ),
        ] {
            let target: Target = format!("localhost:{target}").parse().unwrap();
            assert_eq!(target.url_for(path).unwrap().to_string(), url);
        }
    }

    #[test]
    fn loopback_is_told_by_name() {
        for (given, is) in [
            ("3000", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("app.localhost:1", true),
            ("LocalHost.:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("localhost.example.com:1", false),
        ] {
            assert_eq!(
                given.parse::<Target>().unwrap().is_loopback(),
                is,
                "{given}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(given in "\\PC{0,40}", path in "/\\PC{0,40}") {
            if let Ok(target) = given.parse::<Target>() {
                let _ = (target.url_for(&path), target.host().len(), target.port());
            }
        }
    }
}

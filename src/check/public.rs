//! The way in from outside.

use std::fmt::Write as _;

use super::{Check, listed};

/// What a relay says of the token and the name.
pub fn relay(relay: &str, label: Option<&str>, names: &[String], wanted: Option<&str>) -> Check {
    const ID: &str = "relay";
    let who = label.map_or_else(
        || "lets everybody in".to_owned(),
        |label| format!("knows the token `{label}`"),
    );
    if let Some(wanted) = wanted
        && label.is_some()
        && names.iter().all(|name| name != wanted)
    {
        let has = if names.is_empty() {
            "none yet".to_owned()
        } else {
            listed(names)
        };
        return Check::fail(ID, format!("{relay} {who}, which has not the name `{wanted}` (it has {has})")).cure(
            "leave `--name` out for the token's own, or have the name reserved for it (`cmhook relay name reserve`)",
        );
    }
    let names = if names.is_empty() {
        String::new()
    } else {
        format!("; its names: {}", listed(names))
    };
    Check::ok(ID, format!("{relay} {who}{names}"))
}

/// A URL without what makes no difference, since whoever keeps it may write it another way: the
/// case of its host, its scheme's own port, a slash at its end, characters that have to be escaped.
pub fn plain(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(&host);
    let root = if path.starts_with('?') { "/" } else { "" };
    format!("{scheme}://{host}{root}{}", escaped(path))
}

/// Whether two URLs are the same one, however each is written.
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || plain(one) == plain(other)
}

fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c.is_ascii_graphic() && !r#""<>\^`{|}"#.contains(c) {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// Whether a webhook's URL leads to what is reached at `public`.
pub fn leads_to(url: &str, public: &str) -> bool {
    let (url, public) = (plain(url), plain(public));
    url.strip_prefix(&*public)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_below_the_public_one_leads_there() {
        let public = "https://shop.hooks.example.com/";
        for (url, is) in [
            ("https://shop.hooks.example.com", true),
            ("HTTPS://Shop.Hooks.example.com:443/webhooks?x=1", true),
            ("https://shop.hooks.example.com.evil.example/", false),
            ("http://shop.hooks.example.com/", false),
        ] {
            assert_eq!(leads_to(url, public), is, "{url}");
        }
        assert!(leads_to(
            "https://a.example/t/shop/x",
            "https://a.example/t/shop"
        ));
        assert!(!leads_to(
            "https://a.example/t/shopping",
            "https://a.example/t/shop"
        ));
    }

    #[test]
    fn a_url_is_the_same_however_it_is_written() {
        for (one, other, is) in [
            ("https://a.example", "https://a.example/", true),
            ("https://a.example?x=1", "https://A.example:443/?x=1", true),
            (
                "https://a.example/{x}/é",
                "https://a.example/%7Bx%7D/%C3%A9",
                true,
            ),
            ("https://a.example/x?b", "https://a.example/X?b", false),
            ("https://a.example/x", "https://a.example/x?", false),
            ("http://a.example/", "https://a.example/", false),
        ] {
            assert_eq!(is_same(one, other), is, "{one} {other}");
        }
    }

    #[test]
    fn a_name_that_the_token_has_not_is_said() {
        let names = ["shop".to_owned()];
        let check = relay("https://r", Some("ada"), &names, Some("other"));
        assert!(check.found.contains("`other` (it has shop)"), "{check:?}");
        assert_eq!(
            relay("https://r", Some("ada"), &names, Some("shop"))
                .status
                .name(),
            "ok"
        );
        assert_eq!(
            relay("https://r", None, &[], Some("shop")).status.name(),
            "ok"
        );
    }
}

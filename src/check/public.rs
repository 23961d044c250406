//! The way in from outside.

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

/// A URL without what makes no difference: the case of its host, a slash at its end.
pub fn plain(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (scheme, host) = (scheme.to_ascii_lowercase(), host.to_ascii_lowercase());
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(&host);
    format!("{scheme}://{host}{path}")
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

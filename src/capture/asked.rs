//! The URL behind which a delivery's app is.

use http::Uri;

use crate::config::{Policy, Target};
use crate::delivery::Kept;

/// Where nobody has said where an app listens.
const USUAL: &str = "http://localhost:3000";

/// The whole URL that a delivery goes to: at the target that is named, or else the URL that
/// was asked last, or else what the policy says.
pub fn url(kept: &Kept, to: Option<&Target>, policy: &Policy) -> String {
    let received = &kept.delivery.request;
    let path = &*received.path_and_query;
    let of = |target: &Target| {
        let url = target.url_for(path).map(|url| url.to_string());
        url.unwrap_or_else(|| format!("{target}{path}"))
    };
    if let Some(to) = to {
        return of(to);
    }
    let asked = kept.newest().map(|attempt| &*attempt.target);
    if let Some(asked) = asked.filter(|asked| is_url(asked)) {
        return asked.to_owned();
    }
    let event = received.event.as_deref().unwrap_or_default();
    let mut routes = policy.routes.iter();
    let fits = routes.find(|(glob, _)| glob.matches(event));
    match fits.map(|(_, target)| target).or(policy.forward.first()) {
        Some(target) => of(target),
        None => format!("{USUAL}{path}"),
    }
}

/// Whether a recorded target, which may have been imported, is one that curl may be given.
fn is_url(text: &str) -> bool {
    let uri: Result<Uri, _> = text.parse();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

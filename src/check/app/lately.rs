//! What an app has made of the newest deliveries that were right.

use super::Check;
use crate::cakemail::diagnosis::{Finding, Keys, why_refused};
use crate::check::Commands;
use crate::config::Target;
use crate::delivery::{Answer, Received};

/// The code of what is found of an app that hashes what it has written itself.
const RESERIALISES: &str = "app_reserialises";

/// The newest delivery with a right signature that an app has answered.
#[derive(Debug)]
pub struct Newest<'a> {
    /// Its id.
    pub id: u64,
    /// What came in.
    pub request: &'a Received,
    /// What was answered.
    pub answer: &'a Answer,
    /// How many such deliveries in a row were refused, from this one back.
    pub refused: usize,
    /// Whether further secrets are known.
    pub several: bool,
}

/// What the answer to it means.
pub fn lately(target: &Target, newest: Option<&Newest<'_>>, commands: &Commands) -> Check {
    const ID: &str = "deliveries";
    let Some(newest) = newest else {
        let why = format!("`{target}` has answered no delivery yet whose signature is right");
        return Check::skip(ID, why);
    };
    let status = newest.answer.status;
    let event = newest.request.event.as_deref();
    let event = event.map_or_else(String::new, |event| format!(", {event}"));
    let which = match newest.refused {
        0 | 1 => format!(
            "the newest delivery whose signature is right (#{}{event})",
            newest.id
        ),
        count => format!(
            "the newest {count} deliveries whose signatures are right (last #{}{event})",
            newest.id
        ),
    };
    let found = format!("`{target}` answered {status} to {which}");
    if (200..300).contains(&status) {
        return Check::ok(ID, found);
    }
    let again = commands.replay(newest.id);
    let keys = Keys {
        several: newest.several,
        ..Keys::default()
    };
    let refusal = why_refused(newest.request, newest.answer.into(), &keys);
    let why = refusal.and_then(|refusal| refusal.why);
    let findings = why.map(|why| why.findings).unwrap_or_default();
    // What these very bytes would do to such an app is worth saying beside what comes first.
    let is_told = |(at, finding): &(usize, &Finding)| *at == 0 || finding.code == RESERIALISES;
    let told = findings.iter().enumerate().filter(is_told);
    let (messages, fixes): (Vec<_>, Vec<_>) = told
        .map(|(_, finding)| (&*finding.message, &*finding.fix))
        .unzip();
    if messages.is_empty() {
        return Check::warn(ID, found).cure(format!("{again} tells whether it still does"));
    }
    let found = format!("{found}: {}", messages.join("; or "));
    let cure = format!("{}; {again} tells whether that is all", fixes.join("; or "));
    Check::warn(ID, found).cure(cure)
}

//! An app that refuses what is signed with the secret that was given, and takes what is signed
//! with a key of the account.

use super::{Asked, Check, Sample, signed};
use crate::check::Commands;

/// The secret that was given, and the key that the app takes in its place.
#[derive(Debug)]
pub struct OtherKey<'a> {
    /// The label of the secret that was given.
    pub given: &'a str,
    /// Whether that is a key of the account all the same; `None` where not all were told.
    pub is_a_key: Option<bool>,
    /// The id of the webhook whose key the app takes.
    pub webhook: &'a str,
}

/// What that means: `sample` and `tried` are those of the key. `None` where the app takes
/// nothing that is signed with it either.
pub fn with_other_key(
    sample: &Sample<'_>,
    tried: &[Asked],
    other: &OtherKey<'_>,
    commands: &Commands,
) -> Option<Check> {
    const ID: &str = "signed";
    tried.iter().find(|asked| asked.is_taken())?;
    let judged = signed(sample, tried);
    let whose = match other.is_a_key {
        Some(true) => "is the key of another webhook",
        Some(false) => "is the key of no active webhook of this account",
        None => "is not that webhook's key",
    };
    let found = format!(
        "{}; what is signed with the secret `{}` it refuses, and that {whose}",
        judged.found, other.given
    );
    let get = commands.webhooks(&["get", other.webhook, "--show-secrets"]);
    let cure = format!(
        "the app is right, and the secret that cmhook was given is not: {get} shows the one to give"
    );
    let cure = match &judged.cure {
        Some(also) => format!("{cure}; {also}"),
        None => cure,
    };
    let check = if judged.status == crate::check::Status::Fail {
        Check::fail(ID, found)
    } else {
        Check::warn(ID, found)
    };
    Some(check.cure(cure))
}

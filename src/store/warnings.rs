//! The store's warnings, in plain words.

use std::path::Path;

use super::file::Found;
use super::op::Health;
use crate::delivery::Warning;

/// What to say of what was found when a store was opened.
pub(super) fn warnings_about(path: &Path, found: &Found) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let Some(aside) = &found.put_aside {
        warnings.push(Warning {
            code: "store_damaged",
            message: format!(
                "the store `{}` is damaged; {} deliveries could be read and were copied into a new one",
                path.display(),
                found.kept.len()
            ),
            hint: format!("the damaged file is kept as `{}`", aside.display()),
        });
    }
    if !found.damaged.is_empty() {
        let ids: Vec<_> = found
            .damaged
            .iter()
            .take(10)
            .map(|id| format!("#{id}"))
            .collect();
        warnings.push(Warning {
            code: "delivery_damaged",
            message: format!(
                "{} kept deliveries are damaged and are left out: {}{}",
                found.damaged.len(),
                ids.join(", "),
                if found.damaged.len() > 10 {
                    ", …"
                } else {
                    ""
                }
            ),
            hint: "check the disk: something changed the store's file".into(),
        });
    }
    if found.damaged_attempts > 0 {
        warnings.push(Warning {
            code: "attempt_damaged",
            message: format!(
                "{} kept attempts are damaged and are left out",
                found.damaged_attempts
            ),
            hint: "check the disk: something changed the store's file".into(),
        });
    }
    if found.trimmed > 0 {
        warnings.push(Warning {
            code: "store_trimmed",
            message: format!(
                "{} older deliveries are over the limits and were dropped from the store",
                found.trimmed
            ),
            hint: "raise `--keep` or `--keep-bytes` to keep more".into(),
        });
    }
    warnings
}

/// What to say of a change in the journal's health.
pub(super) fn warning_of(path: &Path, health: &Health) -> Warning {
    match health {
        Health::Failing { why, damaged } => Warning {
            code: "journal_failing",
            message: format!(
                "cannot write the store `{}`: {why}; senders are told 503 until it works again",
                path.display()
            ),
            hint: if *damaged {
                "stop cmhook and start it again: it puts the damaged store aside and keeps what can be read".into()
            } else {
                "free space on the disk or check its permissions; what comes in meanwhile is shown and kept in memory".into()
            },
        },
        Health::Recovered(0) => Warning {
            code: "journal_recovered",
            message: "the store can be written again; what came in meanwhile is in it".into(),
            hint: String::new(),
        },
        Health::Recovered(dropped) => Warning {
            code: "journal_recovered",
            message: format!(
                "the store can be written again; {dropped} of what came in meanwhile did not fit and is not in it"
            ),
            hint: String::new(),
        },
    }
}

//! Whether somebody is at the URLs that webhooks point to.

use crate::check::{Check, Commands, MANY};

/// What a URL says that webhooks point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Somebody answers.
    Alive,
    /// Nobody does, and why.
    Dead(String),
    /// It cannot be Cakemail's to call.
    Private,
}

/// Whether the URLs that webhooks point to are alive; they are written as they are shown. So many `more` were not tried.
pub fn urls(found: &[(String, Life)], more: usize, commands: &Commands) -> Check {
    const ID: &str = "urls";
    let dead: Vec<_> = found
        .iter()
        .filter_map(|(url, life)| match life {
            Life::Alive => None,
            Life::Dead(why) => Some(format!("{url}: {why}")),
            Life::Private => Some(format!(
                "{url} is not a public https URL, which is all that Cakemail calls"
            )),
        })
        .collect();
    let more = match more {
        0 => String::new(),
        more => format!("; {more} more were not tried"),
    };
    match (found.len(), dead.len()) {
        (0, _) => Check::skip(ID, "no active webhook points anywhere else"),
        (1, 0) => Check::ok(ID, format!("{} answers{more}", found[0].0)),
        (count, 0) => Check::ok(ID, format!("all {count} answer{more}")),
        _ => Check::warn(ID, format!("{}{more}", joined(&dead))).cure(format!(
            "start what should be there, point the webhook elsewhere ({}), or archive it ({})",
            commands.webhooks(&["update", "ID", "-u", "URL"]),
            commands.webhooks(&["delete", "ID"])
        )),
    }
}

/// The first few of them, and how many more.
fn joined(phrases: &[String]) -> String {
    let more = phrases.len().saturating_sub(MANY);
    let first = phrases[..phrases.len() - more].join("; ");
    match more {
        0 => first,
        1 => format!("{first}; and another one"),
        more => format!("{first}; and {more} others"),
    }
}

//! Which deliveries a command is about: `42`, `#42`, `40..50`, `last`, `last~2`.

use std::collections::HashSet;
use std::io::Write as _;
use std::str::FromStr;

use jiff::Zoned;

use super::setup::Setup;
use crate::capture::again::AgainError;
use crate::cli::SelectArgs;
use crate::config::ConfigError;
use crate::delivery::{Kept, escape_for_terminal};
use crate::filter::{Duplicates, Filter, FilterError};

/// One word that names deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// The one of that id.
    One(u64),
    /// Those with ids from the first to the second, both included.
    Range(u64, u64),
    /// The newest one but so many.
    Last(usize),
}

impl FromStr for Named {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let id = |text: &str| text.strip_prefix('#').unwrap_or(text).parse::<u64>().ok();
        let read = || {
            if text == "last" {
                return Some(Self::Last(0));
            }
            if let Some(back) = text.strip_prefix("last~") {
                return back.parse().ok().map(Self::Last);
            }
            if let Some((from, to)) = text.split_once("..") {
                let from = if from.is_empty() { 0 } else { id(from)? };
                let to = if to.is_empty() { u64::MAX } else { id(to)? };
                return (from <= to && text != "..").then_some(Self::Range(from, to));
            }
            id(text).map(Self::One)
        };
        read().ok_or_else(|| ConfigError {
            message: format!("`{}` names no delivery", text.escape_debug()),
            hint: "write an id such as `42`, a range such as `40..50`, `last` or `last~2`".into(),
        })
    }
}

/// Reads words that name deliveries.
///
/// # Errors
/// At the first that names none.
pub(super) fn named(words: &[String]) -> Result<Vec<Named>, ConfigError> {
    words.iter().map(|word| word.parse()).collect()
}

/// Of what is kept, oldest first, what is named, each once, in the order of the names.
///
/// # Errors
/// Where a name stands for a delivery that there is not.
pub(super) fn choose(kept: &[Kept], names: &[Named]) -> Result<Vec<Kept>, AgainError> {
    let mut seen = HashSet::new();
    let mut chosen = Vec::new();
    let mut add = |one: &Kept| {
        if seen.insert(one.delivery.id) {
            chosen.push(one.clone());
        }
    };
    let place = |id: u64| kept.partition_point(|one| one.delivery.id < id);
    for name in names {
        match *name {
            Named::One(id) => {
                let found = kept.get(place(id)).filter(|one| one.delivery.id == id);
                add(found.ok_or(AgainError::NoDelivery(id))?);
            }
            Named::Range(from, to) => {
                let from = place(from);
                let range = kept[from..].iter();
                range
                    .take_while(|one| one.delivery.id <= to)
                    .for_each(&mut add);
            }
            Named::Last(back) => {
                let at = kept.len().checked_sub(back + 1);
                let found = at.and_then(|at| kept.get(at));
                add(found.ok_or(AgainError::NoLast(back))?);
            }
        }
    }
    Ok(chosen)
}

/// What a command does where nothing is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needed {
    /// It is a mistake.
    Named,
    /// The newest is meant.
    OrLast,
}

/// The deliveries of a store that are meant, in the order in which they are named, and by
/// id where only a filter names them. `None` where nothing matches, which is said then.
///
/// # Errors
/// Where the names or the filter are wrong, a named one is not there, or there is no store.
pub(super) fn select(
    setup: &Setup,
    args: &SelectArgs,
    needed: Needed,
) -> anyhow::Result<Option<Vec<Kept>>> {
    let mut names = named(&args.ids)?;
    if names.is_empty() && args.filter.is_none() {
        match needed {
            Needed::Named => {
                return Err(ConfigError {
                    message: "no delivery is named".into(),
                    hint: "name some by id (`42`, `40..50`, `last`) or with `--filter`".into(),
                }
                .into());
            }
            Needed::OrLast => names.push(Named::Last(0)),
        }
    }
    let filter = args.filter.as_deref().map(filter).transpose()?;
    let kept = setup.kept()?;
    if kept.is_empty() {
        writeln!(std::io::stderr(), "No deliveries are kept yet.")?;
        return Ok(None);
    }
    if names.is_empty() {
        names.push(Named::Range(0, u64::MAX));
    }
    let mut chosen = choose(&kept, &names)?;
    if let Some(filter) = &filter {
        let duplicates = if filter.wants_duplicates() {
            Duplicates::of(kept.iter())
        } else {
            Duplicates::default()
        };
        chosen.retain(|kept| filter.matches(kept, &duplicates));
    }
    if chosen.is_empty() {
        say_no_match(filter.as_ref())?;
        return Ok(None);
    }
    Ok(Some(chosen))
}

/// A filter that means nothing, with a drawing of where the mistake is.
#[derive(Debug, thiserror::Error)]
#[error("the filter cannot be read: {error}")]
pub struct BadFilter {
    error: FilterError,
    /// Two lines, safe on a terminal.
    pub drawn: String,
}

/// Reads a filter.
///
/// # Errors
/// Where it means nothing.
pub(super) fn filter(text: &str) -> Result<Filter, BadFilter> {
    Filter::parse(text, &Zoned::now()).map_err(|error| BadFilter {
        drawn: error.drawn(text),
        error,
    })
}

/// Says that nothing matches a filter, and what was probably meant.
///
/// # Errors
/// Those of standard error.
pub(super) fn say_no_match(filter: Option<&Filter>) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    match filter.and_then(Filter::likely_typo) {
        Some((written, meant)) => writeln!(
            err,
            "No delivery matches. No known event is called `{}`; did you mean `{}`?",
            escape_for_terminal(&written),
            escape_for_terminal(&meant)
        ),
        None => writeln!(err, "No delivery matches."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Delivery, Headers, Received, Verdict};
    use std::sync::Arc;

    fn kept(id: u64) -> Kept {
        Kept::new(Arc::new(Delivery {
            id,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: bytes::Bytes::new(),
                event: None,
                verdict: Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }))
    }

    #[test]
    fn names_are_read_and_looked_up() {
        let all: Vec<_> = [3, 4, 7, 9].into_iter().map(kept).collect();
        for (words, ids) in [
            (&["4"][..], &[4][..]),
            (&["#9", "3"], &[9, 3]),
            (&["last"], &[9]),
            (&["last~1", "last"], &[7, 9]),
            (&["4..8"], &[4, 7]),
            (&["7..", "..3", "7"], &[7, 9, 3]),
            (&["10.."], &[]),
        ] {
            let words: Vec<_> = words.iter().map(|w| (*w).to_owned()).collect();
            let chosen = choose(&all, &named(&words).unwrap()).unwrap();
            let found: Vec<_> = chosen.iter().map(|k| k.delivery.id).collect();
            assert_eq!(found, ids, "{words:?}");
        }
        assert!(choose(&all, &[Named::One(5)]).is_err());
        assert!(choose(&all, &[Named::Last(4)]).is_err());
        for bad in [
            "", "x", "-1", "last~", "last~x", "5..4", "..", "1.5", "last2",
        ] {
            assert!(bad.parse::<Named>().is_err(), "{bad}");
        }
    }
}

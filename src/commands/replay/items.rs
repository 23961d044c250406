//! What is sent: deliveries of the store, or those of files.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::edits::{Edited, Edits, UneditableError};
use crate::cli::{ReplayArgs, SelectArgs};
use crate::commands::select::{Named, Needed, select};
use crate::commands::setup::Setup;
use crate::config::ConfigError;
use crate::delivery::{Attempt, Kept};
use crate::export::read::deliveries;

/// A delivery that is sent.
#[derive(Debug)]
pub(super) struct Item {
    /// `#42`, or the file's name.
    pub(super) label: String,
    /// The delivery with what was recorded of it.
    pub(super) kept: Kept,
    /// What is sent in its place.
    pub(super) edited: Option<Edited>,
}

impl Item {
    /// The name of its event, or else its method and path.
    pub(super) fn name(&self) -> String {
        let request = &self.kept.delivery.request;
        match &request.event {
            Some(event) => event.to_string(),
            None => format!("{} {}", request.method, request.path()),
        }
    }

    /// The answer that a replay is compared with.
    pub(super) fn recorded(&self) -> Option<&Attempt> {
        self.kept.newest()
    }
}

/// Where the items come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The store, which keeps what is done with them.
    Store,
    /// Files; nothing is kept.
    Files,
}

/// The items that are meant, and where they come from. `None` where nothing matches, which
/// is said then.
///
/// # Errors
/// Where the words, the filter or a file are wrong, or there is no store.
pub(super) fn gather(
    setup: &Setup,
    args: &ReplayArgs,
    edits: &Edits,
) -> anyhow::Result<Option<(Vec<Item>, Source)>> {
    let (source, found) = if are_files(args)? {
        (Source::Files, from_files(&args.which)?)
    } else {
        let words = SelectArgs {
            ids: args.which.clone(),
            filter: args.filter.clone(),
        };
        let Some(chosen) = select(setup, &words, Needed::Named)? else {
            return Ok(None);
        };
        let labelled = chosen
            .into_iter()
            .map(|kept| (format!("#{}", kept.delivery.id), kept));
        (Source::Store, labelled.collect())
    };
    let items = found.into_iter().map(|(label, kept)| {
        let edited = edits
            .apply(&kept.delivery)
            .map_err(|source| UneditableError {
                label: label.clone(),
                source,
            })?;
        Ok(Item {
            label,
            kept,
            edited,
        })
    });
    let items = items.collect::<Result<Vec<_>, UneditableError>>()?;
    Ok(Some((items, source)))
}

/// Whether the words are files and not names of deliveries.
fn are_files(args: &ReplayArgs) -> Result<bool, ConfigError> {
    let mut named = args.which.iter().map(|word| word.parse::<Named>());
    let files = args
        .which
        .iter()
        .filter(|word| word.parse::<Named>().is_err());
    match files.count() {
        0 => Ok(false),
        count if count == args.which.len() => {
            if args.filter.is_some() {
                return Err(ConfigError {
                    message: "`--filter` chooses among what is kept, not among files".into(),
                    hint: "leave one of them out, or `cmhook import` the files first".into(),
                });
            }
            // One word that is no file was probably meant as a delivery.
            match (&args.which[..], named.next()) {
                ([word], Some(Err(error))) if !Path::new(word).exists() => Err(ConfigError {
                    message: format!("{} and is no file", error.message),
                    hint: error.hint,
                }),
                _ => Ok(true),
            }
        }
        _ => Err(ConfigError {
            message: "deliveries of the store and files are replayed apart".into(),
            hint: "name either ids or files; a file that is called like an id is `./42`".into(),
        }),
    }
}

fn from_files(names: &[String]) -> anyhow::Result<Vec<(String, Kept)>> {
    let mut found = Vec::new();
    for name in names {
        let bytes = fs::read(name).with_context(|| format!("cannot read the file `{name}`"))?;
        let kept = deliveries(name, &bytes)?;
        let several = kept.len() > 1;
        found.extend(kept.into_iter().enumerate().map(|(at, kept)| {
            let label = if several {
                format!("{name}:{}", at + 1)
            } else {
                name.clone()
            };
            (label, kept)
        }));
    }
    Ok(found)
}

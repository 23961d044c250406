//! Filtering: the line in which it is typed, and what comes of it.
//!
//! Looking at all that is kept takes a moment, so that is done beside the screen; what
//! changes meanwhile is looked at again afterwards.

use crossterm::event::KeyEvent;

use crate::filter::Filter;
use crate::tui::model::Model;
use crate::tui::msg::{Effect, Found, Said};
use crate::tui::prompt::{Prompt, Typed};

/// Searches that are remembered.
const REMEMBERED: usize = 50;

/// Begins to type a filter.
pub(super) fn begin(model: &mut Model) {
    let before = model.list.active().map_or("", |active| &active.text);
    model.prompt = Some(Prompt::new(before));
}

/// Takes a key while a filter is typed.
pub(super) fn key(model: &mut Model, key: KeyEvent) -> Option<Effect> {
    let prompt = model.prompt.as_mut()?;
    match prompt.key(key, &model.searches) {
        Typed::Nothing => None,
        Typed::Changed => typed(model),
        Typed::Accepted => {
            // One that means nothing stays in its line, with what is wrong below it.
            if prompt.error.is_none() {
                let text = prompt.input.text().trim().to_owned();
                model.prompt = None;
                remember(&mut model.searches, text);
            }
            None
        }
        Typed::Cancelled => {
            let before = std::mem::take(&mut prompt.before);
            model.prompt = None;
            let now = model.list.active().map_or("", |active| &active.text);
            if now == before && model.searching.is_none() {
                return None;
            }
            search(model, &before).ok().flatten()
        }
    }
}

/// Looks with what stands in the line now, if that means something.
pub(super) fn typed(model: &mut Model) -> Option<Effect> {
    let prompt = model.prompt.as_mut()?;
    prompt.error = None;
    let text = prompt.input.text().trim().to_owned();
    match search(model, &text) {
        Ok(effect) => effect,
        Err(error) => {
            if let Some(prompt) = &mut model.prompt {
                prompt.error = Some(error);
            }
            None
        }
    }
}

/// Shows everything again.
pub(super) fn clear(model: &mut Model) {
    model.searching = None;
    model.list.filter(None);
}

fn search(model: &mut Model, text: &str) -> Result<Option<Effect>, crate::filter::FilterError> {
    if text.is_empty() {
        clear(model);
        return Ok(None);
    }
    let now = model.now.to_zoned(model.about.zone.clone());
    let filter = Filter::parse(text, &now)?;
    model.searched += 1;
    model.searching = Some((model.searched, Vec::new()));
    Ok(Some(Effect::Search {
        number: model.searched,
        text: text.to_owned(),
        filter,
    }))
}

/// Takes what a search found, unless another one has begun since.
pub(super) fn found(model: &mut Model, found: Found) -> Option<Effect> {
    let (number, touched) = model.searching.take()?;
    if number != found.number {
        model.searching = Some((number, touched));
        return None;
    }
    if model.prompt.is_none()
        && let Some((term, meant)) = found.filter.likely_typo()
    {
        model.say(Said::bad(format!(
            "No event is called `{term}`; did you mean `{meant}`?"
        )));
    }
    model.list.filter(Some((
        found.text,
        found.filter,
        found.duplicates,
        found.ids,
    )));
    (!touched.is_empty()).then_some(Effect::Recheck(touched))
}

/// Remembers that something about a delivery has changed while a search is running.
pub(super) fn touch(model: &mut Model, id: u64) {
    if let Some((_, touched)) = &mut model.searching {
        touched.push(id);
    }
}

fn remember(searches: &mut Vec<String>, text: String) {
    if text.is_empty() {
        return;
    }
    searches.retain(|before| *before != text);
    if searches.len() == REMEMBERED {
        searches.remove(0);
    }
    searches.push(text);
}

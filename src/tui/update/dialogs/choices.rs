//! What there is to choose from.

use crate::cakemail::event::is_of_the_api;
use crate::cakemail::sample::{self, Sample};
use crate::delivery::words::size;
use crate::delivery::{Kept, Outcome};
use crate::tui::dialog::{Ask, Dialog, Item, Pick, Then, Wanted};
use crate::tui::model::Model;
use crate::tui::msg::{CopyWhat, Effect, ExportAs};

/// Characters of a value that are shown where one chooses; no terminal has room for more.
const LONGEST: usize = 200;

/// Every sample there is, with the event of the selected delivery ready. Where webhooks are
/// registered, those that the API sends, theirs first.
pub(super) fn trigger(model: &Model) -> Dialog {
    let registered = &model.status.registered;
    let is_registered = |sample: &Sample| {
        let mut events = registered.iter().map(|one| &*one.event);
        events.any(|event| event == sample.name())
    };
    let samples = sample::all().iter();
    let mut samples: Vec<&Sample> = samples
        .filter(|sample| registered.is_empty() || is_of_the_api(sample.name()))
        .collect();
    samples.sort_by_key(|sample| !is_registered(sample));
    let items = samples.into_iter().map(|sample| Item {
        letter: None,
        name: sample.name().into(),
        about: sample.description().into(),
        then: Then::Do(Box::new(Effect::Trigger(sample.name()))),
    });
    let kept = model.detail.kept();
    let event = kept.and_then(|kept| kept.delivery.request.event.as_deref());
    Dialog::Pick(Box::new(Pick::typed(
        "Trigger a sample event",
        "send",
        items.collect(),
        event,
    )))
}

/// All that can be copied: of the selected delivery, and without one where deliveries arrive.
pub(super) fn copy(model: &Model) -> Dialog {
    let kept = model.detail.kept();
    let mut items = kept.map_or_else(Vec::new, |kept| of_delivery(model, kept));
    if let Some(url) = model.status.public_url() {
        let what = CopyWhat::PublicUrl;
        items.push(copied(model, 'u', "public URL", url.into(), what, None));
    }
    items.push(copied(
        model,
        'w',
        "webhook URL",
        model.about.url.clone(),
        CopyWhat::Url,
        None,
    ));
    Dialog::Pick(Box::new(Pick::lettered("Copy", "copy", items)))
}

fn of_delivery(model: &Model, kept: &Kept) -> Vec<Item> {
    let request = &kept.delivery.request;
    let mut items = Vec::new();
    let mut add = |letter, name, about: String, what, text| {
        items.push(copied(model, letter, name, about, what, text));
    };
    add(
        'c',
        "curl",
        "a command that sends it again".into(),
        CopyWhat::Curl,
        None,
    );
    let bytes = u64::try_from(request.body.len()).unwrap_or(u64::MAX);
    add('p', "payload", size(bytes), CopyWhat::Payload, None);
    if let Some((path, value)) = model.detail.value() {
        add(
            'v',
            "value",
            value.chars().take(LONGEST).collect(),
            CopyWhat::Value,
            Some(value),
        );
        add(
            'f',
            "path",
            path.chars().take(LONGEST).collect(),
            CopyWhat::Path,
            Some(path),
        );
    }
    let count = request.headers.iter().count();
    add(
        'h',
        "headers",
        format!("{count} of the request"),
        CopyWhat::Headers,
        None,
    );
    if let Some(attempt) = model.detail.attempt()
        && let Outcome::Answered(answer) = &attempt.outcome
    {
        let about = format!(
            "{} to attempt {}, {}",
            answer.status,
            attempt.n,
            size(answer.size)
        );
        add('r', "response", about, CopyWhat::Response, None);
    }
    add('i', "id", kept.delivery.id.to_string(), CopyWhat::Id, None);
    items
}

fn copied(
    model: &Model,
    letter: char,
    name: &str,
    about: String,
    what: CopyWhat,
    text: Option<String>,
) -> Item {
    let effect = Effect::Copy {
        // The URL is that of all.
        id: model.detail.id().unwrap_or(0),
        what,
        attempt: model.detail.attempt().map(|attempt| attempt.n),
        text,
    };
    Item {
        letter: Some(letter),
        name: name.into(),
        about,
        then: Then::Do(Box::new(effect)),
    }
}

/// The formats in which the selected delivery can be written to a file, if there is one.
pub(super) fn export(model: &Model) -> Option<Dialog> {
    let kept = model.detail.kept()?;
    let id = kept.delivery.id;
    let items = [
        (
            'c',
            "curl",
            ExportAs::Curl,
            "a command to paste into a shell",
        ),
        (
            'h',
            "har",
            ExportAs::Har,
            "for browsers' tools and proxies, every attempt with it",
        ),
        (
            'f',
            "fixture",
            ExportAs::Fixture,
            "a file to commit and replay in CI",
        ),
        (
            'l',
            "json",
            ExportAs::Json,
            "a line of JSON, every attempt with it",
        ),
        ('r', "raw", ExportAs::Raw, "the exact bytes of the body"),
        ('t', "http", ExportAs::Http, "the request as in HTTP/1.1"),
    ];
    let items = items.map(|(letter, name, format, about)| {
        let wanted = Wanted::File {
            id,
            format,
            folder: model.about.folder.clone(),
        };
        let file = file_name(kept, format);
        Item {
            letter: Some(letter),
            name: name.into(),
            about: about.into(),
            then: Then::Ask(Box::new(Ask::new(wanted, &file))),
        }
    });
    Some(Dialog::Pick(Box::new(Pick::lettered(
        "Export as",
        "next",
        items.into(),
    ))))
}

/// A name for the file.
fn file_name(kept: &Kept, format: ExportAs) -> String {
    let ending = match format {
        ExportAs::Curl => "sh",
        ExportAs::Har => "har",
        ExportAs::Fixture => "json",
        ExportAs::Json => "jsonl",
        ExportAs::Raw => "body",
        ExportAs::Http => "http",
    };
    format!("{}.{ending}", kept.delivery.id)
}

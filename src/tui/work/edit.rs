//! Editing a delivery's payload in the user's editor, and sending it as a new delivery.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use tokio_util::sync::CancellationToken;

use super::editor::Editor;
use super::{Worker, answered};
use crate::cakemail::verify::claims;
use crate::capture::again::{AgainError, Draft, Sign};
use crate::delivery::{Delivery, Verdict};
use crate::export::format::slug;
use crate::files;
use crate::http::headers::replaced;
use crate::payload;
use crate::payload::body::{as_text, encodings, is_json};
use crate::tui::dialog::{Confirm, Dialog};
use crate::tui::msg::{Edited, Effect, Msg, Said};

/// A payload that is about to be edited.
#[derive(Debug)]
pub(in crate::tui) struct Edit {
    worker: Worker,
    editor: Editor,
    original: Arc<Delivery>,
}

/// What somebody has made of a body.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing.
    Same,
    /// Nothing is left, which is how one gives up.
    Emptied,
    Changed(Vec<u8>),
}

impl Worker {
    /// Gets ready to edit a delivery's payload; what is against it is said.
    pub(in crate::tui) fn edit(&self, id: u64) -> Option<Edit> {
        let edit = Editor::of_the_user()
            .map_err(|error| error.to_string())
            .and_then(|editor| self.edit_with(id, editor));
        edit.map_err(|why| self.say(Said::bad(why))).ok()
    }

    fn edit_with(&self, id: u64, editor: Editor) -> Result<Edit, String> {
        let kept = self.store().get(id);
        let original = kept
            .ok_or_else(|| format!("#{id} is kept no longer"))?
            .delivery;
        let request = &original.request;
        let encodings = encodings(&request.headers);
        if !encodings.is_empty() && !encodings.eq_ignore_ascii_case("identity") {
            return Err(format!(
                "the payload of #{id} is encoded ({encodings}), so it cannot be edited: x exports it"
            ));
        }
        if std::str::from_utf8(&request.body).is_err() {
            return Err(format!(
                "the payload of #{id} is not UTF-8, so it cannot be edited: x exports it"
            ));
        }
        Ok(Edit {
            worker: self.clone(),
            editor,
            original,
        })
    }

    /// Keeps an edited copy as a new delivery and sends it.
    pub(super) fn send_edited(&self, edited: Edited) {
        let this = self.clone();
        self.spawn(async move {
            let id = edited.original.id;
            match this.again.send(this.draft(&edited), None).await {
                Ok((copy, attempt)) => {
                    this.tell(Msg::Select(copy.id));
                    let signed = signed(&copy, id);
                    this.say(answered(&format!("Sent #{}, {signed}", copy.id), &attempt));
                }
                Err(AgainError::NoTarget) => {
                    this.say(Said::bad("there is no target to send to: T sets one"));
                }
                Err(error) => {
                    this.say(Said::bad(format!("cannot send a copy of #{id}: {error}")));
                }
            }
        });
    }

    /// The copy, to be signed anew where the original was signed and a secret is known.
    fn draft(&self, edited: &Edited) -> Draft {
        let request = &edited.original.request;
        let length = edited.body.len().to_string();
        let is_signed = !claims(&request.headers).is_empty();
        let can_sign = !self.again.secrets().is_empty();
        Draft {
            method: request.method.clone(),
            path_and_query: request.path_and_query.clone(),
            headers: replaced(&request.headers, &CONTENT_LENGTH, Some(length.as_bytes())),
            body: edited.body.clone(),
            original: Some(edited.original.id),
            sign: (is_signed && can_sign).then(Sign::default),
        }
    }
}

/// How a copy is signed, in words.
fn signed(copy: &Delivery, original: u64) -> String {
    match &copy.request.verdict {
        Verdict::Valid { secret, .. } => format!("signed with `{secret}`"),
        Verdict::Unsigned => "unsigned".to_owned(),
        Verdict::Unchecked | Verdict::Invalid { .. } => {
            format!("with the signature of #{original} since no secret is known")
        }
    }
}

impl Edit {
    /// Opens the editor and waits for it; the terminal is its own meanwhile. The result says
    /// what came of it, asks what is to be asked, or that it is being sent.
    pub(in crate::tui) fn run(self, stop: &CancellationToken) -> Msg {
        let id = self.original.id;
        let body = match self.edited(stop) {
            Ok(Outcome::Changed(body)) => body,
            Ok(Outcome::Same) => {
                return Msg::Done(Said::fine(format!(
                    "Nothing was changed, so no copy of #{id} was sent"
                )));
            }
            Ok(Outcome::Emptied) => {
                return Msg::Done(Said::fine(format!(
                    "The file was emptied, so no copy of #{id} was sent"
                )));
            }
            Err(why) => return Msg::Done(Said::bad(format!("{why}; nothing was sent"))),
        };
        let was_json = payload::check(&self.original.request.body).is_ok();
        let checked = payload::check(&body);
        let edited = Edited {
            original: self.original,
            body: body.into(),
        };
        if let (true, Err(mistake)) = (was_json, checked) {
            return Msg::Ask(Box::new(Dialog::Confirm(Confirm::new(
                "Send it although it is no JSON any more?",
                format!("{mistake}."),
                "send it",
                Effect::SendEdited(Box::new(edited)),
            ))));
        }
        self.worker.send_edited(edited);
        Msg::Done(Said::fine(format!("Sending the edited copy of #{id}")))
    }

    fn edited(&self, stop: &CancellationToken) -> Result<Outcome, String> {
        let original = &self.original.request.body;
        let unusable = |error: io::Error| format!("cannot make a file to edit: {error}");
        let scratch = Scratch::new(&name(&self.original), original).map_err(unusable)?;
        self.editor
            .open(&scratch.file, stop, &self.worker.runtime)
            .map_err(|error| error.to_string())?;
        let edited = fs::read(&scratch.file)
            .map_err(|error| format!("cannot read what was edited: {error}"))?;
        Ok(outcome(original, edited))
    }
}

/// What was made of it, but for a final line end that editors add where there was none.
fn outcome(original: &[u8], mut edited: Vec<u8>) -> Outcome {
    if !original.ends_with(b"\n") && edited.ends_with(b"\n") {
        edited.pop();
        // Some write all lines as the first one ends.
        if !original.ends_with(b"\r") && edited.ends_with(b"\r") {
            edited.pop();
        }
    }
    if edited == original {
        Outcome::Same
    } else if edited.trim_ascii().is_empty() {
        Outcome::Emptied
    } else {
        Outcome::Changed(edited)
    }
}

/// A name for the file by which an editor tells what is in it, and a user which it is.
fn name(delivery: &Delivery) -> String {
    let request = &delivery.request;
    let ending = if as_text(&request.body).is_none() {
        "bin"
    } else if is_json(&request.headers) || payload::check(&request.body).is_ok() {
        "json"
    } else {
        "txt"
    };
    match slug(request.event.as_deref()).as_str() {
        "" => format!("delivery-{}.{ending}", delivery.id),
        event => format!("{event}-{}.{ending}", delivery.id),
    }
}

/// A file in a folder of its own, both for the user alone. They go when this does, with
/// what editors have left beside the file.
struct Scratch {
    folder: PathBuf,
    file: PathBuf,
}

impl Scratch {
    fn new(name: &str, body: &Bytes) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::from)?;
        let folder = std::env::temp_dir().join(format!("cmhook-edit-{}", hex::encode(random)));
        files::create_new_folder(&folder)?;
        let scratch = Self {
            file: folder.join(name),
            folder,
        };
        files::create_new(&scratch.file)?.write_all(body)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;

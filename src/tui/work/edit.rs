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
mod tests {
    use super::*;

    #[test]
    fn a_final_line_end_that_an_editor_adds_is_no_change() {
        let changed = |text: &str| Outcome::Changed(text.into());
        for (original, edited, expected) in [
            ("{}", "{}", Outcome::Same),
            ("{}", "{}\n", Outcome::Same),
            ("{}\n", "{}\n", Outcome::Same),
            ("{}", "{}\r\n", Outcome::Same),
            ("a\r", "a\r\n", Outcome::Same),
            ("", "\n", Outcome::Same),
            // One of its own is one.
            ("{}", "{}\n\n", changed("{}\n")),
            ("{}\n", "{}", changed("{}")),
            ("{}", "[]\n", changed("[]")),
            ("{}", "", Outcome::Emptied),
            ("{}\n", "\n", Outcome::Emptied),
            ("{}", " \n\n", Outcome::Emptied),
        ] {
            assert_eq!(
                outcome(original.as_bytes(), edited.into()),
                expected,
                "{original:?} {edited:?}"
            );
        }
    }

    #[cfg(unix)]
    mod with_programs {
        use super::*;
        use crate::tui::work::test_bench::{Bench, said, settled};
        use std::path::Path;

        /// Edits as these commands of a shell do it, with the file as `$1`; what comes of it
        /// and what the file was called.
        async fn edit(bench: &Bench, id: u64, commands: &str) -> (Msg, String) {
            let note = bench.folder().join("edited");
            let at = note.display();
            let script = format!("f() {{ echo \"$1\" > '{at}'; {commands}\n}}; f");
            let edit = bench.worker.edit_with(id, Editor::from(script)).unwrap();
            let run = move || edit.run(&CancellationToken::new());
            let msg = tokio::task::spawn_blocking(run).await.unwrap();
            let file = fs::read_to_string(note).unwrap().trim_end().to_owned();
            assert!(
                !Path::new(&file).parent().unwrap().exists(),
                "{file} is left"
            );
            (msg, file)
        }

        const BODY: &[u8] = br#"{"event":"email.opened","n":1}"#;

        #[tokio::test]
        async fn an_edited_copy_is_signed_anew_and_sent() {
            let mut bench = Bench::new().await;
            let id = bench.sent(BODY, Some("one")).await;
            let modes = "stat -c %a \"$1\" \"$(dirname \"$1\")\" > modes; ";
            let modes = modes.replace("modes", &bench.folder().join("modes").display().to_string());
            let (msg, file) = edit(&bench, id, &format!("{modes} sed -i s/1/2/ \"$1\"")).await;
            assert_eq!(said(msg), ("Sending the edited copy of #1".into(), false));
            assert!(file.ends_with("/email.opened-1.json"), "{file}");
            #[cfg(target_os = "linux")]
            assert_eq!(
                fs::read_to_string(bench.folder().join("modes")).unwrap(),
                "600\n700\n"
            );
            assert!(matches!(bench.next().await, Msg::Select(2)));
            assert_eq!(
                said(bench.next().await),
                ("Sent #2, signed with `one`: 200".into(), false)
            );
            let copy = bench.worker.store().get(2).unwrap().delivery;
            assert_eq!(&*copy.request.body, br#"{"event":"email.opened","n":2}"#);
            assert_eq!(copy.request.original, Some(1));
            let last = bench.app.last();
            assert_eq!(last.body, copy.request.body);
            assert_eq!(last.headers["cmhook-replay-of"], "1");
        }

        #[tokio::test]
        async fn how_a_copy_is_signed_goes_by_the_original() {
            let mut bench = Bench::new().await;
            for (signature, words) in [(None, "unsigned"), (Some("wrong"), "signed with `one`")] {
                let id = bench.sent(BODY, signature).await;
                edit(&bench, id, "sed -i s/1/2/ \"$1\"").await;
                assert!(matches!(bench.next().await, Msg::Select(_)));
                let (text, _) = said(bench.next().await);
                assert_eq!(text, format!("Sent #{}, {words}: 200", id + 1));
            }
            let mut bench = Bench::without_secret().await;
            let id = bench.sent(BODY, Some("wrong")).await;
            edit(&bench, id, "sed -i s/1/2/ \"$1\"").await;
            assert!(matches!(bench.next().await, Msg::Select(_)));
            let (text, _) = said(bench.next().await);
            assert_eq!(
                text,
                "Sent #2, with the signature of #1 since no secret is known: 200"
            );
        }

        #[tokio::test]
        async fn nothing_is_sent_where_nothing_was_made_of_it() {
            let bench = Bench::new().await;
            let id = bench.kept(BODY).await;
            let same = "Nothing was changed, so no copy of #1 was sent";
            for (commands, text, bad) in [
                ("true", same, false),
                ("echo >> \"$1\"", same, false),
                (
                    ": > \"$1\"",
                    "The file was emptied, so no copy of #1 was sent",
                    false,
                ),
                (
                    "echo x > \"$1\"; exit 3",
                    "ended with exit code 3; nothing was sent",
                    true,
                ),
                (
                    "rm \"$1\"",
                    "cannot read what was edited: No such file",
                    true,
                ),
            ] {
                let (msg, _) = edit(&bench, id, commands).await;
                let (found, found_bad) = said(msg);
                assert!(found.contains(text) && found_bad == bad, "{found}");
            }
            assert_eq!(bench.worker.store().len(), 1);
        }

        #[tokio::test]
        async fn what_is_no_json_any_more_is_asked_about() {
            let mut bench = Bench::new().await;
            let id = bench.kept(BODY).await;
            let (msg, _) = edit(&bench, id, "printf '{\"a\":1,}' > \"$1\"").await;
            let Msg::Ask(dialog) = msg else {
                panic!("it is not asked");
            };
            let Dialog::Confirm(confirm) = *dialog else {
                panic!("it is not asked");
            };
            assert_eq!(confirm.question, "Send it although it is no JSON any more?");
            assert_eq!(confirm.detail, "key must be a string at line 1 column 8.");
            bench.worker.begin(settled(confirm));
            assert!(matches!(bench.next().await, Msg::Select(2)));
            assert!(!said(bench.next().await).1);
            assert_eq!(&*bench.app.last().body, b"{\"a\":1,}");

            // What was none before is none of that.
            let id = bench.kept(b"a=b").await;
            let (msg, file) = edit(&bench, id, "printf a=c > \"$1\"").await;
            assert!(!said(msg).1);
            assert!(file.ends_with("/delivery-3.json"), "{file}");
        }

        #[tokio::test]
        async fn what_cannot_be_edited_as_text_is_refused() {
            let bench = Bench::new().await;
            let id = bench.kept(b"\xff\xfe").await;
            let refused = |id| {
                bench
                    .worker
                    .edit_with(id, Editor::from("true".to_owned()))
                    .unwrap_err()
            };
            assert_eq!(
                refused(id),
                "the payload of #1 is not UTF-8, so it cannot be edited: x exports it"
            );
            let id = bench.encoded(b"{}", "gzip").await;
            assert_eq!(
                refused(id),
                "the payload of #2 is encoded (gzip), so it cannot be edited: x exports it"
            );
            assert_eq!(refused(9), "#9 is kept no longer");
        }

        #[tokio::test]
        async fn a_copy_of_what_has_gone_meanwhile_is_sent_all_the_same() {
            let mut bench = Bench::new().await;
            let id = bench.sent(BODY, Some("one")).await;
            let edited = Edited {
                original: bench.worker.store().get(id).unwrap().delivery,
                body: Bytes::from_static(b"{}"),
            };
            bench.worker.store().delete(&[id]);
            bench.worker.send_edited(edited);
            assert!(matches!(bench.next().await, Msg::Select(2)));
            assert_eq!(
                said(bench.next().await).0,
                "Sent #2, signed with `one`: 200"
            );
        }

        #[tokio::test]
        async fn five_megabytes_are_edited_like_any() {
            let mut bench = Bench::new().await;
            let body = format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20));
            let id = bench.kept(body.as_bytes()).await;
            let (msg, _) = edit(&bench, id, "printf ' ' >> \"$1\"").await;
            assert!(!said(msg).1);
            assert!(matches!(bench.next().await, Msg::Select(2)));
            assert!(!said(bench.next().await).1);
            assert_eq!(bench.app.last().body.len(), body.len() + 1);
        }
    }
}

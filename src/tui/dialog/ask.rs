//! A line to be typed, and what comes of it.

use std::path::PathBuf;

use crossterm::event::KeyEvent;

use super::typing::{Typing, typing};
use super::{Answer, Hint, hint};
use crate::cakemail::signature::Secret;
use crate::config::{Target, labelled};
use crate::tui::line_input::LineInput;
use crate::tui::msg::{Effect, ExportAs};
use crate::tui::text::{Line, Role};
use crate::tui::wrap::wrap_below;

/// Columns of the box at most.
pub(in crate::tui) const COLUMNS: u16 = 76;

/// What is asked for.
#[derive(Debug)]
pub(in crate::tui) enum Wanted {
    /// Where deliveries go from now on.
    Targets,
    /// A secret; these are the labels that are taken.
    Secret { labels: Vec<String> },
    /// The file that a delivery is written to.
    File {
        id: u64,
        format: ExportAs,
        /// What a path begins from.
        folder: PathBuf,
    },
}

/// What is wrong with what was typed.
#[derive(Debug, PartialEq, Eq)]
struct Trouble {
    message: String,
    /// What to write instead.
    hint: String,
}

impl Trouble {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// A question for a line of text.
#[derive(Debug)]
pub(in crate::tui) struct Ask {
    pub(in crate::tui) input: LineInput,
    wanted: Wanted,
    trouble: Option<Trouble>,
}

impl Ask {
    /// A question whose answer reads `text` to begin with.
    pub(in crate::tui) fn new(wanted: Wanted, text: &str) -> Self {
        Self {
            input: LineInput::new(text),
            wanted,
            trouble: None,
        }
    }

    /// What it is about.
    pub(in crate::tui) fn title(&self) -> String {
        match &self.wanted {
            Wanted::Targets => "Forward to".into(),
            Wanted::Secret { .. } => "Add a secret".into(),
            Wanted::File { id, .. } => format!("Export #{id} to"),
        }
    }

    /// Whether nobody may see what is typed.
    pub(in crate::tui) const fn is_hidden(&self) -> bool {
        matches!(self.wanted, Wanted::Secret { .. })
    }

    /// What is wrong, or else what can be typed, in lines of so many columns.
    pub(in crate::tui) fn notes(&self, room: usize) -> Vec<Line> {
        let Some(trouble) = &self.trouble else {
            return wrap_below(Line::of(Role::Dim, self.explanation()), room, 0);
        };
        let mut lines = wrap_below(Line::of(Role::Bad, &trouble.message), room, 0);
        lines.extend(wrap_below(Line::of(Role::Plain, &trouble.hint), room, 0));
        lines
    }

    /// The keys that work.
    pub(in crate::tui) fn hints(&self) -> Vec<Hint> {
        let verb = match self.wanted {
            Wanted::Targets => "forward there",
            Wanted::Secret { .. } => "add",
            Wanted::File { .. } => "write",
        };
        vec![hint("Enter", verb), hint("Esc", "leave it")]
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        match typing(key) {
            Typing::Accept => match self.accepted() {
                Ok(effect) => return Answer::Do(Box::new(effect)),
                Err(trouble) => self.trouble = Some(trouble),
            },
            Typing::Cancel => return Answer::Close,
            _ => {
                if self.input.key(key) {
                    self.trouble = None;
                }
            }
        }
        Answer::Stay
    }

    pub(super) fn paste(&mut self, text: &str) {
        let lines = text.trim_end_matches(['\r', '\n']).lines().count();
        if self.is_hidden() && lines > 1 {
            // Joined it would be another secret, and nobody would see that.
            self.trouble = Some(Trouble::new(
                format!("{lines} lines were pasted, and a secret is one"),
                "copy the secret alone",
            ));
            return;
        }
        self.trouble = None;
        self.input.paste(text);
    }

    fn explanation(&self) -> String {
        match &self.wanted {
            Wanted::Targets => "A port, HOST:PORT or a URL. Of several, with spaces between them, \
                 the first one's answer counts. Nothing: deliveries are kept and go nowhere."
                .into(),
            Wanted::Secret { .. } => {
                "The webhook's secret, as Cakemail shows it, or LABEL=SECRET. \
                 Everything that is kept is verified again."
                    .into()
            }
            Wanted::File { folder, .. } => {
                format!(
                    "In {}, unless it begins with / or ~/. An existing file is asked about.",
                    folder.display()
                )
            }
        }
    }

    fn accepted(&self) -> Result<Effect, Trouble> {
        let text = self.input.text();
        match &self.wanted {
            Wanted::Targets => targets(text).map(Effect::Forward),
            Wanted::Secret { labels } => {
                secret(text, labels).map(|secret| Effect::AddSecret(Box::new(secret)))
            }
            Wanted::File { id, format, .. } => Ok(Effect::Export {
                id: *id,
                format: *format,
                path: path(text)?,
                overwrite: false,
            }),
        }
    }
}

fn targets(text: &str) -> Result<Vec<Target>, Trouble> {
    let mut targets: Vec<Target> = Vec::new();
    let parts = text.split([' ', ',']).filter(|part| !part.is_empty());
    for part in parts {
        let target: Target = part.parse().map_err(|error: crate::config::BadTarget| {
            Trouble::new(error.to_string(), error.hint())
        })?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    Ok(targets)
}

/// The secret, with a label of its own or one that is made up.
fn secret(text: &str, labels: &[String]) -> Result<Secret, Trouble> {
    let (label, value) = labelled(text);
    let is_taken = |label: &str| labels.iter().any(|taken| taken == label);
    let label = match label {
        Some(label) if is_taken(label) => {
            return Err(Trouble::new(
                format!("another secret is called `{label}` already"),
                "give it another label",
            ));
        }
        Some(label) => label.to_owned(),
        // Of so many not all can be taken.
        None => (labels.len() + 1..=2 * labels.len() + 1)
            .map(|number| format!("secret-{number}"))
            .find(|label| !is_taken(label))
            .unwrap_or_default(),
    };
    Secret::new(&label, None, value).map_err(|_| {
        Trouble::new(
            "there is no secret yet",
            "type or paste it; Esc leaves everything as it was",
        )
    })
}

fn path(text: &str) -> Result<PathBuf, Trouble> {
    match text.trim() {
        "" => Err(Trouble::new(
            "no file is named",
            "type its name, or that of a folder with a slash behind it",
        )),
        path => Ok(path.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn press(ask: &mut Ask, code: KeyCode) -> Answer {
        ask.key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn notes(ask: &Ask) -> String {
        let lines = ask.notes(200);
        lines.iter().map(Line::plain).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn targets_are_parsed_and_mistakes_named() {
        let to = |text: &str| -> Result<Vec<String>, Trouble> {
            let targets = targets(text)?;
            Ok(targets.iter().map(ToString::to_string).collect())
        };
        assert_eq!(to(" ,, ").unwrap(), [""; 0]);
        assert_eq!(
            to("3000, localhost:4000 3000 https://app.example.com/hooks").unwrap(),
            [
                "http://localhost:3000",
                "http://localhost:4000",
                "https://app.example.com/hooks"
            ]
        );
        let mut ask = Ask::new(Wanted::Targets, "3000 ftp://x");
        assert!(matches!(press(&mut ask, KeyCode::Enter), Answer::Stay));
        let told = notes(&ask);
        assert!(
            told.starts_with("`ftp://x` is not a target: only http"),
            "{told}"
        );
        assert!(told.contains("\nuse a port"), "{told}");
        // The next key takes it away.
        press(&mut ask, KeyCode::Backspace);
        assert!(notes(&ask).starts_with("A port, "));
    }

    fn added(text: &str, labels: &[&str]) -> Result<String, String> {
        let labels = labels.iter().map(ToString::to_string).collect();
        let mut ask = Ask::new(Wanted::Secret { labels }, "");
        ask.paste(text);
        match press(&mut ask, KeyCode::Enter) {
            Answer::Do(effect) => {
                let Effect::AddSecret(secret) = *effect else {
                    panic!("{effect:?}");
                };
                let value = text.trim_end_matches(['\r', '\n']);
                let value = value.strip_prefix("mine=").unwrap_or(value);
                let same = Secret::new("", None, value).unwrap();
                assert_eq!(secret.digest(b"body"), same.digest(b"body"));
                Ok(secret.label().to_string())
            }
            _ => Err(notes(&ask)),
        }
    }

    #[test]
    fn secrets_have_labels() {
        assert_eq!(added("mine=abc\r\n", &[]).unwrap(), "mine");
        assert_eq!(added("abc", &[]).unwrap(), "secret-1");
        assert_eq!(added(" abc \n", &["bounces"]).unwrap(), "secret-2");
        assert_eq!(added("c2VjcmV0Cg==", &["secret-2"]).unwrap(), "secret-3");
        assert!(added("", &[]).unwrap_err().contains("no secret yet"));
        assert!(added("\n", &[]).unwrap_err().contains("no secret yet"));
        let twice = added("mine=abc", &["mine"]).unwrap_err();
        assert!(twice.contains("`mine` already") && !twice.contains("abc"));
        let many = added("abc\ndef\n", &[]).unwrap_err();
        assert!(
            many.contains("2 lines") || many.contains("no secret"),
            "{many}"
        );
    }

    #[test]
    fn a_secret_shows_itself_nowhere() {
        let mut ask = Ask::new(Wanted::Secret { labels: Vec::new() }, "");
        for c in "hunter2".chars() {
            press(&mut ask, KeyCode::Char(c));
        }
        ask.paste("-pasted");
        assert!(ask.is_hidden());
        let told = format!("{ask:?} {}", notes(&ask));
        let answer = format!("{:?}", press(&mut ask, KeyCode::Enter));
        for told in [told, answer] {
            assert!(
                !told.contains("hunter2") && !told.contains("pasted"),
                "{told}"
            );
        }
    }

    #[test]
    fn a_file_needs_a_name() {
        let mut ask = Ask::new(
            Wanted::File {
                id: 42,
                format: ExportAs::Har,
                folder: "/app".into(),
            },
            " ",
        );
        assert!(matches!(press(&mut ask, KeyCode::Enter), Answer::Stay));
        assert!(notes(&ask).starts_with("no file is named"));
        ask.paste("~/a b.har\n");
        let Answer::Do(effect) = press(&mut ask, KeyCode::Enter) else {
            panic!("{}", notes(&ask));
        };
        match *effect {
            Effect::Export {
                id: 42,
                format: ExportAs::Har,
                path,
                overwrite: false,
            } => assert_eq!(path, PathBuf::from("~/a b.har")),
            other => panic!("{other:?}"),
        }
    }
}

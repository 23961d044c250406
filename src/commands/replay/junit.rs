//! Results as JUnit XML, in the form that CI servers read (Jenkins' `junit-10.xsd`): a suite
//! with a case for each attempt, `failure` for a missed expectation and `error` for an
//! answer that did not come or for what kept the run from its end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::summary::Record;

/// The file of the report, which is there before anything is sent: what was sent is not to be
/// lost on a path that cannot be written, nor the report of an earlier run to be read as that
/// of this one.
#[derive(Debug)]
pub(super) struct Report {
    file: File,
    path: PathBuf,
}

impl Report {
    /// Makes it, empty.
    ///
    /// # Errors
    /// Where the file cannot be made.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).map_err(|error| unwritable(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Writes the document into it.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(super) fn write(mut self, document: &str) -> anyhow::Result<()> {
        let written = self.file.write_all(document.as_bytes());
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

/// In words alone: a closed pipe among the causes would be taken for the reader of standard
/// output, whose leaving is no error.
fn unwritable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write the report `{}`: {error}", path.display())
}

/// The document. `trouble` is what kept the run from its end, which is a case of its own.
pub(super) fn document(
    records: &[Record],
    trouble: Option<&str>,
    expects: bool,
    started: Timestamp,
    took: Duration,
) -> String {
    let is_error = |record: &&Record| record.missed.is_empty() && record.ended.is_err();
    let failures = records.iter().filter(|r| !r.missed.is_empty()).count();
    let errors = if expects {
        0
    } else {
        records.iter().filter(is_error).count()
    };
    let errors = errors + usize::from(trouble.is_some());
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"",
        records.len() + usize::from(trouble.is_some())
    );
    let time = seconds(took);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuites name=\"cmhook\" time=\"{time}\" {counts}>");
    let _ = writeln!(
        out,
        "  <testsuite name=\"cmhook replay\" timestamp=\"{}\" time=\"{time}\" skipped=\"0\" {counts}>",
        started.strftime("%Y-%m-%dT%H:%M:%S"),
    );
    for record in records {
        case(&mut out, record, expects);
    }
    if let Some(trouble) = trouble {
        let message = escaped(trouble);
        let _ = writeln!(
            out,
            "    <testcase name=\"the whole run\" classname=\"cmhook replay\" time=\"{time}\">\n      <error message=\"{message}\" type=\"run\">{message}</error>\n    </testcase>"
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(out: &mut String, record: &Record, expects: bool) {
    let again = if record.round > 1 {
        format!(" (round {})", record.round)
    } else {
        String::new()
    };
    let name = format!("{} {}{again}", record.label, record.name);
    let _ = write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{}\"",
        escaped(&name),
        escaped(&record.name),
        seconds(record.took)
    );
    let (tag, kind, message) = match (&record.missed[..], &record.ended) {
        ([], Err((code, message))) if !expects => ("error", *code, message.clone()),
        ([], _) => {
            out.push_str("/>\n");
            return;
        }
        (missed, ended) => {
            let mut message = missed.join("; ");
            if let Err((_, why)) = ended {
                let _ = write!(message, ": {why}");
            }
            ("failure", "expectation", message)
        }
    };
    let message = escaped(&message);
    let _ = writeln!(
        out,
        ">\n      <{tag} message=\"{message}\" type=\"{kind}\">{message}</{tag}>\n    </testcase>"
    );
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Text for an attribute or an element. What XML 1.0 cannot hold at all, and what a terminal
/// that the report is printed on would act on, becomes a replacement character.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' | '\r' | '\t' => out.push(' '),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if crate::delivery::is_unsafe_on_terminal(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record(name: &str, ended: Result<u16, (&'static str, String)>, missed: &[&str]) -> Record {
        Record {
            label: "#1".into(),
            name: name.into(),
            round: 2,
            took: Duration::from_millis(12),
            ended,
            missed: missed.iter().map(|m| (*m).to_owned()).collect(),
        }
    }

    #[test]
    fn each_attempt_is_a_case() {
        let records = [
            record("email.sent", Ok(200), &[]),
            record(
                "<a href=\"x\">&'\u{1b}\u{0}\n",
                Ok(500),
                &["expected 2xx, got 500", "b"],
            ),
            record(
                "x",
                Err(("refused", "nothing listens".into())),
                &["expected 2xx, got no answer"],
            ),
        ];
        let made = document(
            &records,
            None,
            true,
            Timestamp::UNIX_EPOCH,
            Duration::from_millis(1500),
        );
        insta::assert_snapshot!("junit", made);
        let made = document(
            &records[2..],
            None,
            false,
            Timestamp::UNIX_EPOCH,
            Duration::ZERO,
        );
        assert!(made.contains("failures=\"1\" errors=\"0\""), "{made}");
        let unexpected = [record("x", Err(("refused", "nothing listens".into())), &[])];
        let made = document(
            &unexpected,
            None,
            false,
            Timestamp::UNIX_EPOCH,
            Duration::ZERO,
        );
        assert!(
            made.contains("<error message=\"nothing listens\" type=\"refused\">"),
            "{made}"
        );
        let none = document(
            &[],
            Some("a < b"),
            true,
            Timestamp::UNIX_EPOCH,
            Duration::ZERO,
        );
        insta::assert_snapshot!("junit_trouble", none);
    }

    proptest! {
        #[test]
        fn nothing_breaks_out(text in any::<String>()) {
            let made = escaped(&text);
            let forbidden = |c: char| c < ' ' || "<>\"'\u{fffe}\u{ffff}".contains(c);
            prop_assert!(!made.contains(forbidden));
        }
    }
}

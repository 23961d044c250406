//! Results as JUnit XML, in the form that CI servers read (Jenkins' `junit-10.xsd`): a suite
//! with a case for each attempt, `failure` for a missed expectation and `error` for an
//! answer that did not come.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::summary::Record;

/// The document.
pub(super) fn document(
    records: &[Record],
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
    let counts = format!(
        "tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\"",
        records.len()
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
            true,
            Timestamp::UNIX_EPOCH,
            Duration::from_millis(1500),
        );
        insta::assert_snapshot!("junit", made);
        let made = document(&records[2..], false, Timestamp::UNIX_EPOCH, Duration::ZERO);
        assert!(made.contains("failures=\"1\" errors=\"0\""), "{made}");
        let unexpected = [record("x", Err(("refused", "nothing listens".into())), &[])];
        let made = document(&unexpected, false, Timestamp::UNIX_EPOCH, Duration::ZERO);
        assert!(
            made.contains("<error message=\"nothing listens\" type=\"refused\">"),
            "{made}"
        );
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

//! What was found out about a signature, in lines.

use super::{Explained, Signature};
use crate::delivery::{Attempt, Outcome, Scheme};
use crate::tui::content::glyphs::{Glyphs, role_of};
use crate::tui::content::head::{reason, said};
use crate::tui::content::{counted, finding, remark, sentence};
use crate::tui::text::{Line, Role};

/// Columns of the names in front of what was found.
const NAMES: usize = 10;

const WITH_THE_SECRET: &str = "Add the webhook's secret to see whether it is right, and why not.";

/// What was found, in lines.
pub(super) fn lines(explained: &Explained, glyphs: &Glyphs) -> Vec<Line> {
    let mut lines = vec![Line::of(explained.role, format!("{}.", explained.title))];
    if let Some(before) = &explained.before {
        lines.push(remark(format!("When it came in: {before}.")));
    }
    lines.push(Line::empty());
    for signature in &explained.signatures {
        lines.extend(signature.lines());
    }
    if !explained.signatures.is_empty() {
        let bytes = counted(explained.bytes, "raw byte", "raw bytes");
        let over = match explained.bytes {
            0 => "nothing: the body is empty".to_owned(),
            _ => format!("the {bytes} of the body"),
        };
        lines.push(named("over").with(Role::Plain, over));
    }
    lines.extend(
        explained
            .newest
            .as_deref()
            .map(|newest| app(newest, glyphs)),
    );
    if lines.last() != Some(&Line::empty()) {
        lines.push(Line::empty());
    }
    if let Some(why) = explained.refusal.as_ref().and_then(|one| one.why.as_ref()) {
        lines.push(Line::of(Role::Plain, sentence(&why.statement)));
        lines.extend(why.findings.iter().flat_map(finding));
    }
    if let Some(reason) = &explained.reason {
        lines.push(Line::of(Role::Warn, sentence(reason)));
    }
    for one in &explained.findings {
        if one.code == "no_signature" {
            // The title has said so.
            lines.push(Line::of(Role::Accent, sentence(&one.fix)));
        } else {
            lines.extend(finding(one));
        }
    }
    if explained.wants_secret {
        lines.push(Line::of(Role::Accent, WITH_THE_SECRET));
    }
    if lines.last() == Some(&Line::empty()) {
        lines.pop();
    }
    lines
}

fn named(name: &str) -> Line {
    Line::of(Role::Dim, format!("{name:<NAMES$}"))
}

/// What the app said to it last.
fn app(newest: &Attempt, glyphs: &Glyphs) -> Line {
    let line = named("your app");
    match &newest.outcome {
        Outcome::Answered(answer) => {
            let (meaning, said) = (reason(answer.status), said(answer, glyphs));
            let status = format!("{} {meaning}", answer.status);
            let line = line.with(role_of(answer.status), status.trim_end());
            if said.is_empty() || said == meaning {
                line
            } else {
                line.with(Role::Dim, ": ").with(Role::Plain, said)
            }
        }
        Outcome::Failed(failure) => line
            .with(Role::Bad, "no answer")
            .with(Role::Dim, ": ")
            .with(Role::Plain, &failure.message),
    }
}

impl Signature {
    /// How it is written, by the scheme's name where it stands in the scheme's header.
    fn writing(&self) -> &'static str {
        match self.written {
            scheme if scheme.header().eq_ignore_ascii_case(&self.header) => scheme.name(),
            Scheme::CakemailHex => "in hex",
            Scheme::CakemailBase64 | Scheme::ApiBase64 => "in base64",
        }
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = vec![
            named("header")
                .with(Role::Name, &self.header)
                .with(Role::Dim, format!("  ({})", self.writing())),
            if self.received.is_empty() {
                named("received").with(Role::Bad, "nothing: the header is empty")
            } else {
                named("received").with(Role::Strong, &self.received)
            },
        ];
        for computed in &self.computed {
            let line = named("computed");
            let Some(at) = first_difference(&self.received, &computed.value) else {
                let same = format!("  the same, with secret `{}`", computed.label);
                lines.push(line.with(Role::Good, &computed.value).with(Role::Dim, same));
                continue;
            };
            let (same, other) = computed.value.split_at(at);
            let line = line
                .with(Role::Plain, same)
                .with(Role::Warn, other)
                .with(Role::Dim, format!("  with secret `{}`", computed.label));
            let differs = format!("differs from character {} on", at + 1);
            if self.received.is_empty() {
                lines.push(line);
            } else if self.computed.len() > 1 {
                lines.push(line.with(Role::Dim, format!(", {differs}")));
            } else {
                lines.push(line);
                let before = " ".repeat(NAMES + at);
                lines.push(Line::of(Role::Warn, format!("{before}^ {differs}")));
            }
        }
        if let Some(label) = &self.gone {
            let gone = format!("right for secret `{label}`, which is not known now");
            lines.push(named("computed").with(Role::Good, gone));
        }
        if self.more > 0 {
            let more = counted(self.more, "secret more", "secrets more");
            lines.push(named("").with(Role::Dim, format!("({more}, each with another digest)")));
        }
        lines
    }
}

/// The place in the computed one from which on the received one is another.
fn first_difference(received: &str, computed: &str) -> Option<usize> {
    if received == computed {
        return None;
    }
    let pairs = received.bytes().zip(computed.bytes());
    // What is computed is ASCII, so every byte of it is a character and a column.
    Some(pairs.take_while(|(a, b)| a == b).count())
}

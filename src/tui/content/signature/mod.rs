//! Whether the signature is right, how that was found, and what to change where it is not.
//!
//! ```text
//! Your app refused a delivery whose signature is right.
//!
//! header    x-cakemail-signature  (cakemail-hex)
//! received  9f2c…e1
//! computed  9f2c…e1  the same, with secret `bounces`
//! over      the 431 raw bytes of the body
//! your app  401 Unauthorized: {"error":"Invalid signature"}
//!
//! The signature is right for the 431 raw bytes (secret `bounces`): …
//! ```

#[cfg(test)]
mod tests;

use crate::cakemail::explained::{Explained, Signature, Tone};
use crate::delivery::{Attempt, Outcome};
use crate::tui::content::glyphs::{Glyphs, role_of};
use crate::tui::content::head::{reason, said};
use crate::tui::content::{counted, finding, remark, sentence};
use crate::tui::text::{Line, Role};

/// Columns of the names in front of what was found.
const NAMES: usize = 10;

const WITH_THE_SECRET: &str = "Add the webhook's secret to see whether it is right, and why not.";

/// What was found, in lines.
pub(in crate::tui) fn lines(explained: &Explained, glyphs: &Glyphs) -> Vec<Line> {
    let mut lines = vec![Line::of(
        role(explained.tone),
        format!("{}.", explained.title),
    )];
    if let Some(before) = &explained.before {
        lines.push(remark(format!("When it came in: {before}.")));
    }
    lines.push(Line::empty());
    for signature in &explained.signatures {
        lines.extend(signature_lines(signature));
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

const fn role(tone: Tone) -> Role {
    match tone {
        Tone::Good => Role::Good,
        Tone::Warn => Role::Warn,
        Tone::Bad => Role::Bad,
    }
}

/// One header and what it should be.
fn signature_lines(signature: &Signature) -> Vec<Line> {
    let mut lines = vec![
        named("header")
            .with(Role::Name, &signature.header)
            .with(Role::Dim, format!("  ({})", signature.writing())),
        if signature.received.is_empty() {
            named("received").with(Role::Bad, "nothing: the header is empty")
        } else {
            named("received").with(Role::Strong, &signature.received)
        },
    ];
    for computed in &signature.computed {
        let line = named("computed");
        let Some(at) = computed.differs_at(&signature.received) else {
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
        if signature.received.is_empty() {
            lines.push(line);
        } else if signature.computed.len() > 1 {
            lines.push(line.with(Role::Dim, format!(", {differs}")));
        } else {
            lines.push(line);
            let before = " ".repeat(NAMES + at);
            lines.push(Line::of(Role::Warn, format!("{before}^ {differs}")));
        }
    }
    if let Some(label) = &signature.gone {
        let gone = format!("right for secret `{label}`, which is not known now");
        lines.push(named("computed").with(Role::Good, gone));
    }
    if signature.more > 0 {
        let more = counted(signature.more, "secret more", "secrets more");
        lines.push(named("").with(Role::Dim, format!("({more}, each with another digest)")));
    }
    lines
}

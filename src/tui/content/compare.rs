//! What differs between two deliveries: the payload first, then the rest.
//!
//! ```text
//! - #41  email.opened
//! + #127  email.opened
//!
//! Payload
//!   ~ data.email  "a@example.com" → "b@example.com"
//!
//! Request
//!   ~ content-length  246 → 251
//!
//! Outcome
//!   ~ status  500 → 200
//! ```

use std::time::Duration;

use super::glyphs::Glyphs;
use super::{MAX_LINES, changes, remark};
use crate::compare::{RequestChange, ResponseChange, Rules};
use crate::delivery::{Attempt, Kept, words};
use crate::tui::text::{Line, Role};

/// Somebody waits for it with a key pressed.
const PATIENCE: Duration = Duration::from_millis(100);

/// How the second differs from the first. Large bodies take their time: some hundred
/// milliseconds for some megabytes.
pub(in crate::tui) fn lines(old: &Kept, new: &Kept, glyphs: &Glyphs) -> Vec<Line> {
    let rules = Rules {
        ignore: &[],
        patience: PATIENCE,
    };
    let request = RequestChange::of(&old.delivery, &new.delivery, &rules);
    let response = ResponseChange::of(old.newest(), new.newest(), &rules);
    let mut lines = vec![side("-", Role::Removed, old), side("+", Role::Added, new)];
    section(
        &mut lines,
        "Payload",
        changes::body(&request.payload, MAX_LINES, glyphs),
    );
    let mut head = Vec::new();
    head.extend(changes::pair("method", &request.method, glyphs));
    head.extend(changes::pair("path", &request.path, glyphs));
    head.extend(changes::headers(&request.headers, glyphs));
    section(&mut lines, "Request", head);
    let mut outcome = Vec::new();
    let verdicts = [old, new].map(|kept| words::verdict(&kept.delivery.request.verdict));
    if let [old, new] = verdicts
        && old != new
    {
        outcome.extend(changes::pair("signature", &Some((old, new)), glyphs));
    }
    outcome.extend(changes::pair("status", &response.outcome, glyphs));
    section(&mut lines, "Outcome", outcome);
    // Beside no answer all of the other would differ.
    if [old, new]
        .iter()
        .all(|kept| kept.newest().and_then(Attempt::status).is_some())
    {
        let mut answer = changes::headers(&response.headers, glyphs);
        answer.extend(changes::body(&response.body, MAX_LINES, glyphs));
        section(&mut lines, "Response", answer);
    }
    if lines.len() == 2 {
        lines.push(Line::empty());
        lines.push(remark("No difference, but for the time."));
    }
    lines
}

fn side(sign: &str, role: Role, kept: &Kept) -> Line {
    let request = &kept.delivery.request;
    let line = Line::of(role, format!("{sign} #{}  ", kept.delivery.id));
    match request.event.as_deref() {
        Some(event) => line.with(role, event),
        None => line.with(role, format!("{} {}", request.method, request.path())),
    }
}

fn section(lines: &mut Vec<Line>, title: &str, content: Vec<Line>) {
    if !content.is_empty() {
        lines.push(Line::empty());
        lines.push(Line::of(Role::Strong, title));
        lines.extend(content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Headers, is_unsafe_on_terminal};
    use crate::tui::content::samples::{answered, failed, kept, plain, received, unsigned};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn shown(old: &Kept, new: &Kept) -> String {
        plain(&lines(old, new, &Glyphs::UNICODE))
    }

    #[test]
    fn what_differs_is_said_with_signs() {
        let opened = kept(
            "email.opened",
            &[answered(1, 500, "text/plain", "one\ntwo\nthree")],
        );
        let clicked = kept(
            "email.clicked",
            &[answered(1, 200, "text/plain", "one\n2\nthree")],
        );
        let mut other = received(
            opened.delivery.request.body.as_ref(),
            &[("x-twice", "a"), ("x-twice", "b\x1b[2J")],
            &[],
        );
        let request = &mut Arc::make_mut(&mut other.delivery).request;
        (request.method, request.path_and_query) = ("PUT".into(), "/other?x".into());
        other.attempts = vec![failed(1).into()];
        let all = [
            shown(&opened, &clicked),
            shown(&opened, &other),
            shown(&opened, &opened),
            shown(&unsigned(b"{\"a\":1}"), &unsigned(b"{\"a\": 1}")),
            shown(&unsigned(b"\0\x01\x02"), &unsigned(b"\0\x02")),
            shown(&unsigned(b"1"), &unsigned(b"[]")),
        ];
        insta::assert_snapshot!("compare", all.join("\n----\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(
            bodies in prop::array::uniform2(proptest::collection::vec(any::<u8>(), 0..60)),
            texts in prop::array::uniform2("[\u{1b}\u{9b}\u{202e}a\n\"]{0,20}"),
        ) {
            let texts = texts.map(|text| format!("{{\"a\":{}}}", serde_json::Value::from(text)).into_bytes());
            for [old, new] in [bodies, texts] {
                let mut pair = [unsigned(&old), unsigned(&new)];
                Arc::make_mut(&mut pair[1].delivery).request.headers = Headers::from_block(&old);
                for line in lines(&pair[0], &pair[1], &Glyphs::ASCII) {
                    prop_assert!(!line.plain().contains(is_unsafe_on_terminal));
                }
            }
        }
    }
}

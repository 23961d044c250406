//! What the frame tests share: a model with deliveries as Cakemail sends them, and its frames.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::{Timestamp, ToSpan as _};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use unicode_width::UnicodeWidthStr as _;

use crate::cakemail::explained::explain;
use crate::cakemail::sample::find;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Kept, Outcome, Phase,
    Received, Relayed, Scheme, Tunnel,
};
use crate::tui::about::About;
use crate::tui::model::Model;
use crate::tui::msg::{Effect, Msg};
use crate::tui::status::{Reach, Status};
use crate::tui::update::update;
use crate::tui::view::view;

/// When all of it happens.
const NOW: &str = "2026-11-24T10:32:07Z";
/// Where the deliveries are forwarded.
const TARGET: &str = "http://localhost:3000";
/// The secret that the listener knows, and its label.
const SECRET: (&str, &str) = ("bounces", "kept by nobody but this test");

/// A delivery that is made up; see [`sample`].
#[derive(Debug)]
pub(in crate::tui) struct Sample {
    id: u64,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Bytes,
    event: Option<&'static str>,
    /// Seconds before [`NOW`] when it came in.
    before: i64,
    outcomes: Vec<(Cause, Duration, Outcome)>,
    marked: bool,
    original: Option<u64>,
    /// Seconds that it had waited at a relay.
    waited: Option<i64>,
}

/// A delivery of this event with a right signature, 12 seconds before [`NOW`] where its id is
/// 1, and a second later for each further one. Nothing was tried with it.
pub(in crate::tui) fn sample(id: u64, event: &'static str) -> Sample {
    let sample = find(event).unwrap();
    let before = 13 - i64::try_from(id).unwrap();
    let at = now() - before.seconds();
    let made = Sample {
        id,
        headers: Vec::new(),
        body: sample.body(sample.envelope(), id, at).into(),
        event: Some(event),
        before,
        outcomes: Vec::new(),
        marked: false,
        original: None,
        waited: None,
    };
    let signature = secret().sign(Scheme::CakemailBase64, &made.body);
    made.with_signature(&signature)
}

impl Sample {
    fn with_signature(mut self, value: &str) -> Self {
        self.headers = vec![
            ("host", b"hooks.example.com".to_vec()),
            ("content-type", b"application/json".to_vec()),
            ("user-agent", b"Cakemail-Webhooks/1.0".to_vec()),
        ];
        self.headers
            .push(("x-cakemail-signature", value.as_bytes().to_vec()));
        self
    }

    /// Signed with a secret that the listener does not know.
    pub(in crate::tui) fn signed_wrongly(self) -> Self {
        let other = Secret::new("other", None, "another one").unwrap();
        let signature = other.sign(Scheme::CakemailBase64, &self.body);
        self.with_signature(&signature)
    }

    /// Without a signature.
    pub(in crate::tui) fn unsigned(mut self) -> Self {
        self.headers
            .retain(|(name, _)| *name != "x-cakemail-signature");
        self
    }

    /// With another body of another type, and no event; signed rightly.
    pub(in crate::tui) fn body(mut self, content_type: &'static str, body: Vec<u8>) -> Self {
        self.body = body.into();
        self.event = None;
        let signature = secret().sign(Scheme::CakemailBase64, &self.body);
        self = self.with_signature(&signature);
        self.headers[1].1 = content_type.as_bytes().to_vec();
        self
    }

    /// Answered by the app; a second answer is that to a replay.
    pub(in crate::tui) fn answered(self, status: u16, millis: u64, body: &str) -> Self {
        let took = Duration::from_millis(millis);
        let answer = Answer {
            status,
            headers: [("content-type", "text/plain")].into_iter().collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            size: body.len() as u64,
            first_byte: took,
        };
        self.tried(took, Outcome::Answered(answer))
    }

    /// Sent to an app that does not run.
    pub(in crate::tui) fn refused(self) -> Self {
        let failure = Failure {
            code: FailureCode::Refused,
            message: "nothing listens on localhost:3000".into(),
            hint: "start your app".into(),
        };
        self.tried(Duration::from_millis(1), Outcome::Failed(failure))
    }

    fn tried(mut self, took: Duration, outcome: Outcome) -> Self {
        let cause = if self.outcomes.is_empty() {
            Cause::Live
        } else {
            Cause::Replay
        };
        self.outcomes.push((cause, took, outcome));
        self
    }

    /// Marked by the user.
    pub(in crate::tui) fn marked(mut self) -> Self {
        self.marked = true;
        self
    }

    /// An edited copy of this one.
    pub(in crate::tui) fn copy_of(mut self, original: u64) -> Self {
        self.original = Some(original);
        self
    }

    /// Handed on by a relay, where it had waited so many seconds.
    pub(in crate::tui) fn waited(mut self, seconds: i64) -> Self {
        self.waited = Some(seconds);
        self
    }

    /// As the store would keep it.
    pub(in crate::tui) fn kept(self) -> Kept {
        let headers: Headers = self.headers.into_iter().collect();
        let at = now() - self.before.seconds();
        let request = Received {
            received_at: at,
            peer: "192.0.2.7:51000".into(),
            method: "POST".into(),
            path_and_query: "/webhooks/cakemail".into(),
            verdict: verify(&[secret()], &headers, &self.body),
            headers,
            body: self.body,
            event: self.event.map(Into::into),
            original: self.original,
            relayed: self.waited.map(|seconds| {
                Box::new(Relayed {
                    id: "r1".into(),
                    queued_at: Some(at - seconds.seconds()),
                })
            }),
        };
        let id = self.id;
        let attempts = self.outcomes.into_iter().zip(1_u32..);
        let attempt = |((cause, took, outcome), n)| {
            Arc::new(Attempt {
                delivery: id,
                n,
                cause,
                target: format!("{TARGET}/webhooks/cakemail").into(),
                started_at: at + i64::from(n - 1).seconds(),
                took,
                outcome,
            })
        };
        Kept {
            attempts: attempts.map(attempt).collect(),
            delivery: Arc::new(Delivery { id, request }),
            marked: self.marked,
            repeats: 0,
        }
    }
}

/// A screen with what is kept behind it.
pub(in crate::tui) struct Stage {
    pub(in crate::tui) model: Model,
    /// What the store would hold.
    kept: Vec<Kept>,
}

impl Stage {
    /// An empty screen of so many columns and rows: one secret, one target that can be
    /// reached, UTC, Unicode, colours. It was opened a minute before [`NOW`].
    pub(in crate::tui) fn new(columns: u16, rows: u16) -> Self {
        Self::showing(columns, rows, true)
    }

    /// The same on a terminal that shows ASCII only, in no colours.
    pub(in crate::tui) fn ascii(columns: u16, rows: u16) -> Self {
        Self::showing(columns, rows, false)
    }

    fn showing(columns: u16, rows: u16, unicode: bool) -> Self {
        let about = About {
            public_url: None,
            page: None,
            url: "http://127.0.0.1:4400/".into(),
            store: Some("/home/user/.local/share/cmhook/store.db".into()),
            note: None,
            warnings: Vec::new(),
            zone: jiff::tz::TimeZone::UTC,
            coloured: unicode,
            unicode,
            folder: "/home/user/app".into(),
        };
        let mut model = Model::new(about, now() - 1.minute(), (columns, rows));
        model.status = Status {
            targets: vec![TARGET.into()],
            secrets: vec![SECRET.0.into()],
            reach: Reach::Up,
            ..Status::default()
        };
        let mut stage = Self {
            model,
            kept: Vec::new(),
        };
        stage.tell(Msg::Now(now()));
        stage
    }

    /// The same with these delivered, one after the other.
    pub(in crate::tui) fn with(mut self, samples: impl IntoIterator<Item = Sample>) -> Self {
        for sample in samples {
            self.deliver(sample);
        }
        self
    }

    /// Delivers one.
    pub(in crate::tui) fn deliver(&mut self, sample: Sample) {
        let kept = sample.kept();
        let counts = &mut self.model.status.counts;
        counts.add_delivery(&kept.delivery.request.verdict);
        for attempt in &kept.attempts {
            match attempt.outcome {
                Outcome::Answered(_) => counts.answered += 1,
                Outcome::Failed(_) => counts.failed += 1,
            }
        }
        self.model.status.kept += 1;
        self.kept.push(kept.clone());
        self.tell(Msg::Arrived(kept));
    }

    /// Lets something happen; the result is what is to be done.
    pub(in crate::tui) fn tell(&mut self, msg: Msg) -> Option<Effect> {
        let effect = update(&mut self.model, msg);
        self.settle();
        effect
    }

    /// Has a tunnel in this phase, to a relay that has named a public URL or not.
    pub(in crate::tui) fn tunnel(&mut self, is_named: bool, phase: Phase) {
        let mut status = self.model.status.clone();
        status.tunnel = Some(Arc::new(Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: is_named.then(|| "https://shop.hooks.example.com".into()),
            phase,
            since: now(),
        }));
        self.tell(Msg::Status(Box::new(status)));
    }

    /// Presses a key.
    pub(in crate::tui) fn press(&mut self, code: KeyCode) -> Option<Effect> {
        self.tell(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    /// Presses a key together with Ctrl.
    pub(in crate::tui) fn control(&mut self, letter: char) -> Option<Effect> {
        let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        self.tell(Msg::Key(key))
    }

    /// Types a text; the result is what its last key wants to be done.
    pub(in crate::tui) fn keys(&mut self, text: &str) -> Option<Effect> {
        let mut last = None;
        for letter in text.chars() {
            last = self.press(KeyCode::Char(letter));
        }
        last
    }

    /// Finds out what can be said of the signature of the delivery that is open.
    pub(in crate::tui) fn explain(&mut self) {
        let id = self.model.detail.wants_explanation();
        if let Some(kept) = self.model.detail.kept().filter(|_| id.is_some()) {
            let explained = explain(kept, &[secret()], Arc::default());
            self.tell(Msg::Explained(id.unwrap_or(0), Box::new(explained)));
        }
    }

    /// What the user sees, a line a row, without the space at their ends.
    pub(in crate::tui) fn frame(&self) -> String {
        text(self.draw().backend().buffer())
    }

    /// The same, with `⎀` where the terminal's cursor stands if it is seen.
    pub(in crate::tui) fn frame_with_cursor(&self) -> String {
        let terminal = self.draw();
        let mut buffer = terminal.backend().buffer().clone();
        if terminal.backend().cursor_visible() {
            buffer[terminal.backend().cursor_position()].set_symbol("⎀");
        }
        text(&buffer)
    }

    fn draw(&self) -> Terminal<TestBackend> {
        let (columns, rows) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| view(frame, &self.model)).unwrap();
        terminal
    }

    /// What the loop does before it draws.
    fn settle(&mut self) {
        self.model.list.settle();
        let selected = self.model.list.selected();
        if self.model.detail.id() != selected {
            let is_it = |kept: &&Kept| Some(kept.delivery.id) == selected;
            let kept = self.kept.iter().find(is_it).cloned();
            update(&mut self.model, Msg::Opened(kept));
        }
        self.model.fit();
    }
}

/// A frame's text. A character of two columns stands in the first of them.
fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += u16::try_from(symbol.width().max(1)).unwrap();
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub(in crate::tui) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn secret() -> Secret {
    Secret::new(SECRET.0, None, SECRET.1).unwrap()
}

#[test]
fn a_stage_shows_what_was_delivered() {
    let mut stage = Stage::new(100, 12).with([
        sample(1, "email.sent").answered(200, 12, "OK").marked(),
        sample(2, "User.LoggedIn").unsigned().copy_of(1),
        sample(3, "email.sent").body("application/octet-stream", vec![0, 1, 255]),
        sample(4, "email.opened").signed_wrongly().refused(),
    ]);
    let frame = stage.frame();
    for shown in ["email.sent", "User.LoggedIn", "4 in · 1 failed · 1 invalid"] {
        assert!(frame.contains(shown), "{frame}");
    }
    assert!(frame.lines().count() == 12 && !stage.frame_with_cursor().contains('⎀'));
    assert!(matches!(stage.control('l'), Some(Effect::Redraw)));
    stage.keys("/open");
    let frame = stage.frame_with_cursor();
    assert!(frame.contains("open⎀"), "{frame}");
}

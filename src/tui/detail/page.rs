//! The lines of the tab that is open.

use super::body::Body;
use super::{Detail, Form, Tab};
use crate::delivery::Kept;
use crate::tui::content::payload::Payload;
use crate::tui::content::{attempts, head, headers, hex, raw, response, signature};
use crate::tui::text::{Line, Role};
use crate::tui::wrap::wrap;

impl Detail {
    /// Makes the tab's lines anew.
    pub(super) fn lay_out(&mut self) {
        self.is_stale = false;
        let Some(kept) = &self.kept else {
            self.page.clear();
            return;
        };
        let request = &kept.delivery.request;
        match self.tab {
            Tab::Payload if self.request.is_none() => {
                let payload = Payload::of(&request.headers, &request.body);
                self.request = Some(Body::new(payload));
            }
            Tab::Response => self.read_response(),
            _ => {}
        }
        let Some(kept) = &self.kept else { return };
        let lines = self.lines(kept);
        self.page = if self.wraps {
            let width = self.width;
            lines
                .into_iter()
                .flat_map(|line| wrap(line, width))
                .collect()
        } else {
            lines
        };
        self.settle();
    }

    /// Has the body of the chosen attempt's answer at hand.
    fn read_response(&mut self) {
        let Some(attempt) = self.attempt() else {
            self.response = None;
            return;
        };
        let n = attempt.n;
        if self.response.as_ref().is_none_or(|(of, _)| *of != n) {
            let body = response::body(attempt).map(Body::new);
            self.response = body.map(|body| (n, body));
        }
    }

    fn lines(&self, kept: &Kept) -> Vec<Line> {
        let request = &kept.delivery.request;
        match (self.tab, self.form) {
            (Tab::Payload, Form::Hex) => hex::lines(&request.body, request.body.len(), self.width),
            (Tab::Payload, form) => {
                let mut lines = self.request.as_ref().map_or_else(Vec::new, |body| {
                    body.shown(form == Form::Text, self.width)
                        .lines(&self.glyphs)
                });
                lines.extend([Line::empty(), head::closing(kept, &self.glyphs)]);
                lines.extend(head::waited(kept, &self.zone));
                lines
            }
            (Tab::Headers, _) => headers::lines(&request.headers),
            (Tab::Response, form) => {
                let body = self.response.as_ref().map(|(_, body)| body);
                let shown = body.map(|body| body.shown(form == Form::Text, self.width));
                response::lines(self.attempt(), kept, &self.keys, shown, &self.glyphs)
            }
            (Tab::Attempts, _) => {
                let selected = self.attempt().map(|attempt| attempt.n);
                attempts::lines(kept, &self.zone, selected, &self.glyphs)
            }
            (Tab::Signature, _) => {
                if let Some(explained) = &self.explained {
                    return signature::lines(explained, &self.glyphs);
                }
                let text = format!("Looking at the signature {}", self.glyphs.ellipsis);
                vec![Line::of(Role::Dim, text)]
            }
            (Tab::Raw, form) => raw::lines(kept, form == Form::Hex, self.width),
        }
    }
}

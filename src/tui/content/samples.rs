//! Deliveries for the tests of this folder.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cakemail::sample::{Envelope, find};
use crate::tui::text::Line;

/// What is written, line by line.
pub(super) fn plain(lines: &[Line]) -> String {
    let lines: Vec<_> = lines.iter().map(Line::plain).collect();
    lines.join("\n")
}

/// The body of a sample event.
pub(super) fn sample(event: &str) -> Vec<u8> {
    let at = "2026-11-24T10:32:07Z".parse().unwrap();
    find(event).unwrap().body(Envelope::Manual, 7, at)
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

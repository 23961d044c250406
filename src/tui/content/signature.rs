//! What can be said of a delivery's signature.

use super::glyphs::Glyphs;
use crate::cakemail::diagnosis::{Case, diagnose};
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::likely_claims;
use crate::delivery::Kept;
use crate::tui::text::{Line, Role};

/// What was found out.
#[derive(Debug)]
pub(in crate::tui) struct Explained(Vec<String>);

/// Finds it out, which may take a moment.
pub(in crate::tui) fn explain(kept: &Kept, secrets: &[Secret]) -> Explained {
    let request = &kept.delivery.request;
    let diagnosis = diagnose(&Case {
        secrets,
        others: &[],
        claims: &likely_claims(&request.headers),
        headers: &request.headers,
        body: &request.body,
    });
    let mut lines = vec![diagnosis.verdict.status().to_owned()];
    for finding in diagnosis.findings {
        lines.extend([finding.message, finding.fix]);
    }
    Explained(lines)
}

/// The same as lines.
pub(in crate::tui) fn lines(explained: &Explained, _glyphs: &Glyphs) -> Vec<Line> {
    let line = |text| Line::of(Role::Plain, text);
    explained.0.iter().map(line).collect()
}

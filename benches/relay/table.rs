//! Targets, as they stand beside what was measured.

use crate::contender::Kind;
use crate::support::load::Measured;

/// Whom something is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Against {
    One(Kind),
    /// The better of those that copy bytes.
    Copiers,
}

/// The least share of another's requests a second.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub of: Kind,
    against: Against,
    least: f64,
}

impl Target {
    pub const fn new(of: Kind, against: Against, least: f64) -> Self {
        Self { of, against, least }
    }

    /// What was reached and what it is called; nothing where the other one was not there.
    pub fn judge(&self, all: &[(Kind, Measured)]) -> Option<(String, &'static str)> {
        let of = |kind| {
            let found = all.iter().find(|(other, _)| *other == kind);
            found
                .map(|(kind, one)| (*kind, one.per_second))
                .filter(|(_, rate)| rate.is_finite())
        };
        let (other, theirs) = match self.against {
            Against::One(kind) => of(kind)?,
            Against::Copiers => [of(Kind::Bore), of(Kind::Rathole)]
                .into_iter()
                .flatten()
                .max_by(|a, b| a.1.total_cmp(&b.1))?,
        };
        let (_, ours) = of(self.of)?;
        let share = ours / theirs;
        let text = format!("{share:.2} of {}, ≥ {}", other.name(), self.least);
        Some((text, verdict(share >= self.least)))
    }
}

pub fn verdict(is_met: bool) -> &'static str {
    if is_met { "met" } else { "missed" }
}

/// The last two cells of a row.
pub fn show(judged: &[(String, &str)]) -> String {
    let targets: Vec<&str> = judged.iter().map(|(text, _)| &**text).collect();
    let verdicts: Vec<&str> = judged.iter().map(|(_, verdict)| *verdict).collect();
    format!("{} | {}", targets.join("; "), verdicts.join("; "))
}

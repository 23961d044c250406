//! The tables, as they stand in `docs/performance.md`.

use std::fmt;

use crate::contender::Kind;
use crate::support::load::Measured;

/// The head of the throughput table.
pub const HEAD: &str = "\
| load | contender | requests/s | to nginx's | target | | p50 ms | p99 ms | to nginx's | CPU µs each | to nginx's |
| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |";

/// One contender under one load.
pub struct Row {
    pub case: &'static str,
    pub kind: Kind,
    pub measured: Measured,
    pub nginx: Measured,
    pub target: Option<f64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, nginx) = (&self.measured, &self.nginx);
        let share = one.per_second / nginx.per_second;
        let (target, verdict) = match self.target {
            Some(target) => (
                format!("≥ {target}"),
                if share >= target { "met" } else { "missed" },
            ),
            None => (String::new(), ""),
        };
        write!(
            f,
            "| {} | {} | {:.0} | {share:.2} | {target} | {verdict} | {:.2} | {:.2} | {:.2} |",
            self.case,
            self.kind.name(),
            one.per_second,
            one.p50,
            one.p99,
            one.p99 / nginx.p99,
        )?;
        match self.kind {
            Kind::Direct => write!(f, " | |"),
            _ => write!(
                f,
                " {:.0} | {:.2} |",
                one.cpu_each(),
                one.cpu_each() / nginx.cpu_each()
            ),
        }
    }
}

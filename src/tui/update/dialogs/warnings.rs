//! What should be known, which requests were turned away, and what is registered.

use jiff::Timestamp;

use crate::delivery::{Refusal, Tunnel, Warning, words};
use crate::tui::dialog::HANG;
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};

/// What stands above it.
pub(super) const TITLE: &str = "Warnings and refused requests";

/// All of it: what is wrong with the tunnel, the rest with the newest first, and below it the
/// public URL and the webhooks.
pub(super) fn lines(model: &Model) -> Vec<Line> {
    let tunnel = model.status.tunnel.as_deref();
    let broken = tunnel.filter(|tunnel| tunnel.phase.is_trouble());
    let mut lines = broken.map_or_else(Vec::new, |tunnel| troubled(tunnel, model));
    let remarks = remarks(model, broken.is_some());
    if !lines.is_empty() && !remarks.is_empty() {
        lines.push(Line::empty());
    }
    lines.extend(remarks);
    lines.extend(public(model));
    let registered = &model.status.registered;
    if let Some(first) = registered.first() {
        lines.push(Line::empty());
        lines.push(Line::of(
            Role::Accent,
            "Registered, and archived when cmhook stops",
        ));
        lines.push(Line::of(Role::Dim, &first.url));
        let width = registered.iter().map(|one| one.event.len()).max();
        let width = width.unwrap_or(0);
        lines.extend(registered.iter().map(|one| {
            let id = format!("  {}", one.id);
            Line::of(Role::Plain, format!("{:<width$}", one.event)).with(Role::Dim, id)
        }));
    }
    lines
}

/// The tunnel's state, with what there is no room for above.
fn troubled(tunnel: &Tunnel, model: &Model) -> Vec<Line> {
    let told = words::tunnel(tunnel, model.now);
    let mut lines = vec![
        begun(tunnel.since, model)
            .with(Role::Bad, "tunnel  ")
            .with(Role::Plain, told),
    ];
    if let Some((_, hint)) = tunnel.phase.trouble()
        && !hint.is_empty()
    {
        lines.push(below(Role::Dim, hint));
    }
    lines.push(below(Role::Dim, &format!("the relay is {}", tunnel.relay)));
    lines
}

fn public(model: &Model) -> Vec<Line> {
    let Some(url) = model.status.public_url() else {
        return Vec::new();
    };
    vec![
        Line::empty(),
        Line::of(Role::Accent, "The public URL, which u copies"),
        Line::of(Role::Plain, url),
    ]
}

fn remarks(model: &Model, is_trouble: bool) -> Vec<Line> {
    let warnings = model.warnings.iter();
    let refusals = model.refusals.iter();
    let mut all: Vec<(Timestamp, Vec<Line>)> = warnings
        .map(|(at, warning)| (*at, warned(*at, warning, model)))
        .chain(refusals.map(|refusal| (refusal.at, refused(refusal, model))))
        .collect();
    if all.is_empty() && is_trouble {
        return Vec::new();
    }
    if all.is_empty() {
        return vec![
            Line::of(Role::Good, "Nothing to worry about."),
            Line::empty(),
            Line::of(
                Role::Dim,
                "Here stands what cmhook has to warn of, and every request that it turned away \
                 before it became a delivery.",
            ),
        ];
    }
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let known = u64::try_from(model.refusals.len()).unwrap_or(u64::MAX);
    let mut lines: Vec<Line> = all.into_iter().flat_map(|(_, lines)| lines).collect();
    let older = model.status.counts.refused.saturating_sub(known);
    if older > 0 {
        let text = match older {
            1 => "1 more request was refused before these.".to_owned(),
            many => format!("{many} more requests were refused before these."),
        };
        lines.push(Line::of(Role::Dim, text));
    } else {
        lines.pop();
    }
    lines
}

fn warned(at: Timestamp, warning: &Warning, model: &Model) -> Vec<Line> {
    let mut lines = vec![
        begun(at, model)
            .with(Role::Warn, "warning  ")
            .with(Role::Plain, &warning.message),
    ];
    if !warning.hint.is_empty() {
        lines.push(below(Role::Dim, &warning.hint));
    }
    lines.push(Line::empty());
    lines
}

fn refused(refusal: &Refusal, model: &Model) -> Vec<Line> {
    let status = refusal
        .status
        .map_or_else(|| "closed".to_owned(), |status| status.to_string());
    let request = refusal.request.as_deref().unwrap_or("a request");
    vec![
        begun(refusal.at, model)
            .with(Role::Bad, format!("refused  {status}  "))
            .with(Role::Plain, request)
            .with(Role::Dim, format!(" from {}", refusal.peer)),
        below(Role::Plain, &refusal.reason),
        Line::empty(),
    ]
}

/// A line that goes on below what is behind the time.
fn below(role: Role, text: &str) -> Line {
    Line::of(Role::Plain, " ".repeat(HANG)).with(role, text)
}

fn begun(at: Timestamp, model: &Model) -> Line {
    let local = at.to_zoned(model.about.zone.clone());
    let today = model.now.to_zoned(model.about.zone.clone()).date();
    let format = if local.date() == today {
        "%H:%M:%S  "
    } else {
        "%Y-%m-%d %H:%M:%S  "
    };
    Line::of(Role::Dim, local.strftime(format).to_string())
}

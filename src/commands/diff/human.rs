//! A difference for people.
//!
//! ```text
//! --- #41  email.opened  2026-11-24 10:32:07
//! +++ #42  email.opened  2026-11-24 10:33:12
//!
//! Payload
//!   ~ data.email  "a@example.com" → "b@example.com"
//! ```

use std::io::{self, Write};

use crate::commands::ink::{BOLD, CYAN, DIM, GREEN, Ink, RED, YELLOW, shown};
use crate::compare::{
    BodyChange, HeaderChange, OwnedChange, Pair, RequestChange, ResponseChange, brief,
};

/// Writes how two requests differ, where they do.
///
/// # Errors
/// Those of `out`.
pub(super) fn request(out: &mut impl Write, ink: &Ink, change: &RequestChange) -> io::Result<()> {
    if change.method.is_some() || change.path.is_some() || !change.headers.is_empty() {
        section(out, ink, "Request")?;
        pair(out, ink, "method", &change.method)?;
        pair(out, ink, "path", &change.path)?;
        headers(out, ink, &change.headers)?;
    }
    if change.payload != BodyChange::Same {
        section(out, ink, "Payload")?;
        body(out, ink, &change.payload)?;
    }
    Ok(())
}

/// Writes how two responses differ, where they do.
///
/// # Errors
/// Those of `out`.
pub(super) fn response(out: &mut impl Write, ink: &Ink, change: &ResponseChange) -> io::Result<()> {
    if change.is_none() {
        return Ok(());
    }
    section(out, ink, "Response")?;
    pair(out, ink, "status", &change.outcome)?;
    headers(out, ink, &change.headers)?;
    body(out, ink, &change.body)
}

fn section(out: &mut impl Write, ink: &Ink, title: &str) -> io::Result<()> {
    writeln!(out, "\n{}", ink.paint(BOLD, title))
}

fn pair(out: &mut impl Write, ink: &Ink, name: &str, pair: &Pair) -> io::Result<()> {
    let Some((old, new)) = pair else {
        return Ok(());
    };
    let sign = ink.paint(YELLOW, "~");
    let (old, new) = (shown(old), shown(new));
    let (old, new) = (ink.paint(RED, &old), ink.paint(GREEN, &new));
    writeln!(out, "  {sign} {name}  {old} → {new}")
}

fn headers(out: &mut impl Write, ink: &Ink, changes: &[HeaderChange]) -> io::Result<()> {
    for change in changes {
        let name = shown(&change.name);
        let sign = match (change.old.is_empty(), change.new.is_empty()) {
            (true, _) => ink.paint(GREEN, "+"),
            (_, true) => ink.paint(RED, "-"),
            _ => ink.paint(YELLOW, "~"),
        };
        writeln!(out, "  {} {}", sign, ink.paint(CYAN, &name))?;
        for old in &change.old {
            writeln!(out, "    {}", ink.paint(RED, &format!("- {}", shown(old))))?;
        }
        for new in &change.new {
            writeln!(
                out,
                "    {}",
                ink.paint(GREEN, &format!("+ {}", shown(new)))
            )?;
        }
    }
    Ok(())
}

/// Writes how two bodies differ.
///
/// # Errors
/// Those of `out`.
pub(in crate::commands) fn body(
    out: &mut impl Write,
    ink: &Ink,
    change: &BodyChange,
) -> io::Result<()> {
    match change {
        BodyChange::Json { changes, truncated } => {
            for change in changes {
                value(out, ink, change)?;
            }
            if *truncated {
                writeln!(out, "  {}", ink.paint(DIM, "(and more)"))?;
            }
            Ok(())
        }
        BodyChange::Text(lines) => {
            for line in lines {
                let text = shown(&line.text);
                let (style, text) = match line.sign {
                    '@' => (CYAN, text.trim_end().to_owned()),
                    '-' => (RED, format!("-{text}")),
                    '+' => (GREEN, format!("+{text}")),
                    _ => (anstyle::Style::new(), format!(" {text}")),
                };
                writeln!(out, "  {}", ink.paint(style, &text))?;
            }
            Ok(())
        }
        _ => match change.in_words() {
            Some(words) => writeln!(out, "  {words}"),
            None => Ok(()),
        },
    }
}

fn value(out: &mut impl Write, ink: &Ink, change: &OwnedChange) -> io::Result<()> {
    let path = if change.path.is_empty() {
        "(all of it)".into()
    } else {
        shown(&change.path)
    };
    let path = ink.paint(CYAN, &path);
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => writeln!(
            out,
            "  {} {path}  {} → {}",
            ink.paint(YELLOW, "~"),
            ink.paint(RED, &brief(old, "…")),
            ink.paint(GREEN, &brief(new, "…"))
        ),
        (Some(old), None) => {
            let old = brief(old, "…");
            writeln!(
                out,
                "  {} {path}  {}",
                ink.paint(RED, "-"),
                ink.paint(RED, &old)
            )
        }
        (None, Some(new)) => {
            let new = brief(new, "…");
            writeln!(
                out,
                "  {} {path}  {}",
                ink.paint(GREEN, "+"),
                ink.paint(GREEN, &new)
            )
        }
        (None, None) => Ok(()),
    }
}

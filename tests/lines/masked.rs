//! What differs from run to run, made the same for a snapshot.

/// Times and durations replaced by ones of the same width, escapes made visible, and the
/// hint that depends on where this runs by the usual one, and so the inspector's link.
pub fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = time(rest).map(|length| ("2026-11-24 10:32:07", length));
        if let Some((mask, length)) = length.or_else(|| duration(rest, &out)) {
            out.push_str(mask);
            rest = &rest[length..];
        } else {
            out.push(if c == '\x1b' { '␛' } else { c });
            rest = &rest[c.len_utf8()..];
        }
    }
    let usual = "start it, or forward to the port that it listens on; the delivery is kept";
    let depends = ["start it; if it runs outside of ", "cmhook runs in WSL"];
    out.lines()
        .map(|line| {
            let shown = line.trim_start();
            if depends.iter().any(|start| shown.starts_with(start)) {
                format!("      {usual}\n")
            } else if let Some((before, _)) = line.split_once("http://127.0.0.1:")
                && line.contains("/#token=")
            {
                format!("{before}http://127.0.0.1:4040/#token=3f0a…\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

fn time(text: &str) -> Option<usize> {
    const SHAPE: &str = "dddd-dd-dd dd:dd:dd";
    let bytes = text.as_bytes().get(..SHAPE.len())?;
    let fits = bytes.iter().zip(SHAPE.bytes()).all(|(byte, shape)| {
        if shape == b'd' {
            byte.is_ascii_digit()
        } else {
            *byte == shape
        }
    });
    fits.then_some(SHAPE.len())
}

fn duration(text: &str, before: &str) -> Option<(&'static str, usize)> {
    if text.starts_with("<1ms") {
        return Some(("12ms", 4));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let starts = !before.ends_with(|c: char| c.is_ascii_alphanumeric() && c != 'm');
    (digits > 0 && starts && text[digits..].starts_with("ms")).then_some(("12ms", digits + 2))
}

//! What a keyboard says of a key.

use serde_json::{Value, json};

/// The events of pressing a key and letting it go. A key is called as `KeyboardEvent.key` calls
/// it (`j`, `G`, `?`, `Enter`), with `Shift+`, `Control+`, `Alt+` and `Meta+` before it.
#[track_caller]
pub fn stroke(name: &str) -> [Value; 2] {
    let (modifiers, key) = match name.rsplit_once('+') {
        Some((modifiers, key)) if !key.is_empty() => (modifiers, key),
        _ => ("", name),
    };
    let mut bits: u8 = modifiers.split('+').map(bit).sum();
    let (code, number, text) = match named(key) {
        Some((number, text)) => (key.to_owned(), number, text.to_owned()),
        None => printing(key),
    };
    if key.chars().all(|c| c.is_ascii_uppercase()) || r#"?=+:"<>!@#$%^&*()_{}|~"#.contains(key) {
        // `=` is the one of these that has a key of its own.
        bits |= if key == "=" { 0 } else { 8 };
    }
    let key = if key == "Space" { " " } else { key };
    let mut down = json!({
        "type": "keyDown", "key": key, "code": code,
        "windowsVirtualKeyCode": number, "modifiers": bits,
    });
    let mut up = down.clone();
    up["type"] = "keyUp".into();
    // With Control and the like a key prints nothing.
    if !text.is_empty() && bits & !8 == 0 {
        down["text"] = text.into();
    }
    [down, up]
}

#[track_caller]
fn bit(modifier: &str) -> u8 {
    match modifier {
        "" => 0,
        "Alt" => 1,
        "Control" => 2,
        "Meta" => 4,
        "Shift" => 8,
        _ => panic!("no modifier: {modifier}"),
    }
}

/// The number of a key that prints nothing, or not itself, and what it prints.
fn named(key: &str) -> Option<(u32, &'static str)> {
    Some(match key {
        "Backspace" => (8, ""),
        "Tab" => (9, ""),
        "Enter" => (13, "\r"),
        "Escape" => (27, ""),
        "Space" => (32, " "),
        "PageUp" => (33, ""),
        "PageDown" => (34, ""),
        "End" => (35, ""),
        "Home" => (36, ""),
        "ArrowLeft" => (37, ""),
        "ArrowUp" => (38, ""),
        "ArrowRight" => (39, ""),
        "ArrowDown" => (40, ""),
        "Delete" => (46, ""),
        _ => return None,
    })
}

#[track_caller]
fn printing(key: &str) -> (String, u32, String) {
    let mut all = key.chars();
    let (Some(c), None) = (all.next(), all.next()) else {
        panic!("no key: {key}");
    };
    let upper = c.to_ascii_uppercase();
    let code = match c {
        'a'..='z' | 'A'..='Z' => format!("Key{upper}"),
        '0'..='9' => format!("Digit{c}"),
        // Layouts differ in where these are, and pages ask for `key`.
        _ => String::new(),
    };
    let number = if c.is_ascii_alphanumeric() {
        upper as u32
    } else {
        0
    };
    (code, number, c.to_string())
}

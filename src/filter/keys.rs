//! The keys of the language, and what is said of another.

use super::error::{FilterError, nearest, quoted};

/// The keys, as they are listed where one is not known.
const KEYS: [&str; 12] = [
    "event",
    "status",
    "sig",
    "method",
    "path",
    "header.NAME",
    "id",
    "after",
    "before",
    "took",
    "size",
    "is",
];

/// What people try, and the key that they mean.
const MEANT: [(&str, &str); 14] = [
    ("bytes", "size"),
    ("code", "status"),
    ("date", "after"),
    ("duration", "took"),
    ("from", "after"),
    ("length", "size"),
    ("response", "status"),
    ("signature", "sig"),
    ("since", "after"),
    ("time", "after"),
    ("type", "event"),
    ("until", "before"),
    ("url", "path"),
    ("verdict", "sig"),
];

/// The error for a key at `column` that there is not, with the text behind it.
pub(super) fn unknown(key: &str, value: &str, column: usize) -> FilterError {
    let listed: Vec<_> = KEYS.iter().map(|key| format!("`{key}`")).collect();
    let error = FilterError::at(
        column,
        format!(
            "there is no key {}; there are {}, and dotted paths such as `data.email`; a text with `:` in it goes in quotes",
            quoted(key),
            listed.join(", ")
        ),
    );
    if value.starts_with("//") {
        return error.instead(Some(format!("\"{key}:{value}\"")));
    }
    let name = key.to_lowercase();
    if name == "header" || name == "headers" {
        return error.instead(Some("header.NAME:"));
    }
    let words = KEYS.iter().copied().filter(|key| !key.contains('.'));
    let meant = MEANT.iter().find(|(tried, _)| *tried == name);
    let meant = meant.map(|(_, key)| *key).or_else(|| nearest(&name, words));
    let field = || {
        let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        name.chars().all(is_name).then(|| format!(".{key}:"))
    };
    error.instead(meant.map(|key| format!("{key}:")).or_else(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_is_a_key() {
        for (_, key) in MEANT {
            assert!(KEYS.contains(&key), "{key}");
        }
    }
}

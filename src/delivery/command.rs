//! Commands of cmhook's that people are told to run.

/// A command line of cmhook's that a shell takes as it stands.
pub fn command(words: &[impl AsRef<str>]) -> String {
    format!("cmhook {}", shell_words(words))
}

/// Words as a shell takes them.
pub fn shell_words(words: &[impl AsRef<str>]) -> String {
    let words: Vec<_> = words.iter().map(|word| quoted(word.as_ref())).collect();
    words.join(" ")
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_in_a_shell() {
        for (word, shown) in [
            ("X1qRXqz1upM9", "X1qRXqz1upM9"),
            ("http://127.0.0.1:4500", "http://127.0.0.1:4500"),
            ("http://[::1]:4500", "'http://[::1]:4500'"),
            ("Email.Opened,Email.Sent", "Email.Opened,Email.Sent"),
            ("https://a.example/?x=1&y", "'https://a.example/?x=1&y'"),
            ("email.*", "'email.*'"),
            ("a b", "'a b'"),
            ("a'$(b)", r"'a'\''$(b)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
        assert_eq!(
            command(&["listen", "-e", "email.*"]),
            "cmhook listen -e 'email.*'"
        );
    }
}

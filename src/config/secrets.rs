//! Secrets from every source. They add up, so that a rotation works and a project's
//! file can hold one while the shell holds another.

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::file::{OneOrMany, SecretEntry, others_can_read};
use super::{ConfigError, Raw};
use crate::cakemail::signature::Secret;

/// The variable that holds one secret, taken verbatim.
const VARIABLE: &str = "CMHOOK_SECRET";

pub(super) fn collect(
    sources: &[Raw],
    doubts: &mut Vec<String>,
) -> Result<Vec<Secret>, ConfigError> {
    let mut secrets = Vec::new();
    for source in sources {
        for (at, text) in source.secret.iter().enumerate() {
            let (label, value) = labelled(text.expose_secret());
            // A variable that is not set leaves `NAME=`, which may also be base64 with its
            // padding; but such a secret would hardly be so short.
            let name = value.trim_end_matches('=');
            if label.is_none() && value.len() < 20 && !name.is_empty() && name != value {
                doubts.push(format!(
                    "`--secret {}` is taken whole, with the `=` in it: if NAME=S was meant, there is no S",
                    at + 1
                ));
            }
            let label = label.map_or_else(|| format!("secret-{}", at + 1), str::to_owned);
            secrets.push(make(&label, None, value, "`--secret` is empty")?);
        }
    }
    if let Some(value) = std::env::var_os(VARIABLE) {
        let value = value.into_string().map_err(|_| {
            ConfigError::new(
                format!("{VARIABLE} is not UTF-8"),
                "Cakemail's secrets are plain text: copy it again",
            )
        })?;
        secrets.push(make(
            VARIABLE,
            None,
            &value,
            &format!("{VARIABLE} is empty"),
        )?);
    }
    for source in sources {
        let files = source.secret_file.clone().map(OneOrMany::into_vec);
        for path in files.unwrap_or_default() {
            from_file(Path::new(&path), &mut secrets)?;
            if others_can_read(Path::new(&path)) {
                doubts.push(format!(
                    "`{path}` holds secrets and other users of this machine can read it: chmod 600 it"
                ));
            }
        }
        for entry in &source.secrets {
            from_entry(entry, &mut secrets)?;
        }
    }
    Ok(secrets)
}

/// Splits `NAME=S` into a label and a secret; a bare one has no label. A base64 secret may end in `=`, so a rest of nothing but `=` is
/// part of the secret.
pub fn labelled(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((label, value))
            if !label.is_empty()
                && !value.bytes().all(|b| b == b'=')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) =>
        {
            (Some(label), value)
        }
        _ => (None, text),
    }
}

fn make(label: &str, event: Option<&str>, value: &str, empty: &str) -> Result<Secret, ConfigError> {
    Secret::new(label, event, value).map_err(|_| {
        ConfigError::new(
            empty,
            "an empty secret verifies nothing: give the webhook's secret, or leave it out",
        )
    })
}

fn from_file(path: &Path, secrets: &mut Vec<Secret>) -> Result<(), ConfigError> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        ConfigError::new(
            format!("cannot read the secret file `{shown}`: {error}"),
            "it holds one secret a line, in UTF-8",
        )
    })?;
    let mut lines = 0;
    for line in text.split_terminator('\n') {
        lines += 1;
        let value = line.strip_suffix('\r').unwrap_or(line);
        let label = format!(
            "{}:{lines}",
            path.file_name().unwrap_or_default().to_string_lossy()
        );
        let empty = format!("line {lines} of the secret file `{shown}` is empty");
        secrets.push(make(&label, None, value, &empty)?);
    }
    if lines == 0 {
        return Err(ConfigError::new(
            format!("the secret file `{shown}` is empty"),
            "put one secret a line into it, or leave `--secret-file` out",
        ));
    }
    Ok(())
}

fn from_entry(entry: &SecretEntry, secrets: &mut Vec<Secret>) -> Result<(), ConfigError> {
    let name = entry
        .label
        .as_deref()
        .or(entry.event.as_deref())
        .unwrap_or("secret");
    let event = entry.event.as_deref();
    let read;
    let value = match (&entry.value, &entry.env) {
        (Some(value), None) => value,
        (None, Some(variable)) => {
            read = std::env::var(variable).map_err(|_| unset(name, variable))?;
            &read
        }
        _ => {
            return Err(ConfigError::new(
                format!(
                    "the secret `{name}` in the configuration file needs either `value` or `env`"
                ),
                "write [[secrets]], then label = \"bounces\" and value = \"…\"",
            ));
        }
    };
    secrets.push(make(
        name,
        event,
        value,
        &format!("the secret `{name}` is empty"),
    )?);
    Ok(())
}

/// Only what can be a variable's name is shown: the secret itself may stand in its place.
fn unset(name: &str, variable: &str) -> ConfigError {
    let is_name = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if variable.bytes().all(is_name) {
        ConfigError::new(
            format!("the secret `{name}` is to come from {variable}, which is not set"),
            format!("set {variable}, or take the entry out of the configuration file"),
        )
    } else {
        ConfigError::new(
            format!("the secret `{name}` is to come from a variable that is not set"),
            "`env` holds the name of a variable; the secret itself goes into `value`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write as _;

    #[test]
    fn labels_are_told_from_secrets() {
        for (text, label, value) in [
            ("abc", None, "abc"),
            ("bounces=abc", Some("bounces"), "abc"),
            ("bounces=a=b", Some("bounces"), "a=b"),
            ("c2VjcmV0", None, "c2VjcmV0"),
            ("c2VjcmV0Cg==", None, "c2VjcmV0Cg=="),
            ("c2VjcmV0Cg=", None, "c2VjcmV0Cg="),
            ("a b=c", None, "a b=c"),
            ("=abc", None, "=abc"),
        ] {
            assert_eq!(labelled(text), (label, value), "{text}");
        }
    }

    #[test]
    fn a_file_is_taken_verbatim_but_for_its_line_ends() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b" spaced \r\nplain\nlast").unwrap();
        let mut secrets = Vec::new();
        from_file(file.path(), &mut secrets).unwrap();
        for (secret, value) in secrets.iter().zip([" spaced ", "plain", "last"]) {
            let same = Secret::new("x", None, value).unwrap();
            assert_eq!(secret.digest(b"body"), same.digest(b"body"));
        }
        assert_eq!(secrets.len(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn each_line_of_a_file_is_a_secret(
            lines in proptest::collection::vec(("[^\r\n]{1,20}", prop::sample::select(vec!["\n", "\r\n"])), 1..6),
            whole in any::<bool>(),
        ) {
            let mut text: String = lines.iter().flat_map(|(line, end)| [&**line, *end]).collect();
            // The last line may lack its end.
            if !whole {
                text.truncate(text.trim_end_matches(['\r', '\n']).len());
            }
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(text.as_bytes()).unwrap();
            let mut secrets = Vec::new();
            from_file(file.path(), &mut secrets).unwrap();
            prop_assert_eq!(secrets.len(), lines.len());
            for (secret, (line, _)) in secrets.iter().zip(&lines) {
                let same = Secret::new("x", None, line).unwrap();
                prop_assert_eq!(secret.digest(b"body"), same.digest(b"body"));
            }
        }

        #[test]
        fn any_bytes_are_taken_or_named(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            if let Err(error) = from_file(file.path(), &mut Vec::new()) {
                prop_assert!(error.message.contains("the secret file `"), "{}", error);
            }
        }

        #[test]
        fn a_label_takes_nothing_from_a_secret(text in "\\PC{0,30}") {
            let joined = match labelled(&text) {
                (Some(label), value) => format!("{label}={value}"),
                (None, value) => value.to_owned(),
            };
            prop_assert_eq!(joined, text);
        }
    }

    #[test]
    fn empty_ones_are_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut none = Vec::new();
        assert!(
            from_file(file.path(), &mut none)
                .unwrap_err()
                .message
                .contains("is empty")
        );
        file.write_all(b"a\n\nb\n").unwrap();
        let error = from_file(file.path(), &mut none).unwrap_err();
        assert!(error.message.contains("line 2"), "{error}");
        let raw = Raw {
            secret: vec!["".into()],
            ..Raw::default()
        };
        assert!(collect(&[raw], &mut Vec::new()).is_err());
    }
}

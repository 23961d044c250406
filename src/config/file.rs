//! Configuration files: where they are and how they are read.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Unexpected, Visitor};

use super::{ConfigError, Raw};
use crate::delivery::escape_for_terminal;

/// The file's name, in a project and in the user's configuration folder.
const NAME: &str = "cmhook.toml";

/// One text or a list of them.
#[derive(Debug, Clone)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl ConfigFiles {
    /// Whether they ask for JSON lines.
    pub fn json(&self) -> Option<bool> {
        self.sources.iter().find_map(|source| source.json)
    }

    /// Whether they ask for webhooks to be made.
    pub fn register(&self) -> Option<bool> {
        self.sources.iter().find_map(|source| source.register)
    }
}

impl OneOrMany {
    /// As a list.
    pub fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Texts("a text or a list of texts"))
    }
}

/// A text, which may be a number without quotes: `3000`, `30` seconds, `1000000` bytes.
pub(super) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    match from.deserialize_any(Texts("a text or a number"))? {
        OneOrMany::One(text) => Ok(Some(text)),
        OneOrMany::Many(_) => Err(D::Error::invalid_type(
            Unexpected::Seq,
            &"a text or a number",
        )),
    }
}

/// Says what it wants in the words of the documentation.
struct Texts(&'static str);

impl<'de> Visitor<'de> for Texts {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(number.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
        let mut texts = Vec::new();
        while let Some(one) = list.next_element::<OneOrMany>()? {
            texts.extend(one.into_vec());
        }
        Ok(OneOrMany::Many(texts))
    }
}

/// An entry of `[[secrets]]`.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretEntry {
    /// The name to show in its place.
    pub label: Option<String>,
    /// The event whose webhook has it.
    pub event: Option<String>,
    /// The secret.
    pub value: Option<String>,
    /// Or the variable that holds it.
    pub env: Option<String>,
}

impl std::fmt::Debug for SecretEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretEntry")
            .field("label", &self.label)
            .field("event", &self.event)
            .field("env", &self.env)
            .finish_non_exhaustive()
    }
}

/// What the files say, the project's before the user's.
#[derive(Debug, Default)]
pub struct ConfigFiles {
    /// A source for each file that there is.
    pub sources: Vec<Raw>,
    /// Things that are allowed but probably not meant.
    pub doubts: Vec<String>,
}

/// Reads `explicit`, or else the project's and the user's files where they are.
///
/// # Errors
/// Where a file cannot be read or says something unknown.
pub fn load(explicit: Option<&Path>) -> Result<ConfigFiles, ConfigError> {
    let mut files = ConfigFiles::default();
    if let Some(path) = explicit {
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        read(path, &text, !is_users(path), &mut files)?;
        return Ok(files);
    }
    let folder = std::env::current_dir().ok();
    let project = folder.as_deref().and_then(project_file);
    let user = user_config_folder().map(|folder| folder.join(NAME));
    let project = project.map(|path| (!is_users(&path), path));
    let user = user.map(|path| (false, path));
    for (is_strangers, path) in project.into_iter().chain(user) {
        match fs::read_to_string(&path) {
            Ok(text) => read(&path, &text, is_strangers, &mut files)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    ConfigError::new(
        format!(
            "cannot read the configuration file `{}`: {error}",
            path.display()
        ),
        "check its name and permissions",
    )
}

/// The file in this folder, or in one above it within the same repository. Outside of
/// a repository no folder above is looked at: anybody can put a file into `/tmp`.
fn project_file(folder: &Path) -> Option<PathBuf> {
    let here = folder.join(NAME);
    if here.is_file() {
        return Some(here);
    }
    let root = folder.ancestors().find(|f| f.join(".git").exists())?;
    folder
        .ancestors()
        .take_while(|f| f.starts_with(root))
        .map(|f| f.join(NAME))
        .find(|file| file.is_file())
}

/// Whether a file is in the user's configuration folder, by whichever path. It may itself be a
/// link to elsewhere: then the user has made that.
fn is_users(path: &Path) -> bool {
    let real = |folder: &Path| fs::canonicalize(folder).ok();
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
    let folder = real(folder.unwrap_or(Path::new(".")));
    let own = user_config_folder().and_then(|own| real(&own));
    matches!((folder, own), (Some(folder), Some(own)) if folder.starts_with(&own))
}

fn read(
    path: &Path,
    text: &str,
    is_strangers: bool,
    files: &mut ConfigFiles,
) -> Result<(), ConfigError> {
    let mut raw: Raw = toml::from_str(text).map_err(|error| {
        let (place, what) = mistake(text, &error);
        let hint = if error.message().starts_with("unknown field `api`") {
            "it would say where your token is sent, so no file can: use `--api URL` or CAKEMAIL_API_BASE"
        } else {
            "docs/configuration.md lists what it can hold"
        };
        ConfigError::new(
            format!("the configuration file `{}`{place}: {what}", path.display()),
            hint,
        )
    })?;
    raw.origin = Some(path.to_owned());
    raw.is_strangers = is_strangers;
    let shown = path.display().to_string();
    tracing::debug!(
        "read the configuration file {}",
        escape_for_terminal(&shown)
    );
    // Relative to the file that names them, so that it works from every folder.
    let folder = path.parent().unwrap_or(Path::new(""));
    raw.store = raw.store.map(|store| folder.join(store));
    raw.relay_ca = raw.relay_ca.map(|ca| folder.join(ca));
    raw.secret_file = raw.secret_file.map(|names| {
        OneOrMany::Many(
            names
                .into_vec()
                .into_iter()
                .map(|name| folder.join(name).to_string_lossy().into_owned())
                .collect(),
        )
    });
    let secret = raw.secrets.iter().any(|secret| secret.value.is_some());
    let held = [
        (secret, "secrets", "use `env` in its [[secrets]]"),
        (
            raw.relay_token.is_some(),
            "a token",
            "use `cmhook relay login`",
        ),
    ];
    for (_, what, instead) in held.iter().filter(|(held, ..)| *held) {
        if others_can_read(path) {
            files.doubts.push(format!(
                "`{}` holds {what} and other users of this machine can read it: chmod 600 it, or {instead}",
                path.display()
            ));
        }
    }
    files.sources.push(raw);
    Ok(())
}

/// Where the mistake is and what it is. Of the line only the key is shown, and of toml's
/// message no value: either may be a secret.
fn mistake(text: &str, error: &toml::de::Error) -> (String, String) {
    let line = error.span().map(|span| {
        let start = span.start.min(text.len());
        (text[..start].matches('\n').count(), start)
    });
    let place = line.map_or_else(String::new, |(at, _)| format!(" line {}", at + 1));
    let message = error.message();
    // serde puts what it found first into backticks, and then what it knows.
    let mut words = message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let key = words.next().unwrap_or_default();
        let meant = words
            .map(|known| {
                (
                    strsim::jaro_winkler(&key.to_lowercase().replace('-', "_"), known),
                    known,
                )
            })
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let meant = meant.map_or_else(String::new, |(_, known)| {
            format!("; did you mean `{known}`?")
        });
        let key = key.escape_debug();
        return (place, format!("there is no setting `{key}`{meant}"));
    }
    let key = line.and_then(|(at, _)| {
        let line = text.lines().nth(at)?.trim();
        let table = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next());
        let key = table.or_else(|| Some(line.split_once('=')?.0))?;
        let key = key.trim_matches([' ', '[']);
        // Where the mistake hides the end of the key, a value may be in what is left.
        let is_key = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        key.chars().all(is_key).then(|| format!("`{key}`: "))
    });
    let what = match message.split_once(", expected ") {
        Some((found, wanted)) if found.starts_with("invalid ") => {
            let wanted = match wanted {
                "a string" => "a text",
                "a boolean" => "true or false",
                "usize" | "u16" => "a number",
                "path string" => "a path",
                other => other,
            };
            format!("it must be {wanted}")
        }
        _ => message.to_owned(),
    };
    (place, format!("{}{what}", key.unwrap_or_default()))
}

#[cfg(unix)]
pub(super) fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn others_can_read(_: &Path) -> bool {
    false
}

fn variable_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

/// The folder of the user's configuration: `$XDG_CONFIG_HOME/cmhook`, `%APPDATA%\cmhook`
/// or `~/.config/cmhook`.
pub fn user_config_folder() -> Option<PathBuf> {
    variable_path("XDG_CONFIG_HOME")
        .or_else(|| cfg!(windows).then(|| variable_path("APPDATA")).flatten())
        .or_else(|| Some(std::env::home_dir()?.join(".config")))
        .map(|folder| folder.join("cmhook"))
}

/// The folder of the user's data: `$XDG_DATA_HOME/cmhook`, `%LOCALAPPDATA%\cmhook` or
/// `~/.local/share/cmhook`.
pub fn user_data_folder() -> Option<PathBuf> {
    variable_path("XDG_DATA_HOME")
        .or_else(|| {
            cfg!(windows)
                .then(|| variable_path("LOCALAPPDATA"))
                .flatten()
        })
        .or_else(|| {
            let home = std::env::home_dir().filter(|home| home.is_absolute())?;
            Some(home.join(".local").join("share"))
        })
        .map(|folder| folder.join("cmhook"))
}

#[cfg(test)]
mod tests;

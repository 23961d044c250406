//! From a word to a term: which keys there are, and what stands behind each.

use jiff::Zoned;

use crate::cakemail::event::EventPattern;
use crate::delivery::FailureCode;
use crate::payload::{BadPath, Path};

use super::bounds::{self, BadBounds, Bounds, Number, Operand, comparison};
use super::error::{FilterError, choice, nearest, quoted};
use super::keys::unknown;
use super::lex::Letter;
use super::parse::Node;
use super::term::{Is, Status, Term, Test};
use super::text::{Glob, Needle};

const VERDICTS: [&str; 4] = ["valid", "invalid", "unsigned", "unchecked"];

const IS: [(&str, Is); 6] = [
    ("replayed", Is::Replayed),
    ("edited", Is::Edited),
    ("failed", Is::Failed),
    ("marked", Is::Marked),
    ("duplicate", Is::Duplicate),
    ("queued", Is::Queued),
];

/// The words behind `status:`; but for the first two they are names of [`FailureCode`]s.
const STATUSES: [&str; 12] = [
    "none",
    "failed",
    "refused",
    "timeout",
    "reset",
    "closed",
    "tls",
    "dns",
    "unreachable",
    "protocol",
    "loop",
    "busy",
];

/// One of the values behind a key.
struct Value<'l> {
    letters: &'l [Letter],
    /// Its characters, quotes and backslashes taken off.
    text: String,
    column: usize,
}

impl<'l> Value<'l> {
    fn new(letters: &'l [Letter], column: usize) -> Self {
        Self {
            letters,
            text: letters.iter().map(|letter| letter.c).collect(),
            column,
        }
    }

    fn glob(&self) -> Glob {
        Glob::new(self.letters.iter().map(|letter| (letter.c, letter.literal)))
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        FilterError::at(self.column, message)
    }

    /// The error for a value that is none of those that a key takes.
    fn none_of(&self, key: &str, takes: &str, words: &[&'static str]) -> FilterError {
        let nearest = nearest(&self.text, words.iter().copied());
        self.error(format!(
            "`{key}:` takes {takes}, not {}",
            quoted(&self.text)
        ))
        .instead(nearest.map(|word| format!("{key}:{word}")))
    }

    /// Reads a comparison behind a key.
    fn bounds<T: PartialOrd>(
        &self,
        key: &str,
        takes: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Bounds<T>, FilterError> {
        Bounds::read(&self.text, read).map_err(|bad| match bad {
            BadBounds::Value => self.none_of(key, takes, &[]),
            BadBounds::Reversed => self.reversed(),
        })
    }

    fn reversed(&self) -> FilterError {
        let turned = self.text.split_once("..").map(|(a, b)| format!("{b}..{a}"));
        self.error(format!("{} ends before it begins", quoted(&self.text)))
            .instead(turned)
    }
}

/// Reads the word that begins at `column` of the filter.
pub(super) fn term(
    letters: &[Letter],
    is_quoted: bool,
    chars: &[char],
    column: usize,
    now: &Zoned,
) -> Result<Node, FilterError> {
    let colon = letters.iter().position(|l| l.c == ':' && !l.literal);
    let Some(colon) = colon else {
        let value = Value::new(letters, column);
        return Ok(Node::Term(Term::Text(Needle::new(value.glob()))));
    };
    let (before, values) = (letters[colon].column, &letters[colon + 1..]);
    let key: String = chars[column..before].iter().collect();
    check_key(&key, column)?;
    let key = Key { text: key, column };
    if values.is_empty() && !(is_quoted && chars.get(before + 1) == Some(&'"')) {
        let message = format!(
            "a value belongs right behind {}; the empty text is `\"\"`",
            quoted(&format!("{}:", key.text))
        );
        return Err(FilterError::at(before + 1, message));
    }
    let mut nodes = Vec::new();
    let mut at = before + 1;
    for letters in values.split(|l| l.c == '|' && !l.literal) {
        let value = Value::new(letters, letters.first().map_or(at, |l| l.column));
        if letters.is_empty() && !values.is_empty() {
            return Err(FilterError::at(
                at,
                "`|` needs a value on both sides; the character itself is `\\|`",
            ));
        }
        at = letters.last().map_or(at, |l| l.column + 2);
        nodes.push(Node::Term(key.term(&value, now)?));
    }
    Ok(Node::any(nodes))
}

fn check_key(key: &str, column: usize) -> Result<(), FilterError> {
    if key.is_empty() {
        return Err(FilterError::at(
            column,
            "a key belongs before `:`; the character itself is `\\:`",
        ));
    }
    if key.starts_with('"') || key.contains('\\') && !key.contains('[') {
        return Err(FilterError::at(
            column,
            "a key stands without quotes; to look for a text with `:` in it, put all of it in quotes",
        ));
    }
    Ok(())
}

/// What stands before the colon, and where.
struct Key {
    text: String,
    column: usize,
}

impl Key {
    /// The term of this key and one value.
    fn term(&self, value: &Value<'_>, now: &Zoned) -> Result<Term, FilterError> {
        let name = self.text.to_ascii_lowercase();
        if let Some(header) = name.strip_prefix("header.") {
            return Ok(Term::Header(self.header(header)?, test(value, now)?));
        }
        if let Some(header) = name.strip_prefix("headers.") {
            let message = format!(
                "headers stand behind `header.`, and a field of the payload is {}",
                quoted(&format!(".{}", self.text))
            );
            return Err(
                FilterError::at(self.column, message).instead(Some(format!("header.{header}:")))
            );
        }
        if name.contains(['.', '[']) {
            return Ok(Term::Payload(self.path()?, test(value, now)?));
        }
        match name.as_str() {
            "event" => event(value),
            "status" => status(value),
            "sig" => sig(value),
            "method" => Ok(Term::Method(value.glob())),
            "path" => Ok(Term::Path(value.glob())),
            "id" => {
                let read = |text: &str| text.strip_prefix('#').unwrap_or(text).parse().ok();
                let bounds = value.bounds("id", "an id such as `42`, `40..50` or `>40`", read)?;
                Ok(Term::Id(bounds))
            }
            "after" | "before" => {
                let at = bounds::time(&value.text, now).ok_or_else(|| {
                    let takes = "a time such as `10m` (ago), `2026-11-24`, `2026-11-24T10:00`, `10:00` or `today`";
                    value.none_of(&name, takes, &["today", "yesterday", "now"])
                })?;
                Ok(if name == "after" {
                    Term::After(at)
                } else {
                    Term::Before(at)
                })
            }
            "took" => took(value),
            "size" => {
                let takes = "a size such as `>10KB`, `<=1MiB` or `0`";
                Ok(Term::Size(value.bounds("size", takes, bounds::size)?))
            }
            "is" => is(value),
            _ => Err(unknown(&self.text, &value.text, self.column)),
        }
    }

    fn header(&self, name: &str) -> Result<String, FilterError> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            let column = self.column + "header.".len();
            let message = "a header's name belongs here, as in `header.user-agent:curl*`";
            return Err(FilterError::at(column, message));
        }
        Ok(name.to_owned())
    }

    fn path(&self) -> Result<Path, FilterError> {
        self.text.parse().map_err(|bad: BadPath| {
            let before = bad.text.get(..bad.at).unwrap_or_default();
            FilterError::at(
                self.column + before.chars().count(),
                format!(
                    "{} is no path into a payload: {}",
                    quoted(&bad.text),
                    bad.problem
                ),
            )
        })
    }
}

fn event(value: &Value<'_>) -> Result<Term, FilterError> {
    let pattern: Result<EventPattern, _> = value.text.parse();
    pattern.map(Term::Event).map_err(|_| {
        value.none_of(
            "event",
            "a name or glob such as `email.opened` or `email.*`",
            &[],
        )
    })
}

fn status(value: &Value<'_>) -> Result<Term, FilterError> {
    let text = value.text.to_ascii_lowercase();
    let status = match text.as_str() {
        "none" => Status::None,
        "failed" => Status::Failed,
        text => match (FailureCode::from_name(text), text.as_bytes()) {
            (Some(code), _) => Status::Error(code),
            (None, [digit @ b'1'..=b'5', b'x', b'x']) => {
                let digit = char::from(*digit);
                let range = format!("{digit}00..{digit}99");
                let read = |text: &str| text.parse().ok();
                let bounds = Bounds::read(&range, read);
                Status::Within(bounds.map_err(|_| value.none_of("status", "a status", &[]))?)
            }
            _ => Status::Within(status_range(value)?),
        },
    };
    Ok(Term::Status(status))
}

fn status_range(value: &Value<'_>) -> Result<Bounds<u16>, FilterError> {
    let read = |text: &str| text.parse().ok().filter(|s| (100..=599).contains(s));
    Bounds::read(&value.text, read).map_err(|bad| match bad {
        BadBounds::Reversed => value.reversed(),
        BadBounds::Value => {
            let takes = format!("`404`, `5xx`, `>=400`, `200..299`, {}", choice(&STATUSES));
            value.none_of("status", &takes, &STATUSES)
        }
    })
}

fn sig(value: &Value<'_>) -> Result<Term, FilterError> {
    let found = VERDICTS
        .into_iter()
        .find(|word| value.text.eq_ignore_ascii_case(word));
    found
        .map(Term::Sig)
        .ok_or_else(|| value.none_of("sig", &choice(&VERDICTS), &VERDICTS))
}

fn is(value: &Value<'_>) -> Result<Term, FilterError> {
    let found = IS
        .iter()
        .find(|(word, _)| value.text.eq_ignore_ascii_case(word));
    found.map(|(_, is)| Term::Is(*is)).ok_or_else(|| {
        let words = IS.map(|(word, _)| word);
        value.none_of("is", &choice(&words), &words)
    })
}

fn took(value: &Value<'_>) -> Result<Term, FilterError> {
    let takes = "a comparison with a duration, such as `>200ms`, `<=1.5s` or `100ms..2s`";
    let bounds = value.bounds("took", takes, bounds::duration)?;
    // Nothing takes exactly so long.
    if comparison(&value.text).is_none() && !value.text.contains("..") {
        return Err(value
            .none_of("took", takes, &[])
            .instead(Some(format!("took:>{}", value.text))));
    }
    Ok(Term::Took(bounds))
}

/// What a value behind a header or a path asks for.
fn test(value: &Value<'_>, now: &Zoned) -> Result<Test, FilterError> {
    let read = |text: &str| Operand::read(text, now);
    let bare = |count: usize| value.letters.iter().take(count).all(|l| !l.literal);
    if bare(1) && comparison(&value.text).is_some() {
        return Bounds::read(&value.text, read).map(Test::Within).map_err(|_| {
            value.error(format!(
                "what is compared with is a number or a time such as `2026-11-24T10:00`, not {}; the character itself is `\\{}`",
                quoted(value.text.trim_start_matches(['<', '>', '='])),
                value.text.chars().next().unwrap_or('>'),
            ))
        });
    }
    if bare(usize::MAX) && value.text.contains("..") {
        match Bounds::read(&value.text, read) {
            Ok(bounds) => return Ok(Test::Within(bounds)),
            Err(BadBounds::Reversed) => return Err(value.reversed()),
            // Any other text may have two dots in it.
            Err(BadBounds::Value) => {}
        }
    }
    Ok(Test::Like(value.glob(), Number::read(&value.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_failures() {
        for word in &STATUSES[2..] {
            assert!(FailureCode::from_name(word).is_some(), "{word}");
        }
    }
}

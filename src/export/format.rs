//! The formats by their names: which file each makes, and what stands in it.

use std::io::{self, Write};

use super::{curl, fixture, har, http, json};
use crate::delivery::Kept;

/// How deliveries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Commands for a shell, see [`curl`].
    Curl,
    /// One document of HTTP, see [`har`].
    Har,
    /// A file to commit and send again, see [`fixture`].
    Fixture,
    /// A line of JSON each, see [`json`].
    Json,
    /// The bodies and nothing else.
    Raw,
    /// The requests as they would stand on the wire, see [`http`].
    Http,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Curl,
        Self::Har,
        Self::Fixture,
        Self::Json,
        Self::Raw,
        Self::Http,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Har => "har",
            Self::Fixture => "fixture",
            Self::Json => "json",
            Self::Raw => "raw",
            Self::Http => "http",
        }
    }

    /// The ending of a file of this format, without its dot.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Curl => "sh",
            Self::Har => "har",
            Self::Fixture => "json",
            Self::Json => "jsonl",
            Self::Raw => "body",
            Self::Http => "http",
        }
    }

    /// A name for a delivery's file: its id, its event as far as that is letters, digits,
    /// dots and dashes, and the ending.
    pub fn file_name(self, kept: &Kept) -> String {
        let (id, ending) = (kept.delivery.id, self.ending());
        match slug(kept.delivery.request.event.as_deref()).as_str() {
            "" => format!("{id}.{ending}"),
            slug => format!("{id}-{slug}.{ending}"),
        }
    }

    /// Writes deliveries. `url` says where a command is to send one; `throw_away_secret` is
    /// noted where the format has a place for what they were signed anew with.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(
        self,
        chosen: &[Kept],
        throw_away_secret: Option<&str>,
        url: impl Fn(&Kept) -> String,
        out: &mut impl Write,
    ) -> io::Result<()> {
        if self == Self::Har {
            return har::write(chosen, throw_away_secret, out);
        }
        for (at, kept) in chosen.iter().enumerate() {
            let received = &kept.delivery.request;
            match self {
                Self::Curl => {
                    if at > 0 {
                        out.write_all(b"\n")?;
                    }
                    out.write_all(curl::command(received, &url(kept)).as_bytes())?;
                }
                Self::Fixture => fixture::write(kept, throw_away_secret, out)?,
                Self::Json => json::write_line(kept, throw_away_secret, out)?,
                Self::Raw => out.write_all(&received.body)?,
                Self::Http => out.write_all(&http::request(received))?,
                Self::Har => {}
            }
        }
        Ok(())
    }
}

/// An event as a part of a file's name: nothing in it is a stranger's but letters and
/// digits. Empty where it has none, or there is no event.
pub fn slug(event: Option<&str>) -> String {
    let mut slug = String::new();
    for c in event.unwrap_or_default().chars().take(60) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with(['.', '-']) {
            slug.push(if c == '.' { '.' } else { '-' });
        }
    }
    let kept = slug.trim_end_matches(['.', '-']).len();
    slug.truncate(kept);
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Delivery, Headers, Received, Verdict};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn kept(event: &str) -> Kept {
        Kept::new(Arc::new(Delivery {
            id: 42,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: bytes::Bytes::new(),
                event: Some(event.into()),
                verdict: Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }))
    }

    #[test]
    fn names_are_those_of_files_in_the_folder() {
        for (event, name) in [
            ("email.opened", "42-email.opened.json"),
            ("", "42.json"),
            ("../../etc/passwd", "42-etc-passwd.json"),
            ("..", "42.json"),
            ("a\0b\n/c\\d:e", "42-a-b-c-d-e.json"),
            ("-rf *", "42-rf.json"),
            ("é\u{202e}", "42.json"),
        ] {
            assert_eq!(Format::Fixture.file_name(&kept(event)), name);
        }
    }

    proptest! {
        #[test]
        fn any_event_gives_a_plain_name(event in any::<String>()) {
            let name = Format::Raw.file_name(&kept(&event));
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            prop_assert!(name.starts_with("42") && name.len() < 80);
            prop_assert!(name.chars().all(plain) && !name.contains(".."));
        }
    }
}

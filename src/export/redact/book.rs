//! Which look-alike stands for which value, the same one throughout an export.
//!
//! A look-alike is made from a count and never from the value, so that nothing can be
//! found out from it. What is exported again gets the same ones again.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// An e-mail address.
    Mail,
    /// A word of a name.
    Name,
    /// An address of a network.
    V4,
    /// The same.
    V6,
    /// A telephone number.
    Phone,
    /// A token.
    Token,
}

/// Values and their look-alikes.
#[derive(Default)]
pub(super) struct Book {
    /// While deliveries are looked through for the first time: values are noted only.
    pub(super) learning: bool,
    made: HashMap<(Kind, String), String>,
    domains: HashMap<String, String>,
    /// In lower case: what a look-alike must not be.
    originals: HashSet<String>,
    taken: HashSet<String>,
    /// Words of names in lower case, as they were first written, and whether they are a
    /// person's for sure.
    words: HashMap<String, (String, bool)>,
    tokens: HashSet<String>,
    count: u64,
}

impl Book {
    /// One that is to learn first.
    pub(super) fn learning() -> Self {
        Self {
            learning: true,
            ..Self::default()
        }
    }

    /// Notes that a name's word is to be found wherever it stands.
    pub(super) fn note_word(&mut self, word: &str, personal: bool) {
        if self.learning && word.chars().count() >= 3 {
            let entry = self.words.entry(word.to_lowercase());
            entry.or_insert_with(|| (word.to_owned(), false)).1 |= personal;
        }
    }

    /// Notes that a token is to be found wherever it stands.
    pub(super) fn note_token(&mut self, token: &str) {
        if self.learning && token.len() >= 6 {
            self.tokens.insert(token.to_owned());
        }
    }

    /// Whether this is the word of a name. A short one is so only as it was written there:
    /// `will` is no `Will`.
    pub(super) fn is_word(&self, word: &str, personal: bool) -> bool {
        if self.words.is_empty() {
            return false;
        }
        self.words
            .get(&word.to_lowercase())
            .is_some_and(|(seen, sure)| {
                (*sure || !personal) && (word == seen || word.chars().count() >= 5)
            })
    }

    /// Whether this was found to be a token.
    pub(super) fn is_token(&self, run: &str) -> bool {
        self.tokens.contains(run)
    }

    /// What stands for a value.
    pub(super) fn look_alike(&mut self, kind: Kind, value: &str) -> String {
        let key = match kind {
            Kind::Token | Kind::Phone => value.to_owned(),
            Kind::V6 => value
                .parse()
                .map_or_else(|_| value.to_lowercase(), |ip: Ipv6Addr| ip.to_string()),
            Kind::Mail | Kind::Name | Kind::V4 => value.to_lowercase(),
        };
        if self.learning {
            self.originals.insert(key.to_lowercase());
            if let (Kind::Mail, Some((local, _))) = (kind, key.rsplit_once('@')) {
                self.originals.insert(local.to_lowercase());
            }
            return String::new();
        }
        let key = (kind, key);
        let made = if let Some(made) = self.made.get(&key) {
            made.clone()
        } else {
            let made = self.make(kind, &key.1);
            self.made.insert(key, made.clone());
            made
        };
        if kind == Kind::Name {
            in_case_of(value, &made)
        } else {
            made
        }
    }

    fn make(&mut self, kind: Kind, value: &str) -> String {
        let domain = match (kind, value.rsplit_once('@')) {
            (Kind::Mail, Some((_, domain))) => self.domain(domain),
            _ => String::new(),
        };
        for tries in 0_u32.. {
            self.count += 1;
            let mut random = SplitMix(self.count);
            // Short ones run out; then they get longer.
            let longer = tries as usize / 50;
            let made = match kind {
                Kind::Mail => {
                    let local = value.rsplit_once('@').map_or(value, |(local, _)| local);
                    let length = local.chars().count().clamp(3, 30) + longer;
                    format!("{}@{domain}", word(&mut random, length))
                }
                Kind::Name => word(&mut random, value.chars().count().clamp(1, 30) + longer),
                Kind::V4 => v4(self.count).to_string(),
                Kind::V6 => {
                    Ipv6Addr::from((0x2001_0db8 << 96) | u128::from(self.count)).to_string()
                }
                Kind::Phone => digits(&mut random, value),
                Kind::Token => token(&mut random, value, longer),
            };
            let is_all_marks = !value.contains(char::is_alphanumeric);
            if is_all_marks
                || tries > 5_000
                || (!self.is_original(&made) && self.taken.insert(made.clone()))
            {
                return made;
            }
        }
        String::new()
    }

    /// Domains that are set aside for documentation (RFC 2606), one for each.
    fn domain(&mut self, domain: &str) -> String {
        let count = self.domains.len();
        let made = self.domains.entry(domain.to_owned());
        made.or_insert_with(|| match count {
            0 => "example.com".to_owned(),
            1 => "example.org".to_owned(),
            2 => "example.net".to_owned(),
            more => format!("mail{more}.example.com"),
        })
        .clone()
    }

    /// Whether a look-alike is, or holds, a value that must not be seen.
    fn is_original(&self, made: &str) -> bool {
        let made = made.to_lowercase();
        let local = made.split('@').next().unwrap_or_default();
        let holds = |text: &str| {
            let length = text.len();
            length <= 64
                && (0..length).any(|from| {
                    (from + 4..=length).any(|to| {
                        text.get(from..to)
                            .is_some_and(|part| self.originals.contains(part))
                    })
                })
        };
        self.originals.contains(&made) || self.originals.contains(local) || holds(local)
    }
}

/// Networks that are set aside for documentation (RFC 5737), and then for measurements
/// (RFC 2544).
fn v4(count: u64) -> Ipv4Addr {
    let [.., high, low] = count.to_be_bytes();
    let last = low.clamp(1, 254);
    match count / 256 {
        0 => Ipv4Addr::new(203, 0, 113, last),
        1 => Ipv4Addr::new(198, 51, 100, last),
        2 => Ipv4Addr::new(192, 0, 2, last),
        _ => Ipv4Addr::new(198, 18 + (high & 1), high, last),
    }
}

/// Something that can be said, in lower case.
fn word(random: &mut SplitMix, length: usize) -> String {
    const SOUNDS: [&[u8]; 2] = [b"bdfgklmnprstvz", b"aeiou"];
    let start = random.below(2);
    (0..length)
        .map(|at| char::from(random.one_of(SOUNDS[(start + at) % 2])))
        .collect()
}

/// `made` as `value` is written: in capitals, with a capital, or without.
fn in_case_of(value: &str, made: &str) -> String {
    let all = value.chars().count() > 1 && !value.contains(char::is_lowercase);
    let mut like = value.chars();
    made.chars()
        .map(|c| {
            let is_capital = like.next().is_some_and(char::is_uppercase);
            if is_capital || (all && value.contains(char::is_uppercase)) {
                c.to_ascii_uppercase()
            } else {
                c
            }
        })
        .collect()
}

/// Other digits in their places. A number goes on to be one: no zero becomes the first.
fn digits(random: &mut SplitMix, value: &str) -> String {
    let mut first = true;
    value
        .chars()
        .map(|c| {
            if !c.is_numeric() {
                return c;
            }
            let digit = random.one_of(if first { b"123456789" } else { b"0123456789" });
            first = false;
            char::from(digit)
        })
        .collect()
}

/// Other letters and digits in their places: what was hexadecimal, a UUID or base64 is so
/// still.
fn token(random: &mut SplitMix, value: &str, longer: usize) -> String {
    let kept = kept_start(value);
    let rest = &value[kept..];
    let is_hex = rest.bytes().any(|b| b.is_ascii_digit())
        && rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_uuid = is_hex && rest.len() == 36 && rest.split('-').count() == 5;
    // The last character before the padding has bits that must be 0.
    let last = match (
        rest.len() - rest.trim_end_matches('=').len(),
        rest.len() % 4,
    ) {
        (1, 0) => rest
            .len()
            .checked_sub(2)
            .map(|at| (at, b"AEIMQUYcgkosw048".as_slice())),
        (2, 0) => rest.len().checked_sub(3).map(|at| (at, b"AQgw".as_slice())),
        _ => None,
    };
    let mut out = value[..kept].to_owned();
    for (at, c) in rest.char_indices() {
        let from: &[u8] = match c {
            // A UUID's version and variant.
            _ if is_uuid && (at == 14 || at == 19) => &[],
            _ if last.is_some_and(|(last, _)| last == at) => last.map_or(&[], |(_, set)| set),
            '0'..='9' if at == 0 => b"123456789",
            '0'..='9' => b"0123456789",
            'a'..='z' if is_hex => b"abcdef",
            'A'..='Z' if is_hex => b"ABCDEF",
            'A'..='Z' => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
            c if c.is_alphanumeric() => b"abcdefghijklmnopqrstuvwxyz",
            _ => &[],
        };
        out.push(if from.is_empty() {
            c
        } else {
            char::from(random.one_of(from))
        });
    }
    (0..longer).for_each(|_| out.push(char::from(random.one_of(b"0123456789"))));
    out
}

/// How much of a token says what kind it is: `ck_pat_`, `msg_`, a JWT's `eyJ`.
fn kept_start(value: &str) -> usize {
    if value.starts_with("eyJ") && value.contains('.') {
        return 3;
    }
    let Some(end) = value.rfind('_').map(|at| at + 1) else {
        return 0;
    };
    let (start, rest) = value.split_at(end);
    let is_kind = start.len() <= 16
        && start.split_terminator('_').all(|part| {
            (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase())
        });
    if is_kind && rest.len() >= 6 && rest.contains(|c: char| c.is_ascii_digit()) {
        end
    } else {
        0
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap_or_default()
    }

    fn one_of(&mut self, bytes: &[u8]) -> u8 {
        bytes[self.below(bytes.len())]
    }
}

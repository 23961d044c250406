//! Ids, keys and tokens: those of one seed are always the same, in the order in which they
//! are made.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rusqlite::Connection;
use sha2::Sha256;

/// What is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Webhook,
    Key,
    Event,
    Delivery,
    Token,
    Challenge,
}

impl Kind {
    /// Its name, under which it is counted, and its length in characters. A webhook's id is as
    /// long as those in Cakemail's reference.
    const fn of(self) -> (&'static str, usize) {
        match self {
            Self::Webhook => ("webhook", 12),
            Self::Key => ("key", 40),
            Self::Event => ("event", 16),
            Self::Delivery => ("delivery", 16),
            Self::Token => ("token", 43),
            Self::Challenge => ("challenge", 24),
        }
    }
}

/// The next of that kind.
///
/// # Errors
/// Those of the database, which counts them.
pub(super) fn mint(db: &Connection, seed: u64, kind: Kind) -> rusqlite::Result<String> {
    let (name, length) = kind.of();
    let n = count(db, name)?;
    Ok(text(seed, name, n, length))
}

/// How many there have been, this one included.
///
/// # Errors
/// Those of the database.
pub(super) fn count(db: &Connection, name: &str) -> rusqlite::Result<u64> {
    let counted: i64 = db
        .prepare_cached(
            "INSERT INTO meta VALUES (?1, 1) ON CONFLICT (key) DO UPDATE SET value = value + 1
             RETURNING value",
        )?
        .query_row([name], |row| row.get(0))?;
    Ok(counted.cast_unsigned())
}

/// Letters and digits that the seed, the name and the number give.
fn text(seed: u64, name: &str, n: u64, length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    for block in 0u64.. {
        let keyed = Hmac::<Sha256>::new_from_slice(&seed.to_be_bytes());
        let Ok(keyed) = keyed else {
            unreachable!("HMAC takes keys of every length")
        };
        let digest = keyed
            .chain_update(name)
            .chain_update(n.to_be_bytes())
            .chain_update(block.to_be_bytes())
            .finalize()
            .into_bytes();
        for byte in digest {
            if text.len() == length {
                return text;
            }
            // So that each letter is as likely as any other.
            if byte < 248 {
                text.push(char::from(LETTERS[usize::from(byte % 62)]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_text_and_others_give_others() {
        let id = text(7, "webhook", 1, 12);
        assert_eq!(id.len(), 12);
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(id, text(7, "webhook", 1, 12));
        for other in [
            text(8, "webhook", 1, 12),
            text(7, "key", 1, 12),
            text(7, "webhook", 2, 12),
        ] {
            assert_ne!(id, other);
        }
        assert_eq!(text(7, "key", 1, 100).len(), 100);
    }
}

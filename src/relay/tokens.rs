//! Who may connect: tokens, of which only hashes are kept.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::book::{Book, BookError, micros, time};
use super::id;
use super::names::bind;

/// What every token begins with, so that it is known for what it is where it leaks.
pub const PREFIX: &str = "cmr_";

/// The id of a token, which is no secret. A new token in the place of an old one has a new
/// one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(Arc<str>);

impl OwnerId {
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who has a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The token's id.
    pub id: OwnerId,
    /// What the operator called it.
    pub label: Arc<str>,
}

/// What a presented token turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A good one.
    Owner(Arc<Owner>),
    /// One that was good once.
    Revoked,
    /// None of this relay's.
    Unknown,
}

/// A token in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Whose.
    pub owner: Owner,
    /// Since when there is one.
    pub created_at: Timestamp,
    /// When an agent used it last, to a minute.
    pub last_used_at: Option<Timestamp>,
    /// Its names, in the order in which they were bound.
    pub names: Vec<String>,
}

/// The tokens; clones are handles on the same ones.
#[derive(Debug, Clone)]
pub struct Tokens {
    book: Book,
}

impl Tokens {
    pub(super) const fn new(book: Book) -> Self {
        Self { book }
    }

    /// Whose token this is, and notes that it was used.
    pub fn find(&self, token: &str) -> Found {
        let hash = hash(token);
        let mut start = [0; 8];
        start.copy_from_slice(&hash[..8]);
        let known = self.book.known();
        let mut alike = known.hashes.get(&start).into_iter().flatten();
        let Some(found) = alike.find(|one| one.full.ct_eq(&hash).into()) else {
            return Found::Unknown;
        };
        match known.owners.get(&found.owner) {
            Some(owner) if !found.revoked => {
                self.book.touch(&owner.id);
                Found::Owner(Arc::clone(owner))
            }
            _ => Found::Revoked,
        }
    }

    /// Whether an agent that was let in may stay.
    pub fn is_valid(&self, owner: &OwnerId) -> bool {
        self.book.known().owners.contains_key(owner)
    }

    /// Makes a token for these names and gives its text, which is kept nowhere.
    ///
    /// # Errors
    /// Where the label or a name is taken or cannot be one. Then nothing is made.
    pub async fn create(
        &self,
        label: &str,
        names: &[String],
    ) -> Result<(Owner, SecretString), BookError> {
        let (label, names) = (label.to_owned(), names.to_vec());
        check_label(&label)?;
        let token = new_token()?;
        let made = hash(token.expose_secret());
        let change = move |db: &rusqlite::Transaction<'_>| {
            let owner = insert(db, &label, &made)?;
            for name in &names {
                bind(db, name, &owner, false)?;
            }
            Ok(owner)
        };
        Ok((self.book.change(change).await?, token))
    }

    /// Those that are good, in the order of their making.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn list(&self) -> Result<Vec<Listed>, BookError> {
        self.book.read(list).await
    }

    /// Makes a token useless, by its label or the beginning of its id, and gives whose it was
    /// and the names that are now free for nobody for 30 days.
    ///
    /// # Errors
    /// Where there is none, or several.
    pub async fn revoke(&self, asked: &str) -> Result<(Owner, Vec<String>), BookError> {
        let asked = asked.to_owned();
        let change = move |db: &rusqlite::Transaction<'_>| {
            let owner = find(db, &asked)?;
            let names = names_of(db, &owner.id)?;
            let now = micros(Timestamp::now());
            db.execute(
                "UPDATE names SET released_at = ?2 WHERE token = ?1 AND released_at IS NULL",
                params![owner.id.as_str(), now],
            )?;
            revoke(db, &owner.id)?;
            Ok((owner, names))
        };
        self.book.change(change).await
    }

    /// Makes a new token in the place of one, which is revoked. The names, and what waits for
    /// them, are the new one's.
    ///
    /// # Errors
    /// Where there is none, or several.
    pub async fn rotate(&self, asked: &str) -> Result<(Owner, SecretString), BookError> {
        let asked = asked.to_owned();
        let token = new_token()?;
        let made = hash(token.expose_secret());
        let change = move |db: &rusqlite::Transaction<'_>| {
            let old = find(db, &asked)?;
            revoke(db, &old.id)?;
            let owner = insert(db, &old.label, &made)?;
            db.execute(
                "UPDATE names SET token = ?2 WHERE token = ?1",
                params![old.id.as_str(), owner.id.as_str()],
            )?;
            Ok(owner)
        };
        Ok((self.book.change(change).await?, token))
    }
}

fn new_token() -> Result<SecretString, BookError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(BookError::Random)?;
    let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("{PREFIX}{text}").into())
}

/// A hash without salt or delay: there are 256 random bits to guess.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn check_label(label: &str) -> Result<(), BookError> {
    let fits = (1..=64).contains(&label.chars().count()) && label.trim() == label;
    let shown = crate::delivery::escape_for_terminal(label) == label;
    if fits && shown {
        Ok(())
    } else {
        Err(BookError::BadLabel(label.to_owned()))
    }
}

fn insert(db: &Connection, label: &str, hash: &[u8; 32]) -> Result<Owner, BookError> {
    let taken = "SELECT 1 FROM tokens WHERE label = ?1 AND revoked_at IS NULL";
    if db.prepare(taken)?.exists([label])? {
        return Err(BookError::LabelTaken(label.to_owned()));
    }
    let id = id::random(10).map_err(BookError::Random)?;
    db.execute(
        "INSERT INTO tokens (id, label, hash, created_at) VALUES (?1, ?2, ?3, ?4)",
        params![id, label, hash, micros(Timestamp::now())],
    )?;
    Ok(Owner {
        id: OwnerId::new(&id),
        label: label.into(),
    })
}

fn revoke(db: &Connection, owner: &OwnerId) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1",
        params![owner.as_str(), micros(Timestamp::now())],
    )?;
    Ok(())
}

/// The good token with this label, or whose id begins so.
pub(super) fn find(db: &Connection, asked: &str) -> Result<Owner, BookError> {
    let all = list(db)?;
    let labelled = all.iter().find(|one| &*one.owner.label == asked);
    if let Some(found) = labelled {
        return Ok(found.owner.clone());
    }
    let mut begin = all
        .iter()
        .filter(|one| asked.len() >= 4 && one.owner.id.as_str().starts_with(asked));
    match (begin.next(), begin.next()) {
        (Some(found), None) => Ok(found.owner.clone()),
        (Some(_), Some(_)) => Err(BookError::Ambiguous(asked.to_owned())),
        _ => Err(BookError::NoToken {
            asked: asked.to_owned(),
            known: all.iter().map(|one| one.owner.label.to_string()).collect(),
        }),
    }
}

/// The good token with this id.
pub(super) fn by_id(db: &Connection, id: &OwnerId) -> Result<Owner, BookError> {
    let found = list(db)?.into_iter().find(|one| one.owner.id == *id);
    found
        .map(|one| one.owner)
        .ok_or_else(|| BookError::NoToken {
            asked: id.to_string(),
            known: Vec::new(),
        })
}

/// The label that a token has or had.
pub(super) fn label_of(db: &Connection, owner: &OwnerId) -> rusqlite::Result<String> {
    let sql = "SELECT label FROM tokens WHERE id = ?1";
    let found = db.query_row(sql, [owner.as_str()], |row| row.get(0));
    Ok(found.optional()?.unwrap_or_else(|| owner.to_string()))
}

fn names_of(db: &Connection, owner: &OwnerId) -> Result<Vec<String>, BookError> {
    let sql = "SELECT name FROM names WHERE token = ?1 AND released_at IS NULL ORDER BY rowid";
    let mut names = db.prepare_cached(sql)?;
    let names = names.query_map([owner.as_str()], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

fn list(db: &Connection) -> Result<Vec<Listed>, BookError> {
    let sql = "SELECT id, label, created_at, last_used_at FROM tokens
        WHERE revoked_at IS NULL ORDER BY rowid";
    let mut tokens = db.prepare(sql)?;
    let mut rows = tokens.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let id = OwnerId::new(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
        all.push(Listed {
            created_at: time(row.get(2)?),
            last_used_at: row.get::<_, Option<i64>>(3)?.map(time),
            names: names_of(db, &id)?,
            owner: Owner {
                id,
                label: row.get::<_, String>(1)?.into(),
            },
        });
    }
    Ok(all)
}

//! Which names are whose.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::book::{Book, BookError, QUARANTINE, micros, time};
use super::id;
use super::tokens::{self, Owner, OwnerId};

/// What a name is, for people.
pub const SYNTAX: &str =
    "a name has 1 to 63 of a-z, 0-9 and `-`, and neither begins nor ends with `-`";

/// Whether it can be a name: one label of a host name, in lower case.
pub fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A name in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// It.
    pub name: String,
    /// The label of the token that has it, or had it.
    pub token: String,
    /// When it was bound.
    pub bound_at: Timestamp,
    /// When anybody can have it, where it was released.
    pub free_at: Option<Timestamp>,
    /// Deliveries that wait for its agent.
    pub waiting: u64,
}

/// What reserving a name has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The token that has it.
    pub owner: Owner,
    /// Deliveries that waited for the token that had it before, which are gone.
    pub dropped: u64,
}

/// The names; clones are handles on the same ones.
#[derive(Debug, Clone)]
pub struct Names {
    book: Book,
}

impl Names {
    pub(super) const fn new(book: Book) -> Self {
        Self { book }
    }

    /// The token that has this name.
    pub fn owner_of(&self, name: &str) -> Option<Arc<Owner>> {
        let known = self.book.known();
        known.owners.get(known.names.get(name)?).map(Arc::clone)
    }

    /// Whether some token has it, so that deliveries to it are kept.
    pub fn is_reserved(&self, name: &str) -> bool {
        self.book.known().names.contains_key(name)
    }

    /// Whether this token has it. To a token that has not, it is as if it did not exist.
    pub fn is_of(&self, name: &str, owner: &OwnerId) -> bool {
        self.book.known().names.get(name) == Some(owner)
    }

    /// The names of a token, in the order in which they were bound.
    pub fn all_of(&self, owner: &OwnerId) -> Vec<Box<str>> {
        let known = self.book.known();
        known.names_of.get(owner).cloned().unwrap_or_default()
    }

    /// The name of a token that asks for none: the first that was bound to it, or else a new
    /// one that nobody can guess, which is then bound.
    ///
    /// # Errors
    /// Where the token is no good any more, or a new name cannot be written.
    pub async fn default_name(&self, owner: &OwnerId) -> Result<Box<str>, BookError> {
        if let Some(name) = self.all_of(owner).into_iter().next() {
            return Ok(name);
        }
        let id = owner.clone();
        let change = move |db: &rusqlite::Transaction<'_>| {
            // Another agent with this token may have been faster.
            let sql = "SELECT name FROM names WHERE token = ?1 AND released_at IS NULL
                ORDER BY rowid LIMIT 1";
            let found = db.query_row(sql, [id.as_str()], |row| row.get::<_, String>(0));
            if let Some(name) = found.optional()? {
                return Ok(name.into());
            }
            let owner = tokens::by_id(db, &id)?;
            let name = unguessable()?;
            bind(db, &name, &owner, false)?;
            Ok(name.into())
        };
        self.book.change(change).await
    }

    /// Binds a name to a token. With `force` it may be one that is in quarantine.
    ///
    /// # Errors
    /// Where it is taken, was another's not long ago, or cannot be a name.
    pub async fn reserve(
        &self,
        name: &str,
        token: &str,
        force: bool,
    ) -> Result<Reserved, BookError> {
        let (name, token) = (name.to_owned(), token.to_owned());
        let change = move |db: &rusqlite::Transaction<'_>| {
            let owner = tokens::find(db, &token)?;
            let dropped = bind(db, &name, &owner, force)?;
            Ok(Reserved { owner, dropped })
        };
        self.book.change(change).await
    }

    /// Takes a name from its token. For 30 days nobody else gets it, and what waits for it
    /// does so as long as it would have. Gives the token's label.
    ///
    /// # Errors
    /// Where no token has it.
    pub async fn release(&self, name: &str) -> Result<String, BookError> {
        let name = name.to_owned();
        let change = move |db: &rusqlite::Transaction<'_>| {
            let Some(Row { owner, .. }) = row(db, &name)?.filter(|row| row.released.is_none())
            else {
                let known = list(db)?.into_iter().filter(|one| one.free_at.is_none());
                return Err(BookError::NoName {
                    asked: name,
                    known: known.map(|one| one.name).collect(),
                });
            };
            db.execute(
                "UPDATE names SET released_at = ?2 WHERE name = ?1",
                params![name, micros(Timestamp::now())],
            )?;
            Ok(tokens::label_of(db, &owner)?)
        };
        self.book.change(change).await
    }

    /// All of them, those in quarantine too.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn list(&self) -> Result<Vec<Listed>, BookError> {
        self.book.read(|db| Ok(list(db)?)).await
    }
}

/// 80 random bits, in four groups that can be read out.
fn unguessable() -> Result<String, BookError> {
    let letters = id::random(16).map_err(BookError::Random)?;
    let groups = [0, 4, 8, 12].map(|at| &letters[at..at + 4]);
    Ok(groups.join("-"))
}

struct Row {
    owner: OwnerId,
    released: Option<Timestamp>,
}

fn row(db: &Connection, name: &str) -> rusqlite::Result<Option<Row>> {
    let sql = "SELECT token, released_at FROM names WHERE name = ?1";
    let found = db.query_row(sql, [name], |row| {
        Ok(Row {
            owner: OwnerId::new(row.get_ref(0)?.as_str()?),
            released: row.get::<_, Option<i64>>(1)?.map(time),
        })
    });
    found.optional()
}

/// Binds a name, and tells how many deliveries that waited for another token are gone.
pub(super) fn bind(
    db: &Connection,
    name: &str,
    owner: &Owner,
    force: bool,
) -> Result<u64, BookError> {
    if !is_name(name) {
        return Err(BookError::BadName(name.to_owned()));
    }
    let before = row(db, name)?;
    let is_own = before.as_ref().is_some_and(|row| row.owner == owner.id);
    if let Some(Row {
        owner: other,
        released,
    }) = before
    {
        match released {
            None if is_own => return Ok(0),
            None => {
                return Err(BookError::NameTaken {
                    name: name.to_owned(),
                    holder: tokens::label_of(db, &other)?,
                });
            }
            Some(_) if is_own || force => {}
            Some(at) => {
                return Err(BookError::Quarantined {
                    name: name.to_owned(),
                    former: tokens::label_of(db, &other)?,
                    until: at + QUARANTINE,
                });
            }
        }
    }
    let dropped = if is_own {
        0
    } else {
        // What came for another is not this one's to read.
        db.execute("DELETE FROM queue WHERE name = ?1", [name])?
    };
    db.execute("DELETE FROM names WHERE name = ?1", [name])?;
    db.execute(
        "INSERT INTO names (name, token, bound_at) VALUES (?1, ?2, ?3)",
        params![name, owner.id.as_str(), micros(Timestamp::now())],
    )?;
    Ok(dropped as u64)
}

fn list(db: &Connection) -> rusqlite::Result<Vec<Listed>> {
    let before = micros(Timestamp::now() - QUARANTINE);
    let sql = "SELECT name, coalesce((SELECT label FROM tokens WHERE id = token), token),
            bound_at, released_at, (SELECT count(*) FROM queue WHERE queue.name = names.name)
        FROM names WHERE released_at IS NULL OR released_at >= ?1 ORDER BY name";
    let mut names = db.prepare(sql)?;
    let names = names.query_map([before], |row| {
        Ok(Listed {
            name: row.get(0)?,
            token: row.get(1)?,
            bound_at: time(row.get(2)?),
            free_at: row
                .get::<_, Option<i64>>(3)?
                .map(|at| time(at) + QUARANTINE),
            waiting: row.get::<_, i64>(4)?.cast_unsigned(),
        })
    })?;
    names.collect()
}

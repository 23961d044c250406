//! Deliveries and attempts as rows of the journal.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::notes::{self, Note};
use super::relays;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Outcome, Received, Scheme,
    Verdict,
};

/// The layout that this version reads and writes.
pub const LAYOUT: i32 = 3;

/// The tables. An attempt's key is its delivery's id and its number in one integer,
/// which spares an index: `id = delivery << 20 | n`.
pub const SCHEMA: &str = "
    CREATE TABLE deliveries (
        id          INTEGER PRIMARY KEY,
        received_at INTEGER NOT NULL,  -- microseconds since 1970 UTC
        peer        TEXT NOT NULL,
        method      TEXT NOT NULL,
        path        TEXT NOT NULL,     -- with its query, undecoded
        headers     BLOB NOT NULL,     -- 'name: value' lines ending in CR LF
        event       TEXT,
        verdict     TEXT NOT NULL,     -- valid, invalid, unsigned, unchecked
        scheme      TEXT,              -- of a valid one
        detail      TEXT,              -- label of the secret, or the reason
        crc         INTEGER NOT NULL,  -- CRC-32 of the whole row
        body        BLOB NOT NULL
    );
    CREATE TABLE attempts (
        id          INTEGER PRIMARY KEY,  -- delivery << 20 | n
        cause       TEXT NOT NULL,
        target      TEXT NOT NULL,
        started_at  INTEGER NOT NULL,     -- microseconds since 1970 UTC
        took        INTEGER NOT NULL,     -- microseconds
        status      INTEGER,
        first_byte  INTEGER,              -- microseconds
        headers     BLOB,
        size        INTEGER,              -- of the whole body
        code        TEXT,                 -- of a failure
        message     TEXT,
        hint        TEXT,
        crc         INTEGER NOT NULL,     -- CRC-32 of the whole row
        body        BLOB
    );
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
";

/// Of an attempt's key, those that its number has.
pub const ATTEMPT_BITS: u32 = 20;

/// The smallest attempt key of a delivery.
pub fn attempt_key(delivery: u64, n: u32) -> i64 {
    (delivery.cast_signed() << ATTEMPT_BITS) | i64::from(n & ((1 << ATTEMPT_BITS) - 1))
}

/// A CRC-32 over fields, each with its length, so that none can grow at another's cost.
#[derive(Default)]
struct Crc(crc32fast::Hasher);

impl Crc {
    fn number(&mut self, number: i64) {
        self.0.update(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len().try_into().unwrap_or(i64::MAX));
        self.0.update(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.number(-1),
        }
    }
}

/// Of everything, so that a row which SQLite reads without complaint and that is yet not
/// the one that was written does not pass for it.
fn crc_of(delivery: &Delivery) -> u32 {
    let mut crc = Crc::default();
    let request = &delivery.request;
    crc.number(delivery.id.cast_signed());
    crc.number(request.received_at.as_microsecond());
    let (scheme, detail) = scheme_and_detail(&request.verdict);
    for text in [
        Some(&*request.peer),
        Some(&*request.method),
        Some(&*request.path_and_query),
        request.event.as_deref(),
        Some(request.verdict.status()),
        scheme,
        detail,
    ] {
        crc.text(text);
    }
    crc.bytes(request.headers.as_bytes());
    crc.bytes(&request.body);
    crc.0.finalize()
}

fn crc_of_attempt(attempt: &Attempt) -> u32 {
    let mut crc = Crc::default();
    crc.number(attempt_key(attempt.delivery, attempt.n));
    crc.text(Some(attempt.cause.name()));
    crc.text(Some(&attempt.target));
    crc.number(attempt.started_at.as_microsecond());
    crc.number(micros(attempt.took));
    match &attempt.outcome {
        Outcome::Answered(answer) => {
            crc.number(i64::from(answer.status));
            crc.number(micros(answer.first_byte));
            crc.number(answer.size.cast_signed());
            crc.bytes(answer.headers.as_bytes());
            crc.bytes(&answer.body);
        }
        Outcome::Failed(failure) => {
            for text in [failure.code.name(), &failure.message, &failure.hint] {
                crc.text(Some(text));
            }
        }
    }
    crc.0.finalize()
}

fn scheme_and_detail(verdict: &Verdict) -> (Option<&str>, Option<&str>) {
    match verdict {
        Verdict::Valid { scheme, secret } => (Some(scheme.name()), Some(secret)),
        Verdict::Invalid { reason } => (None, Some(reason)),
        Verdict::Unsigned | Verdict::Unchecked => (None, None),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0).cast_unsigned())
}

/// Writes a delivery, which is not there yet.
pub fn insert_delivery(db: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let sql = "INSERT INTO deliveries VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)";
    put_delivery(db, sql, delivery)
}

/// Writes a delivery, whether it is there or not.
pub fn write_delivery(db: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO deliveries VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)";
    put_delivery(db, sql, delivery)
}

fn put_delivery(db: &Connection, sql: &str, delivery: &Delivery) -> rusqlite::Result<()> {
    let request = &delivery.request;
    let (scheme, detail) = scheme_and_detail(&request.verdict);
    db.prepare_cached(sql)?.execute(params![
        delivery.id.cast_signed(),
        request.received_at.as_microsecond(),
        request.peer,
        request.method,
        request.path_and_query,
        request.headers.as_bytes(),
        request.event,
        request.verdict.status(),
        scheme,
        detail,
        crc_of(delivery),
        &request.body[..],
    ])?;
    if request.original.is_some() {
        let note = Note {
            original: request.original,
            marked: false,
            waits: false,
        };
        notes::write(db, delivery.id, note)?;
    }
    if let Some(relayed) = &request.relayed {
        relays::insert(db, delivery.id, relayed)?;
    }
    Ok(())
}

/// Writes a delivery's new verdict; what has been evicted meanwhile stays away.
pub fn update_verdict(db: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let verdict = &delivery.request.verdict;
    let (scheme, detail) = scheme_and_detail(verdict);
    db.prepare_cached(
        "UPDATE deliveries SET verdict=?2, scheme=?3, detail=?4, crc=?5 WHERE id=?1",
    )?
    .execute(params![
        delivery.id.cast_signed(),
        verdict.status(),
        scheme,
        detail,
        crc_of(delivery),
    ])?;
    Ok(())
}

/// Writes an attempt.
pub fn insert_attempt(db: &Connection, attempt: &Attempt) -> rusqlite::Result<()> {
    let (answer, failure) = match &attempt.outcome {
        Outcome::Answered(answer) => (Some(answer), None),
        Outcome::Failed(failure) => (None, Some(failure)),
    };
    db.prepare_cached(
        "INSERT INTO attempts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)",
    )?
    .execute(params![
        attempt_key(attempt.delivery, attempt.n),
        attempt.cause.name(),
        attempt.target,
        attempt.started_at.as_microsecond(),
        micros(attempt.took),
        answer.map(|a| a.status),
        answer.map(|a| micros(a.first_byte)),
        answer.map(|a| a.headers.as_bytes()),
        answer.map(|a| a.size.cast_signed()),
        failure.map(|f| f.code.name()),
        failure.map(|f| &*f.message),
        failure.map(|f| &*f.hint),
        crc_of_attempt(attempt),
        answer.map(|a| &a.body[..]),
    ])?;
    Ok(())
}

/// Writes that ids up to this one may be given out.
pub fn reserve(db: &Connection, id: u64) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('reserved', ?1)")?
        .execute(params![id.cast_signed()])?;
    Ok(())
}

/// The columns that [`delivery_of`] reads.
pub const DELIVERY_COLUMNS: &str =
    "id,received_at,peer,method,path,headers,event,verdict,scheme,detail,crc,body";

/// The columns that [`attempt_of`] reads.
pub const ATTEMPT_COLUMNS: &str =
    "id,cause,target,started_at,took,status,first_byte,headers,size,code,message,hint,body,crc";

fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<Box<str>> {
    Ok(row.get_ref(at)?.as_str()?.into())
}

/// A delivery from a row; `Err(id)` where its bytes are not those that were written.
pub fn delivery_of(row: &Row<'_>) -> rusqlite::Result<Result<Delivery, u64>> {
    let id = row.get::<_, i64>(0)?.cast_unsigned();
    let read = || -> rusqlite::Result<(Received, u32)> {
        let detail = || -> rusqlite::Result<Arc<str>> {
            Ok(row.get_ref(9)?.as_str_or_null()?.unwrap_or_default().into())
        };
        let scheme = row
            .get_ref(8)?
            .as_str_or_null()?
            .and_then(Scheme::from_name);
        let verdict = match (row.get_ref(7)?.as_str()?, scheme) {
            ("valid", Some(scheme)) => Verdict::Valid {
                scheme,
                secret: detail()?,
            },
            ("invalid", _) => Verdict::Invalid { reason: detail()? },
            ("unsigned", _) => Verdict::Unsigned,
            _ => Verdict::Unchecked,
        };
        let received = Received {
            received_at: Timestamp::from_microsecond(row.get(1)?).unwrap_or_default(),
            peer: text(row, 2)?,
            method: text(row, 3)?,
            path_and_query: text(row, 4)?,
            headers: Headers::from_block(row.get_ref(5)?.as_blob()?),
            event: row.get_ref(6)?.as_str_or_null()?.map(Into::into),
            verdict,
            original: None,
            relayed: None,
            body: Bytes::copy_from_slice(row.get_ref(11)?.as_blob()?),
        };
        Ok((received, row.get(10)?))
    };
    // A column of the wrong type is damage to this row only; an error of the database
    // itself comes from stepping, before a row is here.
    Ok(match read() {
        Ok((request, written)) => {
            let delivery = Delivery { id, request };
            if crc_of(&delivery) == written {
                Ok(delivery)
            } else {
                Err(id)
            }
        }
        Err(_) => Err(id),
    })
}

/// An attempt from a row; `None` where it is not the one that was written.
///
/// # Errors
/// Where the row cannot be read at all.
pub fn attempt_of(row: &Row<'_>) -> rusqlite::Result<Option<Attempt>> {
    let key: i64 = row.get(0)?;
    // As with a delivery, what is wrong in here is wrong with this row only.
    let read = || -> rusqlite::Result<(Attempt, u32)> {
        let blob = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_blob()?);
        let outcome = match row.get::<_, Option<u16>>(5)? {
            Some(status) => Outcome::Answered(Answer {
                status,
                first_byte: duration(row.get(6)?),
                headers: Headers::from_block(blob(7)?),
                size: row.get::<_, i64>(8)?.cast_unsigned(),
                body: Bytes::copy_from_slice(blob(12)?),
            }),
            None => Outcome::Failed(Failure {
                code: FailureCode::from_name(&text(row, 9)?).unwrap_or(FailureCode::Protocol),
                message: text(row, 10)?,
                hint: text(row, 11)?,
            }),
        };
        let attempt = Attempt {
            delivery: (key >> ATTEMPT_BITS).cast_unsigned(),
            n: u32::try_from(key & ((1 << ATTEMPT_BITS) - 1)).unwrap_or(0),
            cause: Cause::from_name(&text(row, 1)?).unwrap_or(Cause::Live),
            target: text(row, 2)?,
            started_at: Timestamp::from_microsecond(row.get(3)?).unwrap_or_default(),
            took: duration(row.get(4)?),
            outcome,
        };
        Ok((attempt, row.get(13)?))
    };
    Ok(match read() {
        Ok((attempt, written)) if crc_of_attempt(&attempt) == written => Some(attempt),
        _ => None,
    })
}

#[cfg(test)]
mod tests;

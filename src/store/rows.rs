//! Deliveries and attempts as rows of the journal.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Outcome, Received, Scheme,
    Verdict,
};

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
        crc         INTEGER NOT NULL,  -- CRC-32 of what was sent
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
        body        BLOB
    );
    CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
";

const ATTEMPT_BITS: u32 = 20;

/// The smallest attempt key of a delivery.
pub fn attempt_key(delivery: u64, n: u32) -> i64 {
    (delivery.cast_signed() << ATTEMPT_BITS) | i64::from(n & ((1 << ATTEMPT_BITS) - 1))
}

fn crc(request: &Received) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for part in [
        request.method.as_bytes(),
        request.path_and_query.as_bytes(),
        request.headers.as_bytes(),
        &request.body,
    ] {
        crc.update(part);
    }
    crc.finalize()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0).cast_unsigned())
}

/// Writes a delivery.
pub fn insert_delivery(db: &Connection, delivery: &Delivery) -> rusqlite::Result<()> {
    let request = &delivery.request;
    let (scheme, detail) = match &request.verdict {
        Verdict::Valid { scheme, secret } => (Some(scheme.name()), Some(&**secret)),
        Verdict::Invalid { reason } => (None, Some(&**reason)),
        Verdict::Unsigned | Verdict::Unchecked => (None, None),
    };
    db.prepare_cached("INSERT INTO deliveries VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)")?
        .execute(params![
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
            crc(request),
            &request.body[..],
        ])?;
    Ok(())
}

/// Writes an attempt.
pub fn insert_attempt(db: &Connection, attempt: &Attempt) -> rusqlite::Result<()> {
    let (answer, failure) = match &attempt.outcome {
        Outcome::Answered(answer) => (Some(answer), None),
        Outcome::Failed(failure) => (None, Some(failure)),
    };
    db.prepare_cached("INSERT INTO attempts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)")?
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
            answer.map(|a| &a.body[..]),
        ])?;
    Ok(())
}

/// The columns that [`delivery_of`] reads.
pub const DELIVERY_COLUMNS: &str =
    "id,received_at,peer,method,path,headers,event,verdict,scheme,detail,crc,body";

/// The columns that [`attempt_of`] reads.
pub const ATTEMPT_COLUMNS: &str =
    "id,cause,target,started_at,took,status,first_byte,headers,size,code,message,hint,body";

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
            body: Bytes::copy_from_slice(row.get_ref(11)?.as_blob()?),
        };
        Ok((received, row.get(10)?))
    };
    // A column of the wrong type is damage to this row only; an error of the database
    // itself comes from stepping, before a row is here.
    Ok(match read() {
        Ok((request, written)) if crc(&request) == written => Ok(Delivery { id, request }),
        _ => Err(id),
    })
}

/// An attempt from a row.
pub fn attempt_of(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let key: i64 = row.get(0)?;
    let status: Option<u16> = row.get(5)?;
    let outcome = match status {
        Some(status) => Outcome::Answered(Answer {
            status,
            first_byte: duration(row.get::<_, Option<i64>>(6)?.unwrap_or(0)),
            headers: Headers::from_block(row.get_ref(7)?.as_blob_or_null()?.unwrap_or_default()),
            size: row.get::<_, Option<i64>>(8)?.unwrap_or(0).cast_unsigned(),
            body: Bytes::copy_from_slice(row.get_ref(12)?.as_blob_or_null()?.unwrap_or_default()),
        }),
        None => Outcome::Failed(Failure {
            code: row
                .get_ref(9)?
                .as_str_or_null()?
                .and_then(FailureCode::from_name)
                .unwrap_or(FailureCode::Protocol),
            message: row
                .get_ref(10)?
                .as_str_or_null()?
                .unwrap_or_default()
                .into(),
            hint: row
                .get_ref(11)?
                .as_str_or_null()?
                .unwrap_or_default()
                .into(),
        }),
    };
    Ok(Attempt {
        delivery: (key >> ATTEMPT_BITS).cast_unsigned(),
        n: u32::try_from(key & ((1 << ATTEMPT_BITS) - 1)).unwrap_or(0),
        cause: Cause::from_name(row.get_ref(1)?.as_str()?).unwrap_or(Cause::Live),
        target: text(row, 2)?,
        started_at: Timestamp::from_microsecond(row.get(3)?).unwrap_or_default(),
        took: duration(row.get(4)?),
        outcome,
    })
}

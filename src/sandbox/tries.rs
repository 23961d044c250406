//! Tries of deliveries: what one takes, what came of it, and looking at that.

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::json;

use super::book::Inner;
use super::queue::Status;
use super::schedule::Schedule;
use crate::cakemail::event::EventPattern;
use crate::delivery::Scheme;

/// All that a try takes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) event: String,
    pub(super) webhook: String,
    pub(super) url: String,
    pub(super) key: String,
    pub(super) scheme: Scheme,
    pub(super) body: Bytes,
    /// How often it was tried before.
    pub(super) tried: u32,
}

/// A try, as it ended.
#[derive(Debug, Clone)]
pub(super) struct Try {
    pub(super) n: u32,
    pub(super) url: String,
    pub(super) signature: String,
    pub(super) started_at: i64,
    /// In microseconds.
    pub(super) took: i64,
    pub(super) status: Option<u16>,
    pub(super) error: Option<String>,
    pub(super) message: Option<String>,
    pub(super) answer: Vec<u8>,
    pub(super) next_at: Option<i64>,
    /// How long that is after its end; only known when it has just ended.
    pub(super) wait: Option<i64>,
}

impl Try {
    const fn is_success(&self) -> bool {
        matches!(self.status, Some(200..300))
    }
}

/// A delivery as it is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) n: i64,
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event: String,
    pub(super) webhook: String,
    pub(super) account: u32,
    pub(super) scheme: String,
    pub(super) created_at: i64,
    pub(super) status: Status,
    pub(super) next_at: Option<i64>,
    /// The webhook's of now.
    pub(super) url: String,
}

/// A delivery with its tries and its body.
pub(super) type Whole = (Kept, Vec<Try>, Vec<u8>);

/// How many there are.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) webhooks: i64,
    pub(super) deliveries: i64,
}

/// Which deliveries.
#[derive(Debug, Default)]
pub(super) struct Which {
    pub(super) event: Option<EventPattern>,
    pub(super) status: Option<Status>,
    pub(super) webhook: Option<String>,
    pub(super) ids: Option<Vec<String>>,
    pub(super) limit: usize,
}

const KEPT: &str = "SELECT d.n, d.id, d.event_id, d.event, d.webhook, d.account, d.scheme,
    d.created_at, d.status, d.next_at, w.url
    FROM deliveries d JOIN webhooks w ON w.id = d.webhook";

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let status: String = row.get(8)?;
    Ok(Kept {
        n: row.get(0)?,
        id: row.get(1)?,
        event_id: row.get(2)?,
        event: row.get(3)?,
        webhook: row.get(4)?,
        account: row.get(5)?,
        scheme: row.get(6)?,
        created_at: row.get(7)?,
        status: Status::from_name(&status).unwrap_or(Status::Pending),
        next_at: row.get(9)?,
        url: row.get(10)?,
    })
}

impl Inner {
    /// What a try of that delivery takes; `None` where it is not to be tried any more.
    pub(super) fn job(&self, n: i64) -> rusqlite::Result<Option<Job>> {
        let mut statement = self.db.prepare_cached(
            "SELECT d.id, d.event, d.webhook, w.url, w.key, d.scheme, d.body,
                 (SELECT count(*) FROM tries t WHERE t.delivery = d.n)
             FROM deliveries d JOIN webhooks w ON w.id = d.webhook
             WHERE d.n = ?1 AND d.status = 'pending'",
        )?;
        let job = statement.query_row([n], |row| {
            let scheme: String = row.get(5)?;
            let body: Vec<u8> = row.get(6)?;
            Ok(Job {
                id: row.get(0)?,
                event: row.get(1)?,
                webhook: row.get(2)?,
                url: row.get(3)?,
                key: row.get(4)?,
                scheme: Scheme::from_name(&scheme).unwrap_or(Scheme::ApiBase64),
                body: body.into(),
                tried: row.get(7)?,
            })
        });
        job.optional()
    }

    /// Keeps what came of a try, and says what becomes of the delivery; `None` where it is
    /// gone. `ended` is when the try did.
    pub(super) fn record(
        &self,
        n: i64,
        tried: &mut Try,
        ended: i64,
        schedule: &Schedule,
    ) -> rusqlite::Result<Option<Status>> {
        let sql = "SELECT status FROM deliveries WHERE n = ?1";
        let before: Option<String> = self.db.query_row(sql, [n], |row| row.get(0)).optional()?;
        let Some(before) = before else {
            return Ok(None);
        };
        let wait = schedule.after(tried.n);
        let after = match Status::from_name(&before) {
            _ if tried.is_success() => Status::Delivered,
            Some(Status::Archived) => Status::Archived,
            _ if wait.is_some() => Status::Pending,
            _ => Status::Failed,
        };
        if after == Status::Pending {
            tried.wait = wait;
            tried.next_at = wait.map(|wait| ended.saturating_add(wait));
        }
        self.db
            .prepare_cached(
                "INSERT INTO tries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                n,
                tried.n,
                tried.url,
                tried.signature,
                tried.started_at,
                tried.took,
                tried.status,
                tried.error,
                tried.message,
                tried.answer,
                tried.next_at
            ])?;
        self.db
            .prepare_cached("UPDATE deliveries SET status = ?2, next_at = ?3 WHERE n = ?1")?
            .execute(params![n, after.name(), tried.next_at])?;
        Ok(Some(after))
    }

    pub(super) fn counts(&self) -> rusqlite::Result<Counts> {
        let sql = "SELECT (SELECT count(*) FROM webhooks WHERE archived_at IS NULL),
                          (SELECT count(*) FROM deliveries)";
        self.db.query_row(sql, [], |row| {
            Ok(Counts {
                webhooks: row.get(0)?,
                deliveries: row.get(1)?,
            })
        })
    }

    /// Deliveries, the newest first, each with its last try and their number.
    pub(super) fn deliveries(&self, which: &Which) -> rusqlite::Result<Vec<(Kept, Option<Try>)>> {
        // One condition or the other: with both, SQLite would not use the index of ids.
        let among = match which.ids {
            Some(_) => "d.id IN (SELECT value FROM json_each(?3))",
            None => "?3 IS NULL",
        };
        let sql = format!(
            "{KEPT} WHERE {among} AND (?1 IS NULL OR d.status = ?1)
             AND (?2 IS NULL OR d.webhook = ?2) ORDER BY d.n DESC"
        );
        let ids = which.ids.as_ref().map(|ids| json!(ids).to_string());
        let mut statement = self.db.prepare_cached(&sql)?;
        let status = which.status.map(Status::name);
        let mut rows = statement.query(params![status, which.webhook, ids])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if found.len() == which.limit {
                break;
            }
            let kept = kept(row)?;
            if which
                .event
                .as_ref()
                .is_some_and(|event| !event.matches(&kept.event))
            {
                continue;
            }
            let last = self.tries(kept.n, true)?.pop();
            found.push((kept, last));
        }
        Ok(found)
    }

    /// One with all its tries and its body.
    pub(super) fn delivery(&self, id: &str) -> rusqlite::Result<Option<Whole>> {
        let sql = format!("{KEPT} WHERE d.id = ?1");
        let Some(kept) = self.db.query_row(&sql, [id], kept).optional()? else {
            return Ok(None);
        };
        let sql = "SELECT body FROM deliveries WHERE n = ?1";
        let body = self.db.query_row(sql, [kept.n], |row| row.get(0))?;
        let mut tries = self.tries(kept.n, false)?;
        if let Some(last) = tries.last_mut() {
            // Archiving its webhook takes that back.
            last.next_at = kept.next_at;
        }
        Ok(Some((kept, tries, body)))
    }

    /// Its tries in their order, or the last alone.
    fn tries(&self, delivery: i64, last: bool) -> rusqlite::Result<Vec<Try>> {
        let mut statement = self.db.prepare_cached(
            "SELECT n, url, signature, started_at, took, status, error, message, answer, next_at
             FROM tries WHERE delivery = ?1 AND (NOT ?2 OR n =
                 (SELECT max(n) FROM tries WHERE delivery = ?1)) ORDER BY n",
        )?;
        let rows = statement.query_map(params![delivery, last], |row| {
            Ok(Try {
                n: row.get(0)?,
                url: row.get(1)?,
                signature: row.get(2)?,
                started_at: row.get(3)?,
                took: row.get(4)?,
                status: row.get(5)?,
                error: row.get(6)?,
                message: row.get(7)?,
                answer: row.get(8)?,
                next_at: row.get(9)?,
                wait: None,
            })
        })?;
        rows.collect()
    }
}

//! Deliveries: what was fired, what is still to be tried, and what came of it.

use bytes::Bytes;
use rusqlite::{OptionalExtension as _, Row, params};

use super::book::Inner;
use super::mint::{Kind, mint};
use super::schedule::Schedule;
use crate::cakemail::event::EventPattern;
use crate::cakemail::webhook::RatePeriod;
use crate::delivery::Scheme;

/// Deliveries that are kept; the oldest that are finished go.
const MOST: u64 = 10_000;
/// Bytes of their bodies together.
const MOST_BYTES: u64 = 256 << 20;

/// What has become of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// It is to be tried, for the first time or again.
    Pending,
    /// It was answered with a 2xx.
    Delivered,
    /// It was tried as often as it is.
    Failed,
    /// Its webhook was archived before.
    Archived,
}

impl Status {
    const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Archived];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Archived => "archived",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// An event that is to be fired.
#[derive(Debug)]
pub(super) struct NewEvent {
    /// Its name as the payload has it.
    pub(super) name: String,
    /// Which webhooks are meant.
    pub(super) pattern: EventPattern,
    pub(super) body: Bytes,
    pub(super) scheme: Scheme,
    /// Whether each delivery of it is made twice.
    pub(super) twice: bool,
}

/// An event that was fired.
#[derive(Debug)]
pub(super) struct Fired {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) webhooks: Vec<String>,
    pub(super) deliveries: Vec<String>,
}

/// How often a webhook may be sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) limit: u32,
    pub(super) period: RatePeriod,
}

/// A delivery that is to be tried.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) webhook: String,
    pub(super) n: i64,
    pub(super) at: i64,
    pub(super) pace: Pace,
}

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

fn pace(limit: u32, period: &str) -> Pace {
    Pace {
        limit,
        period: period.parse().unwrap_or_default(),
    }
}

impl Inner {
    /// Makes deliveries of these events for the account's webhooks. `None` where no more can
    /// wait.
    pub(super) fn fire(
        &self,
        account: u32,
        events: Vec<NewEvent>,
        now: i64,
    ) -> rusqlite::Result<Option<(Vec<Fired>, Vec<Due>)>> {
        let webhooks = self.active(account)?;
        let of = |event: &NewEvent| {
            let pattern = event.pattern.clone();
            let meant = webhooks.iter().filter(move |hook| pattern.matches(&hook.1));
            let times = if event.twice { 2 } else { 1 };
            meant.flat_map(move |hook| std::iter::repeat_n(hook, times))
        };
        let count: usize = events.iter().map(|event| of(event).count()).sum();
        let bytes = events
            .iter()
            .map(|event| of(event).count() * event.body.len());
        if !self.make_room(count as u64, bytes.sum::<usize>() as u64)? {
            return Ok(None);
        }
        let (mut fired, mut due) = (Vec::new(), Vec::new());
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries
                 (id, event_id, event, webhook, account, scheme, body, created_at, status, next_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?8)",
        )?;
        for event in events {
            let event_id = mint(&self.db, self.seed, Kind::Event)?;
            let mut deliveries = Vec::new();
            let mut meant: Vec<String> = Vec::new();
            for (webhook, _, pace) in of(&event) {
                let id = mint(&self.db, self.seed, Kind::Delivery)?;
                let scheme = event.scheme.name();
                let (name, body) = (&event.name, &*event.body);
                let n = insert.insert(params![
                    id, event_id, name, webhook, account, scheme, body, now
                ])?;
                due.push(Due {
                    webhook: webhook.clone(),
                    n,
                    at: now,
                    pace: *pace,
                });
                deliveries.push(id);
                if meant.last() != Some(webhook) {
                    meant.push(webhook.clone());
                }
            }
            fired.push(Fired {
                id: event_id,
                name: event.name,
                webhooks: meant,
                deliveries,
            });
        }
        Ok(Some((fired, due)))
    }

    /// The account's webhooks that are sent something: id, event and pace.
    fn active(&self, account: u32) -> rusqlite::Result<Vec<(String, String, Pace)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, event, rate_limit, rate_period FROM webhooks
             WHERE account = ?1 AND archived_at IS NULL ORDER BY n",
        )?;
        let rows = statement.query_map([account], |row| {
            let period: String = row.get(3)?;
            Ok((row.get(0)?, row.get(1)?, pace(row.get(2)?, &period)))
        })?;
        rows.collect()
    }

    /// Whether so much more can be kept, for which the oldest that are finished have to go.
    fn make_room(&self, more: u64, more_bytes: u64) -> rusqlite::Result<bool> {
        let sum = |which: &str| -> rusqlite::Result<(u64, u64)> {
            let sql = format!(
                "SELECT count(*), coalesce(sum(length(body)), 0) FROM deliveries WHERE {which}"
            );
            self.db.query_row(&sql, [], |row| {
                let (count, bytes): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok((
                    count.cast_unsigned() + more,
                    bytes.cast_unsigned() + more_bytes,
                ))
            })
        };
        let fits = |(count, bytes): (u64, u64)| count <= MOST && bytes <= MOST_BYTES;
        let mut whole = sum("true")?;
        if fits(whole) {
            return Ok(true);
        }
        if !fits(sum("status = 'pending'")?) {
            return Ok(false);
        }
        let mut finished = self.db.prepare(
            "SELECT n, length(body) FROM deliveries WHERE status <> 'pending' ORDER BY n",
        )?;
        let mut last = 0;
        let mut rows = finished.query([])?;
        while let Some(row) = rows.next()? {
            if fits(whole) {
                break;
            }
            last = row.get(0)?;
            let bytes: i64 = row.get(1)?;
            whole = (whole.0 - 1, whole.1 - bytes.cast_unsigned());
        }
        self.db.execute(
            "DELETE FROM tries WHERE delivery IN
                 (SELECT n FROM deliveries WHERE n <= ?1 AND status <> 'pending')",
            [last],
        )?;
        self.db.execute(
            "DELETE FROM deliveries WHERE n <= ?1 AND status <> 'pending'",
            [last],
        )?;
        Ok(true)
    }

    /// What is to be tried, as after a restart.
    pub(super) fn pending(&self) -> rusqlite::Result<Vec<Due>> {
        let mut statement = self.db.prepare(
            "SELECT d.webhook, d.n, d.next_at, w.rate_limit, w.rate_period
             FROM deliveries d JOIN webhooks w ON w.id = d.webhook
             WHERE d.status = 'pending' AND d.next_at IS NOT NULL ORDER BY d.next_at, d.n",
        )?;
        let rows = statement.query_map([], |row| {
            let period: String = row.get(4)?;
            Ok(Due {
                webhook: row.get(0)?,
                n: row.get(1)?,
                at: row.get(2)?,
                pace: pace(row.get(3)?, &period),
            })
        })?;
        rows.collect()
    }

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
        let sql = format!(
            "{KEPT} WHERE (?1 IS NULL OR d.status = ?1) AND (?2 IS NULL OR d.webhook = ?2)
             ORDER BY d.n DESC"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query(params![which.status.map(Status::name), which.webhook])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if found.len() == which.limit {
                break;
            }
            let kept = kept(row)?;
            let ids = which.ids.as_ref();
            if ids.is_some_and(|ids| !ids.contains(&kept.id)) {
                continue;
            }
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
        Ok(Some((self.tries(kept.n, false)?, body)).map(|(tries, body)| (kept, tries, body)))
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

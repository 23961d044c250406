//! Deliveries: what was fired, what is still to be tried, and what came of it.

use bytes::Bytes;
use rusqlite::params;

use super::book::Inner;
use super::mint::{Kind, mint};
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
}

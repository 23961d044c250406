//! Deliveries: what was fired, what is still to be tried, and what came of it.

use std::iter;

use rusqlite::params;

use super::book::Inner;
use super::mint::{self, Kind};
use super::payload::Body;
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

/// Events that are to be fired: one of each of these names, and that so many times over.
pub(super) struct NewEvents<'a> {
    /// As the payload has them, each with what says which webhooks are meant.
    pub(super) names: Vec<(&'static str, EventPattern)>,
    pub(super) count: u64,
    pub(super) body: Source<'a>,
    pub(super) scheme: Scheme,
    /// Whether each delivery of them is made twice.
    pub(super) twice: bool,
}

/// Where their bodies come from.
pub(super) enum Source<'a> {
    /// It is the same for all.
    Given(Body),
    /// It is made of the name, and of how many samples there have been.
    Sample(&'a dyn Fn(&'static str, u64) -> Body),
}

/// An event that was fired.
#[derive(Debug)]
pub(super) struct Fired {
    pub(super) id: String,
    pub(super) name: &'static str,
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

/// A webhook that is sent something.
struct Hook {
    id: String,
    event: String,
    pace: Pace,
}

/// An event's name, and the webhooks that hear of it.
type Heard<'a> = (&'static str, Vec<&'a Hook>);

impl Inner {
    /// Makes deliveries of these events for the account's webhooks. `None` where no more can
    /// wait.
    pub(super) fn fire(
        &self,
        account: u32,
        new: &NewEvents<'_>,
        now: i64,
    ) -> rusqlite::Result<Option<(Vec<Fired>, Vec<Due>)>> {
        let webhooks = self.active(account)?;
        let hear = |(name, pattern): &(&'static str, EventPattern)| -> Heard<'_> {
            let meant = webhooks.iter().filter(|hook| pattern.matches(&hook.event));
            (*name, meant.collect())
        };
        let heard: Vec<Heard<'_>> = new.names.iter().map(hear).collect();
        let times = if new.twice { 2 } else { 1 };
        let each: usize = heard.iter().map(|(_, hooks)| hooks.len() * times).sum();
        let count = new.count.saturating_mul(each as u64);
        // Before any body is made: all of them together are more than memory has.
        if count > MOST {
            return Ok(None);
        }
        let bodies = self.bodies(new, &heard)?;
        let events = || heard.iter().cycle().zip(&bodies);
        let bytes = events().map(|((_, hooks), body)| (hooks.len() * times * body.len()) as u64);
        if !self.make_room(count, bytes.sum())? {
            return Ok(None);
        }
        let (mut fired, mut due) = (Vec::new(), Vec::new());
        let mut insert = self.db.prepare(
            "INSERT INTO deliveries
                 (id, event_id, event, webhook, account, scheme, body, created_at, status, next_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'pending', ?8)",
        )?;
        for ((name, hooks), body) in events() {
            let event_id = self.mint(Kind::Event)?;
            let (scheme, body) = (new.scheme.name(), &*body.whole());
            let mut deliveries = Vec::new();
            for hook in hooks.iter().flat_map(|hook| iter::repeat_n(hook, times)) {
                let id = self.mint(Kind::Delivery)?;
                let n = insert.insert(params![
                    id, event_id, name, hook.id, account, scheme, body, now
                ])?;
                due.push(Due {
                    webhook: hook.id.clone(),
                    n,
                    at: now,
                    pace: hook.pace,
                });
                deliveries.push(id);
            }
            fired.push(Fired {
                id: event_id,
                name,
                webhooks: hooks.iter().map(|hook| hook.id.clone()).collect(),
                deliveries,
            });
        }
        Ok(Some((fired, due)))
    }

    /// A body for each event, in their order; an empty one where nobody hears of it.
    fn bodies(&self, new: &NewEvents<'_>, heard: &[Heard<'_>]) -> rusqlite::Result<Vec<Body>> {
        let mut bodies = Vec::new();
        for _ in 0..new.count {
            for (name, hooks) in heard {
                bodies.push(match &new.body {
                    Source::Given(body) => body.clone(),
                    Source::Sample(sample) => {
                        // Counted for each, so that who hears makes no difference to the others.
                        let n = mint::count(&self.db, "sample")?;
                        if hooks.is_empty() {
                            Body::default()
                        } else {
                            sample(name, n)
                        }
                    }
                });
            }
        }
        Ok(bodies)
    }

    /// The account's webhooks that are sent something.
    fn active(&self, account: u32) -> rusqlite::Result<Vec<Hook>> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, event, rate_limit, rate_period FROM webhooks
             WHERE account = ?1 AND archived_at IS NULL ORDER BY n",
        )?;
        let rows = statement.query_map([account], |row| {
            let period: String = row.get(3)?;
            Ok(Hook {
                id: row.get(0)?,
                event: row.get(1)?,
                pace: pace(row.get(2)?, &period),
            })
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

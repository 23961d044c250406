//! What the account has: webhooks with their keys, and tokens.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::mint::{Kind, mint};
use crate::cakemail::sandbox::ACCESS_TOKEN;
use crate::cakemail::webhook::{RatePeriod, Webhook, WebhookStatus};

/// More webhooks than these are refused.
const MOST_WEBHOOKS: i64 = 10_000;
/// More tokens than these are not remembered; the oldest go.
const MOST_TOKENS: i64 = 10_000;
/// How long a refresh token is good, in milliseconds: 30 days.
const REFRESH_FOR: i64 = 30 * 24 * 60 * 60 * 1000;
/// How long a challenge waits for its code: 10 minutes.
const CHALLENGE_FOR: i64 = 10 * 60 * 1000;

/// The state, shared.
#[derive(Debug, Clone)]
pub(super) struct Book(Arc<Mutex<Inner>>);

/// The state, while nobody else has it.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) db: Connection,
    /// Another one after a reset.
    seed: Cell<u64>,
}

/// A webhook that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewWebhook {
    pub(super) event: &'static str,
    pub(super) url: String,
    pub(super) rate_limit: u32,
    pub(super) rate_limit_period: RatePeriod,
}

/// What is to be another of a webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) url: Option<String>,
    pub(super) rate_limit: Option<u32>,
    pub(super) rate_limit_period: Option<RatePeriod>,
}

/// Which webhooks of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) account: u32,
    pub(super) with_archived: bool,
    /// From 1 on.
    pub(super) number: u32,
    pub(super) size: u32,
}

/// What a login gives.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Book {
    pub(super) fn new(db: Connection, seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            db,
            seed: Cell::new(seed),
        })))
    }

    /// Does something with the state, as a whole or not at all.
    pub(super) fn now<T>(
        &self,
        work: impl FnOnce(&Inner) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.now_then(work, |done| done)
    }

    /// The same on a thread where it holds up nobody.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> rusqlite::Result<T> + Send + 'static,
    ) -> rusqlite::Result<T> {
        self.with_then(work, |done| done).await
    }

    /// The same, and `then` what follows from it. That is done whoever has given up waiting: a
    /// client that hangs up has its handler dropped, and what is kept would be known to nobody.
    /// It is done before anybody else has the state, so that others are told in this order.
    pub(super) async fn with_then<T, U: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> rusqlite::Result<T> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> rusqlite::Result<U> {
        let book = self.clone();
        let done = tokio::task::spawn_blocking(move || book.now_then(work, then)).await;
        // It is not to be awaited at all where the runtime ends.
        done.unwrap_or(Err(rusqlite::Error::InvalidQuery))
    }

    fn now_then<T, U>(
        &self,
        work: impl FnOnce(&Inner) -> rusqlite::Result<T>,
        then: impl FnOnce(T) -> U,
    ) -> rusqlite::Result<U> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = inner.db.unchecked_transaction()?;
        let done = work(&inner)?;
        transaction.commit()?;
        Ok(then(done))
    }
}

/// Writes down where ids and the like come from.
pub(super) fn keep_seed(db: &Connection, seed: u64) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta VALUES ('seed', ?1)";
    db.execute(sql, [seed.cast_signed()]).map(drop)
}

const WEBHOOK: &str = "id, event, url, archived_at, rate_limit, rate_period";

fn webhook(row: &Row<'_>) -> rusqlite::Result<Webhook> {
    let archived_at: Option<i64> = row.get(3)?;
    let period: String = row.get(5)?;
    Ok(Webhook {
        id: row.get(0)?,
        status: if archived_at.is_some() {
            WebhookStatus::Archived
        } else {
            WebhookStatus::Active
        },
        event: row.get(1)?,
        url: row.get(2)?,
        archived_at,
        rate_limit: Some(row.get(4)?),
        rate_limit_period: Some(period.parse().unwrap_or_default()),
    })
}

impl Inner {
    /// Makes a webhook; `None` where there are too many.
    pub(super) fn create(
        &self,
        account: u32,
        new: &NewWebhook,
    ) -> rusqlite::Result<Option<Webhook>> {
        let all = "SELECT count(*) FROM webhooks";
        let count: i64 = self.db.query_row(all, [], |row| row.get(0))?;
        if count >= MOST_WEBHOOKS {
            return Ok(None);
        }
        let id = self.mint(Kind::Webhook)?;
        let key = self.mint(Kind::Key)?;
        self.db.execute(
            "INSERT INTO webhooks (id, account, event, url, key, rate_limit, rate_period)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                id,
                account,
                new.event,
                new.url,
                key,
                new.rate_limit,
                new.rate_limit_period.name()
            ],
        )?;
        self.webhook(account, &id)
    }

    pub(super) fn webhook(&self, account: u32, id: &str) -> rusqlite::Result<Option<Webhook>> {
        let sql = format!("SELECT {WEBHOOK} FROM webhooks WHERE id = ?1 AND account = ?2");
        let found = self
            .db
            .query_row(&sql, params![id, account], webhook)
            .optional()?;
        Ok(found)
    }

    /// What its deliveries are signed with.
    pub(super) fn key(&self, id: &str) -> rusqlite::Result<String> {
        let sql = "SELECT key FROM webhooks WHERE id = ?1";
        self.db.query_row(sql, [id], |row| row.get(0))
    }

    /// Webhooks in the order in which they were made, and how many there are on all pages.
    pub(super) fn webhooks(&self, page: Page) -> rusqlite::Result<(Vec<Webhook>, u64)> {
        let which = "account = ?1 AND (?2 OR archived_at IS NULL)";
        let count: i64 = self.db.query_row(
            &format!("SELECT count(*) FROM webhooks WHERE {which}"),
            params![page.account, page.with_archived],
            |row| row.get(0),
        )?;
        let skip = (i64::from(page.number) - 1) * i64::from(page.size);
        let sql =
            format!("SELECT {WEBHOOK} FROM webhooks WHERE {which} ORDER BY n LIMIT ?3 OFFSET ?4");
        let mut statement = self.db.prepare(&sql)?;
        let values = params![page.account, page.with_archived, page.size, skip];
        let rows = statement.query_map(values, webhook)?;
        Ok((rows.collect::<Result<_, _>>()?, count.cast_unsigned()))
    }

    pub(super) fn change(
        &self,
        account: u32,
        id: &str,
        change: &Change,
    ) -> rusqlite::Result<Option<Webhook>> {
        self.db.execute(
            "UPDATE webhooks SET url = coalesce(?3, url), rate_limit = coalesce(?4, rate_limit),
                 rate_period = coalesce(?5, rate_period) WHERE id = ?1 AND account = ?2",
            params![
                id,
                account,
                change.url,
                change.rate_limit,
                change.rate_limit_period.map(RatePeriod::name)
            ],
        )?;
        self.webhook(account, id)
    }

    /// Archives it since that second, or takes that back. What waits for one that is archived
    /// is not delivered any more.
    pub(super) fn archive(
        &self,
        account: u32,
        id: &str,
        since: Option<i64>,
    ) -> rusqlite::Result<Option<Webhook>> {
        let changed = self.db.execute(
            "UPDATE webhooks SET archived_at = CASE WHEN ?3 IS NULL THEN NULL
                 ELSE coalesce(archived_at, ?3) END WHERE id = ?1 AND account = ?2",
            params![id, account, since],
        )?;
        if changed > 0 && since.is_some() {
            self.db.execute(
                "UPDATE deliveries SET status = 'archived', next_at = NULL
                 WHERE webhook = ?1 AND status = 'pending'",
                [id],
            )?;
        }
        self.webhook(account, id)
    }

    /// New tokens. The access token is good for so many milliseconds.
    pub(super) fn log_in(&self, now: i64, lifetime: i64) -> rusqlite::Result<Tokens> {
        let tokens = Tokens {
            access: self.mint(Kind::Token)?,
            refresh: self.mint(Kind::Token)?,
        };
        self.keep(&tokens.access, "access", now.saturating_add(lifetime))?;
        self.keep(&tokens.refresh, "refresh", now + REFRESH_FOR)?;
        self.db
            .execute("DELETE FROM tokens WHERE expires_at <= ?1", [now])?;
        self.db.execute(
            "DELETE FROM tokens WHERE rowid <= (SELECT max(rowid) FROM tokens) - ?1",
            [MOST_TOKENS],
        )?;
        Ok(tokens)
    }

    fn keep(&self, token: &str, kind: &str, until: i64) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO tokens VALUES (?1, ?2, ?3)";
        self.db.execute(sql, params![token, kind, until]).map(drop)
    }

    /// Whether the token of that kind is good, which it is once.
    pub(super) fn take(&self, token: &str, kind: &str, now: i64) -> rusqlite::Result<bool> {
        let sql = "DELETE FROM tokens WHERE token = ?1 AND kind = ?2 AND expires_at > ?3";
        let gone = self.db.execute(sql, params![token, kind, now])?;
        Ok(gone > 0)
    }

    /// A challenge that a code answers.
    pub(super) fn challenge(&self, now: i64) -> rusqlite::Result<String> {
        let id = self.mint(Kind::Challenge)?;
        self.keep(&id, "challenge", now + CHALLENGE_FOR)?;
        Ok(id)
    }

    /// Whether the token gives access.
    pub(super) fn lets_in(&self, token: &str, now: i64) -> rusqlite::Result<bool> {
        if token == ACCESS_TOKEN {
            return Ok(true);
        }
        let sql = "SELECT 1 FROM tokens WHERE token = ?1 AND kind = 'access' AND expires_at > ?2";
        let found = self.db.query_row(sql, params![token, now], |_| Ok(()));
        Ok(found.optional()?.is_some())
    }

    /// Forgets everything, the counts of what was made included, and goes on from that seed.
    pub(super) fn reset(&self, seed: u64) -> rusqlite::Result<()> {
        self.db.execute_batch(
            "DELETE FROM webhooks; DELETE FROM tokens; DELETE FROM tries; DELETE FROM deliveries;
             DELETE FROM meta;",
        )?;
        keep_seed(&self.db, seed)?;
        self.seed.set(seed);
        Ok(())
    }

    /// What ids, keys and samples come from.
    pub(super) fn seed(&self) -> u64 {
        self.seed.get()
    }

    /// The next of that kind.
    pub(super) fn mint(&self, kind: Kind) -> rusqlite::Result<String> {
        mint(&self.db, self.seed.get(), kind)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;
    use crate::sandbox::db;

    #[tokio::test]
    async fn what_follows_is_done_though_nobody_waits_for_it() {
        let book = Book::new(db::open(None).unwrap(), 1);
        let (tell, told) = tokio::sync::oneshot::channel();
        {
            let _held = book.0.lock().unwrap();
            let asking = book.with_then(Inner::counts, move |counts| tell.send(counts.webhooks));
            let mut context = Context::from_waker(Waker::noop());
            assert!(Box::pin(asking).as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(told.await, Ok(0));
    }
}

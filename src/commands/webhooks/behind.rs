//! Whether this machine's listener is behind a webhook's URL, and what arrived there.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::commands::api;
use crate::commands::listener_client::ListenerClient;
use crate::commands::setup::Setup;
use crate::config::Target;

/// How long it is waited for: a relay hands on at once.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);
/// Deliveries that are listed at a time.
const PAGE: usize = 1000;

/// The listener behind a URL.
pub(super) struct Behind {
    client: ListenerClient,
    /// Deliveries up to this one were there before.
    before: u64,
}

/// A delivery that arrived there.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) id: u64,
    /// What the listener says of its signature.
    pub(super) verdict: Value,
}

impl Behind {
    /// The listener behind this target, if one of this machine's is. One that does not
    /// answer is as good as none.
    pub(super) async fn find(setup: &Setup, named: bool, target: &Target) -> Option<Self> {
        let store = setup.settings.store.path.as_deref();
        let mut files = vec![store];
        if store.is_some() && !named {
            files.push(None);
        }
        for running in files.into_iter().filter_map(api::find) {
            let Ok(Some(client)) = ListenerClient::connect(running).await else {
                continue;
            };
            let Ok(status) = client.get("/api/v1/status").await else {
                continue;
            };
            let urls = [&status["url"], &status["tunnel"]["public_url"]];
            let leads_there = |url: &&Value| url.as_str().is_some_and(|url| leads_to(target, url));
            if !urls.iter().any(leads_there) {
                continue;
            }
            let newest = client.get("/api/v1/deliveries?limit=1").await.ok()?;
            let newest = newest["deliveries"].as_array().and_then(|all| all.last());
            return Some(Self {
                client,
                before: newest.and_then(|row| row["id"].as_u64()).unwrap_or(0),
            });
        }
        None
    }

    /// The delivery with this body, once it has arrived.
    pub(super) async fn arrived(&self, body: &[u8]) -> Option<Arrived> {
        let mut passed = Passed {
            size: body.len() as u64,
            after: self.before,
            seen: HashSet::new(),
        };
        let body = String::from_utf8_lossy(body);
        let looking = async {
            loop {
                match self.look(&body, &mut passed).await {
                    Ok(Some(arrived)) => return arrived,
                    // There is more behind a page that was full.
                    Ok(None) if passed.turn() => {}
                    _ => sleep(LOOK).await,
                }
            }
        };
        // Whatever is under way: a listener that takes many deliveries in is not read for ever.
        timeout(PATIENCE, looking).await.ok()
    }

    async fn look(&self, body: &str, passed: &mut Passed) -> anyhow::Result<Option<Arrived>> {
        let path = format!("/api/v1/deliveries?limit={PAGE}&after={}", passed.after);
        let rows = self.client.get(&path).await?;
        let rows = rows["deliveries"].as_array().map_or(&[][..], |rows| rows);
        for id in passed.by(rows) {
            let path = format!("/api/v1/deliveries/{id}");
            let mut delivery = self.client.get(&path).await?;
            // No other has the same: a seed and a time are in it.
            if delivery["request"]["body"] == body {
                let verdict = delivery["verdict"].take();
                return Ok(Some(Arrived { id, verdict }));
            }
            passed.seen.insert(id);
        }
        Ok(None)
    }
}

/// What need not be looked at again.
#[derive(Debug)]
struct Passed {
    /// Of the body that is looked for.
    size: u64,
    /// Those up to this one are no matter.
    after: u64,
    seen: HashSet<u64>,
}

impl Passed {
    /// Of these rows the ids of those that may be it.
    fn by(&mut self, rows: &[Value]) -> Vec<u64> {
        let mut open = Vec::new();
        for row in rows {
            let Some(id) = row["id"].as_u64() else {
                continue;
            };
            if row["size"].as_u64().is_some_and(|size| size != self.size) {
                self.seen.insert(id);
            } else if !self.seen.contains(&id) {
                open.push(id);
            }
        }
        open
    }

    /// Goes on behind a page that is full of what was seen, and says whether it was. Until
    /// then an earlier id may still come up, since a delivery is there once it is kept.
    fn turn(&mut self) -> bool {
        let is_full = self.seen.len() >= PAGE;
        if is_full {
            self.after = self.seen.drain().max().unwrap_or(self.after);
        }
        is_full
    }
}

/// Whether what is sent to the target comes in at this URL, whatever the path below it.
fn leads_to(target: &Target, url: &str) -> bool {
    let Ok(url) = url.parse::<Target>() else {
        return false;
    };
    if target.port() != url.port() || target.is_https() != url.is_https() {
        return false;
    }
    let is_same_host = target.host().eq_ignore_ascii_case(url.host())
        || (target.is_loopback() && url.is_loopback());
    let (path, below) = (path_of(target), path_of(&url));
    let rest = path.strip_prefix(&*below);
    is_same_host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn path_of(target: &Target) -> String {
    let url = target.url_for("/");
    let path = url.as_ref().map_or("", http::Uri::path);
    path.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_delivery_is_looked_at_once_and_only_if_it_has_the_size() {
        let mut passed = Passed {
            size: 7,
            after: 3,
            seen: HashSet::new(),
        };
        let rows = [(4, 7), (5, 8), (6, 7)].map(|(id, size)| json!({"id": id, "size": size}));
        assert_eq!(passed.by(&rows), [4, 6]);
        passed.seen.insert(4);
        // What could not be got is asked for again.
        assert_eq!(passed.by(&rows), [6]);
        passed.seen.insert(6);
        assert_eq!(passed.by(&rows), [0; 0]);
        assert!(!passed.turn());
        assert_eq!(passed.after, 3);
        let rows: Vec<_> = (7..1007).map(|id| json!({"id": id, "size": 1})).collect();
        assert_eq!(passed.by(&rows), [0; 0]);
        assert!(passed.turn());
        assert_eq!((passed.after, passed.seen.len()), (1006, 0));
        assert_eq!(passed.by(&[json!({"id": 1007})]), [1007]);
    }

    #[test]
    fn a_url_leads_to_the_listener_that_it_is_of() {
        for (target, url, leads) in [
            ("http://127.0.0.1:4400/a", "http://127.0.0.1:4400/", true),
            ("http://localhost:4400", "http://127.0.0.1:4400/", true),
            ("http://127.0.0.1:4401", "http://127.0.0.1:4400/", false),
            (
                "https://shop.hooks.example.com/x/y",
                "https://shop.hooks.example.com",
                true,
            ),
            (
                "https://Shop.Hooks.example.com",
                "https://shop.hooks.example.com",
                true,
            ),
            (
                "http://shop.hooks.example.com:443",
                "https://shop.hooks.example.com",
                false,
            ),
            (
                "https://hooks.example.com/t/shop/x",
                "https://hooks.example.com/t/shop",
                true,
            ),
            (
                "https://hooks.example.com/t/shopping",
                "https://hooks.example.com/t/shop",
                false,
            ),
        ] {
            let target = target.parse().unwrap();
            assert_eq!(leads_to(&target, url), leads, "{target} {url}");
        }
    }
}

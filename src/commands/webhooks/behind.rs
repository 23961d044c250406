//! Whether this machine's listener is behind a webhook's URL, and what arrived there.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::commands::api;
use crate::commands::listener_client::ListenerClient;
use crate::commands::setup::Setup;
use crate::config::Target;

/// How long it is waited for: a relay hands on at once.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(50);

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
    pub(super) async fn arrived(&self, body: &str) -> Option<Arrived> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(arrived)) = self.look(body).await {
                return Some(arrived);
            }
            if Instant::now() >= deadline {
                return None;
            }
            sleep(LOOK).await;
        }
    }

    async fn look(&self, body: &str) -> anyhow::Result<Option<Arrived>> {
        let path = format!("/api/v1/deliveries?limit=1000&after={}", self.before);
        let rows = self.client.get(&path).await?;
        for row in rows["deliveries"].as_array().into_iter().flatten() {
            let Some(id) = row["id"].as_u64() else {
                continue;
            };
            let path = format!("/api/v1/deliveries/{id}");
            let mut delivery = self.client.get(&path).await?;
            // No other has the same: a seed and a time are in it.
            if delivery["request"]["body"] == body {
                let verdict = delivery["verdict"].take();
                return Ok(Some(Arrived { id, verdict }));
            }
        }
        Ok(None)
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

//! What a relay needs for agents that wait: a thousand of them in this process, each with the
//! connection and the code that a listener has.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use cmhook::config::Claim;
use cmhook::delivery::{Phase, Tunnel};
use cmhook::http::tls;
use cmhook::tunnel::{Asking, Delivered, run as run_agent};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::contender::Relay;
use crate::table::verdict;

const AGENTS: usize = 1000;
/// How many connect at one time.
const AT_ONCE: usize = 50;
/// MB of the relay's memory.
const MOST: f64 = 100.0;
const ONLINE_WITHIN: Duration = Duration::from_mins(1);
/// Long enough for some pings, which are sent every 5 seconds.
const IDLE: Duration = Duration::from_secs(12);

type Urls = Arc<Mutex<HashMap<usize, String>>>;

/// Prints the table.
pub fn run(folder: &Path) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX).context("cannot raise the limit of open files")?;
    let relay = Relay::start(folder)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let before = relay.child.memory()?;
    let (with, after) = runtime.block_on(async {
        let stop = CancellationToken::new();
        let urls = connect(&relay, &stop).await?;
        tokio::time::sleep(IDLE).await;
        if urls.len() != AGENTS {
            bail!("only {} of {AGENTS} agents stay online", urls.len());
        }
        let with = relay.child.memory()?;
        deliver(urls).await?;
        let after = relay.child.memory()?;
        stop.cancel();
        Ok((with, after))
    })?;
    println!("| relay | MB | target | |");
    println!("| --- | ---: | ---: | --- |");
    println!("| without agents | {before:.1} | | |");
    let is_met = verdict(with <= MOST);
    println!("| with {AGENTS} idle agents | {with:.1} | ≤ {MOST} | {is_met} |");
    println!("| when each has had a delivery of 1 KiB | {after:.1} | | |");
    #[expect(clippy::cast_precision_loss, reason = "it is a thousand")]
    let each = (with - before) * 1e3 / AGENTS as f64;
    println!("\nAn idle agent takes {each:.1} kB of the relay's memory.");
    Ok(())
}

/// All agents, as soon as they are online: where they are reached.
async fn connect(relay: &Relay, stop: &CancellationToken) -> Result<Vec<String>> {
    let url: Uri = relay.url.parse()?;
    let tls = Arc::new(tls::client(tls::system_roots()));
    let urls = Urls::default();
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    for number in 0..AGENTS {
        let place = Arc::clone(&turn).acquire_owned().await?;
        let place = Mutex::new(Some(place));
        let asking = Asking {
            relay: url.clone(),
            token: None,
            name: None,
            claim: Claim::default(),
            tls: Arc::clone(&tls),
        };
        let (urls, stop) = (Arc::clone(&urls), stop.clone());
        let tell = move |tunnel: Tunnel| {
            let is_online = matches!(tunnel.phase, Phase::Online { .. });
            let Ok(mut urls) = urls.lock() else { return };
            match tunnel.public_url {
                Some(url) if is_online => {
                    urls.insert(number, url);
                    // The next one may come.
                    drop(place.lock().map(|mut place| place.take()));
                }
                _ => drop(urls.remove(&number)),
            }
        };
        tokio::spawn(run_agent(asking, answer, tell, stop));
    }
    let deadline = Instant::now() + ONLINE_WITHIN;
    loop {
        let online = urls.lock().map_or(0, |urls| urls.len());
        if online == AGENTS {
            break;
        }
        if Instant::now() > deadline {
            bail!("only {online} of {AGENTS} agents are online");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let urls = urls
        .lock()
        .map_err(|_| anyhow::anyhow!("an agent panicked"))?;
    Ok(urls.values().cloned().collect())
}

async fn answer(request: Request<Incoming>, _: Delivered) -> Response<Full<Bytes>> {
    let read = request.into_body().collect().await;
    let mut answer = Response::new(Full::from("OK"));
    if read.is_err() {
        *answer.status_mut() = hyper::StatusCode::BAD_REQUEST;
    }
    answer
}

/// One delivery to each.
async fn deliver(urls: Vec<String>) -> Result<()> {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let turn = Arc::new(Semaphore::new(AT_ONCE));
    let mut sent = JoinSet::new();
    for url in urls {
        let (client, turn) = (client.clone(), Arc::clone(&turn));
        sent.spawn(async move {
            let _place = turn.acquire().await?;
            let body = crate::support::load::body(1 << 10);
            let answer = client
                .request(Request::post(url).body(Full::from(body))?)
                .await?;
            if !answer.status().is_success() {
                bail!("answered {}", answer.status());
            }
            Ok(())
        });
    }
    while let Some(one) = sent.join_next().await {
        one??;
    }
    Ok(())
}

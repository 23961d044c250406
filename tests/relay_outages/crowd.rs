//! A thousand agents of one relay.

use std::fs;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cmhook::config::Claim;
use cmhook::delivery::{Phase, Tunnel};
use cmhook::http::tls;
use cmhook::tunnel::{self, Asking};
use http::Response;
use http_body_util::Full;
use rustls::RootCertStore;
use tokio_util::sync::CancellationToken;

use crate::kit::{agents, eventually};
use crate::support::relay::Relay;

const AGENTS: usize = 1000;
/// The most of them that may come back in one second.
const IN_A_SECOND: usize = AGENTS / 10;
const ALL_BACK: Duration = Duration::from_secs(30);
/// A tenth of a megabyte each is the aim.
const MEMORY: usize = 150 << 20;

/// Agents without a listener behind them.
struct Crowd {
    _runtime: tokio::runtime::Runtime,
    /// When one of them came online.
    online: Receiver<Instant>,
}

impl Crowd {
    fn start(relay: &Relay) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let (sender, online) = channel();
        let tls = Arc::new(tls::client(RootCertStore::empty()));
        for _ in 0..AGENTS {
            let asking = Asking {
                relay: relay.ready["url"]
                    .as_str()
                    .expect("a URL")
                    .parse()
                    .expect("one"),
                token: None,
                name: None,
                claim: Claim::Exclusive,
                tls: Arc::clone(&tls),
            };
            let sender = sender.clone();
            let was_online = std::sync::Mutex::new(false);
            let tell = move |tunnel: Tunnel| {
                let is_online = matches!(tunnel.phase, Phase::Online { .. });
                let mut was_online = was_online.lock().expect("nobody panics with it");
                if is_online && !*was_online {
                    let _ = sender.send(Instant::now());
                }
                *was_online = is_online;
            };
            let handle = |_, _| async { Response::new(Full::new(Bytes::from_static(b"OK"))) };
            runtime.spawn(tunnel::run(asking, handle, tell, CancellationToken::new()));
        }
        Self {
            _runtime: runtime,
            online,
        }
    }

    /// Waits until all have come online, and tells when each has.
    fn all_online(&self, since: Instant) -> Vec<Duration> {
        let mut times = Vec::new();
        while times.len() < AGENTS {
            let left = (since + 2 * ALL_BACK).saturating_duration_since(Instant::now());
            match self.online.recv_timeout(left) {
                Ok(at) => times.push(at.duration_since(since)),
                Err(RecvTimeoutError::Timeout) => panic!("only {} are back", times.len()),
                Err(RecvTimeoutError::Disconnected) => panic!("the agents are gone"),
            }
        }
        times
    }
}

fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.expect("a number of KiB") << 10
}

#[track_caller]
fn check(what: &str, times: &[Duration]) {
    let last = times.iter().max().expect("some");
    let mut seconds = vec![0; usize::try_from(last.as_secs()).expect("few") + 1];
    for time in times {
        seconds[usize::try_from(time.as_secs()).expect("few")] += 1;
    }
    println!("{what}: all back after {last:?}, each second {seconds:?}");
    assert!(*last < ALL_BACK, "{last:?}");
    assert!(
        seconds.iter().all(|count| *count <= IN_A_SECOND),
        "{seconds:?}"
    );
}

#[test]
fn a_thousand_agents_come_back_to_a_restarted_relay_one_by_one() {
    rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    let relay = Relay::open(&[]);
    let empty = resident(relay.process.id());
    let crowd = Crowd::start(&relay);
    crowd.all_online(Instant::now());
    assert_eq!(agents(&relay), AGENTS as u64);
    // A few pings are part of being idle.
    std::thread::sleep(Duration::from_secs(9));
    let memory = resident(relay.process.id());
    println!(
        "{AGENTS} idle agents: {} MiB, none: {} MiB",
        memory >> 20,
        empty >> 20
    );
    assert!(memory < MEMORY, "{memory} bytes");

    let killed = Instant::now();
    let relay = relay.kill_and_restart();
    check("killed", &crowd.all_online(killed));
    let stopped = Instant::now();
    let mut relay = relay;
    assert_eq!(relay.process.terminate().code(), Some(0));
    let relay = relay.start_again();
    check("stopped", &crowd.all_online(stopped));
    eventually("it knows of all of them", || {
        (agents(&relay) == AGENTS as u64).then_some(())
    });
}

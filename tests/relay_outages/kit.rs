//! What these tests share: a line between an agent and its relay that can be cut, and
//! waiting with a deadline.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use cmhook::store::Reader;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::listener::Listener;
use crate::support::relay::Relay;

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until `look` finds something.
#[track_caller]
pub fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// The same, with a deadline that is what is tested.
#[track_caller]
pub fn within<T>(time: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {} s: {what}",
            time.as_secs()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

/// The next `tunnel` object with this state.
#[track_caller]
pub fn tunnel(agent: &mut Listener, state: &str) -> Value {
    loop {
        let tunnel = agent.next("tunnel");
        if tunnel["state"] == state {
            return tunnel;
        }
    }
}

/// The text of a member.
#[track_caller]
pub fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    let text = value[member].as_str();
    text.unwrap_or_else(|| panic!("no text `{member}` in {value}"))
}

/// A number of a relay's metrics.
#[track_caller]
pub fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.trim().parse().ok());
    number.unwrap_or_else(|| panic!("no `{name}` in {text}"))
}

/// How many agents a relay has, by its own account.
#[track_caller]
pub fn agents(relay: &Relay) -> u64 {
    agents_in(&relay.metrics())
}

/// The same by its metrics.
#[track_caller]
pub fn agents_in(metrics: &str) -> u64 {
    metric(metrics, "cmhook_relay_agents ")
}

/// How many deliveries wait at it.
#[track_caller]
pub fn waiting(relay: &Relay) -> u64 {
    metric(&relay.metrics(), "cmhook_relay_waiting ")
}

/// Waits until nothing waits at it.
#[track_caller]
pub fn drained(relay: &Relay) {
    eventually("nothing waits", || (waiting(relay) == 0).then_some(()));
}

/// The bytes of a small delivery to a relay.
pub fn post(to: SocketAddr, path: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nHost: {to}\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes()
}

/// A delivery as it is in a listener's journal.
#[derive(Debug)]
pub struct Kept {
    /// The relay's id of it.
    pub relay_id: String,
    /// How often it came again.
    pub repeats: u32,
}

/// What is in the journal of the listener whose home this is, oldest first.
#[track_caller]
pub fn kept(home: &TempDir) -> Vec<Kept> {
    let path = home.path().join("data/cmhook/deliveries.db");
    let all = Reader::open(&path).and_then(|reader| reader.all());
    let all = all.expect("a store").kept.into_iter();
    all.filter_map(|kept| {
        let relayed = kept.delivery.request.relayed.as_ref()?;
        Some(Kept {
            relay_id: relayed.id.to_string(),
            repeats: kept.repeats,
        })
    })
    .collect()
}

/// Small, repeatable randomness (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// One of `0..end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// A line to a relay that agents are told of in its place.
pub struct Line {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    to: Option<SocketAddr>,
    held: bool,
    // How many connections have something that is held back.
    stuck: usize,
    // How often it was cut.
    cuts: u64,
    ends: Vec<TcpStream>,
}

impl Line {
    /// One to that relay.
    pub fn to(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a port");
        let shared = Arc::<Shared>::default();
        shared.state().to = Some(relay);
        let this = Arc::clone(&shared);
        thread::spawn(move || {
            for agent in listener.incoming().flatten() {
                this.join(agent);
            }
        });
        Self { address, shared }
    }

    /// As a value of `--relay`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets nothing more of what agents say through, until it is [`cut`](Self::cut).
    pub fn hold(&self) {
        self.shared.state().held = true;
    }

    /// The same, and waits until an agent has said something that is held back.
    #[track_caller]
    pub fn hold_something(&self) {
        self.hold();
        let is_waiting = |state: &mut State| state.stuck == 0;
        let state = self.shared.state();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, PATIENCE, is_waiting);
        let state = waited.expect("no thread panics with it").0;
        assert!(state.stuck > 0, "agents are silent");
    }

    /// Cuts every connection. What was held back is lost; new ones are as good as new.
    pub fn cut(&self) {
        let mut state = self.shared.state();
        state.held = false;
        state.cuts += 1;
        for end in state.ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }

    /// Joins an agent's connection with one to the relay.
    fn join(self: &Arc<Self>, agent: TcpStream) {
        let to = self.state().to.expect("a relay");
        // An agent finds nobody where the relay is down.
        let Ok(relay) = TcpStream::connect(to) else {
            return;
        };
        let mut state = self.state();
        for stream in [&agent, &relay] {
            stream.set_nodelay(true).expect("a socket");
            state.ends.push(stream.try_clone().expect("a socket"));
        }
        let born = state.cuts;
        drop(state);
        let clone = |stream: &TcpStream| stream.try_clone().expect("a socket");
        let (from, to) = (clone(&relay), clone(&agent));
        thread::spawn(move || copy(from, to, || true));
        let this = Arc::clone(self);
        thread::spawn(move || copy(agent, relay, || this.passes(born)));
    }

    /// Waits while it is held; whether the connection that began after so many cuts is
    /// still there.
    fn passes(&self, born: u64) -> bool {
        let is_held = |state: &mut State| state.held && state.cuts == born;
        let mut state = self.state();
        if is_held(&mut state) {
            state.stuck += 1;
            self.changed.notify_all();
            let waited = self.changed.wait_while(state, is_held);
            state = waited.expect("no thread panics with it");
            state.stuck -= 1;
        }
        state.cuts == born
    }
}

/// Copies until one side is done or it `passes` no longer.
pub fn copy(mut from: TcpStream, mut to: TcpStream, passes: impl Fn() -> bool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer)
        && count > 0
        && passes()
        && to.write_all(&buffer[..count]).is_ok()
    {}
    for stream in [&from, &to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

//! How often an agent has tried, as it says.

use std::thread;
use std::time::Duration;

use crate::kit::{Line, tunnel};
use crate::support::listener::Listener;
use crate::support::relay::Relay;

/// So long a connection must have lasted for the next loss to count as the first.
const STABLE: Duration = Duration::from_secs(10);

#[test]
fn it_counts_from_one_again_only_after_ten_seconds_online() {
    let relay = Relay::open(&[]);
    let line = Line::to(relay.address());
    let mut agent = Listener::start(&["--ephemeral", "--relay", &line.url()]);
    let mut attempts = Vec::new();
    for lasts in [
        Duration::ZERO,
        Duration::ZERO,
        STABLE + Duration::from_secs(1),
    ] {
        tunnel(&mut agent, "online");
        thread::sleep(lasts);
        line.cut();
        let lost = tunnel(&mut agent, "reconnecting");
        assert!(lost["next_at"].is_string(), "{lost}");
        attempts.push(lost["attempt"].as_u64().expect("a number"));
    }
    assert_eq!(attempts, [1, 2, 1]);
}

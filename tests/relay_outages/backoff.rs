//! How often an agent has tried, as it says.

use crate::kit::{Line, tunnel};
use crate::support::listener::Listener;
use crate::support::relay::Relay;

#[test]
fn it_counts_the_tries_that_failed_since_it_was_online() {
    let mut relay = Relay::open(&[]);
    let line = Line::to(relay.address());
    let mut agent = Listener::start(&["--ephemeral", "--relay", &line.url()]);
    let lost = |agent: &mut Listener| {
        let lost = tunnel(agent, "reconnecting");
        assert!(lost["next_at"].is_string(), "{lost}");
        lost["attempt"].as_u64().expect("a number")
    };
    for _ in 0..2 {
        tunnel(&mut agent, "online");
        line.cut();
        assert_eq!(lost(&mut agent), 0, "none has been made");
    }
    tunnel(&mut agent, "online");
    relay.process.kill();
    line.cut();
    assert_eq!([(); 3].map(|()| lost(&mut agent)), [0, 1, 2]);
    relay = relay.start_again();
    tunnel(&mut agent, "online");
    line.cut();
    assert_eq!(lost(&mut agent), 0);
    tunnel(&mut agent, "online");
    drop(relay);
}

//! Tokens and names that another process has just made.

use crate::support::relay::{Relay, public_path};

/// The operator prints a token and pastes it into the next window.
#[test]
fn a_token_and_a_name_are_good_at_once() {
    let relay = Relay::start(&[]);
    for round in 0..5 {
        let (label, name) = (format!("ada{round}"), format!("shop{round}"));
        let token = relay.make_token(&label, &[]);
        relay.agent(Some(&token), &["--ephemeral"]).stop();
        relay.command(&["name", "reserve", &name, "--token", &label]);
        let agent = relay.agent(Some(&token), &["--ephemeral", "--name", &name]);
        assert_eq!(public_path(&agent), format!("/t/{name}"));
        agent.stop();
    }
}

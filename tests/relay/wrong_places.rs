//! Who asks a relay at the wrong place, or in the wrong way.

use crate::doubles::TOKEN;
use crate::names::login;
use crate::support::listener::home;

#[test]
fn a_token_is_not_sent_over_the_network_in_the_clear() {
    let home = home();
    for url in ["http://relay.example", "http://192.0.2.1:4480"] {
        let output = login(home.path(), &[url], TOKEN);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("in the clear"), "{said}");
        assert!(said.contains("https://"), "{said}");
        // One that is there from before can be forgotten.
        let output = login(home.path(), &[url, "--forget"], "");
        assert_eq!(output.status.code(), Some(1));
    }
}

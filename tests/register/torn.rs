//! Files of runs that were cut, and those of other users.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::json;

use crate::kit::{
    active, answer_never, files, new_home, registered, registered_as, starting, until,
};
use crate::support::sandbox::Sandbox;

const TWO: &str = "email.opened,email.sent";

#[test]
fn a_file_that_ends_in_the_middle_of_a_line_can_be_written_on() {
    let sandbox = Sandbox::start(&["--seed", "1"]);
    let home = new_home();
    registered(&home, &sandbox, TWO, &[]).process.kill();
    let file = files(home.path()).remove(0);
    // As a power cut leaves it.
    let mut end = OpenOptions::new().append(true).open(&file).expect("a file");
    end.write_all(b"{\"step\":\"moved\",\"id\":\"\xc3")
        .expect("space");
    drop(end);
    // One of the two is not archived, and so the file stays.
    sandbox.fault(&json!({ "method": "POST", "path": "/webhooks/*/archive", "status": 500 }));
    registered(&home, &sandbox, "email.bounced", &[]).stop();
    assert_eq!(active(&sandbox).len(), 1);
    assert_eq!(files(home.path()), [file]);
    let mut next = registered(&home, &sandbox, "email.bounced", &[]);
    next.process.terminate();
    let said = next.process.stderr.text();
    assert!(!said.contains("cannot be read"), "{said}");
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

#[test]
fn what_another_login_may_have_left_is_said() {
    let sandbox = Sandbox::start(&["--seed", "2"]);
    let home = new_home();
    answer_never(&sandbox, "POST", "/webhooks", true);
    let mut killed = starting(&home, &sandbox, "email.opened", &[]);
    until("made", || active(&sandbox).len() == 1);
    killed.kill();
    let file = files(home.path()).remove(0);
    let other = [
        ("CAKEMAIL_EMAIL", "sandbox@cmhook.test"),
        ("CAKEMAIL_PASSWORD", "sandbox"),
    ];
    let mut next = registered_as(&home, &sandbox, "email.sent", &other);
    next.process.terminate();
    let said = next.process.stderr.text();
    let name = file
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(said.contains("another login"), "{said}");
    assert!(
        said.contains("Email.Opened") && said.contains(&name),
        "{said}"
    );
    // It is left to that login.
    assert_eq!(active(&sandbox).len(), 1);
    assert_eq!(files(home.path()), [file]);
    registered(&home, &sandbox, "email.sent", &[]).stop();
    assert!(active(&sandbox).is_empty());
    assert!(files(home.path()).is_empty());
}

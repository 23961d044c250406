//! `cmhook webhooks archive`, `unarchive` and `delete`.

use serde_json::json;

use crate::kit::{Place, URL};
use crate::support::sandbox::Sandbox;

fn count(sandbox: &Sandbox, status: &str) -> usize {
    let all = sandbox.webhooks();
    all.iter()
        .filter(|webhook| webhook["status"] == status)
        .count()
}

#[test]
fn ids_and_names_are_archived_and_come_back() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    place.create("email.sent,email.opened", &["-n", "shop"]);
    let other = place.create("email.clicked", &[]);
    let ran = place
        .webhooks(&["archive", "shop", &other[0], &other[0]])
        .coded(0);
    assert_eq!(ran.rows().len(), 3);
    assert!(
        ran.rows().iter().all(|row| row[1] == "archived"),
        "{}",
        ran.stdout
    );
    assert_eq!(count(&sandbox, "archived"), 3);
    let ran = place.webhooks(&["unarchive", "shop", "--json", "status,name"]);
    assert_eq!(
        ran.coded(0).json(),
        json!([{"status": "active", "name": "shop"}, {"status": "active", "name": "shop"}])
    );
    let (code, text) = place
        .terminal(100, &["webhooks", "unarchive", &other[0]])
        .end();
    assert_eq!(
        (code, &*text),
        (0, &*format!("✓ Unarchived {} (Email.Clicked)\n", other[0]))
    );
    assert_eq!(count(&sandbox, "active"), 3);
}

#[test]
fn where_one_is_not_there_the_others_get_their_turn() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &[]);
    let ran = place
        .webhooks(&["archive", &ids[0], "nope", "no/../x?", &ids[1]])
        .coded(1);
    assert_eq!(ran.rows().len(), 2);
    let ran = ran.says("warning: cannot archive the webhook nope: there is no webhook `nope`");
    ran.says("error: 2 of 4 webhooks were archived: ");
    let ran = place.webhooks(&["archive", "nope", "--json"]).coded(1);
    assert_eq!(ran.json()["code"], "no_webhook");
}

#[test]
fn the_manuals_own_command_deletes_as_far_as_the_api_does() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let (id, _) = sandbox.register("Email.Sent", URL);
    let ran = place.webhooks(&["delete", &id]).coded(2);
    ran.says("no terminal to ask on").says("`--force`");
    assert_eq!(count(&sandbox, "active"), 1);
    let ran = place.webhooks(&["delete", &id, "--force"]).coded(0);
    let ran = ran.says("Cakemail's API cannot delete, so it is archived");
    ran.says(&format!("`cmhook webhooks unarchive {id}` brings it back"));
    assert_eq!(count(&sandbox, "active"), 0);
}

#[test]
fn on_a_terminal_it_asks_first() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened", &["-n", "shop"]);
    let mut terminal = place.terminal(160, &["webhooks", "rm", "shop"]);
    terminal.until("Delete 2 webhooks at http://127.0.0.1:");
    terminal.until(&format!(
        ": {} (Email.Sent), {} (Email.Opened)?",
        ids[0], ids[1]
    ));
    terminal.until("[y/N]");
    terminal.press("n\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 1);
    assert!(text.contains("Nothing was deleted."), "{text}");
    assert_eq!(count(&sandbox, "active"), 2);
    let mut terminal = place.terminal(160, &["webhooks", "delete", "shop"]);
    terminal.until("[y/N]");
    terminal.press("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(&format!("✓ Archived {} (Email.Sent)", ids[0])),
        "{text}"
    );
    assert_eq!(count(&sandbox, "active"), 0);
}

#[test]
fn what_is_archived_already_is_neither_counted_nor_brought_back() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent,email.opened,email.clicked", &["-n", "my shop"]);
    place.webhooks(&["archive", &ids[1]]).coded(0);
    let mut terminal = place.terminal(160, &["webhooks", "rm", "my shop"]);
    terminal.until("Delete 2 webhooks at ");
    terminal.press("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    let already = format!("{} (Email.Opened) is archived already", ids[1]);
    assert!(text.contains(&already), "{text}");
    let back = format!("`cmhook webhooks unarchive {} {}`", ids[0], ids[2]);
    assert!(text.contains(&back), "{text}");
    // Nothing is left to be asked for.
    let ran = place.webhooks(&["delete", "my shop"]).coded(0);
    let ran = ran.says(&format!("{} is archived already.", ids[0]));
    assert!(!ran.stderr.contains("cannot delete"), "{}", ran.stderr);
    // A name brings back those that it stands for.
    place.webhooks(&["unarchive", "my shop"]).coded(0);
    let ran = place.webhooks(&["delete", "my shop", "-f"]).coded(0);
    ran.says("`cmhook webhooks unarchive 'my shop'` brings them back");
    let many = place.create("email.*", &[]);
    let mut args = vec!["delete", "--force"];
    args.extend(many.iter().map(|id| &**id));
    let ran = place.webhooks(&args).coded(0);
    ran.says(&format!(
        "`cmhook webhooks unarchive {} …`",
        many[..5].join(" ")
    ));
}

#[test]
fn an_empty_id_is_a_mistake() {
    let sandbox = Sandbox::start(&[]);
    let place = Place::new(sandbox.url());
    let ids = place.create("email.sent", &[]);
    for args in [
        &["archive", &ids[0], ""][..],
        &["archive", " "],
        &["unarchive", ""],
        &["delete", "", "--force"],
        &["get", ""],
        &["test", ""],
        &["update", "", "-u", URL],
    ] {
        let ran = place.webhooks(args).coded(2);
        let ran = ran.says("for '<ID>");
        ran.says("it is empty: is it a variable that is not set?");
    }
    assert_eq!(count(&sandbox, "active"), 1);
}

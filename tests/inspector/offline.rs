//! A listener that hangs, ends and comes back, as the page sees it.

use std::rc::Rc;
use std::thread;

use crate::browser::Browser;
use crate::kit::{App, BOUNCED, OPENED, SECRET, Scene};
use crate::support::sender::{Scheme, post, sign};
use crate::tab::Page;

/// What was shown stays readable, and nothing can be done with it.
#[track_caller]
fn is_offline(page: &Page) {
    page.shows("offline", "cmhook is not running or cannot be reached");
    page.wait("document.querySelector('[data-testid=connection]').dataset.state === 'offline'");
    page.lists(&[1]);
    for action in [
        "replay",
        "edit",
        "delete",
        "trigger",
        "target-edit",
        "pause",
    ] {
        page.wait(&format!(
            "document.querySelector('[data-testid={action}]').disabled"
        ));
    }
    page.tree_has("event", "email.opened");
    page.press("D r e t T p Z");
    assert_eq!(
        page.eval("document.querySelector('dialog[open]')"),
        serde_json::Value::Null
    );
}

#[test]
fn what_came_in_while_it_hung_is_shown_when_it_goes_on() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    let page = scene.page(browser, 1440, 900);
    page.choose(1);
    page.eval("window.cmhookTestHere = true");
    scene.listener.process.signal("STOP");
    let address = scene.listener.address();
    // The system takes the connection, and cmhook reads it when it goes on.
    let sender = thread::spawn(move || {
        post(
            address,
            Some(&sign(Scheme::CakemailHex, SECRET, BOUNCED)),
            BOUNCED,
        )
        .status
    });
    is_offline(&page);
    scene.listener.process.signal("CONT");
    page.click_on("[data-testid=offline] button");
    page.is_live();
    page.hides("offline");
    page.lists(&[1, 2]);
    assert_eq!(sender.join().expect("it was answered"), 200);
    page.click("replay");
    page.shows("toast", "200");
    assert_eq!(
        page.eval("window.cmhookTestHere"),
        true,
        "it was loaded anew"
    );
    assert!(page.dialogs().is_empty() && page.csp_violations().is_empty());
}

#[test]
fn another_run_wants_its_own_link_and_shows_what_is_kept() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let mut scene = Scene::before(&app);
    scene.deliver(OPENED);
    let page = scene.page(browser, 1440, 900);
    page.choose(1);
    scene.listener.process.kill();
    is_offline(&page);

    let home = Rc::clone(&scene.home);
    let before = scene.inspector();
    let secret = format!("main={SECRET}");
    let args = ["--forward", &app.upstream.target(), "--secret", &secret];
    let scene = Scene::start_in(&home, &before.to_string(), &args);
    assert_eq!(scene.inspector(), before, "the port was free");
    scene.deliver(BOUNCED);
    page.shows("session-missing", "Open the link that cmhook printed");
    page.hides("row");

    page.open(&scene.link());
    page.is_live();
    page.hides("session-missing");
    // After a kill ids go on further up.
    let ids = scene.ids();
    assert_eq!(ids.len(), 2);
    page.lists(&ids);
    page.choose(ids[1]);
    page.click("replay");
    page.shows("toast", "200");
    assert!(page.dialogs().is_empty() && page.csp_violations().is_empty());
}

#[test]
fn a_farewell_is_seen_at_once() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    let page = scene.page(browser, 1440, 900);
    page.choose(1);
    scene.listener.stop();
    is_offline(&page);
}

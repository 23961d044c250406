//! What a person does with the mouse, from the first delivery on.

use crate::browser::Browser;
use crate::kit::{App, BOUNCED, OPENED, Scene};
use crate::support::upstream::Upstream;

#[test]
fn deliveries_appear_are_filtered_opened_and_folded() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    let page = scene.page(browser, 1440, 900);
    page.shows("empty", "No deliveries yet");
    page.eval("window.cmhookTestHere = true");
    assert_eq!(scene.deliver(OPENED), 200);
    page.lists(&[1]);
    page.shows("row", "email.opened");
    page.shows("row", "200");
    assert_eq!(scene.deliver(BOUNCED), 200);
    page.lists(&[1, 2]);
    page.counts("count-kept", "2");
    page.counts("count-failed", "0");
    assert_eq!(
        page.eval("window.cmhookTestHere"),
        true,
        "it was loaded anew"
    );

    page.click("filter");
    page.type_text("event:email.opened");
    page.lists(&[1]);
    page.replace_text("status:9xx");
    page.shows("filter-error", "Column 8");
    page.press("Escape");
    page.lists(&[1, 2]);
    page.hides("filter-error");

    page.choose(1);
    page.tree_has("event", "email.opened");
    // As it was written: a number of JavaScript would end in other digits.
    page.tree_has("data.contact.id", "12345678901234567890");
    page.click_on("[data-path='data.contact'] .twist");
    page.tree_has_not("data.contact.id");
    page.tree_has("data.tags[1]", "vip");
    page.click_on("[data-path='data.contact'] .twist");
    page.tree_has("data.contact.email", "zoe@example.com");

    page.click("tab-headers");
    page.shows("panel", "x-cakemail-signature");
    page.click("tab-response");
    page.shows("panel", "OK");
    page.click("tab-signature");
    page.shows("panel", "main");
    page.click("tab-raw");
    page.shows("panel", "POST /webhooks/cakemail HTTP/1.1");
    page.is_clean();
}

#[test]
fn a_failing_delivery_says_why_and_is_replayed() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::broken();
    let scene = Scene::before(&app);
    let page = scene.page(browser, 1440, 900);
    assert_eq!(scene.deliver(OPENED), 401);
    page.lists(&[1]);
    page.counts("count-failed", "1");
    page.choose(1);
    page.shows("banner-why", "Your app answered 401");
    // What it most likely does wrong, since the signature itself is right.
    page.shows("banner-why", "raw");
    let first = app.upstream.next();

    app.fix();
    page.click("why-replay");
    page.shows("toast", "200");
    page.hides("banner-why");
    page.counts("count-failed", "0");
    assert_eq!(app.upstream.next().body, first.body);
    page.click("tab-attempts");
    page.wait("document.querySelectorAll('[data-testid=attempt-item]').length === 2");
    page.shows("attempt-item", "401");
    page.shows("attempt-item", "replay");
    page.shows("row", "↻1");

    // Without the mouse's help it is the same after a reload: it comes from the store.
    page.reload();
    page.is_live();
    page.detail_of(1);
    page.shows("row", "↻1");
    page.is_clean();
}

#[test]
fn an_edited_delivery_is_sent_and_compared() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    app.upstream.next();
    let page = scene.page(browser, 1440, 900);
    page.choose(1);
    page.click("edit");
    page.focus_in("edit-body");
    page.replace_text(r#"{ "event": "email.opened", "data": "#);
    page.shows("edit-mistake", "Line 1");
    let edited = OPENED.replace("zoe@", "ada@");
    page.replace_text(&edited);
    page.click("edit-send");
    page.detail_of(2);
    page.shows("toast", "200");
    // The app verifies, so it was signed anew.
    let seen = app.upstream.next();
    assert_eq!(seen.body, edited);
    page.wait("document.querySelector('#detail-pane').innerText.includes('edited copy of #1')");

    page.choose(1);
    page.click("mark");
    page.wait("document.querySelector('[data-testid=mark]').ariaPressed === 'true'");
    page.choose(2);
    page.click("compare");
    page.click_on("[role=menuitem]");
    page.shows("compare-view", "data.contact.email");
    page.shows("compare-view", "zoe@example.com");
    page.shows("compare-view", "ada@example.com");
    assert_eq!(page.eval("location.hash"), "#/compare/1/2");
    page.is_clean();
}

#[test]
fn a_sample_is_triggered_and_deleting_asks() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    let page = scene.page(browser, 1440, 900);
    page.click("trigger");
    page.focus_in("trigger-search");
    page.type_text("bounced");
    page.click_on("[data-testid=trigger-option][data-name='email.bounced']");
    page.detail_of(1);
    page.shows("toast", "email.bounced");
    page.shows("row", "email.bounced");
    let seen = app.upstream.next();
    assert!(seen.parts.headers.contains_key("x-cakemail-signature"));

    page.click("delete");
    page.shows("confirm-dialog", "Delete #1?");
    page.press("Escape");
    page.hides("confirm-dialog");
    assert_eq!(scene.ids(), [1]);
    page.lists(&[1]);
    page.click("delete");
    page.click("confirm");
    page.lists(&[]);
    page.shows("empty", "No deliveries yet");
    assert!(scene.ids().is_empty());
    page.is_clean();
}

#[test]
fn the_target_changes_and_forwarding_pauses() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let other = Upstream::start();
    let scene = Scene::before(&app);
    let page = scene.page(browser, 1440, 900);
    page.click("target-edit");
    page.focus_in("target-input");
    page.replace_text("ftp://localhost");
    page.press("Enter");
    page.shows("form-error", "ftp");
    page.click("target-input");
    page.replace_text(&other.target());
    page.press("Enter");
    page.hides("target-dialog");
    assert_eq!(scene.deliver(OPENED), 200);
    other.next();
    assert!(app.upstream.is_idle());
    // Until that is known the header moves.
    page.wait(&format!(
        "/{}\\s+reachable/.test(document.querySelector('#top').innerText)",
        other.target()
    ));

    page.click("pause");
    page.shows("paused", "answered 503");
    assert_eq!(scene.deliver(BOUNCED), 503);
    page.lists(&[1, 2]);
    assert!(other.is_idle());
    page.click_on("[data-testid=paused] button");
    page.hides("paused");
    assert_eq!(scene.deliver(BOUNCED), 200);
    other.next();
    page.lists(&[1, 2, 3]);
}

#[test]
fn a_page_without_a_session_shows_nothing_and_says_how_to_get_one() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    let page = browser.page(1440, 900);
    page.open(&format!("http://{}/", scene.inspector()));
    page.shows("session-missing", "Open the link that cmhook printed");
    assert_eq!(
        page.eval("document.querySelectorAll('[data-testid=row]').length"),
        0
    );

    page.open(&scene.link());
    page.is_live();
    page.lists(&[1]);
    page.hides("session-missing");
    let address = page.eval("location.href + ' ' + history.length");
    assert!(!address.to_string().contains("token="), "{address}");
    // A second page in the same browser needs no link.
    let beside = page.beside();
    beside.open(&format!(
        "http://{}/#/deliveries/1/headers",
        scene.inspector()
    ));
    beside.is_live();
    beside.shows("panel", "x-cakemail-signature");
    // One elsewhere does.
    let elsewhere = browser.page(1440, 900);
    elsewhere.open(&format!("http://{}/#/deliveries/1", scene.inspector()));
    elsewhere.shows("session-missing", "Open the link that cmhook printed");
}

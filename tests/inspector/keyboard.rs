//! The same without a mouse.

use crate::browser::Browser;
use crate::kit::{App, BOUNCED, OPENED, Scene};
use crate::support::upstream::Upstream;

#[test]
fn deliveries_are_filtered_opened_and_folded_by_keys() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    scene.deliver(BOUNCED);
    let page = scene.page(browser, 1440, 900);
    page.lists(&[1, 2]);
    page.press("/");
    page.focus_in("filter");
    page.type_text("event:email.opened");
    page.lists(&[1]);
    page.press("Escape");
    page.lists(&[1, 2]);
    page.press("Escape");
    page.focus_in("list");

    page.press("g");
    page.detail_of(1);
    page.press("j");
    page.detail_of(2);
    page.press("k");
    page.detail_of(1);
    page.press("Enter");
    page.focus_in("panel");
    // From the panel into the tree: what else is before it in the order can take a few.
    page.to_by_tab("tree-node");
    page.press("Home ArrowDown ArrowDown ArrowDown");
    page.wait("document.activeElement.dataset.path === 'data.contact'");
    page.press("ArrowLeft");
    page.tree_has_not("data.contact.id");
    page.press("ArrowRight ArrowRight");
    page.wait("document.activeElement.dataset.path === 'data.contact.id'");
    page.press("-");
    page.tree_has_not("data.tags[0]");
    page.press("+");
    page.tree_has("data.tags[0]", "new");

    for (key, text) in [
        ("2", "x-cakemail-signature"),
        ("3", "OK"),
        ("4", "as it came"),
        ("5", "main"),
        ("6", "POST /webhooks/cakemail HTTP/1.1"),
        ("1", "email.opened"),
    ] {
        page.press(key);
        page.shows("panel", text);
    }
    page.press("Escape");
    page.focus_in("list");
    page.press("?");
    page.shows("help", "Replay it: the same bytes once more");
    page.press("Escape");
    page.hides("help");
    page.focus_in("list");
    page.is_clean();
}

#[test]
fn a_failing_delivery_is_found_and_replayed_by_keys() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::broken();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    app.fix();
    scene.deliver(BOUNCED);
    let page = scene.page(browser, 1440, 900);
    page.lists(&[1, 2]);
    page.detail_of(2);
    page.press("N");
    page.detail_of(1);
    page.shows("banner-why", "Your app answered 401");
    page.press("r");
    page.shows("toast", "200");
    page.hides("banner-why");
    page.press("4");
    page.shows("attempt-item", "replay");

    page.press("e");
    page.focus_in("edit-body");
    // Keys that act on the page are text in a field.
    page.replace_text(r#"{ "event": "email.opened", "data": "#);
    page.type_text("\"grDZ\" }");
    page.press("Control+Enter");
    page.hides("edit-dialog");
    page.detail_of(3);
    page.shows("toast", "#3");
    page.lists(&[1, 2, 3]);

    page.press("m k m");
    page.wait("document.querySelectorAll('[data-testid=row] .star').length === 2");
    page.press("=");
    page.shows("compare-view", "compared with");
    page.press("Escape");
    page.hides("compare-view");
    page.is_clean();
}

#[test]
fn the_listener_is_steered_by_keys() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let other = Upstream::start();
    let scene = Scene::before(&app);
    let page = scene.page(browser, 1440, 900);
    page.press("t");
    page.focus_in("trigger-search");
    page.type_text("email.clicked");
    page.press("Enter");
    page.detail_of(1);
    app.upstream.next();

    page.press("T");
    page.focus_in("target-input");
    page.replace_text(&other.target());
    page.press("Enter");
    page.hides("target-dialog");
    page.press("r");
    other.next();

    page.press("p");
    page.shows("paused", "Forwarding is paused");
    assert_eq!(scene.deliver(OPENED), 503);
    page.press("p");
    page.hides("paused");
    page.lists(&[1, 2]);

    page.press("c");
    page.wait("document.activeElement.getAttribute('role') === 'menuitem'");
    page.press("Escape");
    page.press("x");
    page.wait("document.activeElement.getAttribute('role') === 'menuitem'");
    page.press("Escape");

    page.press("g");
    page.detail_of(1);
    page.press("D");
    page.shows("confirm-dialog", "Delete #1?");
    page.press("Escape");
    page.hides("confirm-dialog");
    page.lists(&[1, 2]);
    page.press("D");
    page.shows("confirm-dialog", "Delete #1?");
    // A key too many deletes nothing.
    page.press("Enter");
    page.hides("confirm-dialog");
    page.lists(&[1, 2]);
    page.press("D");
    page.shows("confirm-dialog", "Delete #1?");
    page.press("Tab Enter");
    page.lists(&[2]);
    page.press("Z");
    page.shows("confirm-dialog", "Delete all");
    page.press("Tab Enter");
    page.lists(&[]);
    assert!(scene.ids().is_empty());
}

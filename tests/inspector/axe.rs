//! What axe-core, which knows the rules for accessible pages, finds in each part of the page.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

use crate::browser::Browser;
use crate::kit::{App, BOUNCED, OPENED, Scene};
use crate::support::needs::needs;
use crate::tab::Page;

/// `tests/run` puts it there.
static AXE: LazyLock<Option<String>> = LazyLock::new(|| {
    let file = "target/test-apps/axe/node_modules/axe-core/axe.min.js";
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).ok()
});

/// Checks the page as it is now, in light and in dark.
#[track_caller]
fn check(page: &Page, what: &str) {
    for dark in [false, true] {
        page.dark(dark);
        let found = page.eval(
            "axe.run(document, { resultTypes: ['violations'] }).then((told) => \
             told.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => \
             `${v.id}: ${v.help}\\n` + v.nodes.map((n) => `${n.html}\\n${n.failureSummary}`).join('\\n')))",
        );
        let found = found.as_array().expect("a list");
        let lines: Vec<_> = found.iter().filter_map(Value::as_str).collect();
        let colours = if dark { "dark" } else { "light" };
        assert!(
            found.is_empty(),
            "{what}, {colours}:\n{}",
            lines.join("\n\n")
        );
    }
}

/// A page with axe in it.
#[track_caller]
fn page(browser: &Browser, scene: &Scene, width: u32, height: u32) -> Page {
    let page = scene.page(browser, width, height);
    load(&page);
    page
}

#[track_caller]
fn load(page: &Page) {
    let axe = AXE.as_ref().expect("it is there");
    page.eval(&format!("{axe}; axe.version"));
}

fn tools() -> Option<&'static Browser> {
    let browser = Browser::shared()?;
    needs(AXE.is_some(), "axe-core").then_some(browser)
}

#[test]
fn list_and_detail_are_accessible() {
    let Some(browser) = tools() else {
        return;
    };
    let app = App::broken();
    let scene = Scene::before(&app);
    let page = page(browser, &scene, 1440, 900);
    check(&page, "nothing yet");
    scene.deliver(OPENED);
    scene.deliver(BOUNCED);
    page.choose(1);
    page.shows("banner-why", "raw");
    for tab in [
        "payload",
        "headers",
        "response",
        "attempts",
        "signature",
        "raw",
    ] {
        page.click(&format!("tab-{tab}"));
        page.wait(
            "document.querySelector('[data-testid=panel]').innerText.trim() !== '' && \
                   !document.querySelector('[data-testid=panel] .bone')",
        );
        check(&page, tab);
    }
    page.press("/");
    page.type_text("status:9xx");
    page.shows("filter-error", "Column");
    check(&page, "a mistake in the filter");
    page.replace_text("event:nothing");
    page.lists(&[]);
    check(&page, "nothing passes the filter");
    page.press("Escape p");
    page.replace_text("");
    page.lists(&[1, 2]);
    page.click("mark");
    page.choose(2);
    page.press("=");
    page.shows("compare-view", "data");
    check(&page, "two compared");
    page.click("pause");
    page.shows("paused", "Forwarding is paused");
    check(&page, "paused");
    page.size(400, 800);
    check(&page, "narrow");
}

#[test]
fn dialogs_are_accessible() {
    let Some(browser) = tools() else {
        return;
    };
    let app = App::broken();
    let scene = Scene::before(&app);
    scene.deliver(OPENED);
    let page = page(browser, &scene, 1440, 900);
    page.choose(1);
    for (key, testid) in [
        ("e", "edit-dialog"),
        ("t", "trigger-dialog"),
        ("T", "target-dialog"),
        ("s", "secret-dialog"),
        ("D", "confirm-dialog"),
        ("!", "notices-drawer"),
        ("?", "help"),
    ] {
        page.press(key);
        page.shows(testid, "");
        check(&page, testid);
        page.press("Escape");
        page.hides(testid);
    }
    for key in ["c", "x", "="] {
        page.press(key);
        page.wait("document.querySelector('[role=menu]')?.checkVisibility()");
        check(&page, &format!("the menu of {key}"));
        page.press("Escape");
        page.wait("!document.querySelector('[role=menu]')");
    }
    page.press("r");
    page.shows("toast", "401");
    check(&page, "a toast");
}

#[test]
fn other_states_are_accessible() {
    let Some(browser) = tools() else {
        return;
    };
    let scene = Scene::start(&["--ephemeral"]);
    let page = page(browser, &scene, 1440, 900);
    page.shows("no-target", "kept and answered 200");
    check(&page, "no target");
    let missing = browser.page(1440, 900);
    missing.open(&format!("http://{}/", scene.inspector()));
    missing.shows("session-missing", "Open the link");
    load(&missing);
    check(&missing, "no session");
    scene.deliver(OPENED);
    page.choose(1);
    scene.listener.stop();
    page.shows("offline", "cannot be reached");
    check(&page, "offline");
}

//! Pictures of the page, to be looked at: `target/inspector-screenshots`, and the one in the
//! README where `CMHOOK_UPDATE_SCREENSHOT` is set.

use std::path::Path;

use crate::browser::Browser;
use crate::kit::{App, BOUNCED, OPENED, Scene};
use crate::tab::Page;

const SIZES: [(u32, u32); 3] = [(1440, 900), (1024, 768), (400, 800)];

/// A page with some deliveries of a day, of which the one that fails is open.
#[track_caller]
fn failing(browser: &Browser, app: &App, scene: &Scene) -> Page {
    let page = scene.page(browser, 1440, 900);
    app.fix();
    for (at, event) in [
        "email.sent",
        "email.opened",
        "email.clicked",
        "campaign.sent",
        "email.sent",
        "contact.subscribed",
        "email.opened",
        "email.forwarded",
        "email.unsubscribed",
    ]
    .iter()
    .enumerate()
    {
        let body = OPENED
            .replace("email.opened", event)
            .replace("zoe", &format!("zoe{at}"));
        scene.deliver(&body);
    }
    app.break_again();
    scene.deliver(BOUNCED);
    app.fix();
    scene.deliver(OPENED);
    page.lists(&(1..=11).collect::<Vec<_>>());
    page.counts("count-failed", "1");
    page.detail_of(11);
    page.press("N");
    page.detail_of(10);
    page.shows("banner-why", "raw");
    page
}

#[test]
fn the_page_is_drawn_in_each_size_and_colour() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::broken();
    let scene = Scene::before(&app);
    let page = failing(browser, &app, &scene);
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = project.join("target/inspector-screenshots");
    for (width, height) in SIZES {
        page.size(width, height);
        for (dark, colours) in [(false, "light"), (true, "dark")] {
            page.dark(dark);
            page.wait(&format!("innerWidth === {width}"));
            // What is wider than the window hides behind its edge.
            page.wait("document.documentElement.scrollWidth <= innerWidth");
            page.screenshot(&folder.join(format!("failing-{width}-{colours}.png")));
        }
    }
    if std::env::var_os("CMHOOK_UPDATE_SCREENSHOT").is_some() {
        page.size(1440, 900);
        page.dark(false);
        page.screenshot(&project.join("docs/inspector.png"));
    }
}

//! Pictures of the page, to be looked at: `target/inspector-screenshots`, and the one in the
//! README where `CMHOOK_UPDATE_SCREENSHOT` is set.

use std::path::Path;

use crate::browser::Browser;
use crate::kit::{App, Scene};
use crate::tab::Page;

const SIZES: [(u32, u32); 3] = [(1440, 900), (1024, 768), (400, 800)];

/// What Cakemail sends, in the order of a small campaign.
const EVENTS: &[&str] = &[
    "contact.subscribed",
    "campaign.scheduled",
    "campaign.sent",
    "email.sent",
    "email.sent",
    "email.delivered",
    "email.opened",
    "email.clicked",
    "email.opened",
    "email.complained",
    "email.unsubscribed",
    "campaign.completed",
];

/// Written with spaces, for the app that hashes something else than what came.
const BOUNCED: &str = r#"{
  "event": "email.bounced",
  "timestamp": "2024-03-15T11:46:00Z",
  "data": {
    "campaign_id": 791,
    "contact_id": 503,
    "email": "gone@example.com",
    "message_id": "msg_9f31c2",
    "bounce_type": "hard",
    "bounce_reason": "550 5.1.1 mailbox unavailable",
    "tags": ["spring", "newsletter"]
  }
}"#;

/// A page with the deliveries of a small campaign, of which the one that fails is open.
#[track_caller]
fn failing(browser: &Browser, app: &App, scene: &Scene) -> Page {
    let page = scene.page(browser, 1440, 900);
    app.fix();
    for event in EVENTS {
        scene.trigger(event);
    }
    app.break_again();
    assert_eq!(scene.deliver(BOUNCED), 401);
    app.fix();
    scene.trigger("email.opened");
    let last = EVENTS.len() as u64 + 2;
    page.lists(&(1..=last).collect::<Vec<_>>());
    page.counts("count-failed", "1");
    page.detail_of(last);
    page.press("m N");
    page.detail_of(last - 1);
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

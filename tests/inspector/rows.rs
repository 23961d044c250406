//! As many deliveries as are kept.

use crate::browser::Browser;
use crate::kit::Scene;
use crate::support::raw::{Connection, request};

const COUNT: u64 = 10_000;

/// Goes through all of the list a window at a time, from its end, and tells what was seen.
const SCROLL: &str = r"(async () => {
    const list = document.querySelector('[data-testid=list]');
    const seen = new Set();
    let most = 0;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const look = () => {
        const rows = document.querySelectorAll('[data-testid=row]');
        most = Math.max(most, rows.length);
        for (const row of rows) seen.add(Number(row.dataset.id));
    };
    for (let y = list.scrollHeight; ; y -= list.clientHeight) {
        list.scrollTop = Math.max(0, y);
        await frame();
        await frame();
        look();
        if (y <= 0) break;
    }
    return { seen: seen.size, first: Math.min(...seen), last: Math.max(...seen), most };
})()";

#[test]
fn all_of_ten_thousand_deliveries_are_reached_with_few_rows_at_a_time() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let scene = Scene::start(&["--ephemeral", "--keep", "20000"]);
    let mut sender = Connection::open(scene.listener.address());
    for n in 1..=COUNT {
        let body = format!(r#"{{"event":"email.opened","data":{{"n":{n}}}}}"#);
        sender.send(request("POST /", "", body.as_bytes()));
        assert_eq!(sender.answer().status(), 200);
    }

    let page = scene.page(browser, 1440, 1800);
    page.counts("quick-all", "All10,000");
    let seen = page.eval(SCROLL);
    assert_eq!(seen["seen"], COUNT, "{seen}");
    assert_eq!(
        (&seen["first"], &seen["last"]),
        (&1.into(), &COUNT.into()),
        "{seen}"
    );
    let most = seen["most"].as_u64().expect("a number");
    println!("{most} rows at most in the document");
    assert!(most < 200, "{seen}");

    page.press("G");
    page.detail_of(COUNT);
    page.wait("document.querySelector('[data-testid=row][data-id=\"10000\"]')?.checkVisibility()");
    page.press("g");
    page.detail_of(1);
    page.wait("document.querySelector('[data-testid=row][data-id=\"1\"]')?.checkVisibility()");

    // It stays there when more come in, and says how many.
    let mut sender = Connection::open(scene.listener.address());
    sender.send(request("POST /", "", b"{}"));
    assert_eq!(sender.answer().status(), 200);
    page.shows("new-below", "new");
    page.detail_of(1);
    page.click("new-below");
    page.wait("document.querySelector('[data-testid=row][data-id=\"10001\"]')?.checkVisibility()");
    page.counts("quick-all", "All10,001");
    page.click("filter");
    page.type_text("data.n:777");
    page.lists(&[777]);
    page.is_clean();
}

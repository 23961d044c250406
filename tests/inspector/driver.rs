//! That the browser and its driver see what the other tests rely on.

use std::fs;
use std::path::PathBuf;

use http::Response;
use http_body_util::Full;

use crate::browser::Browser;
use crate::support::upstream::Upstream;

const PAGE: &str = r#"<!doctype html><title>t</title>
<button data-testid="go">Go</button><input data-testid="field"><p data-testid="said"></p>
<script nonce="x">
const said = document.querySelector('p');
document.querySelector('button').onclick = () => setTimeout(() => { said.textContent = 'went'; }, 50);
addEventListener('keydown', (e) => { said.textContent = `${e.key} ${e.shiftKey} ${e.isTrusted}`; });
</script>"#;

fn site() -> Upstream {
    Upstream::answering(|_, _| {
        Response::builder()
            .header("Content-Type", "text/html; charset=utf-8")
            .header("Content-Security-Policy", "script-src 'nonce-x'")
            .body(Full::from(PAGE))
            .expect("an answer")
    })
}

#[test]
fn it_clicks_types_and_waits_as_a_person_would() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let site = site();
    let page = browser.page(800, 600);
    page.open(&format!("http://{}/", site.target()));
    assert_eq!(page.eval("innerWidth"), 800);
    assert_eq!(
        page.eval("matchMedia('(hover: hover) and (pointer: fine)').matches"),
        true
    );
    page.click("go");
    page.shows("said", "went");
    page.click("field");
    page.type_text("status:5xx G? é");
    assert_eq!(
        page.eval("document.querySelector('input').value"),
        "status:5xx G? é"
    );
    page.shows("said", "é false true");
    page.press("G");
    page.shows("said", "G true true");
    page.replace_text("new");
    assert_eq!(page.eval("document.querySelector('input').value"), "new");
    page.dark(true);
    page.wait("matchMedia('(prefers-color-scheme: dark)').matches");
    page.reload();
    assert_eq!(page.text("said"), "");
}

#[test]
fn it_sees_dialogs_violations_and_errors() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let site = site();
    let page = browser.page(800, 600);
    page.open(&format!("http://{}/", site.target()));
    let clean = page.heard();
    assert!(clean.errors.is_empty() && clean.violations.is_empty() && clean.dialogs.is_empty());
    page.eval("alert('seen')");
    assert_eq!(page.dialogs(), ["alert: seen"]);
    page.eval("setTimeout(() => { throw new Error('thrown'); })");
    page.eval("console.error('said', 1)");
    page.eval(
        "document.body.append(Object.assign(document.createElement('script'), { text: '1' }))",
    );
    page.eval("new Promise((done) => setTimeout(done, 50))");
    let heard = page.heard();
    let has = |text: &str| heard.errors.iter().any(|error| error.contains(text));
    assert!(has("Error: thrown") && has("said 1"), "{heard:#?}");
    assert_eq!(heard.violations.len(), 1, "{heard:#?}");
}

#[test]
fn it_ends_with_all_that_it_started() {
    if !Browser::is_here() {
        return;
    }
    let browser = Browser::start(&[]);
    let processes = browser.processes();
    assert!(!processes.is_empty());
    let folder = profile(&processes);
    assert!(folder.is_dir());
    drop(browser);
    assert!(!folder.exists(), "its profile is left behind");
    for process in processes {
        // Whoever inherits them may take its time to take note of their end.
        let goes_on =
            fs::read(format!("/proc/{process}/cmdline")).is_ok_and(|line| !line.is_empty());
        assert!(!goes_on, "{process} goes on");
    }
}

fn profile(processes: &[u64]) -> PathBuf {
    let mut lines = processes.iter().map(|process| {
        fs::read_to_string(format!("/proc/{process}/cmdline")).expect("it is running")
    });
    let found = lines.find_map(|line| {
        let folder = line.split_once("--user-data-dir=")?.1;
        folder.split(['\0', ' ']).next().map(PathBuf::from)
    });
    found.expect("a profile")
}

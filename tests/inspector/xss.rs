//! Text of strangers that a browser could act on, in every field that is captured: nothing of
//! it is run, and it is to be read as the text that it is.

use std::fmt::Write as _;

use serde_json::json;

use crate::browser::Browser;
use crate::kit::{SECRET, Scene};
use crate::support::hostile::{self, CORPUS, is_foreign};
use crate::support::raw::{RawApp, request};
use crate::support::sender::{Scheme, sign};
use crate::tab::Page;

/// Each sets a global of the page, opens a dialog or leaves an element, if it is ever more
/// than text.
const MARKUP: &[&str] = &[
    "<img src=x onerror=cmhookCanary=1>",
    "<script>cmhookCanary=1;alert(1)</script>",
    "</script><script>cmhookCanary=1</script>",
    "<svg onload=cmhookCanary=1><animate onbegin=cmhookCanary=1 attributeName=x dur=1s>",
    "\"><img src=x onerror=cmhookCanary=1>",
    "' autofocus onfocus='cmhookCanary=1' x='",
    "\" style=\"position:fixed;inset:0;background:red\" onmouseover=\"cmhookCanary=1",
    "javascript:cmhookCanary=1//",
    "data:text/html,<script>parent.cmhookCanary=1</script>",
    "{{constructor.constructor('cmhookCanary=1')()}}${cmhookCanary=1}<%= cmhookCanary=1 %>",
    "<iframe srcdoc='<script>parent.cmhookCanary=1</script>'></iframe>",
    "<math><mtext></table><style><!--</style><img title='--&gt;&lt;img src=x onerror=cmhookCanary=1&gt;'>",
    "<a href=javascript:cmhookCanary=1 id=app data-testid=replay>x</a><base href=//evil.test/>",
    "<meta http-equiv=refresh content='0;url=//evil.test/'><link rel=stylesheet href=//evil.test/>",
    "</textarea></title></style><details open ontoggle=cmhookCanary=1>",
    "__proto__",
];

/// One delivery with the text in each of its parts.
fn delivery(text: &str, body: &[u8], kind: &str) -> Vec<u8> {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    // In a field and in a path what is possible stands there as it is.
    let field: String = text.chars().filter(|c| !c.is_control()).collect();
    let token: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "'`!#$%&*|~^".contains(*c))
        .collect();
    let raw: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "'()*;:@!$&,=+-._~/".contains(*c))
        .collect();
    let (name, digest) = sign(Scheme::CakemailHex, SECRET, body);
    let fields = format!(
        "{name}: {digest}\r\nContent-Type: {kind}\r\nX-Stranger: {field}\r\nX-{token}: {field}\r\n\
         X-Forwarded-For: {field}\r\nReferer: {field}\r\nUser-Agent: {field}\r\n"
    );
    request(
        &format!("POST /{encoded}/{raw}?{encoded}={encoded}&{raw}"),
        &fields,
        body,
    )
}

/// What a sender can make of a text in JSON.
fn object(text: &str) -> Vec<u8> {
    let body = json!({
        "event": text, text: text, "data": { text: [text, { text: text }], "url": text },
    });
    delivery(text, body.to_string().as_bytes(), "application/json")
}

/// What a sender can make of a text in other bodies.
fn others(text: &str) -> [Vec<u8>; 4] {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let page = format!("<!doctype html><title>{text}</title><body>{text}");
    let form = format!("{encoded}={encoded}");
    let kind: String = text.chars().filter(|c| !c.is_control()).collect();
    [
        delivery(text, text.as_bytes(), "text/plain"),
        delivery(text, page.as_bytes(), "text/html"),
        delivery(text, form.as_bytes(), "application/x-www-form-urlencoded"),
        delivery(text, &[b"\xff\xfe", text.as_bytes()].concat(), &kind),
    ]
}

/// Looks for elements and attributes that come from a stranger, for what they would leave if
/// they ran, and for characters that cannot be seen.
const FOUND: &str = r"const found = () => [
    ...[...document.querySelectorAll('script, iframe, base, meta[http-equiv], object, embed, animate, math, details[ontoggle]')]
        .filter((e) => !e.matches('head script[src=\'/inspector.js\']')),
    ...[...document.querySelectorAll('img, link')].filter((e) => !/^\/(icon\.svg|inspector\.css)$/.test(e.getAttribute('src') ?? e.getAttribute('href'))),
    ...[...document.querySelectorAll('a[href]')].filter((e) => !/^(#|\/api\/v1\/|blob:)/.test(e.getAttribute('href'))),
    ...[...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'srcdoc')),
].map((e) => e.outerHTML.slice(0, 200))
    .concat(typeof cmhookCanary === 'undefined' ? [] : ['it was run'])
    .concat(location.pathname === '/' && typeof ({}).data === 'undefined' ? [] : ['it is elsewhere'])
    .concat(document.body.innerText.match(FOREIGN) ?? []);";

/// Opens each tab of the delivery that is shown, each in all ways to look at it.
const TABS: &str = r"
    // The page draws at the next frame, too, and was first to ask for it.
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const panel = document.querySelector('[data-testid=panel]');
    const all = [];
    for (const tab of ['headers', 'response', 'attempts', 'signature', 'raw', 'payload']) {
        document.querySelector(`[data-testid=tab-${tab}]`).click();
        do await frame(); while (!panel.innerText.trim() || panel.querySelector('.bone'));
        all.push(...found().map((what) => `${tab}: ${what}`));
        const modes = [...panel.querySelectorAll('[data-mode]')].map((b) => b.dataset.mode);
        for (const mode of [...modes.slice(1), ...modes.slice(0, 1)]) {
            panel.querySelector(`[data-mode=${mode}]`)?.click();
            await frame();
            all.push(...found().map((what) => `${tab}, ${mode}: ${what}`));
        }
    }
    return all;";

/// Whether nothing is on the page that should not be, after these steps.
#[track_caller]
fn is_only_text(page: &Page, what: &str, steps: &str) {
    let mut foreign = String::new();
    for c in ('\0'..=char::MAX).filter(|c| is_foreign(*c) && !matches!(c, '\n' | '\t' | '\r')) {
        let _ = write!(foreign, "\\u{{{:x}}}", c as u32);
    }
    let script = format!("(async () => {{ const FOREIGN = /[{foreign}]/gu; {FOUND} {steps} }})()");
    let found = page.eval(&script);
    assert_eq!(found, json!([]), "{what}");
    let heard = page.heard();
    // What was deleted may just have been asked for.
    let gone = |error: &String| error.contains("404") && error.contains("/api/v1/deliveries/");
    assert!(
        heard.dialogs.is_empty() && heard.violations.is_empty() && heard.errors.iter().all(gone),
        "{what}: {heard:#?}"
    );
}

/// All that acts on the delivery that is shown and says something of it.
#[track_caller]
fn all_dialogs(page: &Page, what: &str) {
    for key in ["e", "c", "x", "=", "D", "!"] {
        page.press(key);
        page.wait(&format!(
            "/* {key} */ document.querySelector('dialog[open], [role=menu]')?.checkVisibility()"
        ));
        is_only_text(
            page,
            &format!("{what}, the dialog of {key}"),
            "return found();",
        );
        page.press("Escape");
        page.wait("!document.querySelector('dialog, [role=menu]')");
    }
    page.press("r");
    page.shows("toast", "replayed");
    is_only_text(page, &format!("{what}, replayed"), "return found();");
}

/// Looks at all that is kept, and at all that can be done with the last of it.
#[track_caller]
fn look_at_all(scene: &Scene, page: &Page) {
    let ids = scene.ids();
    for id in &ids {
        page.eval(&format!("location.hash = '#/deliveries/{id}'"));
        page.detail_of(*id);
        is_only_text(page, &format!("#{id}"), TABS);
    }
    all_dialogs(page, "the last");
    page.eval(&format!(
        "location.hash = '#/compare/{}/{}'",
        ids[0], ids[1]
    ));
    page.shows("compare-view", "compared with");
    is_only_text(page, "the first two compared", "return found();");
}

#[test]
fn markup_is_shown_as_text_and_never_run() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = hostile::app();
    let secret = format!("main={SECRET}");
    let scene = Scene::start(&["--forward", &app.target(), "--secret", &secret]);
    let page = scene.page(browser, 1440, 900);
    for text in MARKUP {
        hostile::send(scene.listener.address(), &object(text));
    }
    for bytes in others(&MARKUP.join(" ")) {
        hostile::send(scene.listener.address(), &bytes);
    }
    assert_eq!(scene.ids().len(), MARKUP.len() + 4, "some were refused");
    look_at_all(&scene, &page);
    // It is there to be read, too.
    for (id, text) in (1..).zip(MARKUP) {
        page.eval(&format!("location.hash = '#/deliveries/{id}/payload'"));
        page.detail_of(id);
        page.tree_has("event", text);
        page.tree_has("data.url", text);
        // The app says what came, in which a quote is escaped.
        let written = json!(text).to_string();
        let written = written.trim_matches('"');
        for (tab, text) in [("headers", text), ("response", &written), ("raw", text)] {
            page.eval(&format!(
                "document.querySelector('[data-testid=tab-{tab}]').click()"
            ));
            page.shows("panel", text);
        }
        page.shows("list", text);
    }
}

#[test]
fn what_cannot_be_seen_is_written_out() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = hostile::app();
    let secret = format!("main={SECRET}");
    let scene = Scene::start(&["--forward", &app.target(), "--secret", &secret]);
    let page = scene.page(browser, 1440, 900);
    for text in CORPUS {
        for bytes in hostile::requests(text) {
            hostile::send(scene.listener.address(), &bytes);
        }
        hostile::send(scene.listener.address(), &object(text));
    }
    for bytes in others(&CORPUS.concat()) {
        hostile::send(scene.listener.address(), &bytes);
    }
    look_at_all(&scene, &page);
    page.press("Escape !");
    page.shows("notices-drawer", "Refused requests");
    is_only_text(&page, "what was refused", "return found();");
}

#[test]
fn failures_and_mistakes_that_quote_strangers_are_text() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    // It says in place of an answer what came as the body.
    let app = RawApp::answering(|request| [&request.body, &b"\r\n\r\n"[..]].concat());
    let scene = Scene::start(&["--forward", &app.target()]);
    let page = scene.page(browser, 1440, 900);
    for text in MARKUP {
        let bytes = request("POST /", "", text.as_bytes());
        hostile::send(scene.listener.address(), &bytes);
    }
    look_at_all(&scene, &page);
    page.press("Escape");
    for text in MARKUP {
        page.click("filter");
        page.replace_text(&format!("status:{text}"));
        page.shows("filter-error", "Column");
        is_only_text(&page, &format!("{text}, in the filter"), "return found();");
        page.replace_text("");
        page.hides("filter-error");
    }
}

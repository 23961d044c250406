//! Pages of other origins, in a browser that has a session with the inspector: none reads a
//! byte of what was captured, and none changes or sends anything.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::kit::{App, Scene};
use crate::support::raw::{accepting, read_request};
use crate::tab::Page;

/// What must not be read. It stands in the only delivery.
const SENTINEL: &str = "sentinel-of-the-capture";

/// A name of somebody else's that leads to this machine.
const REBOUND: &str = "evil.test";

/// Tries everything that a script can ask of `base`, and collects all that it gets to read.
const ATTACKS: &str = r#"(async (base, port) => {
    const read = [], tried = [];
    const note = (what, got) => { if (got) read.push(`${what}: ${got}`); };
    addEventListener('message', (message) => note('message', JSON.stringify(message.data)));
    // Frames are counted among them, by number.
    const globals = () => Object.keys(window).filter((name) => !/^\d+$/.test(name)).length;
    const within = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 10000))]);
    const ask = async (path, options) => {
        const what = `${options.method ?? 'GET'} ${path} ${options.mode ?? ''} ${options.credentials}`;
        tried.push(what);
        try {
            const response = await fetch(base + path, options);
            note(what, response.type === 'opaque' ? await response.text() : `${response.status} ${await response.text()}`);
        } catch { /* The browser kept it back. */ }
    };
    const reads = ['/api/v1/status', '/api/v1/deliveries', '/api/v1/deliveries/1', '/api/v1/deliveries/1/body',
        '/api/v1/deliveries/1/raw', '/api/v1/export?as=json', '/api/v1/session', '/api/v1/secrets', '/api/requests/http'];
    const changes = [['/api/v1/deliveries/1/replay', { to: null }], ['/api/requests/http', { id: '1' }], ['/api/v1/trigger', { event: 'email.opened' }],
        ['/api/v1/send', { request: { method: 'POST', path: '/', headers: [], body: '', body_encoding: 'utf8' }, original: null, sign: null, to: null }],
        ['/api/v1/secrets', { secret: 'x', label: null, event: null }], ['/api/v1/session', {}]];
    const asked = [];
    for (const credentials of ['include', 'omit']) {
        for (const mode of ['cors', 'no-cors']) {
            for (const path of reads) asked.push(ask(path, { mode, credentials }));
            for (const [path, body] of changes) asked.push(ask(path, { method: 'POST', mode, credentials, headers: { 'Content-Type': 'text/plain' }, body: JSON.stringify(body) }));
        }
        for (const [path, body] of changes) asked.push(ask(path, { method: 'POST', credentials, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }));
        asked.push(ask('/api/v1/deliveries', { method: 'DELETE', credentials }));
        asked.push(ask('/api/v1/pause', { method: 'PUT', credentials, headers: { 'Content-Type': 'application/json' }, body: '{"paused":true}' }));
    }
    await Promise.all(asked);
    navigator.sendBeacon(base + '/api/v1/deliveries/1/replay', '{}');

    await Promise.all(changes.map(async ([path, body]) => {
        tried.push(`form ${path}`);
        const frame = document.body.appendChild(Object.assign(document.createElement('iframe'), { name: base + path }));
        const form = document.body.appendChild(Object.assign(document.createElement('form'), { method: 'POST', enctype: 'text/plain', action: base + path, target: frame.name }));
        // What a form of plain text makes of this is JSON.
        const text = JSON.stringify({ ...body, pad: '=' }), at = text.lastIndexOf('=');
        form.append(Object.assign(document.createElement('input'), { name: text.slice(0, at), value: text.slice(at + 1) }));
        const loaded = new Promise((done) => { frame.onload = done; });
        form.submit();
        await within(loaded);
        try { note(`form ${path}`, frame.contentDocument?.body?.innerText); } catch { /* Another origin's. */ }
    }));

    for (const [tag, attribute] of [['script', 'src'], ['img', 'src'], ['link', 'href'], ['object', 'data'], ['video', 'src']]) {
        tried.push(tag);
        const element = Object.assign(document.createElement(tag), tag === 'link' ? { rel: 'stylesheet' } : {});
        const before = globals();
        await within(new Promise((done) => {
            element.onload = () => { if (tag !== 'object') note(tag, 'it was loaded'); done(); };
            element.onerror = done;
            element[attribute] = `${base}/api/v1/deliveries`;
            document.body.append(element);
        }));
        if (globals() > before) note(tag, 'it left something');
        try { note(tag, element.contentDocument?.body?.innerText); } catch { /* Another origin's. */ }
    }

    await Promise.all(['/', '/api/v1/deliveries', '/#/deliveries/1'].map(async (path) => {
        tried.push(`frame ${path}`);
        const frame = document.createElement('iframe');
        const loaded = new Promise((done) => { frame.onload = done; });
        frame.src = base + path;
        document.body.append(frame);
        await within(loaded);
        try { note(`frame ${path}`, frame.contentDocument?.body?.innerText); } catch { /* Another origin's. */ }
        if (frame.contentWindow.length) note(`frame ${path}`, 'it has frames');

        tried.push(`window ${path}`);
        const opened = window.open(base + path);
        await new Promise((done) => setTimeout(done, 300));
        try { note(`window ${path}`, opened?.document?.body?.innerText); } catch { /* Another origin's. */ }
        opened?.postMessage({ filter: null, type: 'snapshot' }, '*');
        opened?.close();
    }));

    for (const url of [`ws://${new URL(base).host}/api/v1/live`, `ws://127.0.0.1:${port}/api/v1/live`]) {
        tried.push(`socket ${url}`);
        await within(new Promise((done) => {
            const socket = new WebSocket(url);
            socket.onopen = () => { note(url, 'it was opened'); };
            socket.onmessage = (message) => { note(url, message.data); done(); };
            socket.onclose = socket.onerror = done;
        }));
    }
    return { read, tried: tried.length };
})"#;

/// Somebody else's server: an empty page at every path.
fn elsewhere() -> SocketAddr {
    accepting(|mut stream| {
        use std::io::Write as _;
        let mut from = std::io::BufReader::new(stream.try_clone()?);
        while read_request(&mut from)?.is_some() {
            let page = "<!doctype html><title>a</title><body>";
            let length = page.len();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
            )?;
        }
        Ok(())
    })
}

/// Attacks from the page, and returns what was read.
#[track_caller]
fn attack(page: &Page, base: &str, port: u16) -> Vec<String> {
    let told = page.eval(&format!("{ATTACKS}({}, {port})", json!(base)));
    assert!(told["tried"].as_u64().expect("a number") > 60, "{told}");
    let read = told["read"].as_array().expect("a list");
    read.iter()
        .filter_map(Value::as_str)
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn no_page_of_another_origin_reads_or_changes_anything() {
    if !Browser::is_here() {
        return;
    }
    let browser = Browser::start(&[&format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1")]);
    let app = App::fixed();
    let scene = Scene::before(&app);
    let body = format!(r#"{{ "event": "email.opened", "data": "{SENTINEL}" }}"#);
    assert_eq!(scene.deliver(&body), 200);
    app.upstream.next();
    let own = scene.page(&browser, 1200, 800);
    own.choose(1);
    let before = scene.kept();
    assert!(before.contains(SENTINEL));

    let port = scene.inspector().port();
    let other = elsewhere().port();
    for host in ["127.0.0.1", "localhost", REBOUND] {
        let page = own.beside();
        page.open(&format!("http://{host}:{other}/"));
        for base in ["127.0.0.1", "localhost"] {
            let read = attack(&page, &format!("http://{base}:{port}"), port);
            assert!(read.is_empty(), "{host} reads from {base}: {read:#?}");
        }
        let said = page.console_errors();
        let framed = said.iter().any(|line| line.contains("frame-ancestors"));
        assert!(framed, "it was shown in a frame of {host}: {said:#?}");
    }

    // Once its name leads here, the page's own origin is where the inspector is.
    let page = own.beside();
    // It came from elsewhere while its name still led there, with no policy of the inspector's.
    page.ignore_policy();
    page.open(&format!("http://{REBOUND}:{port}/"));
    let read = attack(&page, &format!("http://{REBOUND}:{port}"), port);
    // Of its own origin it reads what it is told, and that is the same refusal for all.
    let fetched = read
        .iter()
        .filter(|told| told.starts_with("GET /api/v1/deliveries "));
    assert_eq!(fetched.count(), 4, "{read:#?}");
    for told in &read {
        assert!(
            told.contains("forbidden") && !told.contains(SENTINEL),
            "{told}"
        );
    }
    assert_eq!(
        page.eval("document.querySelector('[data-testid]')"),
        Value::Null
    );

    assert_eq!(scene.kept(), before);
    assert!(app.upstream.is_idle(), "something was sent");
    own.hides("paused");
    own.lists(&[1]);
    // All of that would have worked for the page itself, so what kept it back is its origin.
    let mine = own.eval("fetch('/api/v1/deliveries/1').then((r) => r.text())");
    assert!(mine.to_string().contains(SENTINEL));
    own.click("replay");
    own.shows("toast", "200");
    app.upstream.next();
    own.is_clean();
}

#[test]
fn the_link_alone_is_what_lets_a_browser_in() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let app = App::fixed();
    let scene = Scene::before(&app);
    scene.deliver(&format!(r#"{{ "event": "{SENTINEL}" }}"#));
    let page = browser.page(1200, 800);
    page.open(&format!(
        "http://{}/#token={}",
        scene.inspector(),
        "0".repeat(64)
    ));
    page.shows("session-missing", "Open the link");
    let told = page.eval(
        "Promise.all(['deliveries', 'status', 'session', 'deliveries/1/raw', 'export?as=json'].map((path) => \
         fetch(`/api/v1/${path}`).then(async (r) => `${r.status} ${await r.text()}`)))",
    );
    for told in told.as_array().expect("a list") {
        let told = told.as_str().expect("text");
        assert!(
            told.starts_with("401 ") && !told.contains(SENTINEL),
            "{told}"
        );
    }
}

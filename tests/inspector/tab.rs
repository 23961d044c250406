//! A page in the browser: what a person does with it, and what is there.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::{Context, text};
use crate::devtools::{DevTools, Heard};
use crate::keys::stroke;

/// Looks at every frame whether something is so, since a page changes by its style sheets and
/// its sizes, too; the timer is for a page that is not painted. It is called with a function
/// and with the milliseconds that a failing test waits.
const WAIT: &str = r"((look, patience) => new Promise((done) => {
    const end = performance.now() + patience;
    let last = null;
    const turn = () => {
        let found = null;
        try { found = look(); last = null; } catch (error) { last = String(error); }
        if (found || performance.now() > end) done({ found: found || null, last });
        else {
            let once = () => { once = () => {}; turn(); };
            requestAnimationFrame(() => once());
            setTimeout(() => once(), 250);
        }
    };
    turn();
}))";

/// Where the middle of an element is, once it stands still with nothing over it.
const MIDDLE: &str = r"() => {
    const element = [...document.querySelectorAll(SELECTOR)].find((e) => e.checkVisibility());
    if (!element || element.disabled) return null;
    element.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    const box = element.getBoundingClientRect();
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const here = `${x} ${y}`, before = window.cmhookTestMiddle;
    window.cmhookTestMiddle = here;
    if (before !== here) return null;
    const top = document.elementFromPoint(x, y);
    const hit = top && (element.contains(top) || top.contains(element) && top.closest('label'));
    return hit ? { x, y } : null;
}";

/// What a failing test shows.
const STATE: &str = r"() => {
    const cut = (text) => text.length > 4000 ? text.slice(0, 4000) + '…' : text;
    const active = document.activeElement;
    return [
        location.href + ' ' + document.title,
        'focus: ' + (active && (active.dataset?.testid || active.tagName)),
        cut(document.body ? document.body.innerText : ''),
    ].join('\n');
}";

/// A page, with the cookies and the storage of its context.
pub struct Page {
    devtools: Arc<DevTools>,
    context: Arc<Context>,
    session: String,
}

impl Page {
    #[track_caller]
    pub(crate) fn new(
        devtools: &Arc<DevTools>,
        context: &Arc<Context>,
        width: u32,
        height: u32,
    ) -> Self {
        let new = json!({ "url": "about:blank", "browserContextId": context.id });
        let target = devtools.call(None, "Target.createTarget", &new);
        let target = text(&target.expect("a page"), "targetId");
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = devtools.call(None, "Target.attachToTarget", &attach);
        let page = Self {
            devtools: Arc::clone(devtools),
            context: Arc::clone(context),
            session: text(&attached.expect("a session"), "sessionId"),
        };
        for domain in ["Page", "Runtime", "Log", "Audits"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        // Each page has to believe that it is the one that is looked at.
        page.call(
            "Emulation.setFocusEmulationEnabled",
            &json!({ "enabled": true }),
        );
        page.size(width, height);
        page.dark(false);
        page
    }

    /// Another page that has the same cookies.
    #[track_caller]
    pub fn beside(&self) -> Self {
        Self::new(&self.devtools, &self.context, 1200, 800)
    }

    #[track_caller]
    fn call(&self, method: &str, params: &Value) -> Value {
        let answer = self.devtools.call(Some(&self.session), method, params);
        answer.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Goes to a URL, and waits until it has loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        let answer = self.call("Page.navigate", &json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        self.wait("document.readyState === 'complete'");
    }

    /// What it opens from now on is not held to the policy that comes with it.
    #[track_caller]
    pub fn ignore_policy(&self) {
        self.call("Page.setBypassCSP", &json!({ "enabled": true }));
    }

    /// Loads it once more, and waits until it has.
    #[track_caller]
    pub fn reload(&self) {
        self.eval("window.cmhookTestBefore = true");
        self.call("Page.reload", &json!({}));
        self.wait("!window.cmhookTestBefore && document.readyState === 'complete'");
    }

    /// What an expression, or a promise that it is, comes to. The error is what it threw, or
    /// that the page went elsewhere meanwhile.
    #[track_caller]
    pub fn try_eval(&self, expression: &str) -> Result<Value, String> {
        let params = json!({
            "expression": expression,
            "awaitPromise": true,
            "returnByValue": true,
            "userGesture": true,
        });
        let call = self
            .devtools
            .call(Some(&self.session), "Runtime.evaluate", &params);
        let mut answer = call?;
        let thrown = &answer["exceptionDetails"];
        if !thrown.is_null() {
            let what = thrown["exception"]["description"].as_str();
            return Err(what.map_or_else(|| thrown.to_string(), ToOwned::to_owned));
        }
        Ok(answer["result"]["value"].take())
    }

    #[track_caller]
    pub fn eval(&self, expression: &str) -> Value {
        let value = self.try_eval(expression);
        value.unwrap_or_else(|error| panic!("{expression}\n{error}\n{}", self.state()))
    }

    /// Waits until an expression is true, and returns what it is.
    #[track_caller]
    pub fn wait(&self, expression: &str) -> Value {
        self.wait_for(&format!("() => ({expression})"))
    }

    /// Waits until a function returns something true, and returns that.
    #[track_caller]
    fn wait_for(&self, function: &str) -> Value {
        let whole = format!("{WAIT}({function}, 30000)");
        let mut gone = 0;
        let mut answer = loop {
            match self.try_eval(&whole) {
                Ok(answer) => break answer,
                // It went elsewhere, where it may come true.
                Err(error) if gone < 20 && !error.starts_with("SyntaxError") => gone += 1,
                Err(error) => panic!("{function}\n{error}\n{}", self.state()),
            }
        };
        if answer["found"].is_null() {
            let last = answer["last"].as_str().unwrap_or_default();
            panic!(
                "it does not come to this: {function}\n{last}\n{}",
                self.state()
            );
        }
        answer["found"].take()
    }

    /// What is to be known of a page on which a test failed.
    fn state(&self) -> String {
        let shown = match self.try_eval(&format!("({STATE})()")) {
            Ok(Value::String(shown)) => shown,
            other => format!("{other:?}"),
        };
        format!("{shown}\n{:?}", self.heard())
    }

    /// Waits until an element with that test id is seen, with that text in it.
    #[track_caller]
    pub fn shows(&self, testid: &str, words: &str) {
        let words = json!(words);
        let all = format!("document.querySelectorAll({})", json!(selector(testid)));
        self.wait(&format!(
            "[...{all}].some((e) => e.checkVisibility() && e.innerText.includes({words}))"
        ));
    }

    /// Waits until no element with that test id is seen. A dialog has to be gone: for a moment
    /// after it was closed, its fields still take the keys.
    #[track_caller]
    pub fn hides(&self, testid: &str) {
        let all = format!("document.querySelectorAll({})", json!(selector(testid)));
        self.wait(&format!(
            "![...{all}].some((e) => e.checkVisibility() || e.matches('dialog'))"
        ));
    }

    /// The text of the first element with that test id.
    #[track_caller]
    pub fn text(&self, testid: &str) -> String {
        let first = format!("document.querySelector({})", json!(selector(testid)));
        let text = self.wait(&format!("{first} && {{ text: {first}.innerText }}"));
        text["text"].as_str().unwrap_or_default().to_owned()
    }

    /// Clicks the element with that test id, once a person could.
    #[track_caller]
    pub fn click(&self, testid: &str) {
        self.click_on(&selector(testid));
    }

    /// The same for the first visible one that a CSS selector selects.
    #[track_caller]
    pub fn click_on(&self, selector: &str) {
        let middle = self.wait_for(&MIDDLE.replace("SELECTOR", &json!(selector).to_string()));
        let event = |kind: &str, count: u8| {
            let button = if count > 0 { "left" } else { "none" };
            json!({
                "type": kind, "x": middle["x"], "y": middle["y"],
                "button": button, "clickCount": count,
            })
        };
        self.call("Input.dispatchMouseEvent", &event("mouseMoved", 0));
        self.call("Input.dispatchMouseEvent", &event("mousePressed", 1));
        self.call("Input.dispatchMouseEvent", &event("mouseReleased", 1));
    }

    /// Presses keys one after the other: `j`, `G`, `Enter`, `Shift+Tab`, `Control+a`.
    #[track_caller]
    pub fn press(&self, keys: &str) {
        for key in keys.split(' ') {
            for event in stroke(key) {
                self.call("Input.dispatchKeyEvent", &event);
            }
        }
    }

    /// Types text where the focus is.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        for c in text.chars() {
            let key = match c {
                '\n' => "Enter".to_owned(),
                ' ' => "Space".to_owned(),
                c => c.to_string(),
            };
            self.press(&key);
        }
    }

    /// Presses Tab until the focus is in the element with that test id.
    #[track_caller]
    pub fn to_by_tab(&self, testid: &str) {
        let there = format!(
            "document.activeElement?.closest({}) !== null",
            json!(selector(testid))
        );
        for _ in 0..60 {
            self.press("Tab");
            if self.eval(&there) == true {
                return;
            }
        }
        panic!("Tab does not lead to {testid}\n{}", self.state());
    }

    /// Puts text where the focus is in place of what is there.
    #[track_caller]
    pub fn replace_text(&self, text: &str) {
        self.press("Control+a");
        self.call("Input.insertText", &json!({ "text": text }));
    }

    #[track_caller]
    pub fn size(&self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Prefers dark colours, or light ones. Motion is reduced, so that what is looked at is
    /// not on its way to something else.
    #[track_caller]
    pub fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.call("Emulation.setEmulatedMedia", &features);
    }

    /// Writes what is seen as PNG.
    #[track_caller]
    pub fn screenshot(&self, path: &Path) {
        // What was just changed is painted with the frame after the next.
        self.eval("new Promise((f) => requestAnimationFrame(() => requestAnimationFrame(f)))");
        let shot = self.call("Page.captureScreenshot", &json!({ "format": "png" }));
        let bytes = STANDARD.decode(text(&shot, "data")).expect("base64");
        let folder = path.parent().expect("a file has a folder");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(path, bytes).expect("the picture is written");
    }

    /// What it reported by itself so far.
    pub fn heard(&self) -> Heard {
        self.devtools.heard(&self.session)
    }

    pub fn console_errors(&self) -> Vec<String> {
        self.heard().errors
    }

    pub fn csp_violations(&self) -> Vec<String> {
        self.heard().violations
    }

    pub fn dialogs(&self) -> Vec<String> {
        self.heard().dialogs
    }

    /// Whether it behaved: no dialog, nothing that its policy forbade, no error.
    #[track_caller]
    pub fn is_clean(&self) {
        let heard = self.heard();
        let clean = heard.errors.is_empty() && heard.violations.is_empty();
        assert!(clean && heard.dialogs.is_empty(), "{heard:#?}");
    }
}

/// What selects a test id.
pub fn selector(testid: &str) -> String {
    format!("[data-testid=\"{testid}\"]")
}

//! The DevTools protocol of a running Chromium: calls, and what its pages report by themselves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longer than anything that a page itself is given.
const PATIENCE: Duration = Duration::from_secs(90);

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// What a page reported by itself.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    /// Errors and warnings of the console, uncaught exceptions, and what failed to load.
    pub errors: Vec<String>,
    /// What the page's policy forbade.
    pub violations: Vec<String>,
    /// Dialogs that it opened, such as `alert: text`. They were dismissed.
    pub dialogs: Vec<String>,
}

/// The connection. It ends with the runtime in it.
pub struct DevTools {
    outgoing: UnboundedSender<Message>,
    shared: Arc<Shared>,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Default)]
struct Shared {
    last: AtomicU64,
    waiting: Mutex<HashMap<u64, Sender<Value>>>,
    heard: Mutex<HashMap<String, Heard>>,
}

impl DevTools {
    #[track_caller]
    pub fn connect(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (socket, _) = runtime
            .block_on(connect_async(address))
            .expect("Chromium takes connections where it says so");
        let (outgoing, queue) = unbounded_channel();
        let shared = Arc::new(Shared::default());
        runtime.spawn(run(socket, queue, outgoing.clone(), Arc::clone(&shared)));
        Self {
            outgoing,
            shared,
            _runtime: runtime,
        }
    }

    /// Calls a method of a page's session, or of the browser itself, and waits for the answer;
    /// the error is Chromium's.
    #[track_caller]
    pub fn call(
        &self,
        session: Option<&str>,
        method: &str,
        params: &Value,
    ) -> Result<Value, String> {
        let id = self.shared.last.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, answer) = channel();
        locked(&self.shared.waiting).insert(id, sender);
        let sent = self.outgoing.send(request(id, session, method, params));
        sent.expect("the connection is there");
        let mut answer = match answer.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => panic!("Chromium does not answer {method}"),
            Err(RecvTimeoutError::Disconnected) => panic!("Chromium is gone, after {method}"),
        };
        match answer["error"]["message"].as_str() {
            Some(message) => Err(message.to_owned()),
            None => Ok(answer["result"].take()),
        }
    }

    /// What the page of that session reported so far.
    pub fn heard(&self, session: &str) -> Heard {
        let heard = locked(&self.shared.heard);
        heard.get(session).cloned().unwrap_or_default()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panics with it")
}

fn request(id: u64, session: Option<&str>, method: &str, params: &Value) -> Message {
    let mut request = json!({ "id": id, "method": method, "params": params });
    if let Some(session) = session {
        request["sessionId"] = session.into();
    }
    Message::text(request.to_string())
}

async fn run(
    mut socket: Socket,
    mut queue: UnboundedReceiver<Message>,
    outgoing: UnboundedSender<Message>,
    shared: Arc<Shared>,
) {
    loop {
        tokio::select! {
            message = queue.recv() => {
                let Some(message) = message else { break };
                if socket.send(message).await.is_err() { break }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { break };
                let Ok(text) = message.to_text() else { continue };
                let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
                if let Some(id) = message["id"].as_u64() {
                    let waiting = locked(&shared.waiting).remove(&id);
                    if let Some(waiting) = waiting {
                        let _ = waiting.send(message);
                    }
                } else if let Some(session) = message["sessionId"].as_str() {
                    hear(&shared, session, &message, &outgoing);
                }
            }
        }
    }
    // Whoever waits for an answer learns that there will be none.
    locked(&shared.waiting).clear();
}

/// Keeps what a page reports.
fn hear(shared: &Shared, session: &str, message: &Value, outgoing: &UnboundedSender<Message>) {
    let params = &message["params"];
    let mut all = locked(&shared.heard);
    let heard = all.entry(session.to_owned()).or_default();
    match message["method"].as_str().unwrap_or_default() {
        "Page.javascriptDialogOpening" => {
            let kind = params["type"].as_str().unwrap_or_default();
            let text = params["message"].as_str().unwrap_or_default();
            heard.dialogs.push(format!("{kind}: {text}"));
            // A page with an open dialog answers nothing else. Nobody waits for id 0.
            let params = json!({ "accept": kind == "beforeunload" });
            let method = "Page.handleJavaScriptDialog";
            let _ = outgoing.send(request(0, Some(session), method, &params));
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let what = &details["exception"]["description"];
            let what = what.as_str().or(details["text"].as_str());
            heard.errors.push(what.unwrap_or_default().to_owned());
        }
        "Runtime.consoleAPICalled"
            if matches!(
                params["type"].as_str(),
                Some("error" | "warning" | "assert")
            ) =>
        {
            let values = params["args"].as_array().into_iter().flatten();
            let said = values.map(|value| {
                let text = value["description"].as_str().or(value["value"].as_str());
                text.map_or_else(|| value["value"].to_string(), ToOwned::to_owned)
            });
            heard.errors.push(said.collect::<Vec<_>>().join(" "));
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => {
            let entry = &params["entry"];
            let part = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let text = format!("{} {}", part("text"), part("url"));
            heard.errors.push(text.trim_end().to_owned());
        }
        "Audits.issueAdded" if params["issue"]["code"] == "ContentSecurityPolicyIssue" => {
            let details = &params["issue"]["details"]["contentSecurityPolicyIssueDetails"];
            heard.violations.push(details.to_string());
        }
        _ => {}
    }
}

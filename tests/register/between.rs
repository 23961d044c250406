//! Something between a listener and the sandbox: a way that is long, or an API that writes
//! what it answers in its own way.

use std::net::SocketAddr;

use crate::support::raw::{Message, RawApp, ask};
use crate::support::sandbox::Sandbox;

/// What stands in between.
pub struct Between(RawApp);

/// The sandbox, as what stands in between asks it.
#[derive(Debug, Clone, Copy)]
pub struct Behind(SocketAddr);

impl Between {
    /// One that answers what `pass` makes of a request and of the sandbox behind it.
    pub fn new(
        sandbox: &Sandbox,
        pass: impl Fn(&Message, Behind) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let behind = Behind(sandbox.address());
        Self(RawApp::answering(move |request| pass(request, behind)))
    }

    /// As a value of `--api`.
    pub fn url(&self) -> String {
        format!("http://{}", self.0.address())
    }
}

impl Behind {
    /// The sandbox's answer.
    pub fn ask(self, request: &Message) -> Message {
        let lines = String::from_utf8_lossy(&request.head).into_owned();
        let is_about_here = |line: &str| {
            let name = line.split(':').next().unwrap_or_default();
            ["host", "connection"].contains(&name.to_ascii_lowercase().as_str())
        };
        let lines = lines.lines().filter(|line| !is_about_here(line));
        let head = lines.collect::<Vec<_>>().join("\r\n");
        let own = format!("{head}\r\nHost: {}\r\nConnection: close\r\n\r\n", self.0);
        ask(self.0, [own.as_bytes(), &request.body].concat())
    }

    /// The same as it goes over the line.
    pub fn pass(self, request: &Message) -> Vec<u8> {
        wire(&self.ask(request))
    }
}

/// An answer as it goes over the line.
pub fn wire(answer: &Message) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {} X\r\nContent-Type: application/json\r\nCmhook-Sandbox: 1\r\nContent-Length: {}\r\n\r\n",
        answer.status(),
        answer.body.len()
    );
    [head.as_bytes(), &answer.body].concat()
}

/// What a gateway says that has heard nothing.
pub fn bad_gateway() -> Vec<u8> {
    b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n".to_vec()
}

/// Whether a request makes a webhook.
pub fn is_create(request: &Message) -> bool {
    request.first_line().starts_with("POST /webhooks ")
}

/// Whether a request archives one.
pub fn is_archive(request: &Message) -> bool {
    let line = request.first_line();
    line.starts_with("POST /webhooks/") && line.contains("/archive ")
}

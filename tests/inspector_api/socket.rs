//! The live socket, spoken to by a real client.

use std::time::{Duration, Instant};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::kit::Inspector;

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open socket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    runtime: Runtime,
}

impl Socket {
    /// Opens one as a program does, and from its start.
    #[track_caller]
    pub fn open(inspector: &Inspector) -> Self {
        Self::try_open(inspector, "", bearer(inspector)).expect("a socket")
    }

    /// The same, to go on after a frame.
    #[track_caller]
    pub fn resume(inspector: &Inspector, resume: &str) -> Self {
        let query = format!("?resume={resume}");
        Self::try_open(inspector, &query, bearer(inspector)).expect("a socket")
    }

    /// Opens one with these header lines; the status, where it is refused.
    pub fn try_open(
        inspector: &Inspector,
        query: &str,
        fields: Vec<(&'static str, String)>,
    ) -> Result<Self, u16> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let url = format!("ws://{}/api/v1/live{query}", inspector.api);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in fields {
            let value = value.parse().expect("a value");
            request.headers_mut().insert(name, value);
        }
        let opened = runtime.block_on(async {
            let socket = TcpSocket::new_v4().expect("a socket");
            // The smaller it is, the sooner it shows that nobody reads.
            socket.set_recv_buffer_size(16 << 10).expect("a socket");
            let stream = socket.connect(inspector.api).await.expect("it listens");
            timeout(PATIENCE, client_async(request, stream)).await
        });
        match opened.expect("an answer in time") {
            Ok((stream, _)) => Ok(Self { stream, runtime }),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The next message; `None` where the socket is closed.
    #[track_caller]
    pub fn try_next(&mut self) -> Option<Value> {
        let text = self.try_next_text()?;
        Some(serde_json::from_str(&text).expect("JSON"))
    }

    /// The next frame as it is written.
    #[track_caller]
    pub fn next_text(&mut self) -> String {
        self.try_next_text().expect("the socket is open")
    }

    #[track_caller]
    fn try_next_text(&mut self) -> Option<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let next = async { timeout(left, self.stream.next()).await };
            match self.runtime.block_on(next).expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Some(text.as_str().to_owned()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame.
    #[track_caller]
    pub fn next(&mut self) -> Value {
        self.try_next().expect("the socket is open")
    }

    /// The next frame of that type; those before it are passed over.
    #[track_caller]
    pub fn find(&mut self, kind: &str) -> Value {
        self.find_that(kind, |frame| frame["type"] == kind)
    }

    /// The next frame that is as wanted.
    #[track_caller]
    pub fn find_that(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < deadline, "no {what}");
            let frame = self.next();
            if wanted(&frame) {
                return frame;
            }
        }
    }

    /// The next row of this delivery that is as wanted.
    #[track_caller]
    pub fn row(&mut self, id: u64, wanted: impl Fn(&Value) -> bool) -> Value {
        let row = |frame: &Value| {
            let rows = frame["deliveries"].as_array()?;
            let mut rows = rows.iter();
            rows.find(|row| row["id"] == id && wanted(row)).cloned()
        };
        let what = format!("row of #{id}");
        let frame = self.find_that(&what, |frame| row(frame).is_some());
        row(&frame).expect("it was there")
    }

    /// Says something.
    #[track_caller]
    pub fn say(&mut self, what: &Value) {
        self.say_text(&what.to_string());
    }

    /// The same in these words.
    #[track_caller]
    pub fn say_text(&mut self, text: &str) {
        self.say_message(Message::text(text));
    }

    /// The same of any message.
    #[track_caller]
    pub fn say_message(&mut self, message: Message) {
        let sent = self.runtime.block_on(self.stream.send(message));
        sent.expect("the socket is open");
    }

    /// Goes away in good order.
    pub fn close(mut self) {
        let _ = self.runtime.block_on(self.stream.close(None));
    }
}

/// What a program shows.
pub fn bearer(inspector: &Inspector) -> Vec<(&'static str, String)> {
    vec![("authorization", format!("Bearer {}", inspector.token))]
}

//! A relay, an agent and the app behind it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::listener::Listener;
use crate::support::raw::{Connection, RawApp};
use crate::support::relay::{Relay, public_path};

/// Less than the time after which the relay closes a silent connection by itself (5 s).
const AT_ONCE: Duration = Duration::from_secs(4);

/// All of them, online.
pub struct Scene {
    pub relay: Relay,
    pub app: RawApp,
    pub agent: Listener,
    /// The public path that is the app's root.
    pub path: String,
}

impl Scene {
    /// With an app that says `OK`, and these arguments for the relay.
    #[track_caller]
    pub fn start(of_relay: &[&str]) -> Self {
        Self::with(RawApp::saying("OK"), of_relay, &["--ephemeral"])
    }

    /// With this app and these arguments for the relay and the agent.
    #[track_caller]
    pub fn with(app: RawApp, of_relay: &[&str], of_agent: &[&str]) -> Self {
        let relay = Relay::open(of_relay);
        let target = app.target();
        let agent = relay.agent(None, &[&["--forward", &*target], of_agent].concat());
        let path = public_path(&agent);
        Self {
            relay,
            app,
            agent,
            path,
        }
    }

    /// A connection to the public side.
    #[track_caller]
    pub fn connect(&self) -> Connection {
        Connection::open(self.relay.address())
    }

    /// `HOST` and `PATH` in a text, filled in.
    pub fn fill(&self, text: &str) -> Vec<u8> {
        let host = self.relay.address().to_string();
        text.replace("HOST", &host)
            .replace("PATH", &self.path)
            .into_bytes()
    }

    /// Sends these bytes, and gives all that comes until the relay hangs up, which it must
    /// do at once.
    #[track_caller]
    pub fn say(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.relay.address()).expect("it listens");
        stream.set_read_timeout(Some(AT_ONCE)).expect("a socket");
        // What is refused may be cut off while it is still being sent.
        let _ = stream.write_all(bytes);
        let mut answers = Vec::new();
        let ended = stream.read_to_end(&mut answers);
        let mut answers = String::from_utf8_lossy(&answers).into_owned();
        match ended {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => answers = format!("not closed: {error}, after {answers}"),
        }
        answers
    }

    /// Proves that nothing has come through but `before` deliveries: a good request is the
    /// next one, at the agent and at the app.
    #[track_caller]
    pub fn is_untouched(mut self, before: u64) {
        let answer = self
            .relay
            .ask(&format!("POST {}/good", self.path), "", b"{}");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(
            self.app.next().target(),
            "/good",
            "something reached the app"
        );
        let delivery = self.agent.delivery();
        assert_eq!(delivery["id"], before + 1, "{delivery}");
        assert_eq!(delivery["request"]["path"], "/good");
        let stopped = self.agent.stop();
        assert_eq!(stopped["received"], before + 1, "{stopped}");
        assert_eq!(stopped["refused"], 0, "{stopped}");
        assert!(self.app.is_idle());
    }
}

/// The status and the reason of the first of some answers, and how many there are.
#[track_caller]
pub fn first_of(answers: &str) -> (u16, String, usize) {
    let status = answers.split(' ').nth(1).and_then(|word| word.parse().ok());
    let head = answers.split("\r\n\r\n").next().unwrap_or_default();
    let reason = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("cmhook-reason")
            .then(|| value.to_owned())
    });
    let count = answers.matches("HTTP/1.1 ").count();
    (status.unwrap_or(0), reason.unwrap_or_default(), count)
}

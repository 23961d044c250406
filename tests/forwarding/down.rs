//! An app that is not there: the delivery is kept, its sender hears at once that it has to
//! try again, and a person reads what to do.

use std::net::TcpListener;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

use crate::support::listener::{Listener, home};
use crate::support::raw::{RawApp, Then, ask, ok, request};
use crate::support::sender::post;
use crate::{failure, listening, text};

/// A port of 127.0.0.1 that is taken, so that no other test gets it, and on which nothing
/// listens yet.
pub(crate) struct Silent {
    runtime: Runtime,
    socket: TcpSocket,
    pub(crate) port: u16,
}

impl Silent {
    pub(crate) fn new() -> Self {
        let runtime = {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_io().build().expect("a runtime")
        };
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        let port = socket.local_addr().expect("a port").port();
        Self {
            runtime,
            socket,
            port,
        }
    }

    /// From now on it listens, with room for so many connections that wait.
    pub(crate) fn listen_for(self, backlog: u32) -> TcpListener {
        let _inside = self.runtime.enter();
        let listener = self.socket.listen(backlog).expect("the port is ours");
        let listener = listener.into_std().expect("a socket");
        listener.set_nonblocking(false).expect("a socket");
        listener
    }
}

/// Far more than it takes, and far less than any timeout after which cmhook would answer.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn a_delivery_is_kept_and_refused_at_once_and_the_next_one_reaches_the_app() {
    let silent = Silent::new();
    let port = silent.port;
    let target = format!("localhost:{port}");
    let home = Rc::new(home());
    let mut listener = Listener::start_in(&home, &["--forward", &target]);

    let begin = Instant::now();
    let answer = ask(listener.address(), request("POST /hook", "", b"first"));
    let took = begin.elapsed();
    assert_eq!(answer.status(), 502);
    assert!(took < AT_ONCE, "502 took {took:?}");
    let said = format!("nothing listens on localhost:{port}: is your app running?");
    assert_eq!(answer.text(), format!("cmhook: {said}\n"));

    let delivery = listener.delivery();
    assert_eq!(delivery["request"]["body"], "first");
    let attempt = listener.attempt(&delivery);
    assert_eq!(attempt["outcome"], "failed", "{attempt}");
    assert_eq!(attempt["cause"], "live", "{attempt}");
    assert_eq!(attempt["target"], format!("http://localhost:{port}/hook"));
    assert_eq!(attempt["error"]["code"], "refused", "{attempt}");
    assert_eq!(attempt["error"]["message"], said, "{attempt}");
    let hint = text(&attempt["error"], "hint");
    if Path::new("/.dockerenv").exists() {
        assert!(hint.contains("host.docker.internal"), "{hint}");
    } else {
        assert!(!hint.is_empty());
    }

    let app = RawApp::serving_on(silent.listen_for(64), AT_ONCE, |_, stream| {
        std::io::Write::write_all(stream, &ok(b"up"))?;
        Ok(Then::GoOn)
    });
    let answer = ask(listener.address(), request("POST /hook", "", b"second"));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "up"));
    assert_eq!(app.next().body, b"second", "only what came after");
    let stopped = listener.stop();
    assert_eq!(stopped["failed"], 1, "{stopped}");
    assert!(app.is_idle(), "nothing is sent again by itself");

    let again = Listener::start_in(&home, &["--forward", &target]);
    assert_eq!(again.ready["kept"], 2, "both are in the store");
    again.stop();
}

#[test]
fn a_person_reads_what_happened_and_what_to_do() {
    let silent = Silent::new();
    let target = format!("127.0.0.1:{}", silent.port);
    let mut listener = Listener::start_for_a_person(&[&target]);
    assert_eq!(post(listener.address(), None, "{}").status, 502);
    listener.prints("<-- ERR POST");
    listener.prints(&format!(
        "nothing listens on {target}: is your app running?"
    ));
    listener.stop();
}

#[test]
fn a_thousand_deliveries_to_nobody_are_a_thousand_failures() {
    let silent = Silent::new();
    let listener = listening(&silent.port.to_string(), &[]);
    let mut connection = crate::support::raw::Connection::open(listener.address());
    for n in 0..1000 {
        connection.send(request(&format!("POST /{n}"), "", b"{}"));
        assert_eq!(connection.answer().status(), 502, "{n}");
    }
    let stopped = listener.stop();
    assert_eq!(stopped["received"], 1000, "{stopped}");
    assert_eq!(stopped["failed"], 1000, "{stopped}");
}

#[test]
fn a_host_that_does_not_exist_is_named() {
    let mut listener = listening("http://nobody.invalid:3000", &[]);
    let answer = ask(listener.address(), request("POST /", "", b"{}"));
    assert_eq!(answer.status(), 502);
    let error = failure(&mut listener, "dns");
    let message = text(&error, "message");
    assert!(
        message.contains("there is no host called `nobody.invalid`"),
        "{message}"
    );
    assert!(text(&error, "hint").contains("typo"), "{error}");
    listener.stop();
}

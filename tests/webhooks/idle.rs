//! An API that closes connections while somebody thinks.

use std::io::{BufReader, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::json;

use crate::errors::answer;
use crate::kit::{Place, URL};
use crate::support::raw::{Message, accepting, read_request};

/// An API that keeps a connection open behind its answer, as if there were more to come.
struct Api {
    address: SocketAddr,
    close: Sender<()>,
    closed: Receiver<()>,
}

impl Api {
    fn saying(says: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let (close, told) = channel();
        let (tell, closed) = channel();
        let (told, tell) = (Mutex::new(told), Mutex::new(tell));
        let address = accepting(move |mut stream| {
            let request = read_request(&mut BufReader::new(stream.try_clone()?))?;
            if let Some(request) = request {
                stream.write_all(&says(&request))?;
            }
            let _ = told.lock().expect("nobody panics").recv();
            stream.shutdown(Shutdown::Both)?;
            drop(stream);
            let _ = tell.lock().expect("nobody panics").send(());
            Ok(())
        });
        Self {
            address,
            close,
            closed,
        }
    }

    /// Has it close the connection, as servers do when nothing has come for a while.
    #[track_caller]
    fn close(&self) {
        self.close.send(()).expect("it waits");
        let closed = self.closed.recv_timeout(Duration::from_secs(30));
        closed.expect("it closes the connection");
    }
}

#[test]
fn a_webhook_is_deleted_however_long_the_answer_takes() {
    let webhook =
        |status: &str| json!({"id": "w1", "event": "Email.Sent", "url": URL, "status": status});
    let api = Api::saying(move |request| {
        let body = if request.first_line().starts_with("GET") {
            json!({"data": [webhook("active")], "pagination": {"count": 1}})
        } else {
            json!({"data": webhook("archived")})
        };
        answer(200, &body)
    });
    let place = Place::new(format!("http://{}", api.address)).with("CAKEMAIL_ACCESS_TOKEN", "x");
    let mut terminal = place.terminal(120, &["webhooks", "delete", "w1"]);
    terminal.until("Delete the webhook ");
    api.close();
    terminal.press("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Archived w1"), "{text}");
}

#[test]
fn a_code_may_take_as_long_as_it_takes() {
    let api = Api::saying(|request| {
        if request.target() == "/token" {
            answer(401, &json!({"challenge": "c"}))
        } else if request.text().contains("123456") {
            answer(200, &json!({"access_token": "a", "expires_in": 60}))
        } else {
            answer(401, &json!({"detail": "no"}))
        }
    });
    let place = Place::new(format!("http://{}", api.address));
    let mut terminal = place.terminal(120, &["login", "--email", "me@example.com"]);
    terminal.until("password of ");
    terminal.press("secret\n");
    terminal.until("second factor (MFA): ");
    api.close();
    terminal.press("1\n");
    terminal.until("The code is wrong");
    api.close();
    terminal.press("123456\n");
    let (code, text) = terminal.end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Logged in to "), "{text}");
}

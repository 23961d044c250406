//! What most of these begin with: an app, deliveries that come in, and where on the screen
//! things are to be seen.

use std::net::{SocketAddr, TcpListener};

use crate::kit::Terminal;
use crate::support::raw::{Connection, Message, ask, request};
use crate::support::sender::{Header, Scheme, sign};

/// The webhook's.
pub const SECRET: &str = "sentinel-of-the-webhook";

/// As an argument that gives it a label.
pub const LABELLED: &str = "hooks=sentinel-of-the-webhook";

/// A small payload.
pub fn payload(event: &str) -> String {
    format!(r#"{{"event":"{event}","data":{{"campaign_id":790}}}}"#)
}

/// A request with JSON as Cakemail sends it.
pub fn webhook(signature: Option<Header>, body: impl AsRef<[u8]>) -> Vec<u8> {
    let signature =
        signature.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    let fields = format!("Content-Type: application/json\r\n{signature}");
    request("POST /webhooks/cakemail", &fields, body.as_ref())
}

/// A delivery without a signature, and its answer.
#[track_caller]
pub fn deliver(to: SocketAddr, event: &str) -> Message {
    ask(to, webhook(None, payload(event)))
}

/// A delivery signed as Cakemail does it, and its answer.
#[track_caller]
pub fn deliver_signed(to: SocketAddr, event: &str) -> Message {
    let body = payload(event);
    ask(to, webhook(Some(signed(&body)), body))
}

/// The signature of a body.
pub fn signed(body: &str) -> Header {
    sign(Scheme::CakemailHex, SECRET, body)
}

/// So many deliveries without signatures, one after the other.
#[track_caller]
pub fn deliver_many(to: SocketAddr, event: &str, count: usize) {
    let mut connection = Connection::open(to);
    for _ in 0..count {
        connection.send(webhook(None, payload(event)));
        connection.answer();
    }
}

/// An answer with a status.
pub fn answer(status: u16, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A port on which nobody listens, and on which nobody else can.
pub struct Port(tokio::net::TcpSocket);

impl Port {
    pub fn reserve() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any).expect("a free port");
        Self(socket)
    }

    pub fn target(&self) -> String {
        self.0.local_addr().expect("it is bound").to_string()
    }

    /// From now on somebody does.
    pub fn open(self) -> TcpListener {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let _inside = runtime.enter();
        let listener = self
            .0
            .listen(16)
            .and_then(tokio::net::TcpListener::into_std);
        let listener = listener.expect("it is ours");
        listener.set_nonblocking(false).expect("a socket");
        listener
    }
}

/// Rows and columns.
pub fn size(screen: &vt100::Screen) -> (u16, u16) {
    let (rows, columns) = screen.size();
    (rows.get(), columns.get())
}

/// Row and column of a sign.
fn find(screen: &vt100::Screen, sign: &str) -> Option<(u16, u16)> {
    let (rows, columns) = size(screen);
    let mut cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    cells.find(|(row, column)| {
        let cell = screen.cell(*row, *column);
        cell.is_some_and(|cell| cell.contents() == sign)
    })
}

/// The rows and the column of the pillar between list and detail.
pub fn pillar(screen: &vt100::Screen) -> Option<(std::ops::Range<u16>, u16)> {
    let ((top, column), (bottom, _)) = find(screen, "┬").zip(find(screen, "┴"))?;
    Some((top + 1..bottom, column))
}

/// The rows of the list, each as words.
pub fn list(screen: &vt100::Screen) -> Vec<Vec<String>> {
    let (rows, columns) = size(screen);
    let (rows, width) = pillar(screen).unwrap_or((0..rows, columns));
    let all = screen.rows(0, width).skip(rows.start.into());
    all.take(rows.len()).map(|row| words(&row)).collect()
}

/// The words of the detail, with a space between each two, however they are wrapped.
pub fn detail(screen: &vt100::Screen) -> String {
    let (_, columns) = size(screen);
    let Some((rows, pillar)) = pillar(screen) else {
        return String::new();
    };
    let all = screen.rows(pillar + 1, columns - pillar - 1);
    let all = all.skip(rows.start.into()).take(rows.len());
    all.flat_map(|row| words(&row.replace('▌', " ")))
        .collect::<Vec<_>>()
        .join(" ")
}

fn words(row: &str) -> Vec<String> {
    row.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Whether these words are in the row in this order.
fn has(row: &[String], words: &[&str]) -> bool {
    let mut rest = row.iter();
    words.iter().all(|word| rest.any(|other| other == word))
}

impl Terminal {
    /// Waits until a row of the list has these words in this order.
    #[track_caller]
    pub fn lists(&self, words: &str) {
        let wanted: Vec<_> = words.split_whitespace().collect();
        self.until(words, |screen| {
            list(screen).iter().any(|row| has(row, &wanted))
        });
    }

    /// Waits until that is to be read in the detail, however it is wrapped.
    #[track_caller]
    pub fn details(&self, text: &str) {
        self.until(text, |screen| detail(screen).contains(text));
    }

    /// Waits until that is not to be read any more.
    #[track_caller]
    pub fn reads_no(&self, text: &str) {
        self.until(&format!("no {text}"), |screen| {
            !screen.contents().contains(text)
        });
    }

    /// Waits until the delivery with this number is selected, and shown.
    #[track_caller]
    pub fn selects(&self, id: u64) {
        self.until(&format!("#{id} selected"), |screen| {
            let is_selected = |row: &Vec<String>| {
                let row = row.concat();
                let rest = row.strip_prefix(&format!("▌{id}"));
                rest.is_some_and(|rest| rest.starts_with(['★', '0', '1', '2']))
            };
            list(screen).iter().any(is_selected) && detail(screen).starts_with(&format!("#{id} "))
        });
    }

    /// Shows the tab of this number, and waits until its name is the one that is underlined.
    #[track_caller]
    pub fn turns_to(&mut self, number: u8, name: &str) {
        self.press(&number.to_string());
        let title = format!("{number} {name}");
        self.until(&title, |screen| {
            let (rows, columns) = size(screen);
            (0..rows).any(|row| {
                let cells = (0..columns).filter_map(|column| screen.cell(row, column));
                let shown: String = cells
                    .filter(|cell| cell.underline())
                    .map(|cell| {
                        if cell.has_contents() {
                            cell.contents()
                        } else {
                            " "
                        }
                    })
                    .collect();
                shown == title
            })
        });
    }

    /// Presses Esc and waits until that is gone. With a key right behind it, it would be Alt
    /// and that key.
    #[track_caller]
    pub fn escapes(&mut self, text: &str) {
        self.press("\x1b");
        self.reads_no(text);
    }

    /// Quits, and checks that all is as before.
    #[track_caller]
    pub fn quits(mut self) {
        self.press("q");
        // What was answered a moment ago may be in flight still, and is asked about.
        self.until("the end, or a question", |screen| {
            !screen.alternate_screen() || screen.contents().contains("Quit?")
        });
        if self.text().contains("Quit?") {
            self.press("y");
        }
        assert!(self.end().success(), "{}", self.text());
        self.is_given_back();
    }
}

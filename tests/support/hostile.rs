//! Text that a terminal would act on, as a sender and as an app can send it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::raw::{RawApp, request};
use super::sender::{Scheme, sign};

/// Retitling, links, the clipboard, colours, cursor movement, device strings, all in seven
/// and in eight bits; and characters that hide, reverse or break up what is beside them.
pub const CORPUS: &[&str] = &[
    "\x1b]0;owned\x07",
    "\x1b]8;;http://evil.test\x1b\\here\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[31;5m\x1b[2J\x1b[H",
    "\x1bP+q544e\x1b\\",
    "\x1b_Gi=1;AAAA\x1b\\",
    "\x1b^pm\x1b\\\x1bXsos\x1b\\\x1bc\x1b(0",
    "\u{9d}0;owned\u{9c}\u{9b}31m\u{90}q\u{9c}\u{9f}G\u{9c}\u{85}",
    "good\rbad\x08\x08\x7f\x0b\x0c\x0e",
    "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}gnp.exe",
    "\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}",
    "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{3164}\u{e0041}",
    "two\u{2028}lines\u{2029}\nthree",
];

/// A character that a terminal would act on, or show nothing or something else in its place.
/// Said here again, since the binary's own list is what is being tested.
pub fn is_foreign(c: char) -> bool {
    c.is_control()
        || matches!(c as u32,
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0x3164 | 0xfeff | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

/// Sends on a connection of its own and waits until that was answered or cut.
pub fn send(to: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    let patience = Some(Duration::from_secs(30));
    stream.set_read_timeout(patience).expect("a socket");
    // What is refused is cut off while it is still being sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{bytes:?}");
    }
}

/// An app whose every word is hostile, and whose answer makes cmhook explain itself.
pub fn app() -> RawApp {
    RawApp::answering(|request| {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        // What cannot stand in a field is left out of it, as bytes and not as characters.
        let field: Vec<u8> = text.bytes().filter(|b| *b >= 0x20 && *b != 0x7f).collect();
        let mut answer = b"HTTP/1.1 401 ".to_vec();
        answer.extend_from_slice(&field);
        answer.extend_from_slice(b"\r\nWWW-Authenticate: \xff");
        answer.extend_from_slice(&field);
        answer.extend_from_slice(b"\r\nServer: \x9b31m werkzeug");
        answer.extend_from_slice(&field);
        answer.extend_from_slice(b"\r\nContent-Length: ");
        answer.extend_from_slice(text.len().to_string().as_bytes());
        answer.extend_from_slice(b"\r\n\r\n");
        answer.extend_from_slice(text.as_bytes());
        answer
    })
}

/// What a sender can put where: one delivery with it everywhere, and requests that are not
/// HTTP because of it.
pub fn requests(text: &str) -> Vec<Vec<u8>> {
    let printable = |c: &char| !c.is_control() && *c != ' ';
    let path: String = text.chars().filter(printable).collect();
    let body = serde_json::json!({ "event": format!("email.{text}") }).to_string();
    let (name, signature) = sign(Scheme::CakemailHex, "s", &body);
    let signature = format!("{name}: {signature}\r\n");
    let mut value = b"X-Value: \x9b31m\x90\xff\xed\xa0\x80 ".to_vec();
    value.extend(text.bytes().filter(|b| *b >= 0x20 && *b != 0x7f));
    value.extend_from_slice(b"\r\n");
    let mut whole = request(&format!("POST /{path}?{path}"), &signature, body.as_bytes());
    let head = whole.windows(4).position(|w| w == b"\r\n\r\n");
    let end = head.expect("a head") + 2;
    whole.splice(end..end, value);
    vec![
        whole,
        // As it is, in each part of a request.
        format!("{text} / HTTP/1.1\r\nHost: x\r\n\r\n").into(),
        format!("POST /{text} HTTP/1.1\r\nHost: x\r\n\r\n").into(),
        format!("POST / HTTP/{text}\r\nHost: x\r\n\r\n").into(),
        format!("POST / HTTP/1.1\r\n{text}: x\r\n\r\n").into(),
        format!("POST / HTTP/1.1\r\nX: {text}\r\n\r\n").into(),
        format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{text}\r\n").into(),
        [
            b"POST /\x9b31m\x9d0;x\x9c HTTP/1.1\r\nX-\x9b: \x9b\r\n\r\n",
            text.as_bytes(),
        ]
        .concat(),
        // A body as hostile as its headers: the event's name is not JSON then.
        request("POST /", &signature, text.as_bytes()),
        // Cut off in the middle of it.
        [b"POST /", text.as_bytes()].concat(),
    ]
}

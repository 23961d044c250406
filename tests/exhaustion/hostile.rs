//! Input that nobody thought of: whatever comes, no task may panic, and the next delivery is
//! taken in.

use std::net::SocketAddr;

use crate::crowd::{App, Sender, count, runtime};
use crate::support::listener::Listener;
use crate::support::raw::request;

/// Numbers that are the same in each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).expect("it is small")
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

const METHODS: [&str; 9] = [
    "GET", "POST", "HEAD", "OPTIONS", "CONNECT", "TRACE", "PRI", "post", "M-SEARCH",
];
const TARGETS: [&str; 16] = [
    "/",
    "*",
    "//",
    "/?",
    "?",
    "http://x",
    "http://x/",
    "http://[::1]:0/a?b",
    "x:80",
    "/%",
    "/%ff%00",
    "/a?b?c#d",
    "/\u{202e}",
    "/../..",
    "/a/./b;c=d",
    "https://user:pw@x:99999/",
];
const VERSIONS: [&str; 4] = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 "];
const FIELDS: [&str; 26] = [
    "Host: x\r\n",
    "Host:\r\n",
    "Host: x\r\nHost: y\r\n",
    "Connection: close\r\n",
    "Connection: upgrade, host, x-signature, \u{e9}, ,;\r\n",
    "Upgrade: h2c\r\n",
    "Upgrade: websocket\r\n",
    "HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Content-Length: 2\r\n",
    "Content-Length: +2\r\n",
    "X-Cakemail-Signature: sha256=\r\n",
    "X-Cakemail-Signature: \u{e9}\r\n",
    "X-Signature: ====\r\n",
    "X-Signature: AAAAAAAA\r\nX-Signature: 0\r\n",
    "X-Forwarded-For: , ,\r\n",
    "TE: trailers\r\n",
    "Trailer: Host\r\n",
    "X-\u{e9}: 1\r\n",
];
const BODIES: [&str; 16] = [
    "",
    "{}",
    "{\"event\":",
    "{\"event\":\"\\ud800\"}",
    "{\"event\":{\"event\":1}}",
    "\u{feff}{\"event\":\"a\"}",
    "2\r\n{}\r\n0\r\n\r\n",
    "2;x=\"\r\n{}\r\n0\r\nHost: y\r\n\r\n",
    "0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "ffffffffffffffff\r\n",
    "\0\0",
    "[[[[[[[[",
    "{\"event\":1e999}",
    "{\"a\":1.0,\"b\":[{}]}\n",
    "\r\n\r\n",
    "\u{9b}31m",
];

fn hostile(dice: &mut Dice) -> Vec<u8> {
    let target = dice.pick(&TARGETS);
    let mut request = format!(
        "{} {target} {}\r\n",
        dice.pick(&METHODS),
        dice.pick(&VERSIONS)
    );
    for _ in 0..dice.roll(5) {
        request += dice.pick(&FIELDS);
    }
    request += "\r\n";
    request += dice.pick(&BODIES);
    if dice.roll(4) == 0 {
        request = request.repeat(3);
    }
    let mut request = request.into_bytes();
    for _ in 0..dice.roll(3) {
        let at = dice.roll(request.len());
        request[at] = u8::try_from(dice.roll(256)).expect("a byte");
    }
    if dice.roll(5) == 0 {
        request.truncate(dice.roll(request.len()));
    }
    request
}

async fn send(to: SocketAddr, bytes: &[u8]) {
    use tokio::io::AsyncWriteExt as _;

    let mut sender = Sender::open(to).await;
    let _ = sender.send(bytes).await;
    let _ = sender.0.get_mut().shutdown().await;
    let _ = sender.rest().await;
}

#[test]
fn no_input_makes_a_task_panic() {
    let app = App::answering(2);
    // The deepest, widest and longest that gets through every limit, and the crooked ones.
    let deep = format!("{{\"event\":{}", "[".repeat(100_000));
    let claims = "X-Cakemail-Signature: 00\r\n".repeat(90);
    let long = format!("/{}", "a".repeat(60_000));
    let mut requests = vec![
        request("POST /deep", "", deep.as_bytes()),
        request("POST /claims", &claims, &vec![b'x'; 200_000]),
        request(&format!("POST {long}"), "", b"{}"),
        request("POST /nul", "", &[0; 100_000]),
        request(
            "POST /digits",
            "X-Signature: 0\r\n",
            format!("[{}]", "9".repeat(100_000)).as_bytes(),
        ),
        request(
            "POST /escapes",
            "X-Signature: 0\r\n",
            format!("\"{}\"", "\\ud83d".repeat(10_000)).as_bytes(),
        ),
    ];
    let mut dice = Dice(0x5eed);
    requests.extend((0..3000).map(|_| hostile(&mut dice)));
    let mut arguments = vec!["--ephemeral", "--secret", "whsec_aGV4", "--secret", "b=00"];
    let target = format!("{}/hooks", app.target());
    arguments.push(&target);
    for for_people in [false, true] {
        let mut listener = if for_people {
            Listener::start_for_a_person(&arguments[1..])
        } else {
            Listener::start(&arguments)
        };
        let to = listener.address();
        let runtime = runtime();
        runtime.block_on(async {
            for request in &requests {
                send(to, request).await;
            }
            let mut sender = Sender::open(to).await;
            let answer = sender.ask(request("POST /after", "", b"{}")).await;
            assert_eq!(answer.expect("an answer").status, 200);
        });
        listener.process.terminate();
        let said = listener.process.stderr.text();
        assert!(!said.contains("internal error"), "{said}");
        if !for_people {
            let last = listener.process.stdout.last().expect("a last line");
            let stopped = crate::support::listener::object(last);
            println!("{stopped}");
            assert!(count(&stopped, "received") > 300, "{stopped}");
            assert!(count(&stopped, "refused") > 300, "{stopped}");
        }
    }
}

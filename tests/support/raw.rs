//! HTTP/1.1 by hand, for both ends of cmhook: what a library would tidy up, refuse to send
//! or hide is here as it is on the wire.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::runtime::Runtime;

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request or an answer as it came.
#[derive(Debug, Clone)]
pub struct Message {
    /// First line and fields with their line ends, without the empty line.
    pub head: Vec<u8>,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Message {
    /// The first line, without its end.
    pub fn first_line(&self) -> String {
        let line = self.head.split(|byte| *byte == b'\r').next();
        String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
    }

    /// Of an answer.
    #[track_caller]
    pub fn status(&self) -> u16 {
        let line = self.first_line();
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {line}"))
    }

    /// Of a request, undecoded.
    pub fn target(&self) -> String {
        let line = self.first_line();
        line.split(' ').nth(1).unwrap_or_default().to_owned()
    }

    /// Names as they were written, and values.
    pub fn fields(&self) -> Vec<(String, Vec<u8>)> {
        let lines = self.head.split(|byte| *byte == b'\n').skip(1);
        lines
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                let name = String::from_utf8_lossy(&line[..colon]).into_owned();
                Some((name, line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect()
    }

    /// The values of every field of that name, in whatever case it was written.
    pub fn all(&self, name: &str) -> Vec<Vec<u8>> {
        let fields = self.fields().into_iter();
        fields
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The value of the only field of that name; `None` where there is none.
    #[track_caller]
    pub fn one(&self, name: &str) -> Option<String> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} is there {} times", all.len());
        let value = all.into_iter().next()?;
        Some(String::from_utf8(value).expect("a value in UTF-8"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A sized request with these further fields, each ending in a line end.
pub fn request(line: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: hooks.test\r\nContent-Length: {length}\r\n");
    [head.as_bytes(), fields.as_bytes(), b"\r\n", body].concat()
}

/// A sender's connection.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    #[track_caller]
    pub fn open(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).expect("cmhook listens");
        stream.set_nodelay(true).expect("a socket");
        let mut connection = Self(BufReader::new(stream));
        connection.wait_at_most(PATIENCE);
        connection
    }

    /// How long one read may take from now on.
    pub fn wait_at_most(&mut self, time: Duration) {
        let stream = self.0.get_ref();
        stream.set_read_timeout(Some(time)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("cmhook reads");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// The next answer, an interim one (1xx) too.
    #[track_caller]
    pub fn answer(&mut self) -> Message {
        self.try_answer().expect("a whole answer")
    }

    pub fn try_answer(&mut self) -> io::Result<Message> {
        let head = read_head(&mut self.0)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut answer = Message {
            head,
            body: Vec::new(),
        };
        if !matches!(answer.status(), 100..=199 | 204 | 304) {
            answer.body = read_body(&mut self.0, &answer, true)?;
        }
        Ok(answer)
    }

    /// The next answer's head; a body, if there is one, is left unread.
    #[track_caller]
    pub fn answer_head(&mut self) -> Message {
        let head = read_head(&mut self.0).expect("an answer");
        Message {
            head: head.expect("an answer before the end"),
            body: Vec::new(),
        }
    }

    /// So many bytes of a body whose head was read with [`answer_head`](Self::answer_head).
    #[track_caller]
    pub fn body(&mut self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("all of the body");
        body
    }

    /// Says that no more will be sent.
    pub fn finish(&mut self) {
        let ended = self.0.get_ref().shutdown(std::net::Shutdown::Write);
        ended.expect("the connection is open");
    }

    /// Everything until the other side has closed, in whichever way it does.
    #[track_caller]
    pub fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("it is not closed: {error}"),
        }
        rest
    }

    /// Cuts the connection without a farewell (RST).
    pub fn reset(self) {
        reset(self.0.into_inner());
    }
}

/// Sends one request on a connection of its own.
#[track_caller]
pub fn ask(to: SocketAddr, request: impl AsRef<[u8]>) -> Message {
    let mut connection = Connection::open(to);
    connection.send(request);
    connection.answer()
}

/// Cuts a connection without a farewell (RST).
pub fn reset(stream: TcpStream) {
    // std cannot set SO_LINGER, and tokio wants a runtime around it.
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(1).enable_io().build()
        }
        .expect("a runtime")
    });
    let _inside = RUNTIME.enter();
    stream.set_nonblocking(true).expect("a socket");
    let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
    stream.set_zero_linger().expect("a socket");
}

/// What an app does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Close,
}

/// An app to forward to, whose every byte is the test's. Its threads end with the process.
#[derive(Debug)]
pub struct RawApp {
    address: SocketAddr,
    seen: Receiver<Message>,
}

impl RawApp {
    /// An app that writes what `answer` makes of a request, and keeps its connections open.
    pub fn answering(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::serving(PATIENCE, move |request, stream| {
            stream.write_all(&answer(request))?;
            Ok(Then::GoOn)
        })
    }

    /// An app that always answers 200 with that body.
    pub fn saying(text: &'static str) -> Self {
        Self::answering(move |_| ok(text.as_bytes()))
    }

    /// An app whose `handle` writes the answer, and that closes a connection without a
    /// word after `idle`.
    pub fn serving(
        idle: Duration,
        handle: impl Fn(&Message, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::serving_on(listener, idle, handle)
    }

    /// The same on a socket of the test's.
    pub fn serving_on(
        listener: TcpListener,
        idle: Duration,
        handle: impl Fn(&Message, &mut TcpStream) -> io::Result<Then> + Send + Sync + 'static,
    ) -> Self {
        let (sender, seen) = channel();
        let sender = std::sync::Mutex::new(sender);
        let address = accepting_on(listener, move |stream| {
            stream.set_read_timeout(Some(idle))?;
            let mut from = BufReader::new(stream.try_clone()?);
            let mut stream = stream;
            while let Some(request) = read_request(&mut from)? {
                let sender = sender.lock().expect("no thread panics with it").clone();
                let _ = sender.send(request.clone());
                if handle(&request, &mut stream)? == Then::Close {
                    break;
                }
            }
            Ok(())
        });
        Self { address, seen }
    }

    /// As a value of `--forward`.
    pub fn target(&self) -> String {
        self.address.to_string()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next request that reached it.
    #[track_caller]
    pub fn next(&self) -> Message {
        let seen = self.seen.recv_timeout(PATIENCE);
        seen.expect("a request reaches the app")
    }

    /// The next request of those that have reached it already.
    pub fn seen_already(&self) -> Option<Message> {
        self.seen.recv_timeout(Duration::ZERO).ok()
    }

    /// Whether nothing reached it that was not asked for with [`next`](Self::next). To be
    /// asked when whatever could have sent something has ended.
    pub fn is_idle(&self) -> bool {
        let next = self.seen.recv_timeout(Duration::ZERO);
        matches!(next, Err(RecvTimeoutError::Timeout))
    }
}

/// A sized 200.
pub fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A server on 127.0.0.1 that hands each connection to `handle`, on a thread of its own. An
/// error ends the connection, and with it whatever the test waits for.
pub fn accepting(
    handle: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    accepting_on(listener, handle)
}

/// The same on a socket of the test's.
pub fn accepting_on(
    listener: TcpListener,
    handle: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let address = listener.local_addr().expect("a port");
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_nodelay(true);
            let handle = Arc::clone(&handle);
            std::thread::spawn(move || handle(stream));
        }
    });
    address
}

/// The next request; `None` where the connection ended before one.
pub fn read_request(from: &mut impl BufRead) -> io::Result<Option<Message>> {
    let Some(head) = read_head(from)? else {
        return Ok(None);
    };
    let mut request = Message {
        head,
        body: Vec::new(),
    };
    request.body = read_body(from, &request, false)?;
    Ok(Some(request))
}

fn read_head(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() {
                Ok(None)
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            };
        }
        if head[before..] == *b"\r\n" {
            head.truncate(before);
            return Ok(Some(head));
        }
    }
}

/// The body of `of`. `to_end` says that without framing it goes to the end of the
/// connection, as an answer's does.
fn read_body(from: &mut impl BufRead, of: &Message, to_end: bool) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    if let Some(coding) = of.one("transfer-encoding") {
        assert_eq!(coding.to_lowercase(), "chunked");
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16);
            let size = size.map_err(|_| bad("no size of a chunk"))?;
            let before = body.len();
            from.by_ref().take(size + 2).read_to_end(&mut body)?;
            if (body.len() - before) as u64 != size + 2 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            body.truncate(body.len() - 2);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    if let Some(length) = of.one("content-length") {
        let length = length.parse().map_err(|_| bad("no length"))?;
        from.take(length).read_to_end(&mut body)?;
        if (body.len() as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    } else if to_end {
        from.read_to_end(&mut body)?;
    }
    Ok(body)
}

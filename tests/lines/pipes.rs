//! Readers that go away, never come or stop reading. Nobody being there is no error; a disk
//! that is full is one.

use std::fs::File;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use crate::captured::{
    Captured, Listening, StalledReader, Tap, address_in, command, shell, signal, skipped, until,
    wait,
};
use crate::support::listener::home;
use crate::support::raw::{Connection, RawApp, Then, ask, ok, request};

/// The writing end of a pipe whose reading end is closed.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn whatever_is_printed_once_ends_quietly_where_nobody_reads() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["help", "listen"],
        &["listen", "--help"],
        &["listen", "-h"],
        &["man"],
        &["man", "listen"],
        &["completions", "bash"],
        &["completions", "zsh"],
        &["completions", "fish"],
        &["completions", "elvish"],
        &["completions", "powershell"],
        &["listen", "--listen", "0", "--ephemeral", "--json"],
        &["demo", "--listen", "0", "--json"],
    ] {
        let home = home();
        let mut child = command(home.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(closed())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        let said = Tap::on(child.stderr.take().expect("it is piped")).all();
        let status = wait(&mut child);
        let said = String::from_utf8_lossy(&said);
        assert_eq!(status.code(), Some(0), "{args:?}: {said}");
        assert_eq!(said, "", "{args:?}");
    }
}

#[test]
fn mistakes_have_their_exit_code_where_nobody_reads() {
    for (args, code) in [
        (&["listen", "--frobnicate"][..], 2),
        (&["listen", "--keep", "0"], 2),
        (&["listen", "--keep", "0", "--json"], 2),
        (&["listen", "--frobnicate", "--json"], 2),
        (&["man", "nothing"], 2),
        (&["listen", "--listen", "0", "--store", "."], 1),
    ] {
        let home = home();
        let mut child = command(home.path())
            .args(args)
            .stdin(Stdio::null())
            .stdout(closed())
            .stderr(closed())
            .spawn()
            .expect("cmhook starts");
        assert_eq!(wait(&mut child).code(), Some(code), "{args:?}");
    }
}

/// As `cmhook listen | head -1` does it.
#[test]
fn a_reader_that_has_seen_enough_stops_it() {
    let app = RawApp::saying("OK");
    for json in [&["--json"][..], &[]] {
        let home = home();
        let mut child = command(home.path())
            .args(["listen", "--listen", "0", "--ephemeral", &app.target()])
            .args(json)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cmhook starts");
        let stderr = Tap::on(child.stderr.take().expect("it is piped"));
        let address = address_in(&stderr.wait_for("Ready"));
        drop(child.stdout.take());
        // What finds out that nobody reads is still taken in, forwarded and answered.
        let answer = ask(address, request("POST /", "", b"{}"));
        assert_eq!(answer.status(), 200);
        let said = stderr.all();
        assert_eq!(wait(&mut child).code(), Some(0));
        let said = String::from_utf8_lossy(&said);
        for scary in ["error", "panic", "pipe", "warning"] {
            assert!(!said.contains(scary), "{said}");
        }
    }
}

#[test]
fn it_works_without_standard_error() {
    let home = home();
    let mut command = command(home.path());
    command.args(["listen", "--listen", "0", "--ephemeral", "--json"]);
    let mut child = StalledReader::start(command.stdin(Stdio::null()), closed());
    let stdout = child.read_on();
    assert_eq!(
        ask(child.address, request("POST /", "", b"{}")).status(),
        200
    );
    stdout.wait_for("\"answer\"");
    signal(child.child.id(), "TERM");
    assert_eq!(wait(&mut child.child).code(), Some(0));
}

#[test]
fn it_works_with_nothing_open_at_all() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("a port");
    drop(free);
    let home = home();
    let args = format!("listen --listen {address} <&- >&- 2>&-");
    let process = Captured::start(&mut shell(home.path(), "", &args), home.path());
    until("a listener", || TcpStream::connect(address).is_ok());
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    let ended = process.stop();
    assert!(
        ended.out.is_empty() && ended.err.is_empty(),
        "{}",
        ended.text()
    );
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let full = || {
        File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it")
    };
    let home = home();
    let mut child = command(home.path())
        .args(["listen", "--listen", "0", "--ephemeral", "--json"])
        .stdin(Stdio::null())
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    let said = Tap::on(child.stderr.take().expect("it is piped")).all();
    assert_eq!(wait(&mut child).code(), Some(1));
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("error: cannot write to standard output: No space left"),
        "{said}"
    );

    let mut child = command(home.path())
        .args(["listen", "--listen", "0", "--ephemeral"])
        .stdin(Stdio::null())
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cmhook starts");
    let stderr = Tap::on(child.stderr.take().expect("it is piped"));
    let address = address_in(&stderr.wait_for("Ready"));
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    let said = stderr.all();
    assert_eq!(wait(&mut child).code(), Some(1));
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("error: cannot write to standard output: No space left"),
        "{said}"
    );
    assert!(said.contains(" hint: "), "{said}");
}

/// More lines than a pipe holds, so that the thread that writes them waits for a reader.
fn fill(address: std::net::SocketAddr) {
    let mut connection = Connection::open(address);
    for _ in 0..100 {
        connection.send(request("POST /", "", &[b'x'; 3000]));
        assert_eq!(connection.answer().status(), 200);
    }
}

#[test]
fn a_reader_that_does_not_read_holds_up_neither_deliveries_nor_the_stop_and_is_told_of() {
    let home = home();
    let mut command = command(home.path());
    command.args(["listen", "--listen", "0", "--ephemeral", "--json"]);
    let mut child = StalledReader::start(&mut command, Stdio::piped());
    let stderr = Tap::on(child.child.stderr.take().expect("it is piped"));
    fill(child.address);
    signal(child.child.id(), "TERM");
    assert_eq!(wait(&mut child.child).code(), Some(1));
    let said = String::from_utf8_lossy(&stderr.all()).into_owned();
    let error = "error: cannot write to standard output: nobody took the last lines in time";
    assert!(said.contains(error), "{said}");
}

/// Slow, but reading: it gets everything that came before the stop, and the last line.
#[test]
fn a_slow_reader_is_waited_for() {
    let home = home();
    let mut command = command(home.path());
    command.args(["listen", "--listen", "0", "--ephemeral", "--json"]);
    let mut child = StalledReader::start(&mut command, Stdio::null());
    for _ in 0..10 {
        fill(child.address);
    }
    signal(child.child.id(), "TERM");
    let mut stdout = child.stdout.take().expect("it was not read before");
    let mut said = Vec::new();
    loop {
        // Some second for all of it, of the four that a stop may take.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut chunk = Vec::new();
        let taken = stdout.by_ref().take(200_000).read_to_end(&mut chunk);
        if taken.expect("a pipe") == 0 {
            break;
        }
        said.extend_from_slice(&chunk);
    }
    assert_eq!(wait(&mut child.child).code(), Some(0));
    let said = String::from_utf8(said).expect("UTF-8");
    assert_eq!(said.matches("\"type\":\"delivery\"").count(), 1000);
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("{\"type\":\"stopped\",\"received\":1000,"),
        "{last}"
    );
}

#[test]
fn a_second_signal_ends_it_even_where_nobody_reads() {
    let silent = RawApp::serving(std::time::Duration::from_mins(1), |_, _| Ok(Then::GoOn));
    let home = home();
    let mut command = command(home.path());
    let route = format!("email.*={}", silent.target());
    command.args([
        "listen",
        "-l",
        "0",
        "--ephemeral",
        "--json",
        "--route",
        &route,
    ]);
    let mut child = StalledReader::start(&mut command, Stdio::null());
    fill(child.address);
    let mut waiting = Connection::open(child.address);
    waiting.send(request("POST /", "", br#"{"event":"email.sent"}"#));
    silent.next();
    signal(child.child.id(), "TERM");
    until("an end of accepting", || {
        TcpStream::connect(child.address).is_err()
    });
    signal(child.child.id(), "INT");
    assert_eq!(wait(&mut child.child).code(), Some(1));
}

/// A closed terminal sends more than one SIGHUP, and what is in flight is still waited for.
#[test]
fn a_second_hangup_is_no_second_signal() {
    let app = RawApp::serving(std::time::Duration::from_secs(30), |_, stream| {
        // Longer than both signals take, shorter than the stop waits.
        std::thread::sleep(std::time::Duration::from_secs(1));
        std::io::Write::write_all(stream, &ok(b"late")).map(|()| Then::GoOn)
    });
    let listener = Listening::start(&[&app.target()]);
    let mut waiting = Connection::open(listener.address);
    waiting.send(request("POST /", "", b"{}"));
    app.next();
    listener.process.signal("HUP");
    until("an end of accepting", || {
        TcpStream::connect(listener.address).is_err()
    });
    listener.process.signal("HUP");
    let answer = waiting.answer();
    assert_eq!((answer.status(), &*answer.text()), (200, "late"));
    drop(waiting);
    let ended = listener.process.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text());
}

/// Started with SIGHUP ignored, it stays that way: what `nohup` is for.
#[test]
fn nohup_is_respected() {
    if !std::path::Path::new("/proc/self/status").exists() {
        skipped("/proc");
        return;
    }
    let home = home();
    let args = "listen --listen 0 --ephemeral";
    let process = Captured::start(&mut shell(home.path(), "trap '' HUP;", args), home.path());
    let address = address_in(&process.err.wait_for("Ready"));
    process.signal("HUP");
    // Signals come in order: the next one would find it stopping already, and force it.
    assert_eq!(ask(address, request("POST /", "", b"{}")).status(), 200);
    process.out.wait_for("-->");
    let ended = process.stop();
    assert!(
        ended.stderr().contains("Stopped after 1 delivery."),
        "{}",
        ended.text()
    );

    let listener = Listening::start(&[]);
    listener.process.signal("HUP");
    let ended = listener.process.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.text());
}

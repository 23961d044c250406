//! What happens when everybody comes at once, and when all descriptors are taken.

use std::process::Command;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::crowd::{App, Sender, runtime};
use crate::support::listener::{Listener, cmhook, home, object};
use crate::support::process::Process;
use crate::support::raw::request;
use crate::vitals::{descriptors, eventually, own_limit};

const LIMIT: usize = 100;

#[test]
fn when_descriptors_run_out_it_says_so_and_recovers() {
    let app = App::answering(2);
    let home = home();
    // The hard limit too, since cmhook raises its own as far as that.
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(cmhook().get_program());
    command.args(["listen", "--listen", "127.0.0.1:0", "--json", &app.target()]);
    let mut process = Process::start(&mut command, home.path());
    let ready = object(&process.stdout.next().expect("it starts"));
    let url = ready["url"].as_str().expect("a URL");
    let to = url.trim_start_matches("http://").trim_end_matches('/');
    let to = to.parse().expect("an address");
    let pid = process.id();
    let runtime = runtime();
    let open = descriptors(pid);

    let mut early = runtime.block_on(Sender::open(to));
    let ask = |sender: &mut Sender, path: &str| {
        let request = request(&format!("POST {path}"), "", b"{}");
        let answer = runtime.block_on(sender.ask(request));
        answer.expect("an answer").status
    };
    assert_eq!(ask(&mut early, "/early"), 200);
    let crowd: Vec<Sender> = runtime.block_on(async {
        let mut crowd = Vec::new();
        for _ in 0..LIMIT {
            crowd.push(Sender::open(to).await);
        }
        crowd
    });
    let warning = process.stdout.find("warning", |line| {
        let object = object(line);
        (object["type"] == "warning").then_some(object)
    });
    assert_eq!(warning["code"], "too_many_connections", "{warning}");
    let hint = warning["hint"].as_str().expect("a hint");
    assert!(hint.contains("ulimit -n"), "{warning}");
    assert!(
        warning["message"]
            .as_str()
            .expect("text")
            .contains(&LIMIT.to_string()),
        "{warning}"
    );

    // Whoever is in is served as ever, which takes a connection to the app.
    for n in 0..20 {
        assert_eq!(ask(&mut early, &format!("/meanwhile/{n}")), 200);
    }
    drop(crowd);
    eventually("they are gone", || descriptors(pid) <= open + 5);
    let mut late = runtime.block_on(Sender::open(to));
    assert_eq!(ask(&mut late, "/late"), 200);

    let status = process.terminate();
    assert_eq!(status.code(), Some(0));
    let stopped = object(process.stdout.last().expect("a last line"));
    assert_eq!(stopped["type"], "stopped");
    assert_eq!(stopped["received"], 22);
    assert_eq!(stopped["answered"], 22);
    let warnings = process
        .stdout
        .text()
        .matches("too_many_connections")
        .count();
    assert!(warnings < 4, "said {warnings} times");
}

/// The kernel keeps those waiting that have not been taken in. One more than it has room for
/// tries again after a second; that is what a burst should not meet with.
#[test]
fn a_burst_of_connections_is_let_in_at_once() {
    const BURST: usize = 1000;
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    let limit: usize = limit.expect("a limit").trim().parse().expect("a number");
    if limit < BURST {
        println!("skipped: needs net.core.somaxconn of {BURST}");
        return;
    }
    own_limit();
    let listener = Listener::start(&["--ephemeral", "--quiet"]);
    let to = listener.address();
    let runtime = runtime();
    // So that all of them have to wait, however fast it is.
    listener.process.signal("STOP");
    let waiting = runtime.block_on(async {
        let mut waiting = Vec::new();
        for _ in 0..BURST {
            let connecting = timeout(Duration::from_millis(900), TcpStream::connect(to));
            waiting.push(connecting.await);
        }
        waiting
    });
    listener.process.signal("CONT");
    let connected = waiting
        .iter()
        .filter(|one| matches!(one, Ok(Ok(_))))
        .count();
    assert_eq!(connected, BURST);
    let answer = runtime.block_on(async {
        let mut sender = Sender::open(to).await;
        sender.ask(request("POST /behind", "", b"{}")).await
    });
    assert_eq!(answer.expect("an answer").status, 200);
    listener.stop();
}

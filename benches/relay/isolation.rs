//! What others notice of a tunnel that is busy, and small deliveries of a large one that comes
//! slowly.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::contender::{Agent, Kind, Relay};
use crate::support::load::{self, Door, Load, middle, percentile, signature};
use crate::support::options::Options;
use crate::support::pace::latencies;

const PER_SECOND: u32 = 100;
const LOAD: Load = Load {
    connections: 64,
    keep_alive: true,
    body: 1 << 10,
};
/// 1 Mbit/s, in bytes.
const UPLOAD_RATE: u32 = 125_000;
const PIECE: Duration = Duration::from_millis(20);

/// Prints what another name on the same relay notices. All share the machine with the load,
/// so the same load on another relay says what comes of that alone.
pub fn saturated(options: &Options, upstream: u16, folder: &Path) -> Result<()> {
    let other_folder = folder.join("other");
    std::fs::create_dir_all(&other_folder)?;
    let relay = Relay::start(folder)?;
    let agent =
        |relay: &Relay, name: &str| Agent::start(relay, Kind::Cmhook, upstream, &folder.join(name));
    let (quiet, busy) = (agent(&relay, "quiet")?, agent(&relay, "busy")?);
    let other_relay = Relay::start(&other_folder)?;
    let other = agent(&other_relay, "other")?;
    let cases = [
        ("nothing else", None),
        ("64 senders at another relay", Some(&other.door)),
        ("64 senders at another name", Some(&busy.door)),
    ];
    let mut p50s = [const { Vec::new() }; 3];
    let mut p99s = [const { Vec::new() }; 3];
    let mut rates = [const { Vec::new() }; 3];
    for round in 0..options.rounds {
        for turn in 0..cases.len() {
            let at = (round + turn) % cases.len();
            let (all, rate) = beside(&quiet.door, cases[at].1, options.seconds, folder)?;
            p50s[at].push(middle(all.clone()));
            p99s[at].push(percentile(all, 99));
            rates[at].push(rate);
        }
    }
    let p99s = p99s.map(middle);
    println!(
        "| {PER_SECOND} a second, beside | p50 ms | p99 ms | to nothing else's | to another relay's | the others' requests/s |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (at, (name, _)) in cases.iter().enumerate() {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} |",
            middle(p50s[at].clone()),
            p99s[at],
            p99s[at] / p99s[0],
            p99s[at] / p99s[1],
            middle(rates[at].clone()),
        );
    }
    Ok(())
}

/// Latencies of a steady pace while another door is under load, and how much that takes.
fn beside(
    quiet: &Door,
    busy: Option<&Door>,
    seconds: u32,
    folder: &Path,
) -> Result<(Vec<f64>, f64)> {
    thread::scope(|scope| {
        // The load begins before and ends after what is measured.
        let load =
            busy.map(|door| scope.spawn(move || load::run(&LOAD, door, seconds + 2, folder)));
        thread::sleep(Duration::from_secs(1));
        let all = latencies(quiet, PER_SECOND, seconds)?;
        let Some(load) = load else {
            return Ok((all, 0.0));
        };
        if load.is_finished() {
            bail!("the load ended too soon");
        }
        Ok((all, joined(load)?.per_second))
    })
}

/// Prints what small deliveries notice of an upload at 1 Mbit/s through the same tunnel. What
/// it is compared with is half measured before and half behind, for a machine that drifts.
pub fn upload(options: &Options, upstream: u16, folder: &Path) -> Result<()> {
    let relay = Relay::start(folder)?;
    let agent = Agent::start(&relay, Kind::Cmhook, upstream, &folder.join("upload"))?;
    let door = &agent.door;
    let half = 5 * options.seconds;
    let size = UPLOAD_RATE * 2 * half;
    latencies(door, PER_SECOND, 1)?;
    let mut alone = latencies(door, PER_SECOND, half)?;
    let (beside, took) = thread::scope(|scope| {
        let upload = scope.spawn(|| send_slowly(door, size));
        let all = latencies(door, PER_SECOND, 2 * half)?;
        Ok::<_, anyhow::Error>((all, joined(upload)?))
    })?;
    alone.extend(latencies(door, PER_SECOND, half)?);
    let (alone99, beside99) = (
        percentile(alone.clone(), 99),
        percentile(beside.clone(), 99),
    );
    println!("| {PER_SECOND} a second, through the same tunnel as | p50 ms | p99 ms | ratio |");
    println!("| --- | ---: | ---: | ---: |");
    println!(
        "| nothing else | {:.2} | {alone99:.2} | 1.00 |",
        middle(alone)
    );
    println!(
        "| an upload of {:.1} MB in {:.0} s | {:.2} | {beside99:.2} | {:.2} |",
        f64::from(size) / 1e6,
        took.as_secs_f64(),
        middle(beside),
        beside99 / alone99,
    );
    Ok(())
}

/// One delivery, a piece at a time; how long until it was answered.
fn send_slowly(door: &Door, size: u32) -> Result<Duration> {
    let body = load::body(usize::try_from(size)?);
    let mut stream = TcpStream::connect(("127.0.0.1", door.port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let begin = Instant::now();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {size}\r\n\
         X-Cakemail-Signature: {}\r\n\r\n",
        door.path(),
        door.host(),
        signature(&body)?
    )?;
    let piece = f64::from(UPLOAD_RATE) * PIECE.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is 2,500"
    )]
    let pieces = body.as_bytes().chunks(piece as usize);
    for (number, piece) in (0_u32..).zip(pieces) {
        let due = begin + PIECE * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stream.write_all(piece)?;
    }
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    let line = said.lines().next().context("the upload got no answer")?;
    if !line.starts_with("HTTP/1.1 200") {
        bail!("the upload was answered {line}");
    }
    Ok(begin.elapsed())
}

fn joined<T>(handle: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    let joined = handle.join();
    joined.map_err(|_| anyhow::anyhow!("a sender panicked"))?
}

//! What the faces cost: deliveries a second with the screen open, with a page open beside
//! `--quiet`, and with `--quiet` alone, all in a terminal that is read all the time; and how
//! soon a key shows while much comes in.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::page::Page;
use crate::support::SECRET;
use crate::support::load::{self, Door, Load, middle};
use crate::support::pace::latencies;
use crate::support::process::{cmhook, port_of, processor_seconds};

const LOAD: Load = Load {
    connections: 16,
    keep_alive: true,
    body: 1 << 10,
};
/// Deliveries a second while keys are pressed.
const PACE: u32 = 2000;
const KEYS: usize = 40;

/// cmhook in a terminal.
struct Terminal {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    output: Receiver<Vec<u8>>,
    port: u16,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    fn start(upstream: u16, folder: &Path, quiet: bool) -> Result<Self> {
        let store = folder.join("bench.db");
        for suffix in ["", "-wal", "-shm", ".lock", ".api"] {
            let _ = fs::remove_file(folder.join(format!("bench.db{suffix}")));
        }
        let pair = native_pty_system().openpty(PtySize {
            rows: 40,
            cols: 140,
            ..PtySize::default()
        })?;
        let mut command = CommandBuilder::new(cmhook().get_program());
        command.args(["listen", "--listen", "127.0.0.1:0", "--secret", SECRET]);
        command.args(["--forward", &format!("127.0.0.1:{upstream}"), "--store"]);
        command.arg(&store);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        if quiet {
            command.arg("--quiet");
        }
        let child = pair.slave.spawn_command(command)?;
        let mut reader = pair.master.try_clone_reader()?;
        let (to, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if to.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            keys: pair.master.take_writer()?,
            output,
            port: port_in(&folder.join("bench.db.api"))?,
            _master: pair.master,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        self.child.process_id().map_or(0.0, processor_seconds)
    }

    /// Presses a key and waits for what it makes the screen write, in milliseconds. What is
    /// there already belongs to frames before it.
    fn press(&mut self, key: u8, shows: &str) -> Result<f64> {
        while self.output.try_recv().is_ok() {}
        let begin = Instant::now();
        self.keys.write_all(&[key])?;
        let mut seen = Vec::new();
        while begin.elapsed() < Duration::from_secs(5) {
            seen.extend(self.output.recv_timeout(Duration::from_secs(5))?);
            if String::from_utf8_lossy(&seen).contains(shows) {
                return Ok(begin.elapsed().as_secs_f64() * 1e3);
            }
        }
        bail!("the screen does not show `{shows}`")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port of the listener that says in this file where it is.
fn port_in(file: &Path) -> Result<u16> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let said = fs::read(file).ok();
        let said = said.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
        if let Some(said) = said {
            let url = said["url"].as_str().context("no URL in the file")?;
            return port_of(url);
        }
        if Instant::now() > deadline {
            bail!("cmhook does not start in a terminal");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Prints the tables.
pub fn run(rounds: usize, seconds: u32, upstream: u16, folder: &Path) -> Result<()> {
    let mut measured = [Vec::new(), Vec::new(), Vec::new()];
    let mut cpu = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Whoever comes later finds a warmer machine.
        for turn in 0..3 {
            let at = (round + turn) % 3;
            let terminal = Terminal::start(upstream, folder, at != 1)?;
            let page = (at == 2).then(|| Page::open(&folder.join("bench.db.api")));
            let _page = page.transpose()?;
            load::run(&LOAD, &Door::at(terminal.port), 1, folder)?;
            let before = terminal.cpu_seconds();
            let one = load::run(&LOAD, &Door::at(terminal.port), seconds, folder)?;
            cpu[at].push((terminal.cpu_seconds() - before) * 1e6 / one.requests);
            measured[at].push(one.per_second);
        }
    }
    let [quiet, screen, page] = measured.map(middle);
    let [quiet_cpu, screen_cpu, page_cpu] = cpu.map(middle);
    println!("| 1 KiB, 16 connections | a second | CPU µs each | to --quiet | target | |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    println!("| `--quiet` | {quiet:.0} | {quiet_cpu:.0} | 1.00 | | |");
    for (name, face, cpu) in [
        ("the screen", screen, screen_cpu),
        ("`--quiet` and a page", page, page_cpu),
    ] {
        let ratio = face / quiet;
        let verdict = if ratio >= 0.9 { "met" } else { "missed" };
        println!("| {name} | {face:.0} | {cpu:.0} | {ratio:.2} | ≥ 0.9 | {verdict} |");
    }
    println!();
    keys(seconds, upstream, folder)
}

fn keys(seconds: u32, upstream: u16, folder: &Path) -> Result<()> {
    let mut terminal = Terminal::start(upstream, folder, false)?;
    let door = Door::at(terminal.port);
    let sender = std::thread::spawn(move || latencies(&door, PACE, seconds.max(3)));
    let mut all = Vec::new();
    while !sender.is_finished() && all.len() < KEYS {
        // What `?` opens says so, and Esc closes it again.
        all.push(terminal.press(b'?', "search")?);
        all.push(terminal.press(0x1b, "event")?);
    }
    let waited = sender
        .join()
        .map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    let slowest = all.iter().copied().fold(0.0, f64::max);
    let verdict = if slowest <= 50.0 { "met" } else { "missed" };
    println!("| at {PACE} a second | median ms | slowest ms | target | |");
    println!("| --- | ---: | ---: | ---: | --- |");
    println!(
        "| a key, until it shows | {:.1} | {slowest:.1} | ≤ 50 | {verdict} |",
        middle(all)
    );
    println!(
        "| a delivery, until it is answered | {:.1} | | | |",
        middle(waited)
    );
    Ok(())
}

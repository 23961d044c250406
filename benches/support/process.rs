//! Child processes, and what Linux counts of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result};

/// Ticks of processor time in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

/// A child process that dies with its handle.
pub struct Child {
    child: std::process::Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Child {
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().map(BufReader::new);
        Ok(Self { child, stdout })
    }

    pub fn first_line(&mut self) -> Result<String> {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().context("its output is not read")?;
        stdout.read_line(&mut line)?;
        Ok(line)
    }

    /// The first line as the JSON object that it is.
    pub fn ready(&mut self) -> Result<serde_json::Value> {
        let line = self.first_line()?;
        serde_json::from_str(&line).context("cmhook's first line")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        Command::new("kill").arg(self.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Processor time of it and its workers so far.
    pub fn cpu_seconds(&self) -> f64 {
        let id = self.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        children
            .unwrap_or_default()
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .chain([id])
            .map(processor_seconds)
            .sum()
    }

    /// Its resident memory in MB.
    pub fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS")?
            .parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // nginx's workers end when their master is asked to, and outlive its murder. A child
        // that was waited for has given its id back, perhaps to somebody else.
        if !self.has_ended() {
            let _ = self.terminate();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program of this system.
pub fn find(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The cmhook under test.
pub fn cmhook() -> Command {
    match std::env::var_os("CMHOOK_BENCH_BIN") {
        Some(binary) => Command::new(binary),
        None => Command::new(env!("CARGO_BIN_EXE_cmhook")),
    }
}

/// A port that nobody has, for programs that cannot choose one themselves.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The port in a URL without a path, or in an address.
pub fn port_of(url: &str) -> Result<u16> {
    let port = url.trim_end_matches('/').rsplit(':').next();
    Ok(port.context("no port")?.parse()?)
}

/// User and system time in seconds from `/proc/PID/stat`: the 14th and 15th field, counted
/// behind the name, which may hold spaces.
pub fn processor_seconds(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let Some((_, fields)) = stat.rsplit_once(')') else {
        return 0.0;
    };
    fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS
}

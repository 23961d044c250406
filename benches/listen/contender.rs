//! The processes that are compared.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::SECRET;

/// Ticks of processor time in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

/// What stands between the load and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Direct,
    Nginx,
    Forward,
    Capture,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "upstream alone",
            Self::Nginx => "nginx",
            Self::Forward => "cmhook",
            Self::Capture => "cmhook, capture only",
        }
    }
}

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

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits until it has.
    pub fn terminate(&mut self) -> Result<()> {
        Command::new("kill").arg(self.id().to_string()).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // nginx's workers end when their master is asked to, and outlive its murder.
        let _ = self.terminate();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A contender that accepts requests.
pub struct Contender {
    pub port: u16,
    pub child: Option<Child>,
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

impl Contender {
    /// Starts one with nothing kept from before.
    pub fn start(kind: Kind, upstream: u16, folder: &Path) -> Result<Self> {
        let store = folder.join("bench.db");
        for suffix in ["", "-wal", "-shm", ".lock"] {
            let _ = fs::remove_file(folder.join(format!("bench.db{suffix}")));
        }
        match kind {
            Kind::Direct => Ok(Self {
                port: upstream,
                child: None,
            }),
            Kind::Nginx => nginx(upstream, folder),
            Kind::Forward => listen(Some(upstream), &store),
            Kind::Capture => listen(None, &store),
        }
    }

    /// Processor time of it and its workers so far.
    pub fn cpu_seconds(&self) -> f64 {
        let Some(child) = &self.child else { return 0.0 };
        let id = child.id();
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
        let id = self.child.as_ref().context("no process")?.id();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: f64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS")?
            .parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
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

/// cmhook with everything on.
pub fn listen(forward: Option<u16>, store: &Path) -> Result<Contender> {
    let mut command = cmhook();
    command
        .args([
            "listen",
            "--listen",
            "127.0.0.1:0",
            "--quiet",
            "--json",
            "--secret",
            SECRET,
        ])
        .arg("--store")
        .arg(store)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some(port) = forward {
        command.args(["--forward", &format!("127.0.0.1:{port}")]);
    }
    let mut child = Child::spawn(&mut command)?;
    let line = child.first_line()?;
    let ready: serde_json::Value = serde_json::from_str(&line).context("cmhook's first line")?;
    let url = ready["url"]
        .as_str()
        .context("cmhook's first line has no URL")?;
    let port = url
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .context("no port")?;
    Ok(Contender {
        port: port.parse()?,
        child: Some(child),
    })
}

/// nginx with a worker a core, keep-alive to both sides, and nothing logged.
fn nginx(upstream: u16, folder: &Path) -> Result<Contender> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder_name = folder.display();
    let configuration = format!(
        "worker_processes auto; daemon off; pid {folder_name}/nginx.pid; error_log {folder_name}/nginx.err;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 100000000; client_max_body_size 64m;\n\
         client_body_buffer_size 64k; client_body_temp_path {folder_name}/body; proxy_temp_path {folder_name}/proxy;\n\
         fastcgi_temp_path {folder_name}/f; uwsgi_temp_path {folder_name}/u; scgi_temp_path {folder_name}/s;\n\
         upstream app {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 100000000; }}\n\
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://app; proxy_http_version 1.1;\n\
         proxy_set_header Connection \"\"; }} }} }}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, configuration)?;
    let program = find("nginx").context("nginx is gone")?;
    let mut command = Command::new(program);
    command
        .arg("-c")
        .arg(&file)
        .arg("-p")
        .arg(folder)
        .stderr(Stdio::null());
    let child = Child::spawn(&mut command)?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            let why = fs::read_to_string(folder.join("nginx.err")).unwrap_or_default();
            bail!("nginx does not listen: {why}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(Contender {
        port,
        child: Some(child),
    })
}

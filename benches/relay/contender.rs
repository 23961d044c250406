//! The tunnels that are compared.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::localtunnel;
use crate::support::load::Door;
use crate::support::process::{Child, cmhook, find, free_port, port_of};
use crate::support::{SECRET, nginx};

/// How long one may take until its first answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// Larger than every body.
const MAX_BODY: &str = "64MB";

/// What stands between the load and the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Direct,
    Nginx,
    Bore,
    Rathole,
    Localtunnel,
    /// Relay and agent with everything on: verify, ring, journal, forward.
    Cmhook,
    /// Relay and agent that only forwards: no secret, nothing written.
    Bare,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Direct,
        Self::Nginx,
        Self::Bore,
        Self::Rathole,
        Self::Localtunnel,
        Self::Cmhook,
        Self::Bare,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "upstream alone",
            Self::Nginx => "nginx",
            Self::Bore => "bore",
            Self::Rathole => "rathole",
            Self::Localtunnel => "localtunnel",
            Self::Cmhook => "cmhook",
            Self::Bare => "cmhook, tunnel alone",
        }
    }

    /// Whether an error of it is one of cmhook.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Cmhook | Self::Bare)
    }

    /// What came of a turn; nothing where a peer failed, which is said and ends no long run.
    pub fn turn<T>(self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(one) => Ok(Some(one)),
            Err(error) if matches!(self, Self::Bore | Self::Rathole | Self::Localtunnel) => {
                eprintln!("{} lost a turn: {error:#}", self.name());
                Ok(None)
            }
            Err(error) => Err(error.context(self.name())),
        }
    }

    /// Why it cannot be measured here, and what to do about that.
    pub fn lacks(self) -> Option<String> {
        match self {
            Self::Bore if program("bore").is_none() => {
                Some("bore is not on PATH: cargo install bore-cli".to_owned())
            }
            Self::Rathole if program("rathole").is_none() => {
                Some("rathole is not on PATH: cargo install rathole".to_owned())
            }
            Self::Localtunnel => localtunnel::lacks(),
            _ => None,
        }
    }
}

/// A peer, on PATH or where `CMHOOK_BENCH_NAME` says.
pub fn program(name: &str) -> Option<PathBuf> {
    let variable = format!("CMHOOK_BENCH_{}", name.to_uppercase());
    std::env::var_os(variable).map_or_else(|| find(name), |path| Some(path.into()))
}

/// A contender that answers.
pub struct Contender {
    pub door: Door,
    // Whoever connects goes before what it is connected to.
    children: Vec<Child>,
}

impl Contender {
    /// Starts one with nothing kept from before, and waits for its first right answer.
    pub fn start(kind: Kind, upstream: u16, folder: &Path) -> Result<Self> {
        let (door, children) = match kind {
            Kind::Direct => (Door::at(upstream), Vec::new()),
            Kind::Nginx => {
                let (child, port) = nginx::start(upstream, folder)?;
                (Door::at(port), vec![child])
            }
            Kind::Bore => bore(upstream)?,
            Kind::Rathole => rathole(upstream, folder)?,
            Kind::Localtunnel => localtunnel::start(upstream, folder)?,
            Kind::Cmhook | Kind::Bare => {
                let relay = Relay::start(folder)?;
                let agent = Agent::start(&relay, kind, upstream, &folder.join("agent"))?;
                (agent.door, vec![agent.child, relay.child])
            }
        };
        let mut contender = Self { door, children };
        contender.first_answer()?;
        Ok(contender)
    }

    /// Processor time of all its processes so far.
    pub fn cpu_seconds(&self) -> f64 {
        self.children.iter().map(Child::cpu_seconds).sum()
    }

    fn first_answer(&mut self) -> Result<()> {
        let deadline = Instant::now() + ANSWERS_WITHIN;
        loop {
            let said = ask(&self.door);
            if matches!(&said, Ok(said) if said.starts_with("HTTP/1.1 200") && said.ends_with("OK"))
            {
                return Ok(());
            }
            if self.children.iter_mut().any(Child::has_ended) {
                bail!("a process of it has ended");
            }
            if Instant::now() > deadline {
                bail!("it does not answer: {said:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// One small delivery, and all that comes back.
fn ask(door: &Door) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", door.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}",
        door.path(),
        door.host()
    )?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    Ok(said)
}

fn quiet(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// bore's server has one port that cannot be chosen, 7835.
fn bore(upstream: u16) -> Result<(Door, Vec<Child>)> {
    let bore = program("bore").context("bore is gone")?;
    let port = free_port()?;
    let mut server = quiet(&bore);
    server.args(["server", "--bind-addr", "127.0.0.1", "--secret", SECRET]);
    let server = Child::spawn(&mut server)?;
    wait_for_port(7835)?;
    let mut local = quiet(&bore);
    local.args(["local", &upstream.to_string(), "--local-host", "127.0.0.1"]);
    local.args(["--to", "127.0.0.1", "--secret", SECRET]);
    local.args(["--port", &port.to_string()]);
    let local = Child::spawn(&mut local)?;
    Ok((Door::at(port), vec![local, server]))
}

fn rathole(upstream: u16, folder: &Path) -> Result<(Door, Vec<Child>)> {
    let rathole = program("rathole").context("rathole is gone")?;
    let (control, port) = (free_port()?, free_port()?);
    let start = |role: &str, text: String| {
        let file = folder.join(format!("rathole-{role}.toml"));
        fs::write(&file, text)?;
        let mut command = quiet(&rathole);
        command.arg(format!("--{role}")).arg(file);
        Child::spawn(&mut command)
    };
    let server = start(
        "server",
        format!(
            "[server]\nbind_addr = \"127.0.0.1:{control}\"\ndefault_token = \"{SECRET}\"\n\
             [server.services.app]\nbind_addr = \"127.0.0.1:{port}\"\n"
        ),
    )?;
    wait_for_port(control)?;
    let client = start(
        "client",
        format!(
            "[client]\nremote_addr = \"127.0.0.1:{control}\"\ndefault_token = \"{SECRET}\"\n\
             [client.services.app]\nlocal_addr = \"127.0.0.1:{upstream}\"\n"
        ),
    )?;
    Ok((Door::at(port), vec![client, server]))
}

/// Waits until somebody listens there.
pub fn wait_for_port(port: u16) -> Result<()> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            bail!("nobody listens on port {port}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A relay with nothing kept from before, whose limits nobody meets.
pub struct Relay {
    pub child: Child,
    pub url: String,
}

impl Relay {
    pub fn start(folder: &Path) -> Result<Self> {
        let data = folder.join("relay");
        let _ = fs::remove_dir_all(&data);
        let mut command = cmhook();
        command
            .args(["relay", "serve", "--open", "--json"])
            .args(["--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
            .args(["--rate", "1000000", "--concurrency", "10000"])
            .args(["--max-body", MAX_BODY])
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = Child::spawn(&mut command)?;
        let ready = child.ready().context("a relay")?;
        let url = ready["url"].as_str().context("a relay without a URL")?;
        Ok(Self {
            url: url.to_owned(),
            child,
        })
    }
}

/// A listener with a public URL.
pub struct Agent {
    pub child: Child,
    pub door: Door,
}

impl Agent {
    /// One that keeps what it has in `folder`.
    pub fn start(relay: &Relay, kind: Kind, upstream: u16, folder: &Path) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder)?;
        let mut command = cmhook();
        command
            .args(["listen", "--listen", "127.0.0.1:0", "--quiet", "--json"])
            .args(["--forward", &format!("127.0.0.1:{upstream}")])
            .args(["--max-body", MAX_BODY, "--relay", &relay.url])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if kind == Kind::Bare {
            command.arg("--ephemeral");
        } else {
            command.args(["--secret", SECRET, "--store"]);
            command.arg(folder.join("bench.db"));
        }
        let mut child = Child::spawn(&mut command)?;
        let ready = child.ready().context("an agent")?;
        let url = ready["public_url"].as_str();
        let door = door_of(url.context("an agent without a public URL")?)?;
        Ok(Self { child, door })
    }
}

/// What a public URL leads to, where names are in the path.
pub fn door_of(url: &str) -> Result<Door> {
    let rest = url.strip_prefix("http://").context("no http URL")?;
    let (address, path) = rest.split_once('/').context("a URL without a path")?;
    Ok(Door {
        port: port_of(address)?,
        prefix: format!("/{}", path.trim_end_matches('/')),
        host: Some(address.to_owned()),
    })
}

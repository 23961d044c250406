//! The processes that are compared.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::support::load::Door;
use crate::support::process::{Child, cmhook, port_of};
use crate::support::{SECRET, nginx};

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

/// A contender that accepts requests.
pub struct Contender {
    pub port: u16,
    pub child: Option<Child>,
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
            Kind::Nginx => {
                let (child, port) = nginx::start(upstream, folder)?;
                Ok(Self {
                    port,
                    child: Some(child),
                })
            }
            Kind::Forward => listen(Some(upstream), &store),
            Kind::Capture => listen(None, &store),
        }
    }

    /// Where it takes deliveries.
    pub fn door(&self) -> Door {
        Door::at(self.port)
    }

    /// Processor time of it and its workers so far.
    pub fn cpu_seconds(&self) -> f64 {
        self.child.as_ref().map_or(0.0, Child::cpu_seconds)
    }

    /// Its resident memory in MB.
    pub fn memory(&self) -> Result<f64> {
        self.child.as_ref().context("no process")?.memory()
    }
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
    let ready = child.ready()?;
    let url = ready["url"]
        .as_str()
        .context("cmhook's first line has no URL")?;
    Ok(Contender {
        port: port_of(url)?,
        child: Some(child),
    })
}

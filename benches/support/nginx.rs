//! nginx as a plain reverse proxy: the yardstick.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::process::{Child, find, free_port};

/// nginx with a worker a core, keep-alive to both sides, and nothing logged; and its port.
pub fn start(upstream: u16, folder: &Path) -> Result<(Child, u16)> {
    let port = free_port()?;
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
    Ok((child, port))
}

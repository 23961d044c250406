//! What was measured, and on what.

use std::fs;
use std::process::Command;

use super::process::{cmhook, find};

/// The machine and the versions of what every benchmark uses.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| {
            line.trim_start_matches([' ', '\t', ':'])
        });
    let kernel = read("/proc/sys/kernel/osrelease");
    let nginx =
        find("nginx").map_or_else(String::new, |path| version(Command::new(path).arg("-v")));
    format!(
        "{cores} cores of {model}, Linux {}, {}, {}, {}",
        kernel.split(['-', '\n']).next().unwrap_or_default(),
        version(cmhook().arg("--version")),
        nginx.trim_start_matches("nginx version: "),
        version(Command::new("wrk").arg("-v")),
    )
}

/// The first line of what a program says of itself.
pub fn version(command: &mut Command) -> String {
    command.output().map_or_else(
        |_| String::new(),
        |output| {
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            let line = text.trim_start().lines().next().unwrap_or_default();
            // wrk goes on with how it polls and who wrote it.
            line.split(" [")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned()
        },
    )
}

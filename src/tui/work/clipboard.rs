//! The clipboard: programs of the system that fill it, and the terminal itself.
//!
//! tmux keeps what is copied and hands it on to its own terminal. A program such as `xclip`
//! is sure to work on the machine that shows the screen; over SSH it would fill the
//! clipboard of the wrong one. Where neither has worked the terminal is asked, with OSC 52,
//! which some do not know and none answers.

use std::env;
use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Bytes of base64 that terminals take at a time: xterm and tmux stop at 100,000 bytes of a
/// sequence, and hterm, whose limit this is, a little earlier.
pub(super) const MOST_FOR_TERMINAL: usize = 74_994;

/// How long a program may take. They go to the background as soon as they have it all.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the text is in when a program reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// For Windows: ASCII as it is, everything else as UTF-16.
    Windows,
}

/// A program that takes the text on its standard input. Nobody else can see it there, which
/// is not so of arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    encoding: Encoding,
}

impl Program {
    const fn new(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self {
            name,
            arguments,
            encoding: Encoding::Utf8,
        }
    }
}

/// With `-w` it goes on to the terminal that tmux is in; versions before 3.2 know no `-w`.
const TMUX: [Program; 2] = [
    Program::new("tmux", &["load-buffer", "-w", "-"]),
    Program::new("tmux", &["load-buffer", "-"]),
];
const WAYLAND: Program = Program::new("wl-copy", &["--type", "text/plain"]);
const X11: [Program; 2] = [
    Program::new("xclip", &["-selection", "clipboard"]),
    Program::new("xsel", &["--input", "--clipboard"]),
];
const MAC: Program = Program::new("pbcopy", &[]);
const WINDOWS: Program = Program {
    name: "clip.exe",
    arguments: &[],
    encoding: Encoding::Windows,
};

/// The ways that there are in this session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clipboard {
    tmux: bool,
    /// Programs of the system, the likeliest first.
    programs: Vec<Program>,
    /// Where programs are looked for; `None` for where they always are.
    path: Option<OsString>,
    /// How long each may take.
    patience: Duration,
}

/// Where a text has gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    /// In words; empty where it went nowhere.
    pub(super) to: Vec<&'static str>,
    /// What to send to the terminal.
    pub(super) to_terminal: Option<Vec<u8>>,
}

impl Clipboard {
    /// As the environment says.
    pub(super) fn of_this_session() -> Self {
        Self::of(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
    }

    fn of(is_set: impl Fn(&str) -> bool) -> Self {
        let mut programs = Vec::new();
        let is_far = ["SSH_CONNECTION", "SSH_TTY"].into_iter().any(&is_set);
        if !is_far {
            if cfg!(windows) || is_set("WSL_DISTRO_NAME") {
                programs.push(WINDOWS);
            }
            if is_set("WAYLAND_DISPLAY") {
                programs.push(WAYLAND);
            }
            if is_set("DISPLAY") {
                programs.extend(X11);
            }
            if cfg!(target_os = "macos") {
                programs.push(MAC);
            }
        }
        Self {
            tmux: is_set("TMUX"),
            programs,
            path: None,
            patience: PATIENCE,
        }
    }

    /// Copies a text. It ends within a few seconds, whatever the programs do.
    pub(super) async fn copy(&self, text: &str) -> Copied {
        let mut copied = Copied::default();
        if self.tmux && self.first_of(&TMUX, text).await {
            copied.to.push("tmux");
        }
        if self.first_of(&self.programs, text).await {
            copied.to.push("the clipboard");
        }
        if copied.to.is_empty() {
            copied.to_terminal = osc52(text);
            if copied.to_terminal.is_some() {
                copied.to.push("the terminal (OSC 52)");
            }
        }
        copied
    }

    /// Whether one of them has taken it.
    async fn first_of(&self, programs: &[Program], text: &str) -> bool {
        for program in programs {
            if self.run(*program, text).await.is_some() {
                return true;
            }
        }
        false
    }

    /// Has a program take it; `None` where it is not there or does not.
    async fn run(&self, program: Program, text: &str) -> Option<()> {
        let mut command = Command::new(program.name);
        command
            .args(program.arguments)
            // pbcopy takes the text for MacRoman otherwise.
            .env("LC_CTYPE", "UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        // What stays to hand the text out is no part of this job: Ctrl-Z must not stop it.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().ok()?;
        let mut stdin = child.stdin.take()?;
        let bytes = encoded(program.encoding, text);
        let all = async {
            stdin.write_all(&bytes).await.ok()?;
            drop(stdin);
            let status = child.wait().await.ok()?;
            status.success().then_some(())
        };
        tokio::time::timeout(self.patience, all).await.ok()?
    }
}

fn encoded(encoding: Encoding, text: &str) -> Vec<u8> {
    if encoding == Encoding::Utf8 || text.is_ascii() {
        return text.as_bytes().to_vec();
    }
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// What has a terminal fill its clipboard; `None` where it is too much for it.
fn osc52(text: &str) -> Option<Vec<u8>> {
    // As long as the base64 is, without making it.
    if text.len().div_ceil(3) * 4 > MOST_FOR_TERMINAL {
        return None;
    }
    let base64 = STANDARD.encode(text);
    Some(format!("\x1b]52;c;{base64}\x07").into_bytes())
}

#[cfg(test)]
#[path = "clipboard_tests.rs"]
mod tests;

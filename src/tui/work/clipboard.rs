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
mod tests {
    use super::*;

    fn ways(set: &[&str]) -> (bool, Vec<&'static str>) {
        let clipboard = Clipboard::of(|name| set.contains(&name));
        let names = clipboard.programs.iter().map(|program| program.name);
        (clipboard.tmux, names.collect())
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_environment_says_which_ways_there_are() {
        for (set, tmux, programs) in [
            (&[][..], false, &[][..]),
            (&["DISPLAY"], false, &["xclip", "xsel"]),
            (
                &["WAYLAND_DISPLAY", "DISPLAY", "TMUX"],
                true,
                &["wl-copy", "xclip", "xsel"],
            ),
            (
                &["WSL_DISTRO_NAME", "DISPLAY"],
                false,
                &["clip.exe", "xclip", "xsel"],
            ),
            // It would be the clipboard of the machine over there.
            (&["SSH_CONNECTION", "DISPLAY", "TMUX"], true, &[]),
        ] {
            assert_eq!(ways(set), (tmux, programs.to_vec()), "{set:?}");
        }
    }

    #[test]
    fn a_terminal_is_asked_for_no_more_than_it_takes() {
        assert_eq!(osc52("hé").unwrap(), b"\x1b]52;c;aMOp\x07");
        assert_eq!(osc52("").unwrap(), b"\x1b]52;c;\x07");
        let most = MOST_FOR_TERMINAL / 4 * 3;
        assert_eq!(
            osc52(&"x".repeat(most)).unwrap().len(),
            MOST_FOR_TERMINAL / 4 * 4 + 8
        );
        assert_eq!(osc52(&"x".repeat(most + 1)), None);
    }

    #[test]
    fn windows_gets_what_it_reads() {
        assert_eq!(encoded(Encoding::Windows, "a"), b"a");
        assert_eq!(encoded(Encoding::Windows, "é"), b"\xe9\0");
        assert_eq!(encoded(Encoding::Utf8, "é"), "é".as_bytes());
    }

    #[cfg(unix)]
    mod with_programs {
        use super::*;
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;
        use std::path::Path;

        /// A folder with these scripts, and a clipboard that knows no programs but those.
        fn scripted(set: &[&str], scripts: &[(&str, &str)]) -> (tempfile::TempDir, Clipboard) {
            let folder = tempfile::tempdir().unwrap();
            for (name, script) in scripts {
                let path = folder.path().join(name);
                let at = folder.path().display();
                fs::write(
                    &path,
                    format!("#!/bin/sh\nPATH=/usr/bin:/bin\ncd '{at}'\n{script}\n"),
                )
                .unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
            let mut clipboard = Clipboard::of(|name| set.contains(&name));
            clipboard.path = Some(folder.path().into());
            (folder, clipboard)
        }

        fn read(folder: &Path, name: &str) -> String {
            fs::read_to_string(folder.join(name)).unwrap_or_default()
        }

        #[tokio::test]
        async fn the_text_goes_in_by_standard_input_and_nowhere_else() {
            let (folder, clipboard) = scripted(
                &["TMUX", "DISPLAY"],
                &[
                    ("tmux", "echo \"$@\" > tmux.args; cat > tmux.text"),
                    (
                        "xclip",
                        "echo \"$@\" > xclip.args; cat > xclip.text; echo noise; echo noise >&2",
                    ),
                ],
            );
            let text = "sentinel\n".repeat(600_000);
            let copied = clipboard.copy(&text).await;
            assert_eq!(copied.to, ["tmux", "the clipboard"]);
            assert_eq!(copied.to_terminal, None);
            for name in ["tmux", "xclip"] {
                let args = read(folder.path(), &format!("{name}.args"));
                assert!(!args.contains("sentinel"), "{args}");
                assert!(
                    read(folder.path(), &format!("{name}.text")) == text,
                    "{name}"
                );
            }
            assert_eq!(read(folder.path(), "tmux.args"), "load-buffer -w -\n");
        }

        #[tokio::test]
        async fn what_fails_leaves_it_to_the_next_and_at_last_to_the_terminal() {
            let (folder, clipboard) = scripted(
                &["DISPLAY", "TMUX"],
                &[
                    (
                        "tmux",
                        "case \"$*\" in *-w*) exit 1;; esac; cat > tmux.text",
                    ),
                    ("xclip", "exit 1"),
                    ("xsel", "cat > xsel.text"),
                ],
            );
            let copied = clipboard.copy("a").await;
            assert_eq!(copied.to, ["tmux", "the clipboard"]);
            assert_eq!(read(folder.path(), "tmux.text"), "a");
            assert_eq!(read(folder.path(), "xsel.text"), "a");

            let (_folder, clipboard) = scripted(&["DISPLAY", "TMUX"], &[("xclip", "exit 1")]);
            let copied = clipboard.copy("a").await;
            assert_eq!(copied.to, ["the terminal (OSC 52)"]);
            assert_eq!(copied.to_terminal, osc52("a"));
            let copied = clipboard.copy(&"a".repeat(60_000)).await;
            assert_eq!(copied, Copied::default());
        }

        #[tokio::test]
        async fn one_that_stays_to_hand_it_out_is_not_waited_for() {
            let (folder, clipboard) = scripted(
                &["DISPLAY"],
                &[(
                    "xclip",
                    "cat > text; mkfifo held; (read _ < held; echo > let-go) &",
                )],
            );
            assert_eq!(clipboard.copy("a").await.to, ["the clipboard"]);
            assert_eq!(read(folder.path(), "text"), "a");
            assert!(!folder.path().join("let-go").exists());
            fs::write(folder.path().join("held"), "\n").unwrap();
        }

        #[tokio::test]
        async fn one_that_hangs_is_given_up() {
            let (_folder, mut clipboard) = scripted(&["DISPLAY"], &[("xclip", "exec sleep 1000")]);
            clipboard.patience = Duration::from_millis(1);
            assert_eq!(clipboard.copy("a").await.to, ["the terminal (OSC 52)"]);
        }

        #[tokio::test]
        async fn a_real_tmux_keeps_it() {
            let folder = tempfile::tempdir().unwrap();
            let socket = folder.path().join("socket");
            let tmux = |arguments: &[&str]| {
                let mut command = std::process::Command::new("tmux");
                command
                    .arg("-S")
                    .arg(&socket)
                    .args(["-f", "/dev/null"])
                    .args(arguments);
                command.output()
            };
            let Ok(started) = tmux(&["new-session", "-d", "cat"]) else {
                eprintln!("there is no tmux here, so it is not asked");
                return;
            };
            assert!(started.status.success(), "{started:?}");
            // The program finds its server by the variable, as it does in a session.
            let program = folder.path().join("tmux");
            fs::write(
                &program,
                format!("#!/bin/sh\nexec /usr/bin/env PATH=/usr/bin:/bin:/usr/local/bin TMUX='{},0,0' tmux \"$@\"\n", socket.display()),
            )
            .unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let mut clipboard = Clipboard::of(|name| name == "TMUX");
            clipboard.path = Some(folder.path().into());
            let copied = clipboard.copy("a\n\u{202e}b").await;
            let kept = tmux(&["show-buffer"]).unwrap();
            let _ = tmux(&["kill-server"]);
            assert_eq!(copied.to, ["tmux"]);
            assert_eq!(kept.stdout, "a\n\u{202e}b".as_bytes());
        }
    }
}

//! The user's editor: which it is, and running it in the terminal.

use std::env;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Where users say which editor is theirs; the first is meant for whole screens.
const VARIABLES: [&str; 2] = ["VISUAL", "EDITOR"];

/// What is taken where they have not, the easiest first.
const USUAL: &[&str] = if cfg!(windows) {
    &["notepad"]
} else {
    &["nano", "vim", "vi"]
};

/// How long an editor has to put the terminal in order when cmhook is stopped.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long after an editor has ended a signal may still be of a key that it was ended with.
const MOMENT: Duration = Duration::from_millis(300);

/// Editors that have the terminal, or had it a moment ago.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Whether there is one.
pub(in crate::tui) fn is_open() -> bool {
    OPEN.load(Ordering::SeqCst) > 0
}

/// While this is there, an editor has the terminal.
struct Opened(Handle);

impl Opened {
    fn new(runtime: &Handle) -> Self {
        OPEN.fetch_add(1, Ordering::SeqCst);
        Self(runtime.clone())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.spawn(async {
            tokio::time::sleep(MOMENT).await;
            OPEN.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// A command that opens a file and ends when the user has closed it. It may hold arguments
/// and quotes, as for git: `code --wait`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Editor(OsString);

#[cfg(test)]
impl From<String> for Editor {
    fn from(command: String) -> Self {
        Self(command.into())
    }
}

/// Why nothing was edited.
#[derive(Debug, thiserror::Error)]
pub(super) enum EditorError {
    /// There is none.
    #[error("no editor was found: set $EDITOR to the command of yours")]
    None,
    /// It did not start.
    #[error("cannot start the editor `{0}`: {1}")]
    Start(String, io::Error),
    /// A shell says so.
    #[error("there is no editor `{0}`: set $EDITOR to the command of yours")]
    NotFound(String),
    /// It says that something went wrong, or that the user gave it up.
    #[error("the editor `{0}` ended with {1}")]
    Failed(String, String),
    /// The listener stops.
    #[error("cmhook stops")]
    Stopped,
}

impl Editor {
    /// The user's own, or else a usual one that is there.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn of_the_user() -> Result<Self, EditorError> {
        let path = env::var_os("PATH").unwrap_or_default();
        let is_there = |name: &str| env::split_paths(&path).any(|dir| is_program(&dir.join(name)));
        Self::of(|name| env::var_os(name), is_there)
    }

    fn of(
        variable: impl Fn(&str) -> Option<OsString>,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Self, EditorError> {
        let is_blank = |command: &OsString| command.to_string_lossy().trim().is_empty();
        let named = VARIABLES.into_iter().filter_map(variable);
        let mut usual = USUAL.iter().filter(|name| is_there(name));
        named
            .into_iter()
            .find(|command| !is_blank(command))
            .or_else(|| usual.next().map(OsString::from))
            .map(Self)
            .ok_or(EditorError::None)
    }

    /// Opens the file, and waits until it is closed or the listener stops.
    ///
    /// # Errors
    /// Where it did not end well.
    pub(super) fn open(
        &self,
        file: &Path,
        stop: &CancellationToken,
        runtime: &Handle,
    ) -> Result<(), EditorError> {
        let shown = || self.shown();
        let failed = |error| EditorError::Start(shown(), error);
        let _opened = Opened::new(runtime);
        let child = self.command(file).spawn().map_err(failed)?;
        match wait(child, stop, runtime).map_err(failed)? {
            None => Err(EditorError::Stopped),
            Some(status) if status.success() => Ok(()),
            Some(status) if cfg!(unix) && status.code() == Some(127) => {
                Err(EditorError::NotFound(shown()))
            }
            Some(status) => Err(EditorError::Failed(shown(), ending(status))),
        }
    }

    /// As much of the command as leaves room for what is said of it.
    fn shown(&self) -> String {
        const MOST: usize = 30;
        let text = self.0.to_string_lossy();
        match text.char_indices().nth(MOST) {
            Some((at, _)) => format!("{}...", &text[..at]),
            None => text.into_owned(),
        }
    }

    /// By a shell, which knows about quotes; the file is an argument and never a part of
    /// what it reads.
    #[cfg(unix)]
    fn command(&self, file: &Path) -> Command {
        let mut script = self.0.clone();
        script.push(" \"$@\"");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(&self.0).arg(file);
        command
    }

    /// The whole of it where it is a program's file, which may have spaces in its name, or
    /// else its words.
    #[cfg(not(unix))]
    fn command(&self, file: &Path) -> Command {
        let text = self.0.to_string_lossy();
        let mut words = text.split_whitespace();
        let mut command = if Path::new(&self.0).is_file() {
            Command::new(&self.0)
        } else {
            let mut command = Command::new(words.next().unwrap_or_default());
            command.args(words);
            command
        };
        command.arg(file);
        command
    }
}

fn is_program(path: &Path) -> bool {
    if cfg!(windows) {
        return path.with_extension("exe").is_file();
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        path.metadata()
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    }
    #[cfg(not(unix))]
    path.is_file()
}

/// `exit code 1`, `signal 15`.
fn ending(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exit code {code}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if let Some(signal) = status.signal() {
            return format!("signal {signal}");
        }
    }
    "an error".to_owned()
}

/// Waits for it; `None` where the listener stopped first, and the editor was ended.
fn wait(
    mut child: Child,
    stop: &CancellationToken,
    runtime: &Handle,
) -> io::Result<Option<ExitStatus>> {
    let pid = child.id();
    let (tell, told) = mpsc::channel();
    let (ended, stop) = (tell.clone(), stop.clone());
    std::thread::Builder::new()
        .name("editor".into())
        .spawn(move || {
            let _ = ended.send(Some(child.wait()));
        })?;
    let watching = runtime.spawn(async move {
        stop.cancelled().await;
        let _ = tell.send(None);
    });
    if let Ok(Some(status)) = told.recv() {
        watching.abort();
        return status.map(Some);
    }
    end(pid, false);
    if told.recv_timeout(LAST_WORDS).is_err() {
        end(pid, true);
    }
    Ok(None)
}

/// Asks it to end, or ends it.
#[cfg(unix)]
fn end(pid: u32, by_force: bool) {
    use rustix::process::{Pid, Signal, kill_process};
    let signal = if by_force { Signal::KILL } else { Signal::TERM };
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may just have ended by itself.
        let _ = kill_process(pid, signal);
    }
}

#[cfg(not(unix))]
fn end(_pid: u32, _by_force: bool) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)], there: &[&str]) -> Option<String> {
        let variable = |name: &str| {
            let found = set.iter().find(|(one, _)| *one == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let editor = Editor::of(variable, |name| there.contains(&name)).ok()?;
        Some(editor.0.to_string_lossy().into_owned())
    }

    #[test]
    fn the_users_own_editor_comes_first() {
        let both = [("VISUAL", "code --wait"), ("EDITOR", "ed")];
        assert_eq!(of(&both, &["nano"]).unwrap(), "code --wait");
        assert_eq!(of(&[("VISUAL", " "), ("EDITOR", "ed")], &[]).unwrap(), "ed");
        assert_eq!(of(&[], &[]), None);
        #[cfg(unix)]
        {
            assert_eq!(of(&[], &["vi", "vim", "nano"]).unwrap(), "nano");
            assert_eq!(of(&[("EDITOR", "")], &["vi"]).unwrap(), "vi");
        }
    }

    #[cfg(unix)]
    mod with_programs {
        use super::*;
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;

        async fn open(editor: OsString, file: &Path) -> Result<(), EditorError> {
            let (file, runtime) = (file.to_owned(), Handle::current());
            let opened = tokio::task::spawn_blocking(move || {
                Editor(editor).open(&file, &CancellationToken::new(), &runtime)
            });
            opened.await.unwrap()
        }

        #[tokio::test]
        async fn a_command_may_hold_arguments_and_quotes() {
            let folder = tempfile::tempdir().unwrap();
            let program = folder.path().join("my editor");
            let seen = folder.path().join("seen");
            let script = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > '{}'\n", seen.display());
            fs::write(&program, script).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
            let command = format!("'{}' --wait \"a  b\"", program.display());
            // What a stranger's event could be if it were not made harmless before.
            let file = folder.path().join("$(touch x); 'y.json");
            open(command.into(), &file).await.unwrap();
            let expected = format!("--wait\na  b\n{}\n", file.display());
            assert_eq!(fs::read_to_string(&seen).unwrap(), expected);
        }

        #[tokio::test]
        async fn how_it_ended_is_said_with_its_command() {
            let file = Path::new("/dev/null");
            for (command, said) in [
                (
                    "nonesuch --wait",
                    "there is no editor `nonesuch --wait`: set $EDITOR to the command of yours",
                ),
                ("false", "the editor `false` ended with exit code 1"),
                (
                    "exit 7; echo of a very long command",
                    "the editor `exit 7; echo of a very long co...` ended with exit code 7",
                ),
                (
                    "kill -9 $$;",
                    "the editor `kill -9 $$;` ended with signal 9",
                ),
            ] {
                let error = open(command.into(), file).await.unwrap_err();
                assert_eq!(error.to_string(), said);
            }
            open("true".into(), file).await.unwrap();
        }

        #[tokio::test]
        async fn a_stop_ends_it() {
            let folder = tempfile::tempdir().unwrap();
            let (held, runtime) = (folder.path().join("held"), Handle::current());
            make_fifo(&held);
            let stop = CancellationToken::new();
            let editor = Editor(format!("echo > '{}'; exec sleep 1000 #", held.display()).into());
            let stopped = stop.clone();
            let opened = tokio::task::spawn_blocking(move || {
                editor.open(Path::new("x"), &stopped, &runtime)
            });
            // It is running.
            tokio::task::spawn_blocking(move || fs::read(held))
                .await
                .unwrap()
                .unwrap();
            stop.cancel();
            let error = opened.await.unwrap().unwrap_err();
            assert!(matches!(error, EditorError::Stopped));
        }

        fn make_fifo(path: &Path) {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        }
    }
}

//! Who may read what is kept, and what is said where cmhook itself may not.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use tempfile::TempDir;

use crate::disk::{can_mount, is_root, private};
use crate::kit::{beside, send_all, store_in};
use crate::support::listener::{Listener, Refused, home, refused_copy, refused_under};
use crate::support::needs::{needs, works};

fn mode(path: &Path) -> u32 {
    let found = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o7777
}

/// Every file and folder below that folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            found.extend(below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

#[track_caller]
fn assert_private(home: &Path, files: &[&str]) {
    let found = below(home);
    for path in &found {
        let right = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(path), right, "{} is {:o}", path.display(), mode(path));
    }
    for file in files {
        let there = found
            .iter()
            .any(|path| path.to_string_lossy().ends_with(file));
        assert!(there, "{file} is not among {found:?}");
    }
}

fn with_umask(umask: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "umask \"$0\" && exec \"$@\"", umask]);
    command
}

const LIVE: [&str; 5] = [
    "deliveries.db.api",
    "deliveries.db",
    "deliveries.db-wal",
    "deliveries.db-shm",
    "deliveries.db.lock",
];

#[test]
fn files_are_0600_and_folders_0700_under_any_umask() {
    for umask in ["000", "022", "077", "0777"] {
        let home = Rc::new(home());
        let mut listener = Listener::start_under(&home, with_umask(umask), &[]);
        send_all(listener.address(), 1..=3);
        assert_private(home.path(), &LIVE);
        listener.process.kill();
        // Again with a WAL that is there already, and then with a store that was emptied.
        let listener = Listener::start_under(&home, with_umask(umask), &[]);
        send_all(listener.address(), 4..=6);
        assert_private(home.path(), &LIVE);
        listener.stop();
        assert_private(home.path(), &["deliveries.db", ".lock"]);
    }
}

#[test]
fn what_is_put_aside_stays_private() {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let mut listener = Listener::start_in(&home, &[]);
    send_all(listener.address(), 1..=50);
    listener.process.kill();
    // With its pages gone the main file is damaged; the WAL has only some of them.
    let listener = Listener::start_in(&home, &[]);
    listener.stop();
    let mut bytes = fs::read(&store).expect("a store");
    bytes[4096..8192].fill(0xff);
    fs::write(&store, bytes).expect("a store");

    let mut listener = Listener::start_under(&home, with_umask("000"), &[]);
    send_all(listener.address(), 51..=53);
    assert_private(home.path(), &[&LIVE[..], &["Z"]].concat());
    listener.process.terminate();
    let stderr = listener.process.stderr.text();
    assert!(stderr.contains("damaged"), "{stderr}");
}

#[test]
fn folders_that_were_there_keep_their_mode() {
    let home = Rc::new(home());
    let team = home.path().join("team");
    fs::create_dir(&team).expect("a folder");
    fs::set_permissions(&team, fs::Permissions::from_mode(0o755)).expect("a mode");
    let listener = Listener::start_in(&home, &["--store", "team/new/of/mine.db"]);
    assert_eq!(mode(&team), 0o755);
    assert_eq!(mode(&team.join("new")), 0o700);
    assert_eq!(mode(&team.join("new/of")), 0o700);
    assert_eq!(mode(&team.join("new/of/mine.db")), 0o600);
    listener.stop();
}

/// A home with a store of three deliveries.
fn home_with_a_store() -> Rc<TempDir> {
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &[]);
    send_all(listener.address(), 1..=3);
    listener.stop();
    home
}

/// What must be true of a listener that may not write.
#[track_caller]
fn assert_says_why(refused: &Refused, path: &str, why: &str) {
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert_eq!(refused.error["code"], "store", "{}", refused.stderr);
    for text in [path, why, "permissions"] {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
}

#[test]
fn a_read_only_disk_is_an_error_that_says_so() {
    if !can_mount() {
        return;
    }
    let home = home_with_a_store();
    let before = fs::read(store_in(home.path())).expect("a store");
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let refused = refused_under(home.path(), private(script, "data"), &[]);
    assert_says_why(
        &refused,
        "data/cmhook/deliveries.db",
        "Read-only file system",
    );
    assert!(before == fs::read(store_in(home.path())).expect("a store"));
}

/// cmhook as a user whom permissions bind; root may do anything.
struct Nobody {
    program: TempDir,
}

const NOBODY: u32 = 65534;

impl Nobody {
    fn new() -> Option<Self> {
        let can = !is_root() || works(Self::command().arg("true"));
        if !needs(can, "`setpriv`") {
            return None;
        }
        let program = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let copy = program.path().join("cmhook");
        fs::copy(env!("CARGO_BIN_EXE_cmhook"), &copy).expect("a copy");
        let runs = works(Self::command().arg(copy).arg("--version"));
        needs(runs, "a temporary folder that everybody may enter").then_some(Self { program })
    }

    fn command() -> Command {
        if !is_root() {
            return Command::new("env");
        }
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        command
    }

    /// Has it try to start in a home with a store, where something has that mode.
    #[track_caller]
    fn refused(&self, path: &str, mode: u32) -> Refused {
        let home = home_with_a_store();
        if is_root() {
            for path in below(home.path()).iter().chain([&home.path().to_owned()]) {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("root may do that");
            }
        }
        let store = store_in(home.path());
        let before = fs::read(&store).expect("a store");
        let path = home.path().join(path);
        let was = fs::metadata(&path).expect("it is there").permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
        let mut command = Self::command();
        command.arg(self.program.path().join("cmhook"));
        let refused = refused_copy(home.path(), command, &[]);
        fs::set_permissions(&path, was).expect("a mode");
        assert!(
            before == fs::read(&store).expect("a store"),
            "it was changed"
        );
        let wal = fs::metadata(beside(&store, "-wal")).map_or(0, |wal| wal.len());
        assert_eq!(wal, 0);
        refused
    }
}

#[test]
fn a_file_that_may_not_be_written_is_an_error_that_says_so() {
    let Some(nobody) = Nobody::new() else {
        return;
    };
    for mode in [0o400, 0o000] {
        let refused = nobody.refused("data/cmhook/deliveries.db", mode);
        assert_says_why(&refused, "data/cmhook/deliveries.db", "ermission denied");
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_an_error_that_says_so() {
    let Some(nobody) = Nobody::new() else {
        return;
    };
    for mode in [0o500, 0o000] {
        let refused = nobody.refused("data/cmhook", mode);
        assert_says_why(&refused, "data/cmhook", "");
    }
}

//! `install.sh`, with fake releases and a fake cargo: no network, no real build.

#![cfg(unix)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Every platform that the script knows a release for; the fakes are published for all,
/// so that the tests need not guess which one they run on.
const TARGETS: [&str; 6] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

/// Enough to install with, and neither a downloader nor cargo among them.
const TOOLS: [&str; 22] = [
    "sh",
    "uname",
    "mktemp",
    "cp",
    "mv",
    "rm",
    "chmod",
    "mkdir",
    "sed",
    "tr",
    "head",
    "cut",
    "cat",
    "grep",
    "dirname",
    "tar",
    "gzip",
    "sha256sum",
    "shasum",
    "ldd",
    "cc",
    "env",
];

const BINARY: &str = "#!/bin/sh\necho cmhook 9.9.9\n";

#[test]
fn the_script_can_be_run_as_it_is() {
    let mode = fs::metadata(Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o111, 0o111);
}

#[test]
fn help_names_every_option_and_touches_nothing() {
    let place = Place::new(&[]);
    let run = place.install(&["--help"]);
    run.exits(0);
    for option in [
        "--prefix",
        "--release",
        "--from-source",
        "--uninstall",
        "--help",
    ] {
        assert!(
            run.stdout.contains(option),
            "{option} is missing in:\n{}",
            run.stdout
        );
    }
    assert!(!place.home().join(".local").exists());
}

#[test]
fn wrong_usage_exits_2_and_names_what_is_wrong() {
    let place = Place::new(&[]);
    for (args, told) in [
        (&["--frobnicate"][..], "unknown option `--frobnicate`"),
        (&["extra"], "unknown option `extra`"),
        (&["--prefix"], "--prefix needs a folder"),
        (&["--prefix", ""], "--prefix needs a folder"),
        (&["--prefix="], "--prefix needs a folder"),
        (&["--release", "--from-source"], "exclude each other"),
    ] {
        let run = place.install(args);
        run.exits(2);
        assert!(run.stderr.contains(told), "{args:?} gave:\n{}", run.stderr);
    }
}

#[test]
fn uninstall_removes_the_binary_and_nothing_else() {
    let place = Place::new(&[]);
    let bin = place.home().join(".local/bin");
    let kept = place.home().join(".local/share/cmhook/kept.db");
    fs::create_dir_all(&bin).unwrap();
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(&kept, "deliveries").unwrap();
    fs::write(bin.join("other"), "").unwrap();
    fs::write(bin.join("cmhook"), BINARY).unwrap();

    let run = place.install(&["--uninstall"]);
    run.exits(0);
    assert!(run.stdout.contains("Removed"), "{}", run.stdout);
    assert!(run.stdout.contains("Left in place"), "{}", run.stdout);
    assert_eq!(names_in(&bin), ["other"]);
    assert!(kept.exists());

    let again = place.install(&["--uninstall"]);
    again.exits(0);
    assert!(
        again.stdout.contains("Nothing to remove"),
        "{}",
        again.stdout
    );
}

#[test]
fn a_release_is_fetched_checked_and_installed_by_either_downloader() {
    for downloader in ["curl", "wget"] {
        if find(downloader).is_none() {
            skip(downloader);
            continue;
        }
        let place = Place::new(&[downloader]);
        let server = Server::start(release(Sum::Right));
        let prefix = place.home().join("a prefix with 'quotes' and $dollars");
        // Twice, since upgrading is the same command again.
        for _ in 0..2 {
            let run = place.install_from(&server.url, &["--prefix", prefix.to_str().unwrap()]);
            run.exits(0);
            assert!(
                run.stdout.contains("Installed cmhook 9.9.9"),
                "{}",
                run.stdout
            );
            assert!(run.stdout.contains("is not in PATH"), "{}", run.stdout);
            assert!(run.stdout.contains("--uninstall"), "{}", run.stdout);
            // No staged copy is left behind, and the mode lets others run it too.
            assert_eq!(names_in(&prefix.join("bin")), ["cmhook"]);
            let mode = fs::metadata(prefix.join("bin/cmhook"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o755);
            assert_path_line_works(&run.stdout, &prefix.join("bin/cmhook"));
        }
        let run = place.install(&["--uninstall", "--prefix", prefix.to_str().unwrap()]);
        run.exits(0);
        assert!(names_in(&prefix.join("bin")).is_empty());
        assert!(
            names_in(&place.temp()).is_empty(),
            "temporary files were left behind"
        );
    }
}

#[test]
fn a_release_on_disk_works_too() {
    if find("curl").is_none() {
        return skip("curl");
    }
    let place = Place::new(&["curl"]);
    let folder = place.root.path().join("releases");
    for (path, bytes) in release(Sum::Right) {
        let file = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let run = place.install_from(&format!("file://{}", folder.display()), &[]);
    run.exits(0);
    assert!(place.home().join(".local/bin/cmhook").is_file());
}

#[test]
fn a_wrong_checksum_installs_nothing_and_does_not_build_instead() {
    if find("curl").is_none() {
        return skip("curl");
    }
    for sum in [Sum::Wrong, Sum::Nonsense] {
        let place = Place::new(&["curl"]);
        place.fake_cargo();
        let binary = place.home().join(".local/bin/cmhook");
        fs::create_dir_all(binary.parent().unwrap()).unwrap();
        fs::write(&binary, "the version before").unwrap();

        let server = Server::start(release(sum));
        let run = place.install_from(&server.url, &[]);
        run.exits(1);
        assert!(run.stderr.contains("checksum"), "{}", run.stderr);
        assert!(run.stderr.contains("cmhook-9.9.9-"), "{}", run.stderr);
        assert_eq!(fs::read_to_string(&binary).unwrap(), "the version before");
        assert_eq!(place.cargo_calls(), "");
    }
}

#[test]
fn what_is_not_published_or_does_not_run_is_built_from_the_repository() {
    if find("curl").is_none() {
        return skip("curl");
    }
    let mut does_not_run = release(Sum::Right);
    publish(
        &mut does_not_run,
        "#!/bin/sh\necho too old a system >&2\nexit 1\n",
        Sum::Right,
    );
    for (published, told) in [
        (HashMap::new(), "No release was found"),
        (release(Sum::Missing), "has no checksum"),
        (does_not_run, "too old a system"),
    ] {
        let place = Place::new(&["curl"]);
        place.fake_cargo();
        let server = Server::start(published);
        let run = place.install_from(&server.url, &[]);
        run.exits(0);
        assert!(
            run.stdout.contains(told),
            "`{told}` is missing in:\n{}",
            run.stdout
        );
        let calls = place.cargo_calls();
        assert!(
            calls.starts_with("install --git https://example.invalid/cmhook --locked --root "),
            "{calls}"
        );
        assert!(place.home().join(".local/bin/cmhook").is_file());
    }
}

#[test]
fn a_checkout_is_built_without_asking_the_network() {
    let place = Place::new(&["curl"]);
    place.fake_cargo();
    let server = Server::start(release(Sum::Right));
    fs::write(
        place.script().with_file_name("Cargo.toml"),
        "[package]\nname = \"cmhook\"\n",
    )
    .unwrap();

    let run = place.install_from(&server.url, &[]);
    run.exits(0);
    assert!(
        place.cargo_calls().starts_with("build --release --locked "),
        "{}",
        place.cargo_calls()
    );
    assert_eq!(server.asked(), Vec::<String>::new());
    assert!(place.home().join(".local/bin/cmhook").is_file());

    if find("curl").is_none() {
        return skip("curl");
    }
    let run = place.install_from(&server.url, &["--release"]);
    run.exits(0);
    assert!(
        run.stdout.contains("Installed cmhook 9.9.9"),
        "{}",
        run.stdout
    );
    assert!(!server.asked().is_empty());
}

#[test]
fn a_script_that_comes_through_a_pipe_ignores_the_folder_it_runs_in() {
    let place = Place::new(&[]);
    place.fake_cargo();
    let folder = place.script().parent().unwrap().to_owned();
    fs::write(folder.join("Cargo.toml"), "[package]\nname = \"cmhook\"\n").unwrap();

    let mut command = place.shell();
    command
        .current_dir(&folder)
        .stdin(fs::File::open(place.script()).unwrap());
    let run = Run::of(&mut command);
    run.exits(0);
    assert!(
        run.stdout.contains("Neither curl nor wget"),
        "{}",
        run.stdout
    );
    assert!(
        place.cargo_calls().starts_with("install --git "),
        "{}",
        place.cargo_calls()
    );
}

#[test]
fn without_cargo_it_says_how_to_get_it() {
    let place = Place::new(&[]);
    let run = place.install(&["--from-source"]);
    run.exits(1);
    assert!(run.stderr.contains("needs cargo"), "{}", run.stderr);
    assert!(run.stderr.contains("rustup.rs"), "{}", run.stderr);
    assert!(!place.home().join(".local").exists());
}

#[test]
fn a_build_that_fails_installs_nothing() {
    let place = Place::new(&[]);
    place.tool(
        "cargo",
        "#!/bin/sh\necho 'error: no such crate' >&2\nexit 101\n",
    );
    let run = place.install(&["--from-source"]);
    run.exits(1);
    assert!(run.stderr.contains("no such crate"), "{}", run.stderr);
    assert!(run.stderr.contains("could not build"), "{}", run.stderr);
    assert!(!place.home().join(".local").exists());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let place = Place::new(&[]);
    place.fake_cargo();
    let file = place.home().join("taken");
    fs::write(&file, "").unwrap();
    let run = place.install(&["--prefix", file.to_str().unwrap()]);
    run.exits(1);
    assert!(
        run.stderr.contains(&format!("{}/bin", file.display())),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("--prefix"), "{}", run.stderr);

    let folder = place.home().join("p/bin/cmhook");
    fs::create_dir_all(&folder).unwrap();
    let run = place.install(&["--prefix", place.home().join("p").to_str().unwrap()]);
    run.exits(1);
    assert!(run.stderr.contains("is a folder"), "{}", run.stderr);
}

#[test]
fn path_is_only_spoken_of_when_it_lacks_the_folder() {
    let place = Place::new(&[]);
    place.fake_cargo();
    // The folder of the tools is in PATH, so PREFIX/bin is too.
    let run = place.install(&[
        "--prefix",
        place.root.path().join("tools").to_str().unwrap(),
    ]);
    run.exits(0);
    assert!(!run.stdout.contains("warning"), "{}", run.stdout);
}

// ---- the machine that the script sees

/// A home, a folder for temporary files, a copy of the script, and a PATH of its own.
struct Place {
    root: TempDir,
}

impl Place {
    fn new(more_tools: &[&str]) -> Self {
        let place = Self {
            root: tempfile::tempdir().unwrap(),
        };
        for folder in ["home", "temp", "download", "tools/bin"] {
            fs::create_dir_all(place.root.path().join(folder)).unwrap();
        }
        for tool in TOOLS.iter().chain(more_tools) {
            if let Some(path) = find(tool) {
                symlink(path, place.root.path().join("tools/bin").join(tool)).unwrap();
            }
        }
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("install.sh");
        fs::copy(original, place.script()).unwrap();
        place
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    fn temp(&self) -> PathBuf {
        self.root.path().join("temp")
    }

    fn script(&self) -> PathBuf {
        self.root.path().join("download/install.sh")
    }

    fn tool(&self, name: &str, script: &str) {
        let path = self.root.path().join("tools/bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A cargo that notes how it was called and puts a binary where the real one would.
    fn fake_cargo(&self) {
        let calls = self.root.path().join("calls");
        let built = self.root.path().join("built");
        fs::write(&built, BINARY).unwrap();
        self.tool(
            "cargo",
            &format!(
                "#!/bin/sh\n\
                 echo \"$*\" >>'{}'\n\
                 while [ $# -gt 0 ]; do\n\
                 case $1 in\n\
                 --root) to=$2/bin ;;\n\
                 --target-dir) to=$2/release ;;\n\
                 esac\n\
                 shift\n\
                 done\n\
                 mkdir -p \"$to\" && cp '{}' \"$to/cmhook\"\n",
                calls.display(),
                built.display()
            ),
        );
    }

    fn cargo_calls(&self) -> String {
        fs::read_to_string(self.root.path().join("calls")).unwrap_or_default()
    }

    /// A shell that sees this place and nothing else. The script is handed to it by name:
    /// a file that was just written cannot be executed while another test's child, forked
    /// in that moment, still has it open.
    fn shell(&self) -> Command {
        let mut command = Command::new("sh");
        command
            .env_clear()
            .env("HOME", self.home())
            .env("TMPDIR", self.temp())
            .env("PATH", self.root.path().join("tools/bin"))
            .env("CMHOOK_REPO", "https://example.invalid/cmhook")
            .env("CMHOOK_RELEASES", "http://127.0.0.1:1/none")
            .stdin(Stdio::null());
        command
    }

    fn install(&self, args: &[&str]) -> Run {
        Run::of(self.shell().arg(self.script()).args(args))
    }

    fn install_from(&self, releases: &str, args: &[&str]) -> Run {
        Run::of(
            self.shell()
                .arg(self.script())
                .env("CMHOOK_RELEASES", releases)
                .args(args),
        )
    }
}

struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Run {
    fn of(command: &mut Command) -> Self {
        let output = command.output().expect("the script starts");
        let text = |bytes| String::from_utf8(bytes).expect("the script prints UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    fn exits(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
    }
}

/// Takes the line that the script says to add, and lets a shell find cmhook by it.
#[track_caller]
fn assert_path_line_works(stdout: &str, binary: &Path) {
    let line = stdout
        .lines()
        .find(|line| line.contains("export PATH="))
        .expect("a line for PATH");
    let script = format!("{}\ncommand -v cmhook", line.trim());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim_end(),
        binary.to_str().unwrap()
    );
}

fn find(tool: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(tool))
        .find(|path| path.is_file())
}

#[track_caller]
fn skip(tool: &str) {
    let line = format!("skipped: needs {tool} (run ./tests/run)");
    assert!(
        std::env::var_os("CMHOOK_TESTS_REQUIRE_ALL").as_deref() != Some(OsStr::new("1")),
        "{line}"
    );
    eprintln!("{line}");
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

// ---- the releases that the script sees

#[derive(Clone, Copy)]
enum Sum {
    Right,
    Wrong,
    Missing,
    /// What a proxy that wants a login answers to everything.
    Nonsense,
}

type Files = HashMap<String, Vec<u8>>;

fn release(sum: Sum) -> Files {
    let mut files = Files::from([("/latest/download/VERSION".to_owned(), b"9.9.9\n".to_vec())]);
    publish(&mut files, BINARY, sum);
    files
}

fn publish(files: &mut Files, binary: &str, sum: Sum) {
    for target in TARGETS {
        let name = format!("cmhook-9.9.9-{target}");
        let archive = archive(&name, binary);
        let digest = match sum {
            Sum::Right => Some(hex::encode(Sha256::digest(&archive))),
            Sum::Wrong => Some(hex::encode(Sha256::digest(b"something else"))),
            Sum::Nonsense => Some("<html>please log in</html>".to_owned()),
            Sum::Missing => None,
        };
        let path = format!("/download/v9.9.9/{name}.tar.gz");
        if let Some(digest) = digest {
            let line = format!("{digest}  {name}.tar.gz\n");
            files.insert(format!("{path}.sha256"), line.into_bytes());
        }
        files.insert(path, archive);
    }
}

fn archive(name: &str, binary: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(name)).unwrap();
    fs::write(folder.path().join(name).join("cmhook"), binary).unwrap();
    let output = Command::new("tar")
        .args(["-czf", "-", "-C"])
        .arg(folder.path())
        .arg(name)
        .output()
        .expect("tar starts");
    assert!(output.status.success());
    output.stdout
}

/// Serves files from memory over HTTP until it is dropped.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(files: Files) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (asked, stop) = (Arc::clone(&asked), Arc::clone(&stop));
            move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    // A client that hangs up is the client's business.
                    let _ = serve(stream.unwrap(), &files, &asked);
                }
            }
        });
        Self {
            url,
            asked,
            stop,
            thread: Some(thread),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // accept() only looks up when somebody comes.
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, files: &Files, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(());
    };
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let (status, body) = match files.get(&path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &b"no such file\n"[..]),
    };
    asked.lock().unwrap().push(path);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)
}

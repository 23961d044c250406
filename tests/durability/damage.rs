//! Stores that are broken, newer, or no stores at all: what can be read is read, what is lost
//! is said, and what is not cmhook's stays as it is.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use rusqlite::Connection as Database;

use crate::kit::{
    Dice, Journal, Row, assert_try_again, beside, send, send_all, store_in, warning, wire_with,
};
use crate::support::listener::{Listener, home, refused};
use crate::support::needs::{needs, works};
use crate::support::process::Process;
use crate::support::raw::ask;
use crate::support::upstream::Upstream;

/// The two files of a store.
#[derive(Clone)]
struct Files {
    main: Vec<u8>,
    wal: Vec<u8>,
}

impl Files {
    #[track_caller]
    fn read(store: &Path) -> Self {
        Self {
            main: fs::read(store).expect("a store"),
            wal: fs::read(beside(store, "-wal")).unwrap_or_default(),
        }
    }

    /// Puts them where a listener in `home` finds them.
    #[track_caller]
    fn plant(&self, home: &Path) {
        let store = store_in(home);
        fs::create_dir_all(store.parent().expect("a folder")).expect("a home");
        fs::write(&store, &self.main).expect("a file");
        if !self.wal.is_empty() {
            fs::write(beside(&store, "-wal"), &self.wal).expect("a file");
        }
    }

    fn flipped(&self, file: File, at: usize, bit: u64) -> Self {
        let mut files = self.clone();
        match file {
            File::Main => files.main[at] ^= 1 << bit,
            File::Wal => files.wal[at] ^= 1 << bit,
        }
        files
    }
}

#[derive(Debug, Clone, Copy)]
enum File {
    Main,
    Wal,
}

/// A store with deliveries 1 to `count`, whose ids are the same numbers. With `killed` they are
/// in the WAL, else in the main file. The second part is the length of the WAL before the last.
#[track_caller]
fn made(count: u64, killed: bool, arguments: &[&str]) -> (Files, usize) {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let mut listener = Listener::start_in(&home, arguments);
    send_all(listener.address(), 1..count);
    let before = fs::metadata(beside(&store, "-wal")).expect("a WAL").len();
    send_all(listener.address(), [count]);
    if killed {
        listener.process.kill();
    } else {
        listener.stop();
    }
    Journal::read(&store).holds(1..=count);
    (Files::read(&store), before.try_into().expect("a length"))
}

/// The same, half of it in the main file and the rest in the WAL.
#[track_caller]
fn made_in_both(count: u64, arguments: &[&str]) -> Files {
    let home = Rc::new(home());
    let store = store_in(home.path());
    let listener = Listener::start_in(&home, arguments);
    send_all(listener.address(), 1..=count / 2);
    listener.stop();
    let mut listener = Listener::start_in(&home, arguments);
    send_all(listener.address(), count / 2 + 1..=count);
    listener.process.kill();
    Journal::read(&store).holds(1..=count);
    Files::read(&store)
}

/// What a listener made of a store.
struct Opened {
    stderr: String,
    journal: Journal,
}

impl Opened {
    /// Whether it said that something is wrong.
    fn reported(&self) -> bool {
        self.stderr.contains("warning:") && self.stderr.contains("damaged")
    }
}

/// Starts a listener on these files, takes a delivery in and stops it.
#[track_caller]
fn opened(files: &Files) -> Opened {
    let home = Rc::new(home());
    files.plant(home.path());
    opened_in(&home, files)
}

#[track_caller]
fn opened_in(home: &Rc<tempfile::TempDir>, files: &Files) -> Opened {
    const NEW: u64 = 1_000_000;
    let mut listener = Listener::start_in(home, &[]);
    assert_eq!(send(listener.address(), NEW).status(), 200);
    assert_eq!(listener.process.terminate().code(), Some(0));
    let stderr = listener.process.stderr.text();

    let store = store_in(home.path());
    let mut journal = Journal::read(&store);
    let last = journal.deliveries.pop_last().expect("the new one");
    assert_eq!(last.1, Row::of(NEW), "{stderr}");
    let kept = listener.ready["kept"].as_u64();
    // A row whose bytes have changed stays in the file, and is left out.
    assert!(kept.is_some_and(|kept| kept <= journal.deliveries.len() as u64));
    if stderr.contains("is kept as") {
        let aside = put_aside(&store).expect("a file that is put aside");
        assert!(fs::read(&aside).expect("a file") == files.main, "{stderr}");
        let wal = fs::read(beside(&aside, "-wal")).unwrap_or_default();
        assert!(wal == files.wal, "{stderr}");
        assert!(stderr.contains(&*aside.to_string_lossy()), "{stderr}");
    }
    Opened { stderr, journal }
}

/// The main file that was put aside.
fn put_aside(store: &Path) -> Option<std::path::PathBuf> {
    let folder = fs::read_dir(store.parent()?).ok()?;
    let mut paths = folder.flatten().map(|entry| entry.path());
    paths.find(|path| {
        let name = path.to_string_lossy();
        name.contains(".db.damaged-") && !name.ends_with("-wal")
    })
}

#[test]
fn a_wal_that_ends_within_its_last_record_has_lost_only_that() {
    const COUNT: u64 = 12;
    let (files, before) = made(COUNT, true, &[]);
    let end = files.wal.len();
    let cuts = (before..end).step_by(389).chain([before + 1, end - 1, end]);
    for cut in cuts {
        let mut cut_off = files.clone();
        cut_off.wal.truncate(cut);
        let opened = opened(&cut_off);
        let whole = if cut == end { COUNT } else { COUNT - 1 };
        opened.journal.holds(1..=whole);
        // A process that was killed leaves such a file too, so that is no damage.
        assert!(!opened.reported(), "cut at {cut}: {}", opened.stderr);
    }
}

#[test]
fn a_main_file_that_is_cut_off_is_put_aside_and_its_rest_is_kept() {
    const COUNT: u64 = 60;
    let (files, _) = made(COUNT, false, &[]);
    let end = files.main.len();
    for cut in [
        end - 1,
        end - 4096,
        end - 4097,
        end / 2,
        8192,
        4096,
        3000,
        100,
    ] {
        let mut cut_off = files.clone();
        cut_off.main.truncate(cut);
        let opened = opened(&cut_off);
        assert!(opened.reported(), "cut at {cut}: {}", opened.stderr);
        assert_only_lost(&opened, COUNT, &format!("cut at {cut}"));
    }
}

/// What is there is as it was sent; what is not is reported.
#[track_caller]
fn assert_only_lost(opened: &Opened, count: u64, what: &str) {
    for (id, row) in &opened.journal.deliveries {
        let unchanged = *row == Row::of(*id);
        assert!(
            unchanged || opened.reported(),
            "#{id} has changed, {what}: {}",
            opened.stderr
        );
    }
    if opened.journal.deliveries.len() as u64 != count {
        assert!(
            opened.reported(),
            "{what}: some are gone, and it said: {}",
            opened.stderr
        );
    }
}

#[test]
fn a_flipped_bit_in_the_main_file_costs_little_and_is_reported() {
    const COUNT: u64 = 60;
    let app = Upstream::start();
    let files = made_in_both(COUNT, &[&app.target()]);
    let mut dice = Dice(1);
    for _ in 0..30 {
        let at = 100 + dice.place(files.main.len() - 100);
        let bit = dice.below(8);
        let opened = opened(&files.flipped(File::Main, at, bit));
        assert_only_lost(&opened, COUNT, &format!("bit {bit} of byte {at}"));
    }
}

#[test]
fn a_flipped_bit_in_the_wal_costs_little_and_is_reported() {
    const COUNT: u64 = 40;
    let (files, _) = made(COUNT, true, &[]);
    let mut dice = Dice(2);
    for _ in 0..25 {
        let (at, bit) = (dice.place(files.wal.len()), dice.below(8));
        let opened = opened(&files.flipped(File::Wal, at, bit));
        assert_only_lost(
            &opened,
            COUNT,
            &format!("bit {bit} of byte {at} of the WAL"),
        );
    }
}

#[test]
fn a_flipped_bit_in_the_header_is_survived_or_refused() {
    const COUNT: u64 = 20;
    let (files, _) = made(COUNT, false, &[]);
    // Every third byte, and those of the page's size, the versions and the encoding.
    for at in (0..100).step_by(3).chain([16, 17, 19, 20, 47, 59, 62, 70]) {
        let flipped = files.flipped(File::Main, at, at as u64 % 8);
        let home = Rc::new(home());
        flipped.plant(home.path());
        // The name of the format, cmhook's own, and the layout's number.
        if matches!(at, 0..16 | 60..64 | 68..72) {
            let store = store_in(home.path());
            let refused = refused(home.path(), &[]);
            assert_eq!(refused.code, Some(1), "byte {at}: {}", refused.stderr);
            let now = fs::read(&store).expect("a file");
            assert!(now == flipped.main, "byte {at} was changed");
        } else {
            let listener = Listener::start_in(&home, &[]);
            assert_eq!(listener.ready["kept"], COUNT, "byte {at}");
            listener.stop();
        }
    }
}

#[test]
fn a_kill_while_a_store_is_saved_loses_nothing() {
    const COUNT: u64 = 40;
    if !needs(
        works(Command::new("strace").args(["-o", "/dev/null", "true"])),
        "strace",
    ) {
        return;
    }
    let mut files = made_in_both(COUNT, &[]);
    // As if a byte of every page were reserved.
    files.main[20] ^= 1;
    let whole = opened(&files);
    whole.journal.holds(1..=COUNT);
    assert!(whole.reported(), "{}", whole.stderr);

    // It renames the new store when that is done, the two old files, and the new one again.
    for at in 1..=4 {
        let home = Rc::new(home());
        files.plant(home.path());
        let inject = format!("inject=rename,renameat,renameat2:signal=KILL:when={at}");
        let mut command = Command::new("strace");
        command.args([
            "-D",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=rename,renameat,renameat2",
        ]);
        command
            .args(["-e", &inject])
            .arg(env!("CARGO_BIN_EXE_cmhook"));
        command.args(["listen", "--listen", "127.0.0.1:0", "--json"]);
        let mut process = Process::start(&mut command, home.path());
        assert_eq!(process.stdout.next(), None, "rename {at}");
        assert_eq!(process.wait().code(), None, "rename {at}");

        let mut listener = Listener::start_in(&home, &[]);
        assert_eq!(listener.ready["kept"], COUNT, "rename {at}");
        send_all(listener.address(), [500]);
        listener.process.terminate();
        let stderr = listener.process.stderr.text();
        assert!(stderr.contains("is damaged"), "rename {at}: {stderr}");
        let store = store_in(home.path());
        Journal::read(&store).holds((1..=COUNT).chain([500]));
        let folder = fs::read_dir(store.parent().expect("a folder")).expect("a folder");
        let names: Vec<_> = folder.flatten().map(|entry| entry.file_name()).collect();
        let kept = |bytes: &[u8]| {
            let mut paths = names.iter().map(|name| store.with_file_name(name));
            paths.any(|path| fs::read(path).is_ok_and(|found| found == bytes))
        };
        assert!(
            kept(&files.main) && kept(&files.wal),
            "rename {at}: {names:?}"
        );
        assert!(names.len() <= 6, "rename {at}: {names:?}");
    }
}

#[test]
fn one_damage_after_the_other_is_put_aside_each_time() {
    const COUNT: u64 = 20;
    let (mut files, _) = made(COUNT, false, &[]);
    files.main.truncate(8192);
    let home = Rc::new(home());
    let store = store_in(home.path());
    for _ in 0..3 {
        files.plant(home.path());
        Listener::start_in(&home, &[]).stop();
    }
    let folder = fs::read_dir(store.parent().expect("a folder")).expect("a folder");
    let aside = folder.flatten().map(|entry| entry.path()).filter(|path| {
        let name = path.to_string_lossy().into_owned();
        name.contains(".damaged-") && !name.ends_with("-wal")
    });
    let aside: Vec<_> = aside.collect();
    assert_eq!(aside.len(), 3, "{aside:?}");
    for path in aside {
        assert!(fs::read(&path).expect("a file") == files.main);
    }
}

/// Free pages are not read at the start. A store of less than 16 MiB is checked all the same.
#[test]
fn a_broken_list_of_free_pages_is_found_at_once_in_a_small_store() {
    const COUNT: u64 = 20;
    let (mut files, _) = made(COUNT, false, &[]);
    files.main[39] = 7;
    let home = Rc::new(home());
    files.plant(home.path());
    mended(&home, COUNT);
}

/// In a larger one it is found out by the first who needs a page.
#[test]
fn a_broken_list_of_free_pages_is_said_and_mended_by_another_start() {
    const COUNT: u64 = 20;
    let home = Rc::new(home());
    let listener = Listener::start_in(&home, &["--quiet"]);
    for n in 0..COUNT {
        let answer = ask(listener.address(), wire_with(n, &vec![b'7'; 1_000_000]));
        assert_eq!(answer.status(), 200);
    }
    listener.stop();
    let store = store_in(home.path());
    let mut main = fs::read(&store).expect("a store");
    assert!(main.len() > 16 << 20, "{} bytes", main.len());
    main[39] = 7;
    fs::write(&store, main).expect("it is ours");
    let mut listener = Listener::start_in(&home, &[]);
    let answer = ask(listener.address(), wire_with(500, &vec![b'7'; 100_000]));
    assert_try_again(&answer);
    let failing = warning(&mut listener, "journal_failing");
    let hint = failing["hint"].as_str().expect("a hint");
    assert!(hint.contains("start it again"), "{failing}");
    listener.process.terminate();
    mended(&home, COUNT);
}

/// Starts a listener, which finds its store damaged and loses nothing of it.
#[track_caller]
fn mended(home: &Rc<tempfile::TempDir>, count: u64) {
    let mut listener = Listener::start_in(home, &[]);
    assert_eq!(listener.ready["kept"], count);
    let answer = ask(listener.address(), wire_with(501, &vec![b'7'; 100_000]));
    assert_eq!(answer.status(), 200);
    listener.process.terminate();
    let stderr = listener.process.stderr.text();
    let said = format!("is damaged; {count} deliveries");
    assert!(stderr.contains(&said), "{stderr}");
    assert!(put_aside(&store_in(home.path())).is_some());
}

/// Starts a listener on a file that it must refuse, and checks that nothing has changed.
#[track_caller]
fn refuses(code: &str, files: &Files, says: &[&str]) {
    let home = home();
    files.plant(home.path());
    let store = store_in(home.path());
    let refused = refused(home.path(), &[]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert_eq!(refused.error["code"], code, "{}", refused.stderr);
    for text in says {
        assert!(refused.stderr.contains(text), "{text}: {}", refused.stderr);
    }
    assert!(
        refused.stderr.contains(&*store.to_string_lossy()),
        "{}",
        refused.stderr
    );
    let now = Files::read(&store);
    assert!(
        now.main == files.main && now.wal == files.wal,
        "it was changed"
    );
    assert!(put_aside(&store).is_none());
}

/// An SQLite database that this makes; in WAL mode its last changes are in the WAL only.
#[track_caller]
fn database(wal: bool, sql: &str) -> Files {
    let folder = home();
    let path = folder.path().join("made.db");
    let db = Database::open(&path).expect("a database");
    if wal {
        let mode = db.query_row("PRAGMA journal_mode=wal", [], |row| row.get::<_, String>(0));
        assert_eq!(mode.as_deref(), Ok("wal"));
    }
    db.execute_batch(sql).expect("SQL");
    // While it is open, since closing empties the WAL.
    Files::read(&path)
}

#[test]
fn a_newer_layout_is_refused_and_left_alone() {
    let (files, _) = made(5, false, &[]);
    let mut newer = files.clone();
    newer.main[63] = 4;
    refuses(
        "store_newer",
        &newer,
        &["layout 4", "layout 3", "update cmhook"],
    );
}

#[test]
fn a_newer_layout_that_is_in_the_wal_still_is_refused_and_left_alone() {
    let sql = "PRAGMA application_id=1668114539; PRAGMA user_version=4; CREATE TABLE things (id);";
    let files = database(true, sql);
    assert!(!files.wal.is_empty());
    refuses(
        "store_newer",
        &files,
        &["layout 4", "layout 3", "update cmhook"],
    );
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let text = b"my notes, which nobody else has\n".repeat(50);
    let cut = |length: usize| text[..length].to_vec();
    let mut noise = Vec::new();
    let mut dice = Dice(3);
    while noise.len() < 5000 {
        noise.extend_from_slice(&dice.roll().to_le_bytes());
    }
    for main in [cut(1), cut(71), cut(72), text.clone(), noise, vec![0; 8192]] {
        let files = Files {
            main,
            wal: Vec::new(),
        };
        refuses(
            "not_a_store",
            &files,
            &["is not a cmhook store", "--store PATH"],
        );
    }
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let rows = "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 'precious');";
    for sql in [
        rows.to_owned(),
        format!("PRAGMA user_version=1; {rows}"),
        format!("PRAGMA user_version=7; {rows}"),
        format!("PRAGMA application_id=252006673; {rows}"),
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY, to_whom TEXT);".to_owned(),
    ] {
        for wal in [false, true] {
            refuses(
                "not_a_store",
                &database(wal, &sql),
                &["is not a cmhook store"],
            );
        }
    }
}

#[test]
fn an_empty_file_becomes_a_store() {
    let files = Files {
        main: Vec::new(),
        wal: Vec::new(),
    };
    let opened = opened(&files);
    opened.journal.holds([]);
    assert!(!opened.reported(), "{}", opened.stderr);
}

#[test]
fn a_store_killed_while_it_was_made_becomes_one() {
    // What SQLite has written of it before the first commit.
    let files = database(true, "");
    let opened = opened(&Files {
        wal: Vec::new(),
        ..files
    });
    opened.journal.holds([]);
    assert!(!opened.reported(), "{}", opened.stderr);
}

#[test]
fn a_folder_in_the_place_of_the_store_is_an_error() {
    let home = home();
    let store = store_in(home.path());
    fs::create_dir_all(&store).expect("a folder");
    let refused = refused(home.path(), &[]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("a folder") || refused.stderr.contains("s a directory"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains(&*store.to_string_lossy()),
        "{}",
        refused.stderr
    );
    let beside = fs::read_dir(store.parent().expect("a folder")).expect("a folder");
    assert_eq!(beside.count(), 1, "it left something beside the folder");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error() {
    let home = home();
    fs::write(home.path().join("data"), "not a folder").expect("a file");
    let refused = refused(home.path(), &[]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("folder"), "{}", refused.stderr);
}

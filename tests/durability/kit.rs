//! What these tests share: deliveries that can be told apart, and a look into the store.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rusqlite::{Connection as Database, OpenFlags};
use serde_json::Value;

use crate::support::listener::Listener;
use crate::support::raw::{Connection, Message, request};

/// Where the store is in a home folder, unless an argument says otherwise.
pub fn store_in(home: &Path) -> PathBuf {
    home.join("data/cmhook/deliveries.db")
}

/// The file beside the store with that suffix.
pub fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Small, cheap, repeatable randomness (SplitMix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// A place in something of that length.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("it is below a usize")
    }
}

/// The body of delivery `seq`: any bytes, mostly small ones, some large.
pub fn body(seq: u64) -> Vec<u8> {
    let mut dice = Dice(seq);
    let length = match dice.below(400) {
        // Over and under what cmhook leaves to another thread.
        0 => 300_000 + dice.below(200_000),
        1..20 => dice.below(20_000),
        _ => dice.below(1000),
    };
    let mut body = Vec::new();
    while (body.len() as u64) < length {
        body.extend_from_slice(&dice.roll().to_le_bytes());
    }
    body
}

/// The path of delivery `seq`.
pub fn path(seq: u64) -> String {
    format!("/hooks/{seq}?of=%2F{seq}")
}

/// Delivery `seq` as it goes over the wire.
pub fn wire(seq: u64) -> Vec<u8> {
    wire_with(seq, &body(seq))
}

/// The same with another body.
pub fn wire_with(seq: u64, body: &[u8]) -> Vec<u8> {
    let line = format!("POST {}", path(seq));
    request(&line, &format!("X-Seq: {seq}\r\n"), body)
}

/// Sends delivery `seq` on a connection of its own.
#[track_caller]
pub fn send(to: SocketAddr, seq: u64) -> Message {
    let mut connection = Connection::open(to);
    connection.send(wire(seq));
    connection.answer()
}

/// Sends deliveries one after the other on one connection, all of which must be taken.
#[track_caller]
pub fn send_all(to: SocketAddr, seqs: impl IntoIterator<Item = u64>) {
    let mut connection = Connection::open(to);
    for seq in seqs {
        connection.send(wire(seq));
        assert_eq!(connection.answer().status(), 200, "delivery {seq}");
    }
}

/// Whether it must be tried again, and the answer says when.
#[track_caller]
pub fn assert_try_again(answer: &Message) {
    assert_eq!(answer.status(), 503, "{}", answer.text());
    let after = answer.one("retry-after").expect("Retry-After");
    assert!(after.parse::<u32>().is_ok(), "Retry-After: {after}");
}

/// The next `warning` object with that code.
#[track_caller]
pub fn warning(listener: &mut Listener, code: &str) -> Value {
    loop {
        let warning = listener.next("warning");
        if warning["code"] == code {
            return warning;
        }
    }
}

/// A delivery as it stands in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub seq: u64,
    pub path: String,
    pub body: Vec<u8>,
}

impl Row {
    /// As delivery `seq` must stand there.
    pub fn of(seq: u64) -> Self {
        Self {
            seq,
            path: path(seq),
            body: body(seq),
        }
    }
}

/// A store at one moment.
#[derive(Debug, Default)]
pub struct Journal {
    /// By id.
    pub deliveries: BTreeMap<u64, Row>,
    /// Statuses by delivery and number; `None` for a failed one.
    pub attempts: BTreeMap<(u64, u64), Option<u16>>,
}

impl Journal {
    /// Reads a copy, since opening a store changes its files.
    #[track_caller]
    pub fn read(store: &Path) -> Self {
        Self::read_after(store, 0)
    }

    /// The same without the deliveries up to that id.
    #[track_caller]
    pub fn read_after(store: &Path, id: u64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let copy = folder.path().join("copy.db");
        copy_store(store, &copy).expect("the store can be copied");
        Self::of(&copy, id).unwrap_or_else(|error| panic!("the store cannot be read: {error}"))
    }

    fn of(file: &Path, after: u64) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Database::open_with_flags(file, flags)?;
        let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        assert_eq!(check, "ok");
        let after = i64::try_from(after).expect("an id");
        let mut journal = Self::default();
        let mut deliveries =
            db.prepare("SELECT id, path, headers, body FROM deliveries WHERE id > ?1")?;
        let mut rows = deliveries.query([after])?;
        while let Some(row) = rows.next()? {
            let headers: Vec<u8> = row.get(2)?;
            let row = (row.get::<_, i64>(0)?, row.get(1)?, row.get(3)?);
            let (id, path, body) = row;
            let seq = seq_in(&headers);
            let id = id.try_into().expect("an id");
            journal.deliveries.insert(id, Row { seq, path, body });
        }
        let mut attempts = db.prepare("SELECT id >> 20, id & 1048575, status FROM attempts")?;
        let mut rows = attempts.query([])?;
        while let Some(row) = rows.next()? {
            let key = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
            let key = (
                key.0.try_into().expect("an id"),
                key.1.try_into().expect("a number"),
            );
            journal.attempts.insert(key, row.get(2)?);
        }
        Ok(journal)
    }

    /// Ids, ascending.
    pub fn ids(&self) -> Vec<u64> {
        self.deliveries.keys().copied().collect()
    }

    /// Ids and rows by what they were when they were sent.
    pub fn by_seq(&self) -> BTreeMap<u64, (u64, &Row)> {
        let rows = self.deliveries.iter();
        rows.map(|(id, row)| (row.seq, (*id, row))).collect()
    }

    /// Whether exactly these were kept, with all their bytes.
    #[track_caller]
    pub fn holds(&self, seqs: impl IntoIterator<Item = u64>) {
        let rows = self.by_seq();
        let mut count = 0;
        for seq in seqs {
            let (id, row) = rows
                .get(&seq)
                .unwrap_or_else(|| panic!("{seq} is not there"));
            assert_eq!(**row, Row::of(seq), "#{id} is not what was sent");
            count += 1;
        }
        assert_eq!(self.deliveries.len(), count, "{:?}", rows.keys());
    }
}

/// Copies the file and its WAL.
pub fn copy_store(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    match fs::copy(beside(from, "-wal"), beside(to, "-wal")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[track_caller]
fn seq_in(headers: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(headers);
    let seq = text.lines().find_map(|line| line.strip_prefix("x-seq: "));
    let seq = seq.and_then(|seq| seq.parse().ok());
    seq.unwrap_or_else(|| panic!("no X-Seq in {text}"))
}

//! A look at the WAL before SQLite gets it.
//!
//! SQLite reads a WAL up to the first frame whose checksum is wrong and takes that for its
//! end. After a crash that is right, since what comes behind was never whole. But a frame
//! that has changed on the disk looks the same to it, and every commit behind that one
//! would be gone without a word. The two can be told apart: a frame's checksum goes on
//! from the one that is stored with the frame before it, so those behind a broken one
//! still prove themselves. Format: <https://sqlite.org/fileformat2.html#walformat>.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::Path;

const HEADER: usize = 32;
const FRAME: usize = 24;
/// The first four bytes where checksums are little-endian; one more where they are not.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
/// What SQLite has used since 2016, for a WAL whose header is what is broken.
const PAGE: usize = 4096;

type Sum = (u32, u32);

/// The frames of a WAL, whole or not.
struct Frames {
    file: BufReader<File>,
    /// Whether the header is as it was written.
    intact: bool,
    big_endian: bool,
    salts: [u8; 8],
    /// The checksum that is stored with what comes before `frame`.
    stored: Sum,
    frame: Vec<u8>,
}

impl Frames {
    /// `None` where there is no WAL, or less of it than a frame.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => BufReader::with_capacity(1 << 18, file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        if !filled(&mut file, &mut header)? {
            return Ok(None);
        }
        let stored = (number(&header, 24), number(&header, 28));
        let mut frames = Self {
            file,
            intact: false,
            big_endian: number(&header, 0) == MAGIC + 1,
            salts: [0; 8],
            stored,
            frame: Vec::new(),
        };
        frames.salts.copy_from_slice(&header[16..24]);
        let page = number(&header, 8) as usize;
        let known = number(&header, 0).wrapping_sub(MAGIC) <= 1 && page <= 64 << 10;
        frames.intact = known && checksum(frames.big_endian, &header[..24], (0, 0)) == stored;
        if frames.intact {
            frames.frame.resize(FRAME + page, 0);
            return Ok(Some(frames));
        }
        // What the first frame says, and what is the same in all that this machine writes.
        frames.big_endian = cfg!(target_endian = "big");
        frames.frame.resize(FRAME + PAGE, 0);
        let mut first = File::open(path)?;
        let mut start = [0; HEADER + 16];
        if !filled(&mut first, &mut start)? {
            return Ok(None);
        }
        frames.salts.copy_from_slice(&start[HEADER + 8..]);
        Ok(Some(frames))
    }

    /// Reads the next frame, and tells whether it is as it was written and belongs to this
    /// WAL: behind its end the file may hold frames of the one before. `None` at the end.
    fn next(&mut self) -> io::Result<Option<bool>> {
        if !filled(&mut self.file, &mut self.frame)? {
            return Ok(None);
        }
        let before = std::mem::replace(
            &mut self.stored,
            (number(&self.frame, 16), number(&self.frame, 20)),
        );
        let own = self.frame[8..16] == self.salts;
        Ok(Some(own && self.sum(before) == self.stored))
    }

    fn sum(&self, before: Sum) -> Sum {
        let head = checksum(self.big_endian, &self.frame[..8], before);
        checksum(self.big_endian, &self.frame[FRAME..], head)
    }

    /// Whether the frame is the last one of a transaction.
    fn commits(&self) -> bool {
        number(&self.frame, 4) > 0
    }
}

/// Whether the WAL holds commits that SQLite would not see.
///
/// # Errors
/// Where it cannot be read.
pub fn is_damaged(path: &Path) -> io::Result<bool> {
    let Some(mut frames) = Frames::open(path)? else {
        return Ok(false);
    };
    let mut broken = !frames.intact;
    while let Some(good) = frames.next()? {
        if broken && good && frames.commits() {
            return Ok(true);
        }
        broken |= !good;
    }
    Ok(false)
}

/// Copies the frames that are as they were written to a WAL that SQLite reads to its end.
/// `to` exists already.
///
/// # Errors
/// Where one cannot be read or the other not be written.
pub fn copy_readable(from: &Path, to: &Path) -> io::Result<()> {
    let Some(mut frames) = Frames::open(from)? else {
        return Ok(());
    };
    let file = OpenOptions::new().write(true).truncate(true).open(to)?;
    let mut file = BufWriter::with_capacity(1 << 18, file);
    let mut header = Vec::with_capacity(HEADER);
    let page = u32::try_from(frames.frame.len() - FRAME).unwrap_or_default();
    let magic = MAGIC + u32::from(frames.big_endian);
    for field in [magic, VERSION, page, 0] {
        header.extend_from_slice(&field.to_be_bytes());
    }
    header.extend_from_slice(&frames.salts);
    let mut sum = checksum(frames.big_endian, &header, (0, 0));
    file.write_all(&header)?;
    write_sum(&mut file, sum)?;
    while let Some(good) = frames.next()? {
        if good {
            sum = frames.sum(sum);
            file.write_all(&frames.frame[..16])?;
            write_sum(&mut file, sum)?;
            file.write_all(&frames.frame[FRAME..])?;
        }
    }
    file.flush()
}

fn write_sum(file: &mut impl io::Write, sum: Sum) -> io::Result<()> {
    file.write_all(&sum.0.to_be_bytes())?;
    file.write_all(&sum.1.to_be_bytes())
}

/// Fills the buffer; `false` where the file ends before it is full.
fn filled(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// SQLite's own, over pairs of 32-bit words.
fn checksum(big_endian: bool, bytes: &[u8], before: Sum) -> Sum {
    let (mut first, mut second) = before;
    let word = |bytes: &[u8]| {
        let bytes = [bytes[0], bytes[1], bytes[2], bytes[3]];
        if big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

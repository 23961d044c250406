//! A run's file: a line for each step, and whole lines only.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

use super::steps::Step;

#[derive(Debug)]
pub(super) struct RunFile {
    file: File,
    /// How much of it is whole lines.
    length: u64,
    /// Whether a piece of a line may follow them, after which no other may be written.
    is_torn: bool,
}

impl RunFile {
    /// One with nothing in it.
    pub(super) const fn new(file: File) -> Self {
        Self {
            file,
            length: 0,
            is_torn: false,
        }
    }

    /// One with so much in it that makes sense.
    pub(super) const fn taken_over(file: File, length: u64) -> Self {
        Self {
            file,
            length,
            is_torn: true,
        }
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    /// Writes lines behind those that are there. When this returns, they are on the disk.
    pub(super) fn append(&mut self, steps: &[Step]) -> io::Result<()> {
        let mut lines = Vec::new();
        for step in steps {
            serde_json::to_writer(&mut lines, step)?;
            lines.push(b'\n');
        }
        if self.is_torn {
            self.cut()?;
        }
        if let Err(error) = self.file.write_all(&lines) {
            // A disk that gets full takes a part of it.
            self.is_torn = true;
            let _ = self.cut();
            return Err(error);
        }
        self.length += lines.len() as u64;
        self.file.sync_data()
    }

    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.is_torn = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_written_in_part_is_cut_off_before_more_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.json");
        let step = |id: &str| Step::Back { id: id.into() };
        let mut file = RunFile::new(crate::files::create_new(&path).unwrap());
        file.append(&[step("one")]).unwrap();
        let whole = fs::read(&path).unwrap();
        // A file that is open for reading takes nothing.
        let writable = std::mem::replace(&mut file.file, File::open(&path).unwrap());
        assert!(file.append(&[step("two")]).is_err());
        file.file = writable;
        file.file.write_all(b"{\"step\":\"ba").unwrap();
        file.append(&[step("three"), step("four")]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.as_bytes().starts_with(&whole));
        let ids = ["one", "three", "four"].map(|id| serde_json::to_string(&step(id)).unwrap());
        assert_eq!(text.lines().collect::<Vec<_>>(), ids);
    }
}

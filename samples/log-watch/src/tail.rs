//! The lines that are added to a file, as `tail -F` sees them: also where the file is cut, replaced or not there yet.

use std::fs::File;
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub struct Tail {
    path: PathBuf,
    /// Of the file that was read last.
    inode: u64,
    /// The bytes of it that were read.
    offset: u64,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

impl Tail {
    /// Reads from the start of the file.
    pub fn new(path: &Path) -> Tail {
        Tail { path: path.to_path_buf(), inode: 0, offset: 0, rest: vec![] }
    }

    /// The whole lines that were added since the last call. A file that is not there has none.
    pub fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if metadata.ino() != self.inode || metadata.len() < self.offset {
            *self = Tail { inode: metadata.ino(), ..Tail::new(&self.path) };
        }
        file.seek(SeekFrom::Start(self.offset))?;
        self.offset += file.read_to_end(&mut self.rest)? as u64;
        Ok(self.take_lines())
    }

    fn take_lines(&mut self) -> Vec<String> {
        let end = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        String::from_utf8_lossy(&whole).lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn path(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("log-watch-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn a_line_is_there_when_its_end_is() {
        let path = path("grows");
        let mut tail = Tail::new(&path);
        assert!(tail.new_lines().unwrap().is_empty());
        fs::write(&path, "one\ntw").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["one"]);
        fs::write(&path, "one\ntwo\n\nthree\n").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["two", "three"]);
        assert!(tail.new_lines().unwrap().is_empty());
    }

    #[test]
    fn a_file_that_is_cut_or_replaced_is_read_from_its_start() {
        let (path, other) = (path("cut"), path("other"));
        let mut tail = Tail::new(&path);
        fs::write(&path, "a long line\n").unwrap();
        tail.new_lines().unwrap();
        fs::write(&path, "short\n").unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["short"]);
        fs::write(&other, "another file\n").unwrap();
        fs::rename(&other, &path).unwrap();
        assert_eq!(tail.new_lines().unwrap(), ["another file"]);
    }
}

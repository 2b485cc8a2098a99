//! Where a log goes: a standard stream, or a file that can be opened again after somebody moved it.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use anyhow::Context;
use rickhouse_config::LogFile;
use rickhouse_os::credentials::Identity;
use rickhouse_os::logfile;

/// A log that any number of threads and processes append to. A line is one `write(2)` to a file opened for appending,
/// so lines never mix, and no lock is held over it that could stop another process.
#[derive(Debug)]
pub(crate) struct Output {
    file: RwLock<File>,
    /// `None` for a standard stream.
    path: Option<PathBuf>,
    /// The user the workers run as, who have to open the file again by themselves.
    owner: Option<Identity>,
}

impl Output {
    /// Opens `log`; `standard` is the stream that [`LogFile::Standard`] means. A file that root makes is given to `owner`.
    pub(crate) fn open(
        log: &LogFile,
        standard: impl AsFd,
        owner: Option<&Identity>,
    ) -> anyhow::Result<Self> {
        let (file, path) = match log {
            LogFile::Standard => (File::from(standard.as_fd().try_clone_to_owned()?), None),
            LogFile::File(path) => (append_to(path, owner)?, Some(path.clone())),
        };
        Ok(Self {
            file: RwLock::new(file),
            path,
            owner: owner.cloned(),
        })
    }

    /// Opens the file by its name again; after a failure the old one stays in use. A standard stream stays what it is.
    pub(crate) fn reopen(&self) -> anyhow::Result<()> {
        if let Some(path) = &self.path {
            let fresh = append_to(path, self.owner.as_ref())?;
            *self.file.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }

    /// Appends complete lines.
    pub(crate) fn append(&self, lines: &[u8]) -> io::Result<()> {
        (&*self.file.read().unwrap_or_else(PoisonError::into_inner)).write_all(lines)
    }

    /// Appends a line that has no line end yet, both in one call.
    pub(crate) fn append_line(&self, line: &[u8]) -> io::Result<()> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        let written = (&*file).write_vectored(&[IoSlice::new(line), IoSlice::new(b"\n")])?;
        // Only a nearly full disk or pipe takes less than all.
        if written <= line.len() {
            (&*file).write_all(&line[written..])?;
            (&*file).write_all(b"\n")?;
        }
        Ok(())
    }
}

fn append_to(path: &Path, owner: Option<&Identity>) -> anyhow::Result<File> {
    logfile::open(path, owner)
        .with_context(|| format!("cannot open the log file {}", path.display()))
}

/// For `tracing`, which formats a whole record before it writes.
impl Write for &Output {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        self.append(record)?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_moved_file_is_left_behind_by_reopening() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let output =
            Output::open(&LogFile::File(path.clone()), io::stderr(), None).expect("writable");
        output.append(b"one\n").expect("writable");
        fs::rename(&path, &moved).expect("writable");
        output.append_line(b"two").expect("writable");
        output.reopen().expect("writable");
        output.append(b"three\n").expect("writable");
        assert_eq!(fs::read_to_string(&moved).expect("there"), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).expect("there"), "three\n");
    }

    #[test]
    fn a_folder_that_vanished_leaves_the_old_file_in_use() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let output = Output::open(&LogFile::File(path), io::stderr(), None).expect("writable");
        drop(folder);
        assert!(output.reopen().is_err());
        output.append(b"still\n").expect("the old file");
    }
}

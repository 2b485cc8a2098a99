//! The file that tells others our process number.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::error::OsError;
use crate::process;

/// A pid file of this process; removed on drop if it is still ours.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes this process's number to `path`. A file left by a process that is gone is replaced.
    ///
    /// # Errors
    /// [`OsError::PidFileTaken`] when it names a running process, [`OsError::PidFile`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self, OsError> {
        // Two rounds: the second one is for a stale file that was removed in the first.
        for _ in 0..2 {
            match write_new(path) {
                Ok(()) => {
                    return Ok(Self {
                        path: path.to_owned(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_stale(path)?,
                Err(source) => {
                    return Err(OsError::PidFile {
                        path: path.to_owned(),
                        source,
                    });
                }
            }
        }
        Err(OsError::PidFile {
            path: path.to_owned(),
            source: io::ErrorKind::AlreadyExists.into(),
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if owner(&self.path) == Some(std::process::id()) {
            // A file that cannot be removed will be recognised as stale by the next start.
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

/// Creates the complete file in one step: a reader never sees an empty one, and of two starters one fails.
fn write_new(path: &Path) -> io::Result<()> {
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(format!(".{}", std::process::id()));
    let scratch = PathBuf::from(scratch);
    let mut file = create_new(&scratch).or_else(|error| {
        // Left by a process of the same number that was killed in between, or laid out by somebody.
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error);
        }
        fs::remove_file(&scratch)?;
        create_new(&scratch)
    })?;
    let written =
        writeln!(file, "{}", std::process::id()).and_then(|()| fs::hard_link(&scratch, path));
    fs::remove_file(&scratch)?;
    written
}

/// The folder may be anybody's, so nothing that is there already is written to, and no link followed. Readable for all
/// whatever the umask, writable for the owner alone: whoever can write a pid file chooses what gets killed.
fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_NOFOLLOW)
        .mode(0o644)
        .open(path)
}

fn remove_stale(path: &Path) -> Result<(), OsError> {
    match owner(path) {
        Some(pid) if pid != std::process::id() && process::exists(pid) => {
            Err(OsError::PidFileTaken {
                path: path.to_owned(),
                pid,
            })
        }
        _ => match fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(OsError::PidFile {
                path: path.to_owned(),
                source,
            }),
            _ => Ok(()),
        },
    }
}

fn owner(path: &Path) -> Option<u32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives_as_long_as_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        let file = PidFile::create(&path).expect("a pid file");
        assert_eq!(owner(&path), Some(std::process::id()));
        assert_eq!(
            fs::read_dir(folder.path()).expect("readable").count(),
            1,
            "no scratch file stays"
        );
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_running_owner_is_respected_and_a_dead_one_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        fs::write(&path, format!("{}\n", process::parent_id())).expect("writable");
        assert!(matches!(
            PidFile::create(&path),
            Err(OsError::PidFileTaken { .. })
        ));
        fs::write(&path, "4194305\n").expect("writable");
        assert!(
            PidFile::create(&path).is_ok(),
            "no kernel gives out this number"
        );
    }

    #[test]
    fn somebody_elses_file_is_not_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pid");
        let file = PidFile::create(&path).expect("a pid file");
        fs::write(&path, "1\n").expect("writable");
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_link_in_the_way_is_removed_and_not_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, precious) = (folder.path().join("pid"), folder.path().join("precious"));
        fs::write(&precious, "kept").expect("writable");
        let scratch = folder.path().join(format!("pid.{}", std::process::id()));
        std::os::unix::fs::symlink(&precious, scratch).expect("a link");
        let _file = PidFile::create(&path).expect("a pid file");
        assert_eq!(fs::read_to_string(&precious).expect("readable"), "kept");
        assert_eq!(owner(&path), Some(std::process::id()));
    }
}

//! Opening log files, also in folders that others than root can write to.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use crate::credentials::Identity;
use crate::process;

/// Opens `path` for appending, and makes it if it is not there.
///
/// As root with another `owner` to come, the folder may be the owner's, who must not gain by what is found there: a
/// symbolic link is not followed, a file with a second name is refused, and only a file that was made by this very call
/// is given away. Any other keeps the owner it has; devices and pipes always do.
///
/// # Errors
/// What the kernel says, or why a file is refused.
pub fn open(path: &Path, owner: Option<&Identity>) -> io::Result<File> {
    match owner.filter(|_| process::is_root()) {
        Some(owner) => open_warily(path, owner),
        None => appending().create(true).open(path),
    }
}

fn open_warily(path: &Path, owner: &Identity) -> io::Result<File> {
    // Two rounds: between the attempts of the first somebody may remove the file, as logrotate does.
    for _ in 0..2 {
        match appending().create_new(true).open(path) {
            Ok(file) => {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match appending()
            .custom_flags(libc::O_NOFOLLOW | libc::O_NOCTTY)
            .open(path)
        {
            Ok(file) => return only_one_name(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => {
                return Err(refusal(
                    "it is a symbolic link, which root does not follow for another user",
                ));
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// A hard link may be a name that the folder's owner gave to a file of somebody else's.
fn only_one_name(file: File) -> io::Result<File> {
    let found = file.metadata()?;
    if found.is_file() && found.nlink() > 1 {
        return Err(refusal(
            "the file has a second name (a hard link), and may be another's",
        ));
    }
    Ok(file)
}

fn refusal(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true);
    options
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn somebody() -> Identity {
        let identity =
            Identity::lookup(Some("3999999"), Some("3999998")).expect("numbers need no account");
        identity.expect("one was asked for")
    }

    fn owner_of(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").uid()
    }

    #[test]
    fn a_new_file_is_the_owners_and_an_old_one_stays_whose_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        fs::write(&old, "").expect("writable");
        let before = owner_of(&old);
        open(&new, Some(&somebody())).expect("a file");
        open(&old, Some(&somebody())).expect("a file");
        let expected = if process::is_root() {
            3_999_999
        } else {
            before
        };
        assert_eq!((owner_of(&new), owner_of(&old)), (expected, before));
    }

    #[test]
    fn links_are_not_followed_for_another_user() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("target");
        fs::write(&target, "").expect("writable");
        let (soft, dangling, hard) = (
            folder.path().join("soft"),
            folder.path().join("dangling"),
            folder.path().join("hard"),
        );
        symlink(&target, &soft).expect("a link");
        symlink(folder.path().join("nothing"), &dangling).expect("a link");
        fs::hard_link(&target, &hard).expect("a link");
        for path in [&soft, &dangling, &hard] {
            assert_eq!(
                open_warily(path, &somebody()).expect_err("refused").kind(),
                io::ErrorKind::PermissionDenied
            );
            open(path, None).expect("followed for nobody but oneself");
            let _made = fs::remove_file(folder.path().join("nothing"));
        }
    }
}

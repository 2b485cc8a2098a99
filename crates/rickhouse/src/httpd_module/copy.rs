//! Putting a file in the place of another in one step.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What everybody may do with a module: an httpd that is not started as root reads it too.
const MODE: u32 = 0o644;

/// Copies a file, replacing what is there. A reader finds the old file or the new one, never a part: a httpd that has the
/// old one mapped keeps it.
pub(super) fn replace(from: &Path, to: &Path) -> Result<(), String> {
    let unfinished = unfinished(to);
    let copied = copy(from, &unfinished).and_then(|()| fs::rename(&unfinished, to));
    copied.map_err(|error| {
        // The reason is what is told; what was begun may not be there at all.
        let _gone = fs::remove_file(&unfinished);
        refusal(to, &error)
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut target = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(to)?;
    io::copy(&mut source, &mut target)?;
    target.sync_all()
}

/// A name beside the target that httpd takes for no module.
fn unfinished(to: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(format!(".{}", std::process::id()));
    to.with_file_name(name)
}

fn refusal(to: &Path, error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run the command as a user who may write there, such as root, or name another folder with --modules-directory DIR"
        }
        io::ErrorKind::NotFound => "; the folder has to be there already",
        _ => "",
    };
    format!("{} cannot be written: {error}{advice}", to.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_can_be_done() {
        let text = |kind: io::ErrorKind| {
            refusal(Path::new("/modules/mod_wsgi.so"), &io::Error::from(kind))
        };
        let denied = text(io::ErrorKind::PermissionDenied);
        assert!(
            denied.starts_with("/modules/mod_wsgi.so cannot be written: permission denied;"),
            "{denied}"
        );
        assert!(denied.contains("such as root"), "{denied}");
        assert!(!text(io::ErrorKind::StorageFull).contains(';'));
    }
}

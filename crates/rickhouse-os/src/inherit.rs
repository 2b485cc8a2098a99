//! Descriptors that were open before this program began: left by a parent process, by name or number.
//!
//! An exec closes what is marked close-on-exec, and everything this process opens is marked so (by Rust's standard
//! library, by CPython, and by this crate). An unmarked descriptor therefore was inherited and belongs to nobody here;
//! that is what makes it sound to own it. Owning marks it, so that it is owned once.

use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::error::OsError;

/// The descriptors named by the parent, until somebody takes them. The other side of
/// [`Exec::descriptors`](crate::exec::Exec::descriptors).
#[derive(Debug)]
pub struct Inherited {
    by_name: BTreeMap<String, OwnedFd>,
}

impl Inherited {
    /// Takes over the descriptors that `argument` (`name=number,…`) names.
    ///
    /// # Errors
    /// [`OsError::Inherited`] for a text of another form, and for a descriptor as [`descriptor`] has it.
    pub fn adopt(argument: &str) -> Result<Self, OsError> {
        let named = argument
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, number) = part
                    .split_once('=')
                    .ok_or_else(|| refused(part, "expected name=number"))?;
                let number = number.parse().map_err(|_| refused(part, "not a number"))?;
                Ok((name.to_owned(), descriptor(number)?))
            });
        Ok(Self {
            by_name: named.collect::<Result<_, OsError>>()?,
        })
    }

    /// Hands out the descriptor called `name`.
    ///
    /// # Errors
    /// [`OsError::Inherited`] when the parent named none such, or it was taken before.
    pub fn take(&mut self, name: &str) -> Result<OwnedFd, OsError> {
        self.by_name
            .remove(name)
            .ok_or_else(|| refused(name, "the parent process did not pass it"))
    }
}

/// Becomes the owner of an inherited descriptor, close-on-exec from now on.
///
/// # Errors
/// [`OsError::Inherited`] for a standard descriptor, one that is not open, and one that this process opened itself or
/// owns already.
pub fn descriptor(number: RawFd) -> Result<OwnedFd, OsError> {
    let refused = |problem| refused(&number.to_string(), problem);
    if number <= 2 {
        return Err(refused("a standard descriptor is not passed on"));
    }
    mark(number).map_err(refused)?;
    // SAFETY: the descriptor is open and was inherited (both checked by `mark`), so nobody in this process owns it; it
    // is marked now, so no second call gets here with it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Marks close-on-exec what was inherited and nobody has taken: programs started from here on do not get it. What the
/// parent left open by accident may be a secret, or a pipe whose other end waits for the last copy to close.
///
/// # Errors
/// [`OsError::Call`] when the open descriptors cannot be listed.
pub fn keep_unclaimed() -> Result<(), OsError> {
    let failed = |source| OsError::call("listing the open descriptors", source);
    for entry in std::fs::read_dir("/dev/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number.filter(|number: &RawFd| *number > 2) {
            // Most are marked already, which is what was wanted; one that is not open any more needs no mark.
            let _marked_or_gone = mark(number);
        }
    }
    Ok(())
}

/// Held from the look at the mark until it is set: of two threads that ask for one descriptor, one gets it.
static MARKING: Mutex<()> = Mutex::new(());

/// Marks an inherited descriptor close-on-exec, or says why it is none.
fn mark(number: RawFd) -> Result<(), &'static str> {
    let _one_at_a_time = MARKING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: not -1; borrowed for two fcntl calls only, which answer EBADF for a number that is not open.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(fd).map_err(|_| "not open")?;
    if flags.contains(FdFlags::CLOEXEC) {
        return Err("opened by this very process, not inherited");
    }
    fcntl_setfd(fd, FdFlags::CLOEXEC).map_err(|_| "cannot be marked close-on-exec")
}

fn refused(what: &str, problem: &'static str) -> OsError {
    OsError::Inherited {
        what: what.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsRawFd, IntoRawFd};

    use super::*;

    #[test]
    fn malformed_promises_are_refused() {
        for text in [
            "control",
            "control=x",
            "control=1",
            "control=-1",
            "control=1000000",
        ] {
            assert!(Inherited::adopt(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_this_process_opened_is_not_adopted() {
        let file = std::fs::File::open("/dev/null").expect("it exists");
        assert!(descriptor(file.as_raw_fd()).is_err());
    }

    #[test]
    fn a_descriptor_is_adopted_once() {
        let number = std::fs::File::open("/dev/null")
            .expect("it exists")
            .into_raw_fd();
        // SAFETY: just opened and given up by its owner; nothing closes it here.
        let unowned = unsafe { BorrowedFd::borrow_raw(number) };
        fcntl_setfd(unowned, FdFlags::empty()).expect("open");
        let mut inherited = Inherited::adopt(&format!("null={number}")).expect("looks inherited");
        assert!(descriptor(number).is_err(), "it has an owner");
        assert!(inherited.take("null").is_ok());
        assert!(inherited.take("null").is_err());
    }

    #[test]
    fn what_nobody_claims_is_kept_from_children() {
        let (kept, _other_end) = std::io::pipe().expect("a pipe");
        fcntl_setfd(&kept, FdFlags::empty()).expect("open");
        keep_unclaimed().expect("/dev/fd exists");
        let flags = fcntl_getfd(&kept).expect("open");
        assert!(flags.contains(FdFlags::CLOEXEC));
    }
}

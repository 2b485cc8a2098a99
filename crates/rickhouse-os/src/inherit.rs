//! Descriptors a parent process left open for this one, by name.
//!
//! The other side of [`crate::exec::Exec::descriptors`].

use std::collections::BTreeMap;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::error::OsError;

/// Set by the first [`Inherited::adopt`]: a descriptor has one owner.
static ADOPTED: AtomicBool = AtomicBool::new(false);

/// The descriptors named by the parent, until somebody takes them.
#[derive(Debug)]
pub struct Inherited {
    by_name: BTreeMap<String, OwnedFd>,
}

impl Inherited {
    /// Takes over the descriptors that `argument` (`name=number,…`) names, close-on-exec from now on. Works once in the
    /// life of a process, and is meant for its very beginning, before anything else was opened.
    ///
    /// # Errors
    /// [`OsError::Inherited`] for a second call, a text of another form, a number named twice, a standard descriptor or
    /// one that is not open.
    pub fn adopt(argument: &str) -> Result<Self, OsError> {
        let mut numbers = BTreeMap::new();
        for part in argument.split(',').filter(|part| !part.is_empty()) {
            let (name, number) = parse(part)?;
            if numbers.insert(number, name).is_some() {
                return Err(refused(part, "the number is named twice"));
            }
        }
        if ADOPTED.swap(true, Ordering::SeqCst) {
            return Err(refused(argument, "descriptors were adopted before"));
        }
        let adopted = numbers
            .into_iter()
            .map(|(number, name)| Ok((name.to_owned(), own(number, name)?)));
        Ok(Self {
            by_name: adopted.collect::<Result<_, OsError>>()?,
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

fn parse(part: &str) -> Result<(&str, RawFd), OsError> {
    let (name, number) = part
        .split_once('=')
        .ok_or_else(|| refused(part, "expected name=number"))?;
    let number: RawFd = number.parse().map_err(|_| refused(part, "not a number"))?;
    if number <= 2 {
        return Err(refused(part, "standard descriptors are not passed by name"));
    }
    Ok((name, number))
}

/// Makes `number` ours. Private, because only the callers in this crate know that nobody else owns it.
pub(crate) fn own(number: RawFd, name: &str) -> Result<OwnedFd, OsError> {
    {
        // SAFETY: used for two fcntl calls only, which answer EBADF for a number that is not open.
        let probe = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
        fcntl_getfd(probe).map_err(|_| refused(name, "not open"))?;
        fcntl_setfd(probe, FdFlags::CLOEXEC)
            .map_err(|_| refused(name, "cannot be marked close-on-exec"))?;
    }
    // SAFETY: the descriptor is open (checked above) and ours alone: the parent opened it for this process by an exec,
    // nothing in this process has seen the number, and the once-only flag of each caller prevents a second owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn refused(what: &str, problem: &'static str) -> OsError {
    OsError::Inherited {
        what: what.to_owned(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_promises_are_refused() {
        for text in [
            "control",
            "control=x",
            "control=1",
            "control=-1",
            "a=77,b=77",
        ] {
            assert!(Inherited::adopt(text).is_err(), "{text}");
        }
    }
}

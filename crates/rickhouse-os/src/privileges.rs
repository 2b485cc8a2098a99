//! Giving up root step by step, for a process whose log names the step that failed. What [`credentials`] does in one.
//!
//! [`credentials`]: crate::credentials

use std::ffi::{CStr, CString};
use std::io;

use crate::credentials;
use crate::error::OsError;

/// The group numbers that the user called `name` has, `primary` among them. Read it before `chroot`, while the group
/// database is there.
///
/// # Errors
/// When the database has more groups for the user than fit into memory.
pub fn groups_of(name: &CStr, primary: u32) -> io::Result<Vec<u32>> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let mut count = libc::c_int::try_from(groups.len()).map_err(io::Error::other)?;
        let space = groups.as_mut_ptr();
        // SAFETY: name is NUL-terminated; `space` has room for `count` numbers, which is all the call writes; count may
        // be written.
        let found = unsafe { libc::getgrouplist(name.as_ptr(), primary, space, &raw mut count) };
        let count = usize::try_from(count).map_err(io::Error::other)?;
        if found >= 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        // Too small; the call has told how many there are. It must grow even if it tells nonsense.
        groups.resize(count.max(groups.len() * 2), 0);
    }
}

/// Sets the group of the whole process.
///
/// # Errors
/// What the kernel says; root may.
pub fn set_group(gid: u32) -> io::Result<()> {
    // SAFETY: takes a number and changes no memory; glibc applies it to all threads of the process.
    checked(unsafe { libc::setgid(gid) })
}

/// Sets the supplementary groups of the whole process.
///
/// # Errors
/// What the kernel says; root may.
pub fn set_groups(groups: &[u32]) -> io::Result<()> {
    // SAFETY: points to as many group numbers as the length says, for the duration of the call.
    checked(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) })
}

/// Sets the user of the whole process, and proves that root cannot be had back.
///
/// # Errors
/// What the kernel says (root may, within the target's limit of processes); `Other` when root could be regained.
pub fn set_user(uid: u32) -> io::Result<()> {
    // SAFETY: as for setgid.
    checked(unsafe { libc::setuid(uid) })?;
    // SAFETY: as for setgid.
    if uid != 0 && unsafe { libc::setuid(0) } == 0 {
        return Err(io::Error::other("root could be regained"));
    }
    Ok(())
}

/// The home directory of the account with this number; `None` for a number without an account.
///
/// # Errors
/// [`OsError::Call`] when the user database cannot be read.
pub fn home_of(uid: u32) -> Result<Option<CString>, OsError> {
    credentials::home_by_number(uid)
}

/// The user that this process acts as.
#[must_use]
pub fn effective_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The group that this process acts as.
#[must_use]
pub fn effective_group() -> u32 {
    rustix::process::getegid().as_raw()
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_group_is_among_the_groups() {
        let groups = groups_of(c"root", 12345).expect("a database");
        assert!(groups.contains(&12345));
        assert_eq!(groups_of(c"nobody of that name", 7).expect("none"), [7]);
    }

    #[test]
    fn accounts_have_homes_and_other_numbers_none() {
        assert!(home_of(0).expect("a database").is_some());
        assert_eq!(home_of(3_999_999).expect("a database"), None);
    }
}

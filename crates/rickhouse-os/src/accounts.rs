//! Users and groups by name and by number, as the system's databases have them.

use std::ffi::{CStr, CString};

use crate::credentials::{account_by_name, account_by_number, read_record};
use crate::error::OsError;

/// The number of a user.
///
/// # Errors
/// [`OsError::Call`] when the database cannot be read.
pub fn user_number(name: &str) -> Result<Option<u32>, OsError> {
    Ok(account_by_name(name)?.map(|account| account.uid))
}

/// The name of a user.
///
/// # Errors
/// [`OsError::Call`] when the database cannot be read.
pub fn user_name(number: u32) -> Result<Option<CString>, OsError> {
    Ok(account_by_number(number)?.map(|account| account.name))
}

/// The number of a group.
///
/// # Errors
/// [`OsError::Call`] when the database cannot be read.
pub fn group_number(name: &str) -> Result<Option<u32>, OsError> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    read_record(
        "reading the group database",
        |record, buffer: &mut [u8], found| {
            let (text, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: name is NUL-terminated; record, buffer (with its true length) and found are valid for writing.
            unsafe { libc::getgrnam_r(name.as_ptr(), record, text, length, found) }
        },
        |record: &libc::group| record.gr_gid,
    )
}

/// The name of a group.
///
/// # Errors
/// [`OsError::Call`] when the database cannot be read.
pub fn group_name(number: u32) -> Result<Option<CString>, OsError> {
    read_record(
        "reading the group database",
        |record, buffer: &mut [u8], found| {
            let (text, length) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: record, buffer (with its true length) and found are valid for writing.
            unsafe { libc::getgrgid_r(number, record, text, length, found) }
        },
        |record: &libc::group| {
            // SAFETY: a record that was found holds a NUL-terminated name, which lives in the buffer of the caller.
            unsafe { CStr::from_ptr(record.gr_name) }.to_owned()
        },
    )
}

/// How many supplementary groups a process can have (`NGROUPS_MAX`).
pub fn supplementary_groups_max() -> usize {
    // SAFETY: takes a number and reads a limit of the system.
    let limit = unsafe { libc::sysconf(libc::_SC_NGROUPS_MAX) };
    usize::try_from(limit).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(user_number("root").expect("a database"), Some(0));
        assert_eq!(user_name(0).expect("a database").as_deref(), Some(c"root"));
        assert_eq!(group_number("root").expect("a database"), Some(0));
        assert_eq!(group_name(0).expect("a database").as_deref(), Some(c"root"));
        assert_eq!(
            user_number("nobody of that name").expect("a database"),
            None
        );
        assert_eq!(group_number("no\0group").expect("a database"), None);
        assert_eq!(group_name(3_999_999).expect("a database"), None);
        assert!(supplementary_groups_max() > 0);
    }
}

//! Giving up root: who to become, and making sure that there is no way back.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStringExt;
use std::ptr;

use rustix::process::{getegid, geteuid};

use crate::error::OsError;

/// Longest record of the user or group database that is read, in bytes.
const RECORD_LIMIT: usize = 1 << 20;

/// A user and group to run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    uid: libc::uid_t,
    gid: libc::gid_t,
    /// Login name, for its supplementary groups; `None` for a number without an account.
    name: Option<CString>,
    /// Home directory of the account.
    home: Option<CString>,
}

impl Identity {
    /// Looks up `user` and `group`, each a name or a number. Without a user, the present one; without a group, the
    /// user's own. `None` when neither is given.
    ///
    /// # Errors
    /// [`OsError::UnknownUser`], [`OsError::UnknownGroup`], or [`OsError::Call`] when the database cannot be read. A
    /// number without an account is accepted, but then a group must be given with it.
    pub fn lookup(user: Option<&str>, group: Option<&str>) -> Result<Option<Self>, OsError> {
        let group = group.map(group_number).transpose()?;
        let Some(user) = user else {
            let present = account_by_number(geteuid().as_raw())?;
            return Ok(group.map(|gid| Self::of(geteuid().as_raw(), gid, present)));
        };
        let number = user.parse::<libc::uid_t>().ok();
        let account = match number {
            Some(uid) => account_by_number(uid)?,
            None => account_by_name(user)?,
        };
        let unknown = || OsError::UnknownUser(user.to_owned());
        let uid = number
            .or(account.as_ref().map(|account| account.uid))
            .ok_or_else(unknown)?;
        let gid = group
            .or(account.as_ref().map(|account| account.gid))
            .ok_or_else(unknown)?;
        Ok(Some(Self::of(uid, gid, account)))
    }

    fn of(uid: libc::uid_t, gid: libc::gid_t, account: Option<Account>) -> Self {
        let (name, home) = account.map(|account| (account.name, account.home)).unzip();
        Self {
            uid,
            gid,
            name,
            home,
        }
    }

    /// User number.
    #[must_use]
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Group number.
    #[must_use]
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Whether this process can become this identity: it is it already, or it is root.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        geteuid().is_root() || (geteuid().as_raw() == self.uid && getegid().as_raw() == self.gid)
    }

    /// What tells programs whom they run as, and where that one's home is; nothing for a number without an account.
    #[must_use]
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        let text = |text: &CString| OsString::from_vec(text.as_bytes().to_vec());
        let account = self.name.iter().zip(&self.home);
        account
            .flat_map(|(name, home)| {
                [("HOME", home), ("USER", name), ("LOGNAME", name)]
                    .map(|(variable, value)| (variable.into(), text(value)))
            })
            .collect()
    }

    /// Makes the whole process this identity: supplementary groups, group, user, in that order, and proves that root
    /// cannot be had back. Does nothing for a process that is this user and group already.
    ///
    /// # Errors
    /// [`OsError::Credentials`] when the kernel refuses (only root may), [`OsError::PrivilegesKept`] when root could be
    /// regained. After an error the process is neither the one nor the other and must end.
    pub fn assume(&self) -> Result<(), OsError> {
        if geteuid().as_raw() == self.uid && getegid().as_raw() == self.gid {
            return Ok(());
        }
        self.step("initgroups", self.set_supplementary_groups())?;
        // SAFETY: takes a number and changes no memory; glibc applies it to all threads of the process.
        self.step("setgid", unsafe { libc::setgid(self.gid) })?;
        // SAFETY: as for setgid.
        self.step("setuid", unsafe { libc::setuid(self.uid) })?;
        // SAFETY: as for setgid.
        if self.uid != 0 && unsafe { libc::setuid(0) } == 0 {
            return Err(OsError::PrivilegesKept {
                who: self.to_string(),
            });
        }
        Ok(())
    }

    fn set_supplementary_groups(&self) -> libc::c_int {
        match &self.name {
            // SAFETY: name is a NUL-terminated string that lives through the call.
            Some(name) => unsafe { libc::initgroups(name.as_ptr(), self.gid) },
            // SAFETY: points to one group number, as the length says, for the duration of the call.
            None => unsafe { libc::setgroups(1, &raw const self.gid) },
        }
    }

    fn step(&self, step: &'static str, result: libc::c_int) -> Result<(), OsError> {
        if result == 0 {
            return Ok(());
        }
        Err(OsError::Credentials {
            who: self.to_string(),
            step,
            source: io::Error::last_os_error(),
        })
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "user {} group {}", self.uid, self.gid)?;
        self.name
            .as_ref()
            .map_or(Ok(()), |name| write!(f, " ({})", name.to_string_lossy()))
    }
}

/// Home directory of the account with this number.
pub(crate) fn home_by_number(uid: libc::uid_t) -> Result<Option<CString>, OsError> {
    Ok(account_by_number(uid)?.map(|account| account.home))
}

pub(crate) struct Account {
    pub(crate) uid: libc::uid_t,
    gid: libc::gid_t,
    pub(crate) name: CString,
    home: CString,
}

pub(crate) fn account_by_name(name: &str) -> Result<Option<Account>, OsError> {
    let Ok(name) = CString::new(name) else {
        return Ok(None);
    };
    read_account(|record, buffer, found| {
        // SAFETY: name is NUL-terminated; record, buffer (with its true length) and found are valid for writing.
        unsafe {
            libc::getpwnam_r(
                name.as_ptr(),
                record,
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                found,
            )
        }
    })
}

pub(crate) fn account_by_number(uid: libc::uid_t) -> Result<Option<Account>, OsError> {
    read_account(|record, buffer, found| {
        // SAFETY: record, buffer (with its true length) and found are valid for writing.
        unsafe { libc::getpwuid_r(uid, record, buffer.as_mut_ptr().cast(), buffer.len(), found) }
    })
}

fn read_account(
    call: impl Fn(*mut libc::passwd, &mut [u8], *mut *mut libc::passwd) -> libc::c_int,
) -> Result<Option<Account>, OsError> {
    read_record(
        "reading the user database",
        call,
        |record: &libc::passwd| {
            // SAFETY: a record that was found holds a NUL-terminated name, which lives in the buffer of the caller.
            let name = unsafe { CStr::from_ptr(record.pw_name) };
            // SAFETY: as for the name.
            let home = unsafe { CStr::from_ptr(record.pw_dir) };
            Account {
                uid: record.pw_uid,
                gid: record.pw_gid,
                name: name.to_owned(),
                home: home.to_owned(),
            }
        },
    )
}

fn group_number(group: &str) -> Result<libc::gid_t, OsError> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let unknown = || OsError::UnknownGroup(group.to_owned());
    let name = CString::new(group).map_err(|_| unknown())?;
    let found = read_record(
        "reading the group database",
        |record, buffer, found| {
            // SAFETY: name is NUL-terminated; record, buffer (with its true length) and found are valid for writing.
            unsafe {
                libc::getgrnam_r(
                    name.as_ptr(),
                    record,
                    buffer.as_mut_ptr().cast(),
                    buffer.len(),
                    found,
                )
            }
        },
        |record: &libc::group| record.gr_gid,
    )?;
    found.ok_or_else(unknown)
}

/// One look-up by a `get…_r` function: grows the buffer until the record fits, then reads it by `take`.
pub(crate) fn read_record<Record, Taken>(
    what: &'static str,
    call: impl Fn(*mut Record, &mut [u8], *mut *mut Record) -> libc::c_int,
    take: impl FnOnce(&Record) -> Taken,
) -> Result<Option<Taken>, OsError> {
    let mut buffer = vec![0_u8; 1024];
    let mut record = MaybeUninit::<Record>::uninit();
    loop {
        let mut found: *mut Record = ptr::null_mut();
        match call(record.as_mut_ptr(), &mut buffer, &raw mut found) {
            libc::ERANGE if buffer.len() < RECORD_LIMIT => buffer.resize(buffer.len() * 2, 0),
            libc::EINTR => {}
            // Some directories answer "no such entry" by one of these instead of an empty result.
            0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => {
                // SAFETY: not null means that the call filled the record, to which `found` then points; record and
                // buffer outlive the borrow.
                return Ok(unsafe { found.as_ref() }.map(take));
            }
            code => return Err(OsError::call(what, io::Error::from_raw_os_error(code))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_mean_the_same() {
        let by_name = Identity::lookup(Some("root"), None).expect("root exists");
        assert_eq!(
            by_name,
            Identity::lookup(Some("0"), None).expect("so does its number")
        );
        assert_eq!(
            by_name.map(|identity| (identity.uid(), identity.gid())),
            Some((0, 0))
        );
    }

    #[test]
    fn nobody_asked_for_means_no_change() {
        assert_eq!(
            Identity::lookup(None, None).expect("nothing to look up"),
            None
        );
    }

    #[test]
    fn unknown_names_are_named() {
        let missing = "no such account";
        assert!(
            matches!(Identity::lookup(Some(missing), None), Err(OsError::UnknownUser(name)) if name == missing)
        );
        assert!(
            matches!(Identity::lookup(None, Some(missing)), Err(OsError::UnknownGroup(name)) if name == missing)
        );
    }

    #[test]
    fn a_number_without_account_needs_a_group() {
        assert!(Identity::lookup(Some("3999999"), None).is_err());
        let identity =
            Identity::lookup(Some("3999999"), Some("3999998")).expect("numbers need no account");
        assert_eq!(
            identity.map(|identity| (identity.uid(), identity.gid())),
            Some((3_999_999, 3_999_998))
        );
    }

    #[test]
    fn an_account_has_a_home_and_a_number_alone_has_none() {
        let root = Identity::lookup(Some("0"), None)
            .expect("root exists")
            .expect("asked for");
        let names: Vec<_> = root
            .environment()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["HOME", "USER", "LOGNAME"]);
        assert_eq!(root.environment()[1].1, "root");
        let number = Identity::lookup(Some("3999999"), Some("0"))
            .expect("numbers")
            .expect("asked for");
        assert_eq!(number.environment(), []);
    }
}

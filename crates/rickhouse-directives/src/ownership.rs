//! Whether a script may run in a group that asks for its owner: `script-user=` and `script-group=` (DD §8.1.2).

use crate::daemon::{DaemonProcess, User, UserGroup};
use crate::messages::{self, Message};
use crate::text::{Shown, Text};

/// What the system says about a file or folder. `None` where it says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// The owner.
    pub user: Option<u32>,
    /// The group.
    pub group: Option<u32>,
    /// Whether the group may write to it.
    pub group_writes: Option<bool>,
    /// Whether everybody may.
    pub world_writes: Option<bool>,
}

impl Facts {
    /// Of a file whose owner, group and permission bits are known.
    pub fn known(user: u32, group: u32, mode: u32) -> Self {
        Self {
            user: Some(user),
            group: Some(group),
            group_writes: Some(mode & 0o020 != 0),
            world_writes: Some(mode & 0o002 != 0),
        }
    }
}

/// A script and the folder it lies in.
#[derive(Debug, Clone, Copy)]
pub struct Script<'a> {
    /// The file that the request was mapped to.
    pub file: Facts,
    /// The path of its folder.
    pub folder_path: &'a [u8],
    /// Its folder; `None` where it cannot be looked at.
    pub folder: Option<Facts>,
}

/// The names of ids.
pub trait Names {
    /// The name of a user.
    fn user(&self, id: u32) -> Option<Text>;
    /// The name of a group.
    fn group(&self, id: u32) -> Option<Text>;
}

/// Checks a script against the policy of its group. What is refused is answered 403.
///
/// # Errors
/// The record about the first thing that is wrong.
pub fn check(group: &DaemonProcess, script: &Script<'_>, names: &dyn Names) -> Result<(), Message> {
    if let Some(required) = &group.script_group {
        check_group(required, script, names)?;
    }
    if let Some(required) = &group.script_user {
        check_user(required, script, names)?;
    }
    Ok(())
}

fn check_group(
    required: &UserGroup,
    script: &Script<'_>,
    names: &dyn Names,
) -> Result<(), Message> {
    let gid = script
        .file
        .group
        .ok_or_else(messages::script_group_unknown)?;
    if gid != required.id {
        return Err(match names.group(gid) {
            Some(name) => messages::script_group_differs(name),
            None => messages::script_group_unnamed(gid),
        });
    }
    let world = script.file.world_writes;
    if world.ok_or_else(messages::group_policy_world_unknown)? {
        return Err(messages::group_policy_world_writable());
    }
    let path = Shown(script.folder_path);
    let folder = script
        .folder
        .ok_or_else(|| messages::group_policy_folder_unknown(path))?;
    if folder.group != Some(required.id) {
        return Err(match folder.group.and_then(|gid| names.group(gid)) {
            Some(name) => messages::folder_group_differs(name),
            None => messages::folder_group_unnamed(path, folder.group.unwrap_or(u32::MAX)),
        });
    }
    // What cannot be told apart from writable counts as writable.
    if folder.world_writes.unwrap_or(true) {
        return Err(messages::group_policy_folder_world_writable());
    }
    Ok(())
}

fn check_user(required: &User, script: &Script<'_>, names: &dyn Names) -> Result<(), Message> {
    let uid = script
        .file
        .user
        .ok_or_else(messages::script_owner_unknown)?;
    if uid != required.id {
        return Err(match names.user(uid) {
            Some(name) => messages::script_owner_differs(name),
            None => messages::script_owner_unnamed(uid),
        });
    }
    let group = script.file.group_writes;
    if group.ok_or_else(messages::script_group_permissions_unknown)? {
        return Err(messages::script_group_writable());
    }
    let world = script.file.world_writes;
    if world.ok_or_else(messages::user_policy_world_unknown)? {
        return Err(messages::user_policy_world_writable());
    }
    let path = Shown(script.folder_path);
    let folder = script
        .folder
        .ok_or_else(|| messages::user_policy_folder_unknown(path))?;
    if folder.user != Some(required.id) {
        return Err(match folder.user.and_then(|uid| names.user(uid)) {
            Some(name) => messages::folder_owner_differs(name),
            None => messages::folder_owner_unnamed(path, folder.user.unwrap_or(u32::MAX)),
        });
    }
    if folder.world_writes.unwrap_or(true) {
        return Err(messages::user_policy_folder_world_writable());
    }
    if folder.group_writes.unwrap_or(true) {
        return Err(messages::folder_group_writable());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surroundings::ServerIdentity;

    struct Table;

    impl Names for Table {
        fn user(&self, id: u32) -> Option<Text> {
            (id < 10).then(|| Text::from(format!("user{id}").as_str()))
        }

        fn group(&self, id: u32) -> Option<Text> {
            (id < 10).then(|| Text::from(format!("group{id}").as_str()))
        }
    }

    fn group(of_user: bool) -> DaemonProcess {
        let mut group = DaemonProcess::new("g".into(), 1, ServerIdentity::default());
        if of_user {
            group.script_user = Some(User {
                id: 1,
                name: "user1".into(),
            });
        } else {
            group.script_group = Some(UserGroup {
                id: 2,
                name: "group2".into(),
            });
        }
        group
    }

    /// The code of the refusal by `script-user`, and by `script-group`.
    fn codes(file: Facts, folder: Option<Facts>) -> (Option<u16>, Option<u16>) {
        let script = Script {
            file,
            folder_path: b"/srv",
            folder,
        };
        let code = |of_user| {
            check(&group(of_user), &script, &Table)
                .err()
                .map(|message| message.code)
        };
        (code(true), code(false))
    }

    #[test]
    fn files() {
        let good = Some(Facts::known(1, 2, 0o755));
        let known = |user, group, mode| codes(Facts::known(user, group, mode), good);
        assert_eq!(known(1, 2, 0o644), (None, None));
        assert_eq!(known(3, 3, 0o644), (Some(164), Some(155)));
        assert_eq!(known(99, 99, 0o644), (Some(163), Some(154)));
        assert_eq!(known(1, 2, 0o664), (Some(166), None));
        assert_eq!(known(1, 2, 0o646), (Some(168), Some(157)));
        assert_eq!(codes(Facts::default(), good), (Some(162), Some(153)));
        let partly = Facts {
            user: Some(1),
            group: Some(2),
            ..Facts::default()
        };
        assert_eq!(codes(partly, good), (Some(165), Some(156)));
        let more = Facts {
            group_writes: Some(false),
            ..partly
        };
        assert_eq!(codes(more, good), (Some(167), Some(156)));
    }

    #[test]
    fn folders() {
        let good = Facts::known(1, 2, 0o644);
        let known = |user, group, mode| codes(good, Some(Facts::known(user, group, mode)));
        assert_eq!(codes(good, None), (Some(169), Some(158)));
        assert_eq!(known(3, 3, 0o755), (Some(171), Some(160)));
        assert_eq!(known(99, 99, 0o755), (Some(170), Some(159)));
        assert_eq!(codes(good, Some(Facts::default())), (Some(170), Some(159)));
        assert_eq!(known(1, 2, 0o757), (Some(172), Some(161)));
        assert_eq!(known(1, 2, 0o775), (Some(173), None));
    }

    #[test]
    fn without_a_policy_every_script_may_run() {
        let open = DaemonProcess::new("g".into(), 1, ServerIdentity::default());
        let script = Script {
            file: Facts::default(),
            folder_path: b"",
            folder: None,
        };
        assert_eq!(check(&open, &script, &Table), Ok(()));
    }
}

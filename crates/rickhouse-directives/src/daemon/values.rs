//! Values of the options of `WSGIDaemonProcess`.

use std::str::FromStr;
use std::time::Duration;

use crate::daemon::{SupplementaryGroups, User, UserGroup};
use crate::rejected::Rejected;
use crate::surroundings::Surroundings;
use crate::text::Text;
use crate::value;

/// The text for most values that are not accepted.
pub(super) fn invalid(thing: &str) -> Rejected {
    format!("Invalid {thing} for WSGI daemon process.").into()
}

/// A whole number that is not below `least`.
pub(super) fn at_least<T: FromStr + PartialOrd>(
    value: &[u8],
    least: T,
    thing: &str,
) -> Result<T, Rejected> {
    let number = value::number(value).filter(|number| *number >= least);
    number.ok_or_else(|| invalid(thing))
}

/// A limit; 0 is none.
pub(super) fn limit(value: &[u8], thing: &str) -> Result<Option<u64>, Rejected> {
    Ok(Some(at_least(value, 0, thing)?).filter(|limit| *limit != 0))
}

/// Whole seconds.
pub(super) fn seconds(value: &[u8], thing: &str) -> Result<Duration, Rejected> {
    // As many as a C int holds: timers and socket options take no more.
    let seconds: i32 = at_least(value, 0, thing)?;
    Ok(Duration::from_secs(seconds.unsigned_abs().into()))
}

/// Whole seconds; 0 is none.
pub(super) fn timeout(value: &[u8], thing: &str) -> Result<Option<Duration>, Rejected> {
    Ok(Some(seconds(value, thing)?).filter(|timeout| !timeout.is_zero()))
}

/// The size of a buffer, as many bytes as a C int holds: 0, which is none given, or not below `least`.
pub(super) fn buffer(
    value: &[u8],
    least: u32,
    thing: &str,
    rejection: &'static str,
) -> Result<Option<u32>, Rejected> {
    if value.is_empty() {
        return Err(invalid(thing));
    }
    let size: i32 = value::number(value).ok_or(rejection)?;
    match u32::try_from(size) {
        Ok(0) => Ok(None),
        Ok(size) if size >= least => Ok(Some(size)),
        _ => Err(rejection.into()),
    }
}

/// A path from the root.
pub(super) fn absolute(value: &Text, thing: &str) -> Result<Text, Rejected> {
    if value.starts_with(b"/") {
        Ok(value.clone())
    } else {
        Err(invalid(thing))
    }
}

/// `display-name=` with `%{GROUP}` replaced.
pub(super) fn display_name(group: &Text, value: &Text) -> Text {
    if **value == *b"%{GROUP}" {
        [b"(wsgi:", &group[..], b")"].concat().into()
    } else {
        value.clone()
    }
}

/// A user that processes may run as.
pub(super) fn user(
    value: &Text,
    system: &dyn Surroundings,
    thing: &str,
    unknown_id: &'static str,
) -> Result<User, Rejected> {
    let user = user_or_root(value, system, thing, unknown_id)?;
    if user.id == 0 {
        return Err("WSGI process blocked from running as root.".into());
    }
    Ok(user)
}

/// Any user, by name or by `#` and id.
pub(super) fn user_or_root(
    value: &Text,
    system: &dyn Surroundings,
    thing: &str,
    unknown_id: &'static str,
) -> Result<User, Rejected> {
    if value.is_empty() {
        return Err(invalid(thing));
    }
    if let Some(id) = value.strip_prefix(b"#") {
        let id = value::number(id).ok_or(unknown_id)?;
        let name = system.user_name(id).ok_or(unknown_id)?;
        return Ok(User { id, name });
    }
    match system.user_id(value) {
        Some(id) => Ok(User {
            id,
            name: value.clone(),
        }),
        // The number is that of httpd's own message, with which its `User` ends.
        None => Err(format!("AH00543: bad user name {value}").into()),
    }
}

/// The id of a group, by name or by `#` and id.
pub(super) fn group_id(
    value: &[u8],
    system: &dyn Surroundings,
    thing: &str,
) -> Result<u32, Rejected> {
    if value.is_empty() {
        return Err(invalid(thing));
    }
    let bad = || Rejected::from(format!("AH00544: bad group name {}", Text::from(value)));
    match value.strip_prefix(b"#") {
        Some(id) => value::number(id).ok_or_else(bad),
        None => system.group_id(value).ok_or_else(bad),
    }
}

/// `script-group=`. Its name is compared with those of files, so that an id has to have one.
pub(super) fn script_group(value: &Text, system: &dyn Surroundings) -> Result<UserGroup, Rejected> {
    const UNKNOWN: &str = "Couldn't determine gid from script group.";
    if !value.starts_with(b"#") {
        let id = group_id(value, system, "script group")?;
        return Ok(UserGroup {
            id,
            name: value.clone(),
        });
    }
    let id = value::number(&value[1..]).ok_or(UNKNOWN)?;
    let name = system.group_name(id).ok_or(UNKNOWN)?;
    Ok(UserGroup { id, name })
}

/// `supplementary-groups=`.
pub(super) fn supplementary_groups(
    value: &Text,
    system: &dyn Surroundings,
) -> Result<SupplementaryGroups, Rejected> {
    let names = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let ids = names
        .filter(|name| !name.is_empty())
        .map(|name| group_id(name, system, "supplementary groups"))
        .collect::<Result<Vec<_>, _>>()?;
    // The primary group takes the first place.
    if ids.len() >= system.supplementary_groups_max() {
        return Err("Too many supplementary groups WSGI daemon process".into());
    }
    Ok(SupplementaryGroups {
        ids,
        list: value.clone(),
    })
}

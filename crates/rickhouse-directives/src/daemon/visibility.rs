//! Who may use a group (DD §2.1, §8.1).

use crate::daemon::DaemonProcess;
use crate::messages::{self, Message};
use crate::rejected::Rejected;
use crate::surroundings::ServerIdentity;
use crate::text::Shown;

/// Why a directive may not name a group for a script that is loaded in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// It is not defined above.
    NotConfigured,
    /// It belongs to a virtual host of another name.
    NotAccessible,
    /// It belongs to a virtual host, and one of the two servers has no name to compare.
    NotMatchable,
}

impl From<Unusable> for Rejected {
    fn from(unusable: Unusable) -> Self {
        Self::fixed(match unusable {
            Unusable::NotConfigured => "WSGI process group not yet configured.",
            Unusable::NotAccessible => "WSGI process group not accessible.",
            Unusable::NotMatchable => "WSGI process group not matchable.",
        })
    }
}

/// Why a request may not use a group; each is answered 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// There are no groups at all.
    NoGroups,
    /// There are, but none of this name.
    Unknown,
    /// It is a virtual host's, which is not the request's and has another `ServerName`.
    OtherServer,
}

impl Hidden {
    /// The record for the request.
    pub fn message(self, process_group: &[u8]) -> Message {
        let process_group = Shown(process_group);
        match self {
            Self::NoGroups => messages::no_daemon_groups(process_group),
            Self::Unknown => messages::unknown_daemon_group(process_group),
            Self::OtherServer => messages::daemon_group_of_other_server(process_group),
        }
    }
}

impl DaemonProcess {
    /// Checks that a directive of `server` may name the group `name`, of the `groups` defined so far.
    ///
    /// # Errors
    /// Why it may not.
    pub fn usable<'a>(
        groups: &'a [Self],
        name: &[u8],
        server: &ServerIdentity,
    ) -> Result<&'a Self, Unusable> {
        let group = groups.iter().find(|group| *group.name == *name);
        let group = group.ok_or(Unusable::NotConfigured)?;
        if group.server.id == server.id || !group.server.is_virtual {
            return Ok(group);
        }
        match (&group.server.hostname, &server.hostname) {
            (Some(theirs), Some(ours)) if theirs != ours => Err(Unusable::NotAccessible),
            (Some(_), None) | (None, Some(_)) => Err(Unusable::NotMatchable),
            _ => Ok(group),
        }
    }

    /// The group that a request of `server` runs in.
    ///
    /// # Errors
    /// Why it may not.
    pub fn visible<'a>(
        groups: &'a [Self],
        name: &[u8],
        server_id: usize,
        hostname: Option<&[u8]>,
    ) -> Result<&'a Self, Hidden> {
        if groups.is_empty() {
            return Err(Hidden::NoGroups);
        }
        let group = groups.iter().find(|group| *group.name == *name);
        let group = group.ok_or(Hidden::Unknown)?;
        let same_name = || hostname.is_some() && group.server.hostname.as_deref() == hostname;
        if group.server.id == server_id || !group.server.is_virtual || same_name() {
            Ok(group)
        } else {
            Err(Hidden::OtherServer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use crate::text::Text;

    #[test]
    fn names_and_numbers_of_groups() {
        let mut groups = Vec::new();
        let server = |id, hostname: Option<&str>, is_virtual| ServerIdentity {
            id,
            hostname: hostname.map(Text::from),
            is_virtual,
        };
        for (name, server) in [
            ("a", server(1, None, false)),
            ("A", server(2, Some("h"), true)),
            ("c", server(3, None, true)),
        ] {
            let group =
                DaemonProcess::parse(name.as_bytes(), &server, &groups, &World::default()).unwrap();
            groups.push(group);
        }
        assert_eq!(
            groups.iter().map(|group| group.id).collect::<Vec<_>>(),
            [1, 2, 3]
        );
        let again = DaemonProcess::parse(b"a", &server(9, None, true), &groups, &World::default());
        assert_eq!(
            again.unwrap_err().to_string(),
            "Name duplicates previous WSGI daemon definition."
        );
        let visible = |name: &str, id: usize, hostname: Option<&str>| {
            DaemonProcess::visible(&groups, name.as_bytes(), id, hostname.map(str::as_bytes))
                .map(|group| group.id)
        };
        assert_eq!(visible("a", 7, None), Ok(1));
        assert_eq!(visible("A", 2, None), Ok(2));
        assert_eq!(visible("A", 7, Some("h")), Ok(2));
        assert_eq!(visible("A", 7, Some("H")), Err(Hidden::OtherServer));
        assert_eq!(visible("c", 7, None), Err(Hidden::OtherServer));
        assert_eq!(visible("x", 1, None), Err(Hidden::Unknown));
        assert_eq!(
            DaemonProcess::visible(&[], b"x", 1, None).unwrap_err(),
            Hidden::NoGroups
        );
        let codes = [Hidden::NoGroups, Hidden::Unknown, Hidden::OtherServer]
            .map(|hidden| hidden.message(b"x").code);
        assert_eq!(codes, [150, 151, 152]);
    }
}

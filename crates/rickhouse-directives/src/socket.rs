//! Names of the sockets of process groups (DD §10.4).

use crate::rejected::Rejected;
use crate::text::Text;

/// The most bytes of a socket's path: those of `sun_path` on Linux less the NUL behind them.
pub const PATH_MAX: usize = 107;

/// What names of sockets are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketNames<'a> {
    /// `WSGISocketPrefix`.
    pub prefix: &'a [u8],
    /// The process id of httpd's parent.
    pub parent: u32,
    /// With `WSGISocketRotation` the generation of the MPM, which every restart changes; without it the user's id.
    pub rotation: Rotation,
}

/// What becomes of the socket's name when httpd restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// On: it changes with this number.
    Generation(u32),
    /// Off: it stays. The number is the group's user's id.
    User(u32),
}

impl SocketNames<'_> {
    /// The path of a group's socket, by the group's number.
    ///
    /// # Errors
    /// When it is longer than a socket's path can be (DD §14, row 81): it would be bound under another name.
    pub fn socket(&self, group: u32) -> Result<Text, Rejected> {
        let middle = match self.rotation {
            Rotation::Generation(generation) => generation.to_string(),
            Rotation::User(uid) => format!("u{uid}"),
        };
        let rest = format!(".{}.{middle}.{group}.sock", self.parent);
        let path = Text::from([self.prefix, rest.as_bytes()].concat());
        if path.len() > PATH_MAX {
            return Err(format!(
                "Length of path for daemon process socket exceeds maximum of {PATH_MAX} bytes '{path}'. Set WSGISocketPrefix to a shorter path."
            )
            .into());
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let names = SocketNames {
            prefix: b"/run/wsgi",
            parent: 12,
            rotation: Rotation::Generation(3),
        };
        assert_eq!(names.socket(1).unwrap(), "/run/wsgi.12.3.1.sock");
        let names = SocketNames {
            rotation: Rotation::User(33),
            ..names
        };
        assert_eq!(names.socket(2).unwrap(), "/run/wsgi.12.u33.2.sock");
    }

    #[test]
    fn the_longest_name() {
        let rest = ".1.1.1.sock".len();
        let names = |length: usize| {
            let prefix = vec![b'p'; length];
            SocketNames {
                prefix: &prefix,
                parent: 1,
                rotation: Rotation::Generation(1),
            }
            .socket(1)
        };
        assert_eq!(names(PATH_MAX - rest).unwrap().len(), PATH_MAX);
        assert!(names(PATH_MAX - rest + 1).is_err());
    }
}

//! A world for the tests of this crate.

use std::sync::Arc;

use crate::alias::{Captures, Pattern};
use crate::surroundings::{PythonBuild, Surroundings};
use crate::text::Text;

/// Users are alice (1000) and root, groups are staff (50) and web (33).
pub(crate) struct World {
    pub(crate) is_root: bool,
    pub(crate) python: PythonBuild,
}

impl Default for World {
    fn default() -> Self {
        Self {
            is_root: true,
            python: PythonBuild {
                version: (3, 13),
                free_threaded: false,
            },
        }
    }
}

const USERS: &[(&str, u32)] = &[("root", 0), ("alice", 1000)];
const GROUPS: &[(&str, u32)] = &[("web", 33), ("staff", 50)];

fn id(table: &[(&str, u32)], name: &[u8]) -> Option<u32> {
    let found = table.iter().find(|(known, _)| known.as_bytes() == name);
    found.map(|(_, id)| *id)
}

fn name(table: &[(&str, u32)], id: u32) -> Option<Text> {
    let found = table.iter().find(|(_, known)| *known == id);
    found.map(|(name, _)| Text::from(*name))
}

impl Surroundings for World {
    fn is_root(&self) -> bool {
        self.is_root
    }

    fn user_id(&self, name: &[u8]) -> Option<u32> {
        id(USERS, name)
    }

    fn user_name(&self, id: u32) -> Option<Text> {
        name(USERS, id)
    }

    fn group_id(&self, name: &[u8]) -> Option<u32> {
        id(GROUPS, name)
    }

    fn group_name(&self, id: u32) -> Option<Text> {
        name(GROUPS, id)
    }

    fn supplementary_groups_max(&self) -> usize {
        3
    }

    fn server_root_relative(&self, path: &[u8]) -> Option<Text> {
        match path {
            b"" => None,
            [b'/', ..] => Some(path.into()),
            _ => Some([b"/etc/httpd/", path].concat().into()),
        }
    }

    fn compile(&self, pattern: &[u8]) -> Option<Arc<dyn Pattern>> {
        let is_good = !pattern.contains(&b'(');
        is_good.then(|| Arc::new(Literal(pattern.to_vec())) as Arc<dyn Pattern>)
    }

    fn python(&self) -> PythonBuild {
        self.python
    }
}

/// A pattern that is found as it is written; a `(` makes it a bad one. Group 1 is the whole match.
#[derive(Debug)]
struct Literal(Vec<u8>);

impl Pattern for Literal {
    fn find(&self, text: &[u8], captures: &mut Captures) -> bool {
        let Some(start) = memchr::memmem::find(text, &self.0) else {
            return false;
        };
        let range = start..start + self.0.len();
        captures[0] = Some(range.clone());
        captures[1] = Some(range);
        true
    }
}

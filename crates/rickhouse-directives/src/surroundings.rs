//! What reading a directive needs to know of the world. The module's glue answers from httpd and the system, tests from a table.

use std::sync::Arc;

use crate::alias::Pattern;
use crate::text::Text;

/// The server a directive stands in, as far as directives tell servers apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerIdentity {
    /// Anything that is the same for the same server and different for others, such as the address of its record.
    pub id: usize,
    /// `ServerName`, if that has been read already.
    pub hostname: Option<Text>,
    /// Whether it is a virtual host, not the main server.
    pub is_virtual: bool,
}

/// The Python that the module was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonBuild {
    /// Major and minor version.
    pub version: (u8, u8),
    /// Whether the build can run without a GIL.
    pub free_threaded: bool,
}

/// What reading a directive asks the world.
pub trait Surroundings {
    /// Whether httpd reads its configuration as root.
    fn is_root(&self) -> bool;

    /// The id of a user by name.
    fn user_id(&self, name: &[u8]) -> Option<u32>;

    /// The name of a user by id.
    fn user_name(&self, id: u32) -> Option<Text>;

    /// The id of a group by name.
    fn group_id(&self, name: &[u8]) -> Option<u32>;

    /// The name of a group by id.
    fn group_name(&self, id: u32) -> Option<Text>;

    /// How many supplementary groups a process can have (`NGROUPS_MAX`).
    fn supplementary_groups_max(&self) -> usize;

    /// A path as seen from `ServerRoot`; `None` where that makes no path.
    fn server_root_relative(&self, path: &[u8]) -> Option<Text>;

    /// A compiled regular expression; `None` where it is none.
    fn compile(&self, pattern: &[u8]) -> Option<Arc<dyn Pattern>>;

    /// The Python that the module was built for.
    fn python(&self) -> PythonBuild;
}

//! What reading a directive asks the world, answered by httpd and the system.

use std::sync::Arc;

use rickhouse_directives::alias::{Captures, Pattern};
use rickhouse_directives::{PythonBuild, ServerIdentity, Surroundings, Text};
use rickhouse_httpd::regex::Regex;
use rickhouse_httpd::{CommandContext, Server};
use rickhouse_os::{accounts, privileges};

use crate::module::Wsgi;

/// The Python that this library is linked to.
pub(crate) const PYTHON: PythonBuild = PythonBuild {
    version: rickhouse_host::PYTHON_VERSION,
    free_threaded: rickhouse_host::FREE_THREADED_BUILD,
};

/// The world as seen from the directive that is being read.
pub(crate) struct HttpdSurroundings<'a, 'c>(pub(crate) &'a CommandContext<'c, Wsgi>);

/// What tells this server from others.
pub(crate) fn identity(server: Server<'_>) -> ServerIdentity {
    ServerIdentity {
        id: server.id(),
        hostname: server.hostname().map(Text::from),
        is_virtual: server.is_virtual(),
    }
}

impl Surroundings for HttpdSurroundings<'_, '_> {
    fn is_root(&self) -> bool {
        privileges::effective_user() == 0
    }

    fn user_id(&self, name: &[u8]) -> Option<u32> {
        accounts::user_number(str::from_utf8(name).ok()?).ok()?
    }

    fn user_name(&self, id: u32) -> Option<Text> {
        Some(Text::from(accounts::user_name(id).ok()??.to_bytes()))
    }

    fn group_id(&self, name: &[u8]) -> Option<u32> {
        accounts::group_number(str::from_utf8(name).ok()?).ok()?
    }

    fn group_name(&self, id: u32) -> Option<Text> {
        Some(Text::from(accounts::group_name(id).ok()??.to_bytes()))
    }

    fn supplementary_groups_max(&self) -> usize {
        accounts::supplementary_groups_max()
    }

    fn server_root_relative(&self, path: &[u8]) -> Option<Text> {
        self.0.server_root_relative(path).map(Text::from)
    }

    fn compile(&self, pattern: &[u8]) -> Option<Arc<dyn Pattern>> {
        let regex = Regex::new(pattern).ok()?;
        Some(Arc::new(HttpdPattern(regex)))
    }

    fn python(&self) -> PythonBuild {
        PYTHON
    }
}

#[derive(Debug)]
struct HttpdPattern(Regex);

impl Pattern for HttpdPattern {
    fn find(&self, text: &[u8], captures: &mut Captures) -> bool {
        let Some(found) = self.0.find(text) else {
            return false;
        };
        for (number, capture) in captures.iter_mut().enumerate() {
            *capture = found.range(number);
        }
        true
    }
}

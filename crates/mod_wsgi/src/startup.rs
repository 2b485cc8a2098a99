//! Between the reading of the configuration and the first child (DD §10.1).

use std::collections::BTreeMap;

use rickhouse_directives::Text;
use rickhouse_host::scripts::VERSION;
use rickhouse_httpd::mpm::{self, MainState};
use rickhouse_httpd::{Failed, HasNul, Server, Startup};

use crate::surroundings::PYTHON;
use crate::{generation, groups};

/// Completes what the directives said, and starts daemon processes where that is possible already.
pub(crate) fn post_config(startup: &Startup<'_>) -> Result<(), Failed> {
    // At first start httpd reads the configuration twice, and throws the first reading away.
    if mpm::main_state() == MainState::CreatePreConfig || !mpm::is_to_serve() {
        return Ok(());
    }
    let ((major, minor, micro), python) = (VERSION, PYTHON.version);
    let banner = format!(
        "mod_wsgi/{major}.{minor}.{micro} Python/{}.{}",
        python.0, python.1
    );
    startup
        .generation()
        .add_version_component(banner.as_bytes())
        .map_err(|HasNul| Failed)?;
    generation::edit(|config| config.name_servers(&names(startup.server())));
    groups::post_config(startup)
}

/// The `ServerName` of each server, by what tells servers apart ([`crate::surroundings::identity`]).
fn names(main: Server<'_>) -> BTreeMap<usize, Text> {
    main.and_following()
        .filter_map(|server| Some((server.id(), Text::from(server.hostname()?))))
        .collect()
}

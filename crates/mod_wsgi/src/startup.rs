//! Between the reading of the configuration and the first child (DD §10.1).

use std::collections::BTreeMap;

use rickhouse_directives::Text;
use rickhouse_httpd::{Failed, Server, Startup};

use crate::{generation, groups};

/// Completes what the directives said, and starts daemon processes where that is possible already.
pub(crate) fn post_config(startup: &Startup<'_>) -> Result<(), Failed> {
    if !startup.is_effective() {
        return Ok(());
    }
    startup.add_version_component(concat!("mod_wsgi/", env!("CARGO_PKG_VERSION")));
    generation::edit(|config| config.name_servers(&names(startup.server())));
    groups::post_config(startup);
    Ok(())
}

/// The `ServerName` of each server, by what tells servers apart ([`crate::surroundings::identity`]).
fn names(main: Server<'_>) -> BTreeMap<usize, Text> {
    main.and_following()
        .filter_map(|server| Some((server.id(), Text::from(server.hostname()?))))
        .collect()
}

//! The command table: httpd's view of the directives of rickhouse-directives, which read their arguments themselves.

use std::ffi::CStr;

use rickhouse_directives::directives::{Arguments, CONTAINER, COUNT, Class, DIRECTIVES, Directive, Notice, Place, Scope};
use rickhouse_directives::settings::{DirConfig, ServerConfig};
use rickhouse_httpd::{Command, CommandContext, Contexts, Target};

use crate::module::Wsgi;
use crate::surroundings::{self, HttpdSurroundings};
use crate::{generation, log};

/// All directives.
pub(crate) const COMMANDS: &[Command<Wsgi>] = &TABLE;

/// What the directives inside of a container find: its place among the containers of the configuration.
struct OpenContainer(usize);

/// Reads one directive, whichever it is.
fn run(context: &mut CommandContext<'_, Wsgi>, first: &[u8], second: Option<&[u8]>) -> Result<(), String> {
    let name = context.name().to_string_lossy();
    let directive = Directive::named(&name).ok_or("Unknown directive.")?;
    if directive.class == Class::Global {
        context.check_global()?;
    }
    let mut notices = Vec::new();
    let said = apply(directive, context, first, second, &mut notices);
    notices.iter().for_each(|notice| write(context, notice));
    let container = said?;
    match container {
        Some(container) => context.walk(OpenContainer(container)).map(drop),
        None => Ok(()),
    }
}

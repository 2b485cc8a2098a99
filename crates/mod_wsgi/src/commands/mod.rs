//! The command table: httpd's view of the directives of rickhouse-directives, which read their arguments themselves.

mod table;

use rickhouse_directives::Rejected;
use rickhouse_directives::directives::{self, CONTAINER, Class, Directive, Notice, Place, Scope};
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::settings::{DirConfig, ServerConfig};
use rickhouse_httpd::log::{Level, Scope as LogScope};
use rickhouse_httpd::{CommandContext, Target, at};

use crate::module::Wsgi;
use crate::surroundings::{self, HttpdSurroundings};
use crate::{generation, log};

pub(crate) use table::COMMANDS;

/// What the directives inside of a container find: its place among the containers of the configuration.
struct OpenContainer(usize);

/// Reads one directive, whichever it is.
fn read(
    context: &mut CommandContext<'_, Wsgi>,
    first: &[u8],
    second: Option<&[u8]>,
) -> Result<(), String> {
    let name = context.name().to_string_lossy();
    let directive = Directive::named(&name).ok_or("no such directive")?;
    if directive.class == Class::Global {
        context.check_global()?;
    }
    let mut notices = Vec::new();
    let said = apply(directive, context, first, second, &mut notices);
    notices.iter().for_each(|notice| note(context, notice));
    said?;
    if directive.name == CONTAINER {
        refuse_foreign(context)?;
        let opened = generation::current().containers.len() - 1;
        context.walk(OpenContainer(opened)).map(drop)?;
    }
    Ok(())
}

/// Directives of other modules would take effect as if the container were not there (DD §14 row 62); ours refuse by themselves.
fn refuse_foreign(context: &CommandContext<'_, Wsgi>) -> Result<(), Rejected> {
    let names = context.inside().into_iter().map(String::from_utf8_lossy);
    let foreign = names
        .map(String::from)
        .find(|name| Directive::named(name).is_none());
    foreign.map_or(Ok(()), |name| Err(directives::not_in_container(&name)))
}

fn apply(
    directive: &Directive,
    context: &mut CommandContext<'_, Wsgi>,
    first: &[u8],
    second: Option<&[u8]>,
    notices: &mut Vec<Notice>,
) -> Result<(), Rejected> {
    let container = context.container::<OpenContainer>().map(|open| open.0);
    let mut taken = Taken::from(directive, context)?;
    let mut apply = |global: &mut GlobalConfig| {
        let server = surroundings::identity(context.server());
        let mut scope = Scope {
            global,
            place: taken.place(),
            container,
            server: &server,
            surroundings: &HttpdSurroundings(context),
            notices,
        };
        directive.apply(&mut scope, first, second)
    };
    let said = if context.is_in_htaccess() {
        // A request changes nothing for others, and waits for none of them.
        apply(&mut GlobalConfig::default())
    } else {
        generation::edit(apply)
    };
    taken.give_back(context)?;
    said
}

/// The configuration that a directive changes, for as long as the directive also looks at the context that owns it.
enum Taken {
    Server(ServerConfig),
    Directory(DirConfig),
}

impl Taken {
    fn from(
        directive: &Directive,
        context: &mut CommandContext<'_, Wsgi>,
    ) -> Result<Self, Rejected> {
        // `<AuthnProviderAlias>` is read with a directory's configuration, and has no path; other places have one where
        // httpd lets these directives stand.
        if directive.class == Class::AuthConfig {
            return Ok(Self::Directory(std::mem::take(
                &mut context.dir_config()?.0,
            )));
        }
        Ok(match context.target()? {
            Target::Server(server) => Self::Server(std::mem::take(&mut server.0)),
            Target::Directory(directory) => Self::Directory(std::mem::take(&mut directory.0)),
        })
    }

    fn place(&mut self) -> Place<'_> {
        match self {
            Self::Server(server) => Place::Server(server),
            Self::Directory(directory) => Place::Directory(directory),
        }
    }

    fn give_back(self, context: &mut CommandContext<'_, Wsgi>) -> Result<(), Rejected> {
        match self {
            Self::Server(taken) => context.server_config()?.0 = taken,
            Self::Directory(taken) => context.dir_config()?.0 = taken,
        }
        Ok(())
    }
}

/// Writes what a directive has to say, in the log of its server.
fn note(context: &CommandContext<'_, Wsgi>, notice: &Notice) {
    match notice {
        Notice::Warning(message) => log::server(context.server(), message),
        Notice::Info(text) => {
            let scope = LogScope::Server(context.server());
            rickhouse_httpd::log::write(scope, Level::Info, at!(), format_args!("{text}"));
        }
    }
}

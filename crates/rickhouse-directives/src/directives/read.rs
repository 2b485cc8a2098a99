//! How each directive is read: what the table points to.

use std::sync::Arc;

use crate::alias::{Alias, AliasKind};
use crate::directives::{Notice, Place, Scope};
use crate::groups::Case;
use crate::interpreters::{Container, Family, Selector};
use crate::messages;
use crate::proxies::{self, TrustedNetworks};
use crate::python::{self, HashSeed};
use crate::rejected::Rejected;
use crate::scripts::{HandlerScript, Hook, HookScript, without_global};
use crate::settings::{AllowedProcesses, DirConfig, MapHead};
use crate::telemetry::{self, Telemetry};
use crate::text::Text;
use crate::value;
use crate::words::Words;

type Done = Result<(), Rejected>;

pub(super) fn alias(scope: &mut Scope<'_>, kind: AliasKind, line: &[u8]) -> Done {
    let alias = Alias::parse(kind, line, scope.surroundings)?;
    scope.global.preload(&alias, scope.server)?;
    match &mut scope.place {
        Place::Server(server) => server.aliases.push(Arc::new(alias)),
        Place::Directory(_) => return Err(not_here(kind.name_and_help().0)),
    }
    Ok(())
}

pub(super) fn daemon_process(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    scope
        .global
        .define_daemon(line, scope.server, scope.surroundings)
}

pub(super) fn import_script(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    scope.global.import(line, scope.server)
}

pub(super) fn socket_prefix(scope: &mut Scope<'_>, prefix: &[u8]) -> Done {
    let path = scope.surroundings.server_root_relative(prefix);
    let path = path.ok_or_else(|| format!("Invalid WSGISocketPrefix '{}'.", Text::from(prefix)))?;
    scope.global.socket_prefix = Some(path);
    Ok(())
}

pub(super) fn accept_mutex(scope: &mut Scope<'_>, name: &[u8]) -> Done {
    const KNOWN: [&str; 6] = [
        "default", "flock", "fcntl", "sysvsem", "posixsem", "pthread",
    ];
    let known = KNOWN
        .iter()
        .find(|known| known.as_bytes().eq_ignore_ascii_case(name));
    let known = known.ok_or_else(|| {
        format!(
            "Accept mutex lock mechanism '{}' is invalid. Valid accept mutex mechanisms for this platform are: {}.",
            Text::from(name),
            KNOWN.join(", ")
        )
    })?;
    scope.global.accept_mutex = Some(Text::from(*known));
    Ok(())
}

pub(super) fn verbose_debugging(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    value::switch_of("WSGIVerboseDebugging", on)?;
    scope.notices.push(Notice::Info(
        "WSGIVerboseDebugging is deprecated and has no effect, use LogLevel wsgi:debug or wsgi:trace1 instead.",
    ));
    Ok(())
}

pub(super) fn hash_seed(scope: &mut Scope<'_>, seed: &[u8]) -> Done {
    scope.global.python.hash_seed = HashSeed::parse(seed)?;
    Ok(())
}

pub(super) fn optimize(scope: &mut Scope<'_>, level: &[u8]) -> Done {
    scope.global.python.optimize = python::optimize(level)?;
    Ok(())
}

pub(super) fn python_path(scope: &mut Scope<'_>, path: &[u8]) -> Done {
    let path = Some(Text::from(path));
    match container(scope) {
        Some(container) => container.family.python_path = path,
        None => scope.global.python.path = path,
    }
    Ok(())
}

pub(super) fn case_sensitivity(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    let sensitive = value::switch_of("WSGICaseSensitivity", on)?;
    scope.global.python.case = if sensitive {
        Case::Sensitive
    } else {
        Case::Ignored
    };
    Ok(())
}

pub(super) fn restrict_embedded(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    let on = value::switch_of("WSGIRestrictEmbedded", on)?;
    scope.global.restrict_embedded = on;
    scope.global.python_required.restrict_embedded(on);
    Ok(())
}

pub(super) fn open_container(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    scope.global.containers.push(Container {
        selector: Selector::parse(line)?,
        family: Family::default(),
    });
    Ok(())
}

pub(super) fn own_gil(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    let on = value::switch_of("WSGIPerInterpreterGIL", on)?;
    if on && scope.surroundings.python().version < (3, 12) {
        warn(scope, messages::own_gil_unsupported());
    }
    family(scope).own_gil = Some(on);
    Ok(())
}

pub(super) fn free_threading(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    let on = value::switch_of("WSGIFreeThreading", on)?;
    if on && !scope.surroundings.python().free_threaded {
        warn(scope, messages::free_threading_unsupported());
    }
    let by_interpreter = |container: &mut Container| container.selector.application_group.is_some();
    if container(scope).is_some_and(by_interpreter) {
        warn(scope, messages::free_threading_in_application_group());
    }
    family(scope).free_threading = Some(on);
    Ok(())
}

pub(super) fn switch_interval(scope: &mut Scope<'_>, seconds: &[u8]) -> Done {
    let seconds = value::positive_seconds(seconds)
        .ok_or("WSGISwitchInterval must be a positive number of seconds.")?;
    family(scope).switch_interval = Some(seconds);
    Ok(())
}

/// A switch of the family of interpreter settings.
pub(super) fn family_switch(
    scope: &mut Scope<'_>,
    name: &str,
    on: &[u8],
    place: fn(&mut Family) -> &mut Option<bool>,
) -> Done {
    *place(family(scope)) = Some(value::switch_of(name, on)?);
    Ok(())
}

/// A switch of servers and directories.
pub(super) fn scoped_switch(
    scope: &mut Scope<'_>,
    name: &str,
    on: &[u8],
    place: fn(&mut crate::settings::Scoped) -> &mut Option<bool>,
) -> Done {
    *place(scope.scoped()) = Some(value::switch_of(name, on)?);
    Ok(())
}

pub(super) fn restrict_process(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    let names = Words::new(line).map(without_global);
    scope.scoped().restrict_process = Some(AllowedProcesses::new(names));
    Ok(())
}

pub(super) fn map_head(scope: &mut Scope<'_>, word: &[u8]) -> Done {
    let choices = [
        ("Off", MapHead::Off),
        ("On", MapHead::On),
        ("Auto", MapHead::Auto),
    ];
    let choice = choices
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word));
    let (_, choice) = choice.ok_or("WSGIMapHEADToGET must be one of: Off | On | Auto")?;
    scope.scoped().map_head = Some(*choice);
    Ok(())
}

pub(super) fn trusted_proxy_headers(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    let more = proxies::parse_headers(line)?;
    let headers = &mut scope.scoped().trusted_proxy_headers;
    Arc::make_mut(headers.get_or_insert_default()).extend(more);
    Ok(())
}

pub(super) fn trusted_proxies(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    let more = TrustedNetworks::parse(line)?;
    let networks = &mut scope.scoped().trusted_proxies;
    Arc::make_mut(networks.get_or_insert_default()).extend(more);
    Ok(())
}

pub(super) fn handler_script(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    let script = HandlerScript::parse(line)?;
    let scripts = &mut scope.scoped().handler_scripts;
    scripts.insert(script.name.clone(), Arc::new(script));
    Ok(())
}

pub(super) fn dispatch_script(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    scope.scoped().dispatch_script = Some(Arc::new(HookScript::parse(Hook::Dispatch, line)?));
    scope.global.python_required.require();
    Ok(())
}

/// A script around authentication, which sections only have.
pub(super) fn auth_script(
    scope: &mut Scope<'_>,
    hook: Hook,
    line: &[u8],
    place: fn(&mut DirConfig) -> &mut Option<Arc<HookScript>>,
) -> Done {
    let script = HookScript::parse(hook, line)?;
    match &mut scope.place {
        Place::Directory(directory) => *place(directory) = Some(Arc::new(script)),
        Place::Server(_) => return Err(not_here(hook.directive())),
    }
    scope.global.python_required.require();
    Ok(())
}

pub(super) fn group_authoritative(scope: &mut Scope<'_>, on: &[u8]) -> Done {
    const NAME: &str = "WSGIGroupAuthoritative";
    let on = value::switch_of(NAME, on)?;
    match &mut scope.place {
        Place::Directory(directory) => directory.group_authoritative = Some(on),
        Place::Server(_) => return Err(not_here(NAME)),
    }
    Ok(())
}

pub(super) fn telemetry_service(
    scope: &mut Scope<'_>,
    target: &[u8],
    second: Option<&[u8]>,
) -> Done {
    scope.global.telemetry = Some(Telemetry::parse(target, second)?);
    Ok(())
}

pub(super) fn slow_requests(scope: &mut Scope<'_>, seconds: &[u8]) -> Done {
    scope.global.slow_requests = telemetry::slow_requests(seconds)?;
    Ok(())
}

pub(super) fn telemetry_options(scope: &mut Scope<'_>, line: &[u8]) -> Done {
    scope.global.telemetry_flags = scope.global.telemetry_flags.after(line)?;
    Ok(())
}

fn container<'a>(scope: &'a mut Scope<'_>) -> Option<&'a mut Container> {
    scope.global.containers.get_mut(scope.container?)
}

fn family<'a>(scope: &'a mut Scope<'_>) -> &'a mut Family {
    let global = &mut *scope.global;
    match scope.container.and_then(|at| global.containers.get_mut(at)) {
        Some(container) => &mut container.family,
        None => &mut global.family,
    }
}

fn warn(scope: &mut Scope<'_>, message: messages::Message) {
    scope.notices.push(Notice::Warning(message));
}

/// As httpd says it, which checks before.
fn not_here(name: &str) -> Rejected {
    format!("{name} not allowed here").into()
}

//! An httpd module that uses everything the fence offers; for trying it in a real httpd, and as an example.
//!
//! ```text
//! LoadModule probe_module target/debug/examples/libprobe.so
//! ProbeDaemons 2
//! <Location /probe>
//!     SetHandler probe
//! </Location>
//! ```

#![forbid(unsafe_code)]

#[path = "probe/answers.rs"]
mod answers;
#[path = "probe/daemons.rs"]
mod daemons;
#[path = "probe/directives.rs"]
mod directives;

use rickhouse_httpd::log::{self, Level, Scope};
use rickhouse_httpd::{
    Authentication, Authorization, ChildInit, Command, Failed, Files, Generation, Hooks, Merge,
    Module, Order, Outcome, PreConfig, Request, Startup, at, mpm,
};

rickhouse_httpd::module!(probe_module, c"mod_probe.c", Probe);

/// The module.
#[derive(Debug)]
pub struct Probe;

/// What directives say, for a server or a place in it.
#[derive(Default, Clone, Debug)]
pub struct Config {
    text: Option<Vec<u8>>,
    daemons: u32,
    options: Vec<directives::Options>,
}

impl Merge for Config {
    fn merge(outer: &Self, inner: &Self) -> Self {
        assert!(
            inner.text.as_deref() != Some(b"panic-in-merge"),
            "asked to panic in a merge"
        );
        Self {
            text: inner.text.clone().or_else(|| outer.text.clone()),
            daemons: inner.daemons.max(outer.daemons),
            options: inner.options.clone(),
        }
    }
}

static AFTER_ALIAS: Files = Files::new(&[c"mod_alias.c"]);
static BEFORE_USERDIR: Files = Files::new(&[c"mod_userdir.c", c"mod_vhost_alias.c"]);

impl Module for Probe {
    type ServerConfig = Config;
    type DirConfig = Config;
    const COMMANDS: &'static [Command<Self>] = directives::COMMANDS;

    fn register(hooks: &mut Hooks<Self>) {
        hooks.pre_config(Order::MIDDLE);
        hooks.check_config(Order::MIDDLE);
        hooks.post_config(Order::MIDDLE);
        hooks.pre_mpm(Order::REALLY_LAST);
        hooks.monitor(Order::MIDDLE);
        hooks.child_init(Order::MIDDLE);
        hooks.translate_name(Order::MIDDLE.after(&AFTER_ALIAS).before(&BEFORE_USERDIR));
        hooks.access_checker(Order::MIDDLE);
        hooks.fixups(Order::FIRST);
        hooks.handler(Order::MIDDLE);
        hooks.authn_provider(c"probe");
        hooks.authz_provider(c"probe-group");
    }

    fn pre_config(_: &PreConfig<'_>) -> Result<(), Failed> {
        daemons::new_generation();
        Ok(())
    }

    fn post_config(startup: &Startup<'_>) -> Result<(), Failed> {
        let (state, serves) = (mpm::main_state(), mpm::is_to_serve());
        let server = startup.server();
        let scope = Scope::Server(server);
        log::write(
            scope,
            Level::Notice,
            at!(),
            format_args!("post_config: {state:?}, serves: {serves}"),
        );
        if server.config::<Self>().text.as_deref() == Some(b"panic-in-post-config") {
            panic!("asked to panic in post_config");
        }
        if state == mpm::MainState::CreatePreConfig || !serves {
            return Ok(());
        }
        startup
            .generation()
            .add_version_component(b"probe/1.0")
            .map_err(|_| Failed)?;
        if mpm::scoreboard().is_some() {
            daemons::start(startup.generation());
        }
        Ok(())
    }

    fn pre_mpm(generation: &Generation<'_>) -> Result<(), Failed> {
        daemons::start(generation);
        Ok(())
    }

    fn monitor(generation: &Generation<'_>) {
        log::write(
            Scope::Server(generation.server()),
            Level::Trace2,
            at!(),
            format_args!("monitor: {:?}", mpm::state()),
        );
    }

    fn child_init(child: &ChildInit<'_>) {
        let name = mpm::name();
        let (mpm, threads) = (String::from_utf8_lossy(&name), mpm::max_threads());
        let scope = Scope::Server(child.server());
        log::write(
            scope,
            Level::Info,
            at!(),
            format_args!("child_init: {mpm}, at most {threads} threads"),
        );
        // What a Python thread that serves no request would print.
        let thread = std::thread::spawn(|| {
            log::write_bytes(
                Scope::Current,
                Level::Info,
                at!(),
                b"from another thread \xff\0end",
            );
        });
        thread.join().expect("the thread does not panic");
    }

    fn translate_name(request: &mut Request<'_>) -> Outcome {
        match request.uri() {
            Some(b"/translated") => {
                let done = request
                    .set_filename(b"/etc/passwd")
                    .and_then(|()| request.set_handler(b"probe"));
                done.map_or(Outcome::INTERNAL_ERROR, |()| Outcome::Ok)
            }
            Some(b"/panic-in-translate") => panic!("asked to panic in translate_name"),
            _ => Outcome::Declined,
        }
    }

    fn access_checker(request: &mut Request<'_>) -> Outcome {
        match request.args() {
            Some(b"forbidden") if !request.may_authenticate_instead() => Outcome::FORBIDDEN,
            _ => Outcome::Declined,
        }
    }

    fn handler(request: &mut Request<'_>) -> Outcome {
        answers::handler(request)
    }

    fn check_password(request: &mut Request<'_>, user: &[u8], password: &[u8]) -> Authentication {
        match (user, password) {
            (b"panic", _) => panic!("asked to panic in check_password"),
            (b"alias", b"right") => match request.set_user(b"somebody") {
                Ok(()) => Authentication::Granted,
                Err(_) => Authentication::Error,
            },
            (b"tom", b"right") => Authentication::Granted,
            (b"tom", _) => Authentication::Denied,
            _ => Authentication::UserNotFound,
        }
    }

    fn realm_hash(
        _: &mut Request<'_>,
        user: &[u8],
        realm: &[u8],
    ) -> Result<Vec<u8>, Authentication> {
        match (user, realm) {
            // MD5 of "tom:probe:right".
            (b"tom", b"probe") => Ok(b"1a1273fe83e7e2ea25381bea9f91045b".to_vec()),
            _ => Err(Authentication::UserNotFound),
        }
    }

    fn check_authorization(request: &mut Request<'_>, words: &[u8]) -> Authorization {
        match request.user() {
            None => Authorization::DeniedNoUser,
            Some(user) if words.split(|byte| *byte == b' ').any(|word| word == user) => {
                Authorization::Granted
            }
            Some(_) => Authorization::Denied,
        }
    }
}

//! The module as httpd knows it: its record, its hooks and their order (DD §5.1).

use rickhouse_directives::settings::{DirConfig, ServerConfig};
use rickhouse_httpd::{
    Authentication, Authorization, ChildInit, Command, Failed, Files, Generation, Hooks, Merge,
    Module, Order, Outcome, PreConfig, Request, Startup, fenced,
};

use crate::{access, child, commands, generation, groups, handler, mapping, startup};

rickhouse_httpd::module!(wsgi_module, c"mod_wsgi.c", Wsgi);

/// The module.
pub(crate) struct Wsgi;

/// What directives say for a server.
#[derive(Default)]
pub(crate) struct Servers(pub(crate) ServerConfig);

/// What directives say for a directory, location or file.
#[derive(Default)]
pub(crate) struct Directories(pub(crate) DirConfig);

impl Merge for Servers {
    fn merge(outer: &Self, inner: &Self) -> Self {
        Self(outer.0.merge(&inner.0))
    }
}

impl Merge for Directories {
    fn merge(outer: &Self, inner: &Self) -> Self {
        Self(outer.0.merge(&inner.0))
    }
}

impl Module for Wsgi {
    type ServerConfig = Servers;
    type DirConfig = Directories;
    const COMMANDS: &'static [Command<Self>] = commands::COMMANDS;

    fn register(hooks: &mut Hooks<Self>) {
        static ALIAS: Files = Files::new(&[c"mod_alias.c"]);
        static OTHER_MAPPINGS: Files = Files::new(&[c"mod_userdir.c", c"mod_vhost_alias.c"]);
        static SSL: Files = Files::new(&[c"mod_ssl.c"]);
        static AUTHZ_HOST: Files = Files::new(&[c"mod_authz_host.c"]);
        hooks.pre_config(Order::MIDDLE);
        hooks.post_config(Order::MIDDLE);
        hooks.pre_mpm(Order::REALLY_LAST);
        hooks.monitor(Order::MIDDLE);
        hooks.child_init(Order::MIDDLE);
        hooks.translate_name(Order::MIDDLE.after(&ALIAS).before(&OTHER_MAPPINGS));
        hooks.access_checker(Order::MIDDLE.after(&SSL).before(&AUTHZ_HOST));
        hooks.handler(Order::MIDDLE);
        hooks.authn_provider(c"wsgi");
        hooks.authz_provider(c"wsgi-group");
    }

    fn pre_config(_: &PreConfig<'_>) -> Result<(), Failed> {
        generation::begin();
        Ok(())
    }

    fn post_config(startup: &Startup<'_>) -> Result<(), Failed> {
        startup::post_config(startup)
    }

    fn pre_mpm(generation: &Generation<'_>) -> Result<(), Failed> {
        groups::pre_mpm(generation);
        Ok(())
    }

    fn monitor(generation: &Generation<'_>) {
        groups::monitor(generation);
    }

    fn child_init(init: &ChildInit<'_>) {
        // Each by itself: what one gives up is no reason for the other not to be done.
        fenced("groups::child_init", || groups::child_init(init));
        fenced("child::init", || child::init(init));
    }

    fn translate_name(request: &mut Request<'_>) -> Outcome {
        mapping::translate_name(request)
    }

    fn access_checker(request: &mut Request<'_>) -> Outcome {
        access::check_access(request)
    }

    fn handler(request: &mut Request<'_>) -> Outcome {
        handler::handle(request)
    }

    fn check_password(request: &mut Request<'_>, user: &[u8], password: &[u8]) -> Authentication {
        access::check_password(request, user, password)
    }

    fn realm_hash(
        request: &mut Request<'_>,
        user: &[u8],
        realm: &[u8],
    ) -> Result<Vec<u8>, Authentication> {
        access::realm_hash(request, user, realm)
    }

    fn check_authorization(request: &mut Request<'_>, words: &[u8]) -> Authorization {
        access::check_groups(request, words)
    }
}

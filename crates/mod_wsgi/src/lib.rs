//! `mod_wsgi.so`: WSGI applications in Apache httpd.

#![forbid(unsafe_code)]

use rickhouse_httpd::log::{self, Level};
use rickhouse_httpd::{
    Command, CommandContext, Contexts, Hooks, Merge, Module, Order, Outcome, Request, Target, at,
};

rickhouse_httpd::module!(wsgi_module, c"mod_wsgi.c", Wsgi);

/// The module.
#[derive(Debug)]
pub struct Wsgi;

/// The name of the callable object, where one is configured.
#[derive(Default, Debug)]
pub struct Config {
    callable_object: Option<Vec<u8>>,
}

impl Merge for Config {
    fn merge(outer: &Self, inner: &Self) -> Self {
        let callable_object = inner
            .callable_object
            .as_ref()
            .or(outer.callable_object.as_ref());
        Self {
            callable_object: callable_object.cloned(),
        }
    }
}

impl Module for Wsgi {
    type ServerConfig = Config;
    type DirConfig = Config;
    const COMMANDS: &'static [Command<Self>] = &[Command::take1(
        c"WSGICallableObject",
        Contexts::FILE_INFO,
        c"Name of entry point in WSGI script file.",
        callable_object,
    )];

    fn register(hooks: &mut Hooks<Self>) {
        hooks.handler(Order::MIDDLE);
    }

    fn handler(request: &mut Request<'_>) -> Outcome {
        if request.handler() != Some(b"wsgi-script") {
            return Outcome::Declined;
        }
        let directory = request.dir_config::<Self>().callable_object.as_ref();
        let server = request.server().config::<Self>().callable_object.as_ref();
        let name = directory
            .or(server)
            .cloned()
            .unwrap_or_else(|| b"application".to_vec());
        log::write(
            request.log_scope(),
            Level::Info,
            at!(),
            format_args!("Serving a request."),
        );
        match request
            .set_content_type(b"text/plain")
            .map_err(Into::into)
            .and_then(|()| request.send(&name))
        {
            Ok(()) => Outcome::Ok,
            Err(_) => Outcome::INTERNAL_ERROR,
        }
    }
}

fn callable_object(context: &mut CommandContext<'_, Wsgi>, name: &[u8]) -> Result<(), String> {
    let (Target::Directory(config) | Target::Server(config)) = context.target()?;
    config.callable_object = Some(name.to_vec());
    Ok(())
}

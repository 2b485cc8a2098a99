//! What the configuration means to the engine and to the front end.

use std::path::PathBuf;

use rickhouse_config::{AllowedProxies, Config, ResolvedGil, Target};
use rickhouse_host::{Interpreters, Source};
use rickhouse_server::{Limits, LogFormat, Timeouts, TrustedPeers};

/// For the engine. The directory the application runs in is searched for modules, after what `--pythonpath` names.
pub(super) fn of_host(
    config: &Config,
    gil: ResolvedGil,
    directory: PathBuf,
) -> rickhouse_host::Settings {
    let interpreters = match (config.interpreters, gil) {
        (None, _) => Interpreters::Main,
        (Some(count), ResolvedGil::Own) => Interpreters::Own(count),
        (Some(count), ResolvedGil::Shared | ResolvedGil::Off) => Interpreters::Shared(count),
    };
    rickhouse_host::Settings {
        target: target(&config.target),
        python_path: config
            .pythonpath
            .iter()
            .cloned()
            .chain([directory])
            .collect(),
        interpreters,
        threads: config.threads,
        switch_interval: config.switch_interval,
        request_timeout: config.request_timeout,
        interrupt_timeout: config.interrupt_timeout,
        // More than one process, or more than one interpreter: either way an application is not alone with its globals.
        multiprocess: config.workers > 1 || config.interpreters.is_some_and(|count| count > 1),
        run_once: false,
    }
}

fn target(target: &Target) -> rickhouse_host::Target {
    let (source, attribute, call) = match target {
        Target::Module { module, attr, call } => (Source::Module(module.clone()), attr, call),
        Target::File { path, attr, call } => (Source::File(path.clone()), attr, call),
    };
    rickhouse_host::Target {
        source,
        attribute: attribute.clone(),
        call: *call,
    }
}

/// For the front end. The format of the access log was checked before the first worker was started.
pub(super) fn of_server(config: &Config, access_format: LogFormat) -> rickhouse_server::Settings {
    rickhouse_server::Settings {
        limits: Limits {
            request_line: config.limit_request_line,
            request_fields: config.limit_request_fields,
            request_field_size: config.limit_request_field_size,
            request_header_size: config.limit_request_header_size,
            request_body: config.limit_request_body,
            request_buffer: config.request_buffer,
            response_buffer: config.response_buffer,
            queue: config.queue_limit,
            connections: config.max_connections,
        },
        timeouts: Timeouts {
            header: config.header_timeout,
            body: config.body_timeout,
            write: config.write_timeout,
            keep_alive: config.keep_alive,
            queue: config.queue_timeout,
            ..Timeouts::default()
        },
        server_header: config.server_header.clone().unwrap_or_default(),
        root_path: config.root_path.clone(),
        trusted_peers: trusted_peers(&config.forwarded_allow_ips),
        proxy_protocol: config.proxy_protocol,
        health_path: config.health_path.clone(),
        ready_path: config.ready_path.clone(),
        access_format,
    }
}

fn trusted_peers(proxies: &AllowedProxies) -> TrustedPeers {
    match proxies {
        AllowedProxies::Any => TrustedPeers::everybody(),
        AllowedProxies::Networks(networks) => TrustedPeers::networks(networks.iter().copied()),
    }
}

//! What holds in an inner scope of the configuration (DD §1.3), and for a request.

use std::sync::Arc;

use rickhouse_directives::Text;
use rickhouse_directives::alias::{Alias, AliasOptions, Overrides};
use rickhouse_directives::proxies::{TrustedNetworks, parse_headers};
use rickhouse_directives::scripts::{HandlerScript, Hook, HookScript};
use rickhouse_directives::settings::{
    AllowedProcesses, Callable, DirConfig, Effective, MapHead, Scoped, ServerConfig, Target,
};

/// Everything set, to values that `mark` and `on` tell apart.
fn full(mark: &str, on: bool) -> Scoped {
    let name = Some(Text::from(mark));
    let handler = HandlerScript::parse(format!("{mark} /{mark}.py").as_bytes()).unwrap();
    let shared = HandlerScript::parse(format!("shared /{mark}.py").as_bytes()).unwrap();
    Scoped {
        restrict_process: Some(AllowedProcesses::new([Text::from(mark)])),
        process_group: name.clone(),
        application_group: name.clone(),
        callable_object: name,
        dispatch_script: Some(hook(mark)),
        pass_apache_request: Some(on),
        pass_authorization: Some(on),
        script_reloading: Some(on),
        error_override: Some(on),
        chunked_request: Some(on),
        map_head: Some(if on { MapHead::On } else { MapHead::Off }),
        ignore_activity: Some(on),
        enable_sendfile: Some(on),
        trusted_proxy_headers: Some(Arc::new(parse_headers(header(on)).unwrap())),
        trusted_proxies: Some(Arc::new(TrustedNetworks::parse(network(on)).unwrap())),
        handler_scripts: [handler, shared]
            .map(|script| (script.name.clone(), Arc::new(script)))
            .into(),
    }
}

fn hook(mark: &str) -> Arc<HookScript> {
    Arc::new(HookScript::parse(Hook::Access, format!("/{mark}.py").as_bytes()).unwrap())
}

fn header(on: bool) -> &'static [u8] {
    if on { b"X-Real-IP" } else { b"X-Forwarded-For" }
}

fn network(on: bool) -> &'static [u8] {
    if on { b"10.0.0.1" } else { b"10.0.0.2" }
}

/// That a request with these settings sees those that [`full`] made of `mark` and `on`.
fn assert_full(effective: Effective<'_>, mark: &str, on: bool) {
    let name = Some(mark.as_bytes());
    assert!(effective.restrict_process().unwrap().admit(mark.as_bytes()));
    assert_eq!(effective.process_group(), name);
    assert_eq!(effective.application_group(), name);
    assert_eq!(effective.callable_object(), name);
    assert_eq!(effective.dispatch_script(), Some(&*hook(mark)));
    let switches = [
        effective.pass_apache_request(),
        effective.pass_authorization(),
        effective.script_reloading(),
        effective.error_override(),
        effective.chunked_request(),
        effective.map_head() == MapHead::On,
        effective.ignore_activity(),
        effective.enable_sendfile(),
    ];
    assert_eq!(switches, [on; 8]);
    let headers = effective.trusted_proxy_headers().unwrap();
    assert_eq!(headers, parse_headers(header(on)).unwrap());
    let networks = TrustedNetworks::parse(network(on)).unwrap();
    assert_eq!(effective.trusted_proxies(), Some(&networks));
    let shared = effective.handler_script(b"shared").unwrap();
    assert_eq!(shared.path, *format!("/{mark}.py"));
}

#[test]
fn the_inner_scope_counts_where_it_says_something() {
    let cases = [
        (full("outer", true), full("inner", false), "inner", false),
        (full("outer", false), full("inner", true), "inner", true),
        (full("outer", true), Scoped::default(), "outer", true),
        (Scoped::default(), full("inner", true), "inner", true),
    ];
    for (outer, inner, mark, on) in cases {
        let of_servers = ServerConfig {
            scoped: outer.merge(&inner),
            ..ServerConfig::default()
        };
        assert_full(Effective::new(&DirConfig::default(), &of_servers), mark, on);
        // A directory over a server is the same, without merging.
        let server = ServerConfig {
            scoped: outer,
            ..ServerConfig::default()
        };
        let directory = DirConfig {
            scoped: inner,
            ..DirConfig::default()
        };
        assert_full(Effective::new(&directory, &server), mark, on);
    }
}

#[test]
fn handler_scripts_of_both_scopes_are_there() {
    let server = ServerConfig {
        scoped: full("outer", true),
        ..ServerConfig::default()
    };
    let inner = ServerConfig {
        scoped: full("inner", true),
        ..ServerConfig::default()
    };
    let merged = server.merge(&inner);
    let directory = DirConfig::default();
    let effective = Effective::new(&directory, &merged);
    for (name, path) in [
        ("outer", "/outer.py"),
        ("inner", "/inner.py"),
        ("shared", "/inner.py"),
    ] {
        assert_eq!(
            effective.handler_script(name.as_bytes()).unwrap().path,
            path
        );
    }
}

#[test]
fn defaults() {
    let (directory, server) = (DirConfig::default(), ServerConfig::default());
    let effective = Effective::new(&directory, &server);
    assert!(effective.script_reloading());
    assert_eq!(effective.map_head(), MapHead::Auto);
    let switches = [
        effective.pass_apache_request(),
        effective.pass_authorization(),
        effective.error_override(),
        effective.chunked_request(),
        effective.ignore_activity(),
        effective.enable_sendfile(),
    ];
    assert_eq!(switches, [false; 6]);
    assert!(effective.restrict_process().is_none() && effective.trusted_proxies().is_none());
    let target = Target::ambient(effective);
    assert_eq!(
        (target.process_group, target.callable),
        (None, Callable::Configured(None))
    );
}

#[test]
fn aliases_of_the_virtual_host_come_first() {
    let alias = |location: &str| {
        Arc::new(Alias {
            location: location.into(),
            target: "/t".into(),
            pattern: None,
            options: AliasOptions::default(),
        })
    };
    let of = |locations: &[&str]| ServerConfig {
        aliases: locations.iter().map(|location| alias(location)).collect(),
        ..ServerConfig::default()
    };
    let merged = of(&["/1", "/2"]).merge(&of(&["/3", "/4"]));
    let locations: Vec<String> = merged
        .aliases
        .iter()
        .map(|alias| alias.location.to_string())
        .collect();
    assert_eq!(locations, ["/3", "/4", "/1", "/2"]);
}

#[test]
fn scripts_of_directories() {
    let directory = |mark: Option<&str>| DirConfig {
        access_script: mark.map(hook),
        auth_user_script: mark.map(hook),
        auth_group_script: mark.map(hook),
        group_authoritative: mark.map(|mark| mark == "a"),
        ..DirConfig::default()
    };
    let check = |outer: Option<&str>, inner: Option<&str>, expected: Option<&str>| {
        let merged = directory(outer).merge(&directory(inner));
        let expected = directory(expected);
        assert_eq!(merged.access_script, expected.access_script);
        assert_eq!(merged.auth_user_script, expected.auth_user_script);
        assert_eq!(merged.auth_group_script, expected.auth_group_script);
        assert_eq!(merged.group_authoritative, expected.group_authoritative);
    };
    check(None, None, None);
    check(Some("a"), None, Some("a"));
    check(None, Some("b"), Some("b"));
    check(Some("a"), Some("b"), Some("b"));
}

#[test]
fn an_alias_overrides_what_it_names() {
    let (directory, server) = (
        DirConfig::default(),
        ServerConfig {
            scoped: full("ambient", true),
            ..ServerConfig::default()
        },
    );
    let ambient = Target::ambient(Effective::new(&directory, &server));
    assert_eq!(ambient.with_alias(Overrides::default()), ambient);
    let overridden = ambient.with_alias(Overrides {
        process_group: Some(b""),
        application_group: None,
        callable_object: Some(b"%{ENV:x}"),
        pass_authorization: Some(false),
    });
    assert_eq!(overridden.process_group, Some(&b""[..]));
    assert_eq!(overridden.application_group, Some(&b"ambient"[..]));
    assert_eq!(overridden.callable, Callable::Literal(b"%{ENV:x}"));
    assert!(!overridden.pass_authorization);
}

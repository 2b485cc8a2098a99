use super::*;
use crate::groups::Case;
use crate::python::HashSeed;
use crate::scripts::HandlerScript;
use crate::settings::{Effective, MapHead};
use crate::surroundings::PythonBuild;
use crate::testing::World;
use crate::text::Text;

/// A configuration as its directives are read, one after the other.
#[derive(Default)]
struct Configuration {
    global: GlobalConfig,
    server: ServerConfig,
    directory: DirConfig,
    identity: ServerIdentity,
    world: World,
    notices: Vec<Notice>,
}

impl Configuration {
    /// One line; `in_directory` is whether it stands in a section.
    fn line(
        &mut self,
        line: &str,
        in_directory: bool,
        container: Option<usize>,
    ) -> Result<(), String> {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let directive = Directive::named(name).unwrap_or_else(|| panic!("{name} is a directive"));
        let place = if in_directory {
            Place::Directory(&mut self.directory)
        } else {
            Place::Server(&mut self.server)
        };
        let mut scope = Scope {
            global: &mut self.global,
            place,
            container,
            server: &self.identity,
            surroundings: &self.world,
            notices: &mut self.notices,
        };
        let mut words = crate::words::Words::new(rest.as_bytes());
        let (first, second) = match directive.arguments {
            Arguments::Raw => (Text::from(rest), None),
            Arguments::One => (words.word().unwrap_or_default(), None),
            Arguments::OneOrTwo => (words.word().unwrap_or_default(), words.word()),
        };
        Ok(directive.apply(&mut scope, &first, second.as_deref())?)
    }

    fn accept(&mut self, line: &str) {
        self.line(line, false, None)
            .unwrap_or_else(|text| panic!("{line}: {text}"));
    }
}

fn rejected(line: &str) -> String {
    rejected_in(&mut Configuration::default(), line)
}

fn rejected_in(configuration: &mut Configuration, line: &str) -> String {
    let result = configuration.line(line, false, None);
    result.expect_err(line)
}

#[test]
fn every_directive_has_one_row() {
    let mut names: Vec<&str> = DIRECTIVES.iter().map(|directive| directive.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 49);
    for gone in [
        "WSGILazyInitialization",
        "WSGINewRelicConfigFile",
        "WSGINewRelicEnvironment",
    ] {
        assert!(Directive::named(gone).is_none());
    }
}

#[test]
fn every_switch_takes_on_and_off_only() {
    for directive in DIRECTIVES
        .iter()
        .filter(|directive| directive.syntax == "On|Off")
    {
        let in_directory = directive.class == Class::AuthConfig;
        let mut configuration = Configuration::default();
        for good in ["On", "off"] {
            let line = format!("{} {good}", directive.name);
            assert_eq!(
                configuration.line(&line, in_directory, None),
                Ok(()),
                "{line}"
            );
        }
        for bad in ["yes", "1", "true", "\"\""] {
            let line = format!("{} {bad}", directive.name);
            let text = format!("{} must be one of: Off | On", directive.name);
            assert_eq!(
                configuration.line(&line, in_directory, None),
                Err(text),
                "{line}"
            );
        }
    }
}

#[test]
fn aliases() {
    let two = "requires at least two arguments, ";
    assert!(rejected("WSGIScriptAlias").starts_with(&format!("WSGIScriptAlias {two}")));
    assert!(rejected("WSGIScriptAlias /a").starts_with(&format!("WSGIScriptAlias {two}")));
    assert!(
        rejected("WSGIScriptAliasMatch /a").starts_with(&format!("WSGIScriptAliasMatch {two}"))
    );
    let check = |options: &str, text: &str| {
        assert_eq!(
            rejected(&format!("WSGIScriptAlias /a /b {options}")),
            text,
            "{options}"
        );
    };
    check("x", "Invalid option to WSGI script alias definition.");
    check("x=1", "Invalid option to WSGI script alias definition.");
    check(
        "Process-Group=a",
        "Invalid option to WSGI script alias definition.",
    );
    check(
        "process-group =a",
        "Invalid option to WSGI script alias definition.",
    );
    check(
        "application-group=",
        "Invalid name for WSGI application group.",
    );
    check("process-group=\"\"", "Invalid name for WSGI process group.");
    check("callable-object=", "Invalid name for WSGI callable object.");
    check(
        "pass-authorization=",
        "Invalid value for authorization flag.",
    );
    check(
        "pass-authorization=1",
        "Invalid value for authorization flag.",
    );
    check(
        "process-group=g application-group=a",
        "WSGI process group not yet configured.",
    );
    assert_eq!(
        rejected("WSGIScriptAliasMatch ( /b"),
        "Regular expression could not be compiled."
    );
}

#[test]
fn an_alias_with_fixed_groups_is_loaded_in_advance() {
    let mut configuration = Configuration::default();
    configuration.accept("WSGIDaemonProcess g");
    for line in [
        "WSGIScriptAlias /1 /1.wsgi process-group=g application-group=%{GLOBAL}",
        "WSGIScriptAlias /2 /2.wsgi process-group=%{GLOBAL} application-group=a",
        "WSGIScriptAlias /3 /3.wsgi process-group=g",
        "WSGIScriptAlias /4 /4.wsgi process-group=%{SERVER} application-group=a",
        "WSGIScriptAlias /5 /5.wsgi process-group=x application-group=%{RESOURCE}",
        "WSGIScriptAliasMatch /6 /$1.wsgi process-group=x application-group=a",
        "WSGIScriptAliasMatch /7 /7.wsgi process-group=g application-group=a",
    ] {
        configuration.accept(line);
    }
    let of = |group: &str| -> Vec<(String, String)> {
        let scripts = configuration.global.imports_of(group.as_bytes());
        scripts
            .map(|script| {
                (
                    script.path.to_string(),
                    script.application_group.to_string(),
                )
            })
            .collect()
    };
    let pair = |path: &str, group: &str| (path.to_owned(), group.to_owned());
    assert_eq!(of("g"), [pair("/1.wsgi", ""), pair("/7.wsgi", "a")]);
    assert_eq!(of(""), [pair("/2.wsgi", "a")]);
    assert_eq!(configuration.server.aliases.len(), 7);
    // A preload for httpd's children does not make them need Python.
    assert_eq!(
        configuration.global.python_required,
        crate::global::PythonRequired::Unknown
    );
}

#[test]
fn groups_of_other_servers() {
    let server = |id: usize, hostname: Option<&str>, is_virtual: bool| ServerIdentity {
        id,
        hostname: hostname.map(Text::from),
        is_virtual,
    };
    let check = |owner: ServerIdentity, user: ServerIdentity, expected: Result<(), &str>| {
        for line in [
            "WSGIImportScript /a process-group=g application-group=a",
            "WSGIScriptAlias / /a process-group=g application-group=a",
        ] {
            let mut configuration = Configuration {
                identity: owner.clone(),
                ..Configuration::default()
            };
            configuration.accept("WSGIDaemonProcess g");
            configuration.identity = user.clone();
            let result = configuration.line(line, false, None);
            assert_eq!(
                result,
                expected.map_err(str::to_owned),
                "{owner:?} {user:?}"
            );
        }
    };
    let (main, host) = (server(0, Some("m"), false), server(1, Some("a"), true));
    check(main, host.clone(), Ok(()));
    check(host.clone(), host.clone(), Ok(()));
    check(host.clone(), server(2, Some("a"), true), Ok(()));
    check(
        host.clone(),
        server(2, Some("A"), true),
        Err("WSGI process group not accessible."),
    );
    check(
        host.clone(),
        server(2, None, true),
        Err("WSGI process group not matchable."),
    );
    check(
        server(1, None, true),
        server(2, Some("a"), true),
        Err("WSGI process group not matchable."),
    );
    check(server(0, None, false), host, Ok(()));
}

#[test]
fn scripts() {
    let check = |line: &str, text: &str| assert_eq!(rejected(line), text, "{line}");
    check("WSGIHandlerScript", "Name for handler script not supplied.");
    check(
        "WSGIHandlerScript n",
        "Location of handler script not supplied.",
    );
    check(
        "WSGIHandlerScript n /p callable-object=x",
        "Invalid option to WSGI handler script definition.",
    );
    check(
        "WSGIHandlerScript n /p process-group=",
        "Invalid name for WSGI process group.",
    );
    check(
        "WSGIHandlerScript n /p application-group=",
        "Invalid name for WSGI application group.",
    );
    check(
        "WSGIHandlerScript n /p pass-authorization=maybe",
        "Invalid value for authorization flag.",
    );
    check(
        "WSGIImportScript",
        "Location of import script not supplied.",
    );
    check(
        "WSGIImportScript /p x",
        "Invalid option to WSGI import script definition.",
    );
    check(
        "WSGIImportScript /p process-group=g",
        "Name of WSGI application group required.",
    );
    check(
        "WSGIImportScript /p application-group=a",
        "Name of WSGI process group required.",
    );
    check(
        "WSGIImportScript /p process-group=\"\" application-group=a",
        "Invalid name for WSGI process group.",
    );
    check(
        "WSGIImportScript /p process-group=%{SERVER} application-group=a",
        "WSGI process group not yet configured.",
    );
    check(
        "WSGIDispatchScript",
        "Location of dispatch script not supplied.",
    );
    check(
        "WSGIDispatchScript /p process-group=g",
        "Invalid option to WSGI dispatch script definition.",
    );
    check(
        "WSGIDispatchScript /p application-group=",
        "Invalid name for WSGI application group.",
    );
    for (directive, what) in [
        ("WSGIAccessScript", "access"),
        ("WSGIAuthUserScript", "auth user"),
        ("WSGIAuthGroupScript", "auth group"),
    ] {
        check(
            directive,
            &format!("Location of {what} script not supplied."),
        );
        check(
            &format!("{directive} /p a"),
            &format!("Invalid option to WSGI {what} script definition."),
        );
        check(
            &format!("{directive} /p application-group="),
            "Invalid name for WSGI application group.",
        );
        check(
            &format!("{directive} /p"),
            &format!("{directive} not allowed here"),
        );
    }
}

#[test]
fn what_makes_children_need_python() {
    use crate::global::PythonRequired::{self, No, Unknown, Yes};
    let check = |lines: &[&str], expected: PythonRequired| {
        let mut configuration = Configuration::default();
        for line in lines {
            configuration
                .line(line, line.contains("Auth") || line.contains("Access"), None)
                .unwrap();
        }
        assert_eq!(configuration.global.python_required, expected, "{lines:?}");
    };
    check(&[], Unknown);
    check(&["WSGIRestrictEmbedded On"], No);
    check(
        &["WSGIRestrictEmbedded On", "WSGIRestrictEmbedded Off"],
        Yes,
    );
    check(
        &["WSGIRestrictEmbedded Off", "WSGIRestrictEmbedded On"],
        Yes,
    );
    check(&["WSGIRestrictEmbedded On", "WSGIDispatchScript /p"], Yes);
    check(&["WSGIAccessScript /p", "WSGIRestrictEmbedded On"], Yes);
    check(&["WSGIRestrictEmbedded On", "WSGIAuthUserScript /p"], Yes);
    check(&["WSGIRestrictEmbedded On", "WSGIAuthGroupScript /p"], Yes);
    check(
        &[
            "WSGIRestrictEmbedded On",
            "WSGIImportScript /p process-group=%{GLOBAL} application-group=a",
        ],
        Yes,
    );
    check(
        &[
            "WSGIRestrictEmbedded On",
            "WSGIDaemonProcess g",
            "WSGIImportScript /p process-group=g application-group=a",
        ],
        No,
    );
}

#[test]
fn settings_of_the_process() {
    let mut configuration = Configuration::default();
    for line in [
        "WSGIPythonHome /venv",
        "WSGIPythonPath /a:/b",
        "WSGIPythonEggs /eggs",
        "WSGIPythonOptimize 2",
        "WSGIPythonWarnings ignore",
        "WSGIPythonWarnings \"error::Foo\"",
        "WSGIPythonHashSeed random",
        "WSGIDontWriteBytecode On",
        "WSGIDestroyInterpreter Off",
        "WSGICaseSensitivity Off",
        "WSGISocketPrefix run/wsgi",
        "WSGIAcceptMutex FLOCK",
        "WSGIServerMetrics On",
        "WSGISlowRequests 1.5",
        "WSGITelemetryService unix:/t interval=2",
    ] {
        configuration.accept(line);
    }
    let global = configuration.global;
    assert_eq!(global.python.home, Some("/venv".into()));
    assert_eq!(global.python.path, Some("/a:/b".into()));
    assert_eq!(global.python.eggs, Some("/eggs".into()));
    assert_eq!(global.python.optimize, 2);
    assert_eq!(
        global.python.warnings,
        ["ignore", "error::Foo"].map(Text::from)
    );
    assert_eq!(global.python.hash_seed, HashSeed::Random);
    assert!(global.python.dont_write_bytecode && !global.python.destroy_interpreter);
    assert_eq!(global.case(), Case::Ignored);
    assert_eq!(global.socket_prefix, Some("/etc/httpd/run/wsgi".into()));
    assert_eq!(global.accept_mutex, Some("flock".into()));
    assert!(global.server_metrics);
    assert_eq!(global.slow_requests, Some(1.5));
    assert_eq!(
        global.telemetry.map(|telemetry| telemetry.interval),
        Some(2.0)
    );
    let check = |line: &str, text: &str| assert_eq!(rejected(line), text, "{line}");
    check("WSGISocketPrefix \"\"", "Invalid WSGISocketPrefix ''.");
    check(
        "WSGIAcceptMutex spin",
        "Accept mutex lock mechanism 'spin' is invalid. Valid accept mutex mechanisms for this platform are: default, flock, fcntl, sysvsem, posixsem, pthread.",
    );
    check(
        "WSGIPythonOptimize x",
        "WSGIPythonOptimize must be a non-negative integer.",
    );
    for seed in ["-1", "4294967296", "Random", "1x"] {
        check(
            &format!("WSGIPythonHashSeed {seed}"),
            "WSGIPythonHashSeed must be \"random\" or an integer in range [0; 4294967295]",
        );
    }
    for seconds in ["0", "-1", "inf", "nan", "1s", "x"] {
        check(
            &format!("WSGISwitchInterval {seconds}"),
            "WSGISwitchInterval must be a positive number of seconds.",
        );
    }
}

#[test]
fn scoped_settings_stay_where_they_are_said() {
    let mut configuration = Configuration::default();
    configuration.accept("WSGIProcessGroup server");
    configuration.accept("WSGIMapHEADToGET On");
    configuration.accept("WSGIHandlerScript h /server application-group=a");
    configuration.accept("WSGIRestrictProcess a %{GLOBAL}");
    for line in [
        "WSGIProcessGroup directory",
        "WSGIHandlerScript k /directory",
        "WSGIScriptReloading Off",
    ] {
        configuration.line(line, true, None).unwrap();
    }
    let effective = Effective::new(&configuration.directory, &configuration.server);
    assert_eq!(effective.process_group(), Some(&b"directory"[..]));
    assert_eq!(effective.map_head(), MapHead::On);
    assert!(!effective.script_reloading());
    let script = |name: &str| effective.handler_script(name.as_bytes());
    assert_eq!(
        script("h").map(|script: &HandlerScript| script.path.clone()),
        Some("/server".into())
    );
    assert_eq!(
        script("k").map(|script| script.path.clone()),
        Some("/directory".into())
    );
    assert_eq!(script("x"), None);
    let allowed = effective.restrict_process().unwrap();
    assert!(allowed.admit(b"A") && allowed.admit(b"") && !allowed.admit(b"b"));
    assert_eq!(
        rejected("WSGIMapHEADToGET 1"),
        "WSGIMapHEADToGET must be one of: Off | On | Auto"
    );
}

#[test]
fn an_empty_restriction_forbids_everything() {
    let mut configuration = Configuration::default();
    configuration.accept("WSGIRestrictProcess a");
    configuration.accept("WSGIRestrictProcess");
    assert!(
        !configuration
            .server
            .scoped
            .restrict_process
            .unwrap()
            .admit(b"")
    );
}

#[test]
fn lists_of_one_scope_are_joined() {
    let mut configuration = Configuration::default();
    configuration.accept("WSGITrustedProxyHeaders X-Forwarded-For X-Unknown");
    configuration.accept("WSGITrustedProxyHeaders x-scheme");
    configuration.accept("WSGITrustedProxies 10.0.0.1");
    configuration.accept("WSGITrustedProxies 10.0.0.2");
    let scoped = configuration.server.scoped;
    let variables: Vec<_> = scoped
        .trusted_proxy_headers
        .unwrap()
        .iter()
        .map(|header| header.variable)
        .collect();
    assert_eq!(variables, ["HTTP_X_FORWARDED_FOR", "HTTP_X_SCHEME"]);
    let proxies = scoped.trusted_proxies.unwrap();
    assert!(
        proxies.contain("10.0.0.1".parse().unwrap())
            && proxies.contain("10.0.0.2".parse().unwrap())
    );
}

#[test]
fn containers() {
    let mut configuration = Configuration::default();
    configuration.accept("<WSGIInterpreterOptions application-group=a>");
    for line in [
        "WSGIPythonPath /p",
        "WSGIPerInterpreterGIL On",
        "WSGIFreeThreading Off",
        "WSGISwitchInterval 0.1",
        "WSGIRestrictStdin On",
        "WSGIRestrictStdout On",
        "WSGIRestrictSignal Off",
    ] {
        assert_eq!(configuration.line(line, false, Some(0)), Ok(()), "{line}");
    }
    let family = &configuration.global.containers[0].family;
    assert_eq!(family.python_path, Some("/p".into()));
    assert_eq!(
        (family.own_gil, family.switch_interval),
        (Some(true), Some(0.1))
    );
    assert_eq!(
        (
            family.restrict_stdin,
            family.restrict_stdout,
            family.restrict_signal
        ),
        (Some(true), Some(true), Some(false))
    );
    assert_eq!(configuration.global.family, Default::default());
    assert_eq!(configuration.global.python.path, None);
    assert_eq!(
        configuration.line("WSGIPythonHome /p", false, Some(0)),
        Err("WSGIPythonHome cannot occur within <WSGIInterpreterOptions> section".to_owned())
    );
    assert_eq!(
        configuration.line("<WSGIInterpreterOptions >", false, Some(0)),
        Err(
            "<WSGIInterpreterOptions> cannot occur within <WSGIInterpreterOptions> section"
                .to_owned()
        )
    );
}

#[test]
fn warnings_while_reading() {
    let codes = |configuration: &Configuration| -> Vec<u16> {
        let codes = configuration
            .notices
            .iter()
            .filter_map(|notice| match notice {
                Notice::Warning(message) => Some(message.code),
                Notice::Info(_) => None,
            });
        codes.collect()
    };
    let with = |version, free_threaded| Configuration {
        world: World {
            python: PythonBuild {
                version,
                free_threaded,
            },
            ..World::default()
        },
        ..Configuration::default()
    };
    let mut old = with((3, 11), false);
    old.accept("WSGIPerInterpreterGIL Off");
    assert_eq!(codes(&old), []);
    old.accept("WSGIPerInterpreterGIL On");
    old.accept("WSGIFreeThreading On");
    old.accept("WSGIFreeThreading Off");
    assert_eq!(codes(&old), [198, 200]);
    let mut free = with((3, 13), true);
    free.accept("WSGIPerInterpreterGIL On");
    free.accept("WSGIFreeThreading On");
    free.accept("<WSGIInterpreterOptions process-group=g application-group=a>");
    assert_eq!(codes(&free), []);
    free.line("WSGIFreeThreading Off", false, Some(0)).unwrap();
    free.line("WSGIFreeThreading On", false, Some(0)).unwrap();
    assert_eq!(codes(&free), [201, 201]);
    let mut verbose = Configuration::default();
    verbose.accept("WSGIVerboseDebugging On");
    assert!(matches!(verbose.notices[..], [Notice::Info(_)]));
}

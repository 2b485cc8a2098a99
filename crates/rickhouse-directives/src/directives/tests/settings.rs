use super::*;
use crate::groups::Case;
use crate::python::HashSeed;
use crate::scripts::HandlerScript;
use crate::settings::{Effective, MapHead};
use crate::surroundings::PythonBuild;

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
        "WSGIPythonOptimize must be an integer.",
    );
    for seed in ["-1", "+1", "4294967296", "Random", "1x"] {
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

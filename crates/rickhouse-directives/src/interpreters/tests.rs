use super::*;
use crate::daemon::DaemonProcess;
use crate::global::GlobalConfig;
use crate::surroundings::ServerIdentity;

fn selector(line: &str) -> Result<Selector, String> {
    Selector::parse(line.as_bytes()).map_err(String::from)
}

#[test]
fn selectors() {
    let check = |line: &str, process_group: Option<&str>, application_group: Option<&str>| {
        let expected = Selector {
            process_group: process_group.map(Text::from),
            application_group: application_group.map(Text::from),
        };
        assert_eq!(selector(line), Ok(expected), "{line}");
    };
    check(">", None, None);
    check(" >  ", None, None);
    check(" process-group=a>", Some("a"), None);
    check(
        "PROCESS-Group=a Application-group=b >",
        Some("a"),
        Some("b"),
    );
    check(
        "process-group=%{GLOBAL} application-group=>",
        Some(""),
        Some(""),
    );
    check("application-group=%{SERVER}>", None, Some("%{SERVER}"));
    check(
        "process-group=\"a b\" application-group='c d'>",
        Some("a b"),
        Some("c d"),
    );
    check("\"process-group=a b\">", Some("a b"), None);
}

#[test]
fn bad_selectors() {
    let check = |line: &str, text: &str| {
        assert_eq!(
            selector(line),
            Err(format!("<WSGIInterpreterOptions>{text}")),
            "{line}"
        );
    };
    check("process-group=a", " directive missing closing '>'");
    check("", " directive missing closing '>'");
    check("a>", ": argument 'a' is not of the form key=value");
    check(
        "server=a>",
        ": unknown selector 'server', expected process-group or application-group",
    );
    check(
        "process-group=a process-group=a>",
        ": process-group given more than once",
    );
    check(
        "application-group=a Application-Group=b>",
        ": application-group given more than once",
    );
}

fn container(line: &str, family: Family) -> Container {
    Container {
        selector: selector(line).unwrap(),
        family,
    }
}

fn daemon(switch_interval: Option<f64>) -> DaemonProcess {
    DaemonProcess {
        switch_interval,
        ..DaemonProcess::new("g".into(), 1, ServerIdentity::default())
    }
}

const WITH_GIL: ProcessView<'static> = ProcessView {
    daemon: None,
    free_threading: false,
    can_own_gil: true,
};

fn codes(warnings: &[crate::messages::Message]) -> Vec<u16> {
    warnings.iter().map(|warning| warning.code).collect()
}

#[test]
fn without_containers_the_top_level_holds() {
    let resolved = GlobalConfig::default().interpreter(&WITH_GIL, b"a");
    let expected = Resolved {
        own_gil: false,
        switch_interval: None,
        restrict_stdin: false,
        restrict_stdout: false,
        restrict_signal: true,
        python_paths: Vec::new(),
        warnings: Vec::new(),
    };
    assert_eq!(resolved, expected);
}

#[test]
fn each_setting_is_taken_from_the_most_exact_container_that_has_it() {
    let switch = |on| Family {
        restrict_stdin: Some(on),
        ..Family::default()
    };
    let mut global = GlobalConfig {
        containers: vec![
            container("process-group=g application-group=a>", switch(true)),
            container(
                "application-group=a>",
                Family {
                    restrict_signal: Some(false),
                    ..switch(false)
                },
            ),
            container(
                "process-group=g>",
                Family {
                    restrict_stdout: Some(true),
                    ..switch(false)
                },
            ),
            container(
                ">",
                Family {
                    restrict_stdout: Some(false),
                    ..switch(false)
                },
            ),
            container("process-group=h>", switch(false)),
        ],
        ..GlobalConfig::default()
    };
    let daemon = daemon(None);
    let process = ProcessView {
        daemon: Some(&daemon),
        ..WITH_GIL
    };
    let resolved = global.interpreter(&process, b"a");
    assert!(resolved.restrict_stdin && resolved.restrict_stdout && !resolved.restrict_signal);
    let other = global.interpreter(&process, b"b");
    assert!(!other.restrict_stdin && other.restrict_stdout && other.restrict_signal);
    // Of equals, the later one.
    global.containers.push(container(
        "application-group=a>",
        Family {
            restrict_stdout: Some(false),
            ..Family::default()
        },
    ));
    assert!(!global.interpreter(&process, b"a").restrict_stdout);
}

#[test]
fn search_paths_are_layers() {
    let path = |text: &str| Family {
        python_path: Some(text.into()),
        ..Family::default()
    };
    let global = GlobalConfig {
        containers: vec![
            container("application-group=a>", path("/3")),
            container("process-group= application-group=a>", path("/5")),
            container(">", path("/1")),
            container("process-group=%{GLOBAL}>", path("/4")),
            container(">", path("/2")),
            container("application-group=b>", path("/6")),
        ],
        ..GlobalConfig::default()
    };
    let paths = global.interpreter(&WITH_GIL, b"a").python_paths;
    assert_eq!(paths, ["/1", "/2", "/3", "/4", "/5"].map(Text::from));
}

#[test]
fn own_gils() {
    let global = GlobalConfig {
        family: Family {
            own_gil: Some(true),
            ..Family::default()
        },
        ..GlobalConfig::default()
    };
    assert!(global.interpreter(&WITH_GIL, b"a").own_gil);
    assert!(!global.interpreter(&WITH_GIL, b"").own_gil);
    let old = ProcessView {
        can_own_gil: false,
        ..WITH_GIL
    };
    assert_eq!(
        (
            global.interpreter(&old, b"a").own_gil,
            &global.interpreter(&old, b"a").warnings[..]
        ),
        (false, &[][..])
    );
    let free = ProcessView {
        free_threading: true,
        ..WITH_GIL
    };
    let resolved = global.interpreter(&free, b"a");
    assert!(!resolved.own_gil);
    assert_eq!(codes(&resolved.warnings), [202]);
    assert_eq!(codes(&global.interpreter(&free, b"").warnings), []);
}

#[test]
fn free_threading_is_a_matter_of_processes() {
    let on = |on| Family {
        free_threading: Some(on),
        ..Family::default()
    };
    let mut global = GlobalConfig {
        family: on(true),
        ..GlobalConfig::default()
    };
    assert!(global.free_threading(b"g") && global.free_threading(b""));
    global
        .containers
        .push(container("process-group=g>", on(false)));
    global
        .containers
        .push(container("application-group=>", on(false)));
    global.containers.push(container(">", on(true)));
    assert!(!global.free_threading(b"g") && global.free_threading(b""));
    global.containers.push(container(">", on(false)));
    assert!(!global.free_threading(b""));
    assert!(!GlobalConfig::default().free_threading(b""));
}

#[test]
fn switch_intervals() {
    let interval = |seconds| Family {
        switch_interval: Some(seconds),
        ..Family::default()
    };
    let mut global = GlobalConfig {
        family: interval(0.1),
        ..GlobalConfig::default()
    };
    let mut check = |container: Option<Container>,
                     group: Option<f64>,
                     name: &str,
                     expected: Option<f64>,
                     warned: &[u16]| {
        global.containers = container.into_iter().collect();
        let daemon = daemon(group);
        let process = ProcessView {
            daemon: Some(&daemon),
            ..WITH_GIL
        };
        let resolved = global.interpreter(&process, name.as_bytes());
        assert_eq!(
            (resolved.switch_interval, codes(&resolved.warnings)),
            (expected, warned.to_vec())
        );
    };
    check(None, None, "", Some(0.1), &[]);
    check(None, None, "a", Some(0.1), &[]);
    // A group's own interval outlives the creation of interpreters.
    check(None, Some(0.3), "", Some(0.3), &[]);
    check(None, Some(0.3), "a", Some(0.3), &[]);
    check(
        Some(container("process-group=g>", interval(0.2))),
        None,
        "a",
        Some(0.2),
        &[],
    );
    check(
        Some(container("application-group=a>", interval(0.2))),
        None,
        "a",
        None,
        &[199],
    );
    check(
        Some(container("application-group=%{GLOBAL}>", interval(0.2))),
        None,
        "",
        Some(0.2),
        &[],
    );
    check(
        Some(container("application-group=%{GLOBAL}>", interval(0.2))),
        None,
        "a",
        Some(0.2),
        &[],
    );
    let own = Family {
        own_gil: Some(true),
        ..interval(0.2)
    };
    check(
        Some(container("application-group=a>", own)),
        Some(0.3),
        "a",
        Some(0.2),
        &[],
    );
}

#[test]
fn without_a_gil_no_interval() {
    let global = GlobalConfig {
        family: Family {
            switch_interval: Some(0.1),
            ..Family::default()
        },
        ..GlobalConfig::default()
    };
    let free = ProcessView {
        free_threading: true,
        ..WITH_GIL
    };
    let resolved = global.interpreter(&free, b"a");
    assert_eq!(
        (resolved.switch_interval, codes(&resolved.warnings)),
        (None, vec![205])
    );
    assert_eq!(
        global
            .process_switch_interval(&free)
            .unwrap_err()
            .to_string(),
        "WSGI0203: Skipping WSGISwitchInterval 0.100000s in embedded mode as free-threading is active."
    );
    let daemon = daemon(Some(0.2));
    let in_daemon = ProcessView {
        daemon: Some(&daemon),
        ..free
    };
    assert_eq!(
        global.process_switch_interval(&in_daemon).unwrap_err().code,
        204
    );
    let with_gil = ProcessView {
        daemon: Some(&daemon),
        ..WITH_GIL
    };
    assert_eq!(global.process_switch_interval(&with_gil), Ok(Some(0.2)));
    let without_option = self::daemon(None);
    let without_option = ProcessView {
        daemon: Some(&without_option),
        ..WITH_GIL
    };
    assert_eq!(global.process_switch_interval(&without_option), Ok(None));
    assert_eq!(global.process_switch_interval(&WITH_GIL), Ok(Some(0.1)));
}

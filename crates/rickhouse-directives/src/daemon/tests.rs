use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::testing::World;

fn parse(line: &str) -> Result<DaemonProcess, String> {
    parse_as(line, &World::default())
}

fn parse_as(line: &str, world: &World) -> Result<DaemonProcess, String> {
    let server = ServerIdentity::default();
    DaemonProcess::parse(line.as_bytes(), &server, &[], world).map_err(String::from)
}

fn rejected(options: &str) -> String {
    parse(&format!("g {options}")).expect_err(options)
}

#[test]
fn a_name_is_enough() {
    let process = parse("g").unwrap();
    assert_eq!(
        process,
        DaemonProcess::new("g".into(), 1, ServerIdentity::default())
    );
    assert_eq!(
        parse("").unwrap_err(),
        "Name of WSGI daemon process not supplied."
    );
    assert_eq!(
        parse("\"\"").unwrap_err(),
        "Name of WSGI daemon process not supplied."
    );
}

#[test]
fn every_option_has_one_row() {
    let mut names: Vec<&str> = OPTIONS
        .iter()
        .flat_map(|(_, options)| options.iter().map(|option| option.name))
        .collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 44);
}

#[test]
fn numbers_and_times() {
    let process = parse(
        "g processes=2 threads=0 maximum-requests=9 stack-size=65536 listen-backlog=0 cpu-time-limit=3 cpu-priority=-5 \
         memory-limit=1 virtual-memory-limit=0 umask=0027 switch-interval=0.5 startup-timeout=1 shutdown-timeout=0 \
         deadlock-timeout=0 inactivity-timeout=2 request-timeout=3 interrupt-timeout=4 graceful-timeout=0 \
         eviction-timeout=5 restart-interval=6 connect-timeout=0 socket-timeout=7 queue-timeout=8 \
         response-socket-timeout=0 response-flush-delay=0 server-metrics=on",
    )
    .unwrap();
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(
        (process.processes, process.multiprocess, process.threads),
        (2, true, 0)
    );
    assert_eq!(process.maximum_requests, Some(9));
    assert_eq!(
        (process.stack_size, process.listen_backlog),
        (Some(65536), 0)
    );
    assert_eq!(
        (process.cpu_time_limit, process.cpu_priority),
        (Some(3), Some(-5))
    );
    assert_eq!(
        (process.memory_limit, process.virtual_memory_limit),
        (Some(1), None)
    );
    assert_eq!(
        (process.umask, process.switch_interval),
        (Some(0o027), Some(0.5))
    );
    assert_eq!(
        (process.startup_timeout, process.shutdown_timeout),
        (seconds(1), None)
    );
    assert_eq!(
        (process.deadlock_timeout, process.inactivity_timeout),
        (None, seconds(2))
    );
    assert_eq!(
        (process.request_timeout, process.interrupt_timeout),
        (seconds(3), seconds(4))
    );
    assert_eq!(
        (process.graceful_timeout, process.eviction_timeout),
        (Duration::ZERO, seconds(5))
    );
    assert_eq!(
        (process.restart_interval, process.connect_timeout),
        (seconds(6), Duration::ZERO)
    );
    assert_eq!(
        (process.socket_timeout, process.queue_timeout),
        (seconds(7), seconds(8))
    );
    assert_eq!(process.response_socket_timeout(), seconds(7));
    assert_eq!(process.response_flush_delay, Duration::ZERO);
    assert!(process.server_metrics && process.multithread() && !process.run_once());
}

#[test]
fn flags_of_the_environ() {
    let flags = |options: &str| {
        let process = parse(&format!("g {options}")).unwrap();
        (
            process.multithread(),
            process.multiprocess,
            process.run_once(),
        )
    };
    assert_eq!(flags(""), (true, false, false));
    assert_eq!(flags("processes=1"), (true, true, false));
    assert_eq!(flags("threads=1"), (false, false, false));
    assert_eq!(flags("threads=1 maximum-requests=1"), (false, false, true));
    assert_eq!(flags("threads=2 maximum-requests=1"), (true, false, false));
}

#[test]
fn texts_and_buffers() {
    let process = parse(
        "g chroot=/jail home=/home/a lang=C.UTF-8 locale='' display-name=%{GROUP} python-home=/venv \
         python-path=/a:/b python-eggs=/eggs send-buffer-size=512 receive-buffer-size=0 header-buffer-size=8192 \
         response-buffer-size=0",
    )
    .unwrap();
    assert_eq!(
        (process.chroot, process.home),
        (Some("/jail".into()), Some("/home/a".into()))
    );
    assert_eq!(
        (process.lang, process.locale),
        (Some("C.UTF-8".into()), Some("".into()))
    );
    assert_eq!(process.display_name, Some("(wsgi:g)".into()));
    assert_eq!(process.python_path, Some("/a:/b".into()));
    assert_eq!(
        (process.send_buffer_size, process.receive_buffer_size),
        (Some(512), None)
    );
    assert_eq!(
        (process.header_buffer_size, process.response_buffer_size),
        (8192, 8_388_608)
    );
}

#[test]
fn users_and_groups() {
    let process = parse(
        "g user=alice group=#77 supplementary-groups=web,#9 socket-user=root script-user=#1000",
    )
    .unwrap();
    let alice = User {
        id: 1000,
        name: "alice".into(),
    };
    assert_eq!(
        (process.user, process.group),
        (Some(alice.clone()), Some(77))
    );
    assert_eq!(
        process.supplementary_groups.map(|groups| groups.ids),
        Some(vec![33, 9])
    );
    assert_eq!(process.socket_user.map(|user| user.id), Some(0));
    assert_eq!(process.script_user, Some(alice));
    let group = parse("g script-group=#50").unwrap().script_group;
    assert_eq!(
        group,
        Some(UserGroup {
            id: 50,
            name: "staff".into()
        })
    );
}

#[test]
fn rejected_users_and_groups() {
    let check = |options: &str, text: &str| assert_eq!(rejected(options), text, "{options}");
    check("user=root", "WSGI process blocked from running as root.");
    check("user=#0", "WSGI process blocked from running as root.");
    check("user=#99", "Couldn't determine user name from uid.");
    check("user=#1000x", "Couldn't determine user name from uid.");
    check("user=bob", "AH00543: bad user name bob");
    check("user=", "Invalid user for WSGI daemon process.");
    check("group=bobs", "AH00544: bad group name bobs");
    check("group=", "Invalid group for WSGI daemon process.");
    check(
        "socket-user=#99",
        "Couldn't determine user name from socket user.",
    );
    check(
        "socket-user=",
        "Invalid socket user for WSGI daemon process.",
    );
    check(
        "script-user=#99",
        "Couldn't determine uid from script user.",
    );
    check(
        "script-group=#99",
        "Couldn't determine gid from script group.",
    );
    check(
        "script-user=alice script-group=web",
        "Only one of script-user and script-group allowed.",
    );
    check(
        "supplementary-groups=web,staff,#9",
        "Too many supplementary groups WSGI daemon process",
    );
    check(
        "supplementary-groups=web,nobody",
        "AH00544: bad group name nobody",
    );
}

#[test]
fn rejected_places() {
    let world = World {
        is_root: false,
        ..World::default()
    };
    let text = parse_as("g chroot=/jail", &world).unwrap_err();
    assert_eq!(text, "Cannot chroot WSGI daemon process when not root.");
    assert_eq!(
        rejected("chroot=jail"),
        "Invalid chroot directory for WSGI daemon process."
    );
    assert_eq!(
        rejected("home="),
        "Invalid home directory for WSGI daemon process."
    );
}

#[test]
fn rejected_options() {
    for options in ["x", "x=1", "Threads=1", "threads =1", "=1", "threads=1 y"] {
        assert_eq!(
            rejected(options),
            "Invalid option to WSGI daemon process definition.",
            "{options}"
        );
    }
}

/// Empty, negative, not a number, and a number with something behind it.
#[test]
fn rejected_numbers() {
    let things = [
        ("processes", "process count"),
        ("threads", "thread count"),
        ("umask", "umask"),
        ("switch-interval", "switch interval"),
        ("stack-size", "stack size"),
        ("maximum-requests", "request count"),
        ("startup-timeout", "startup timeout"),
        ("shutdown-timeout", "shutdown timeout"),
        ("deadlock-timeout", "deadlock timeout"),
        ("inactivity-timeout", "inactivity timeout"),
        ("request-timeout", "request timeout"),
        ("interrupt-timeout", "interrupt timeout"),
        ("graceful-timeout", "graceful timeout"),
        ("eviction-timeout", "eviction timeout"),
        ("restart-interval", "restart interval"),
        ("connect-timeout", "connect timeout"),
        ("socket-timeout", "socket timeout"),
        ("queue-timeout", "queue timeout"),
        ("listen-backlog", "listen backlog"),
        ("response-socket-timeout", "response socket timeout"),
        ("response-flush-delay", "response flush delay"),
        ("cpu-time-limit", "CPU time limit"),
        ("memory-limit", "memory limit"),
        ("virtual-memory-limit", "virtual memory limit"),
    ];
    for (option, thing) in things {
        let text = format!("Invalid {thing} for WSGI daemon process.");
        for value in ["", "-1", "abc", "9x", "99999999999999999999999"] {
            // The last one is a number of seconds with fractions, if a long one.
            if option == "switch-interval" && value.len() > 3 {
                continue;
            }
            assert_eq!(
                rejected(&format!("{option}={value}")),
                text,
                "{option}={value}"
            );
        }
    }
    assert_eq!(
        rejected("processes=0"),
        "Invalid process count for WSGI daemon process."
    );
    assert_eq!(
        rejected("threads=65534"),
        "Invalid thread count for WSGI daemon process."
    );
    assert_eq!(
        rejected("stack-size=0"),
        "Invalid stack size for WSGI daemon process."
    );
    assert_eq!(
        rejected("umask=8"),
        "Invalid umask for WSGI daemon process."
    );
    assert_eq!(
        rejected("switch-interval=inf"),
        "Invalid switch interval for WSGI daemon process."
    );
    assert_eq!(
        rejected("cpu-priority="),
        "Invalid CPU priority for WSGI daemon process."
    );
    assert_eq!(
        rejected("server-metrics=yes"),
        "Invalid server metrics flag for WSGI daemon process."
    );
    for (option, text) in [
        (
            "send-buffer-size=511",
            "Send buffer size must be >= 512 bytes, or 0 for system default.",
        ),
        (
            "send-buffer-size=",
            "Invalid send buffer size for WSGI daemon process.",
        ),
        (
            "receive-buffer-size=-1",
            "Receive buffer size must be >= 512 bytes, or 0 for system default.",
        ),
        (
            "header-buffer-size=8191",
            "Header buffer size must be >= 8192 bytes, or 0 for default.",
        ),
        (
            "response-buffer-size=64k",
            "Response buffer size must be >= 65536 bytes, or 0 for default.",
        ),
    ] {
        assert_eq!(rejected(option), text);
    }
}

#[test]
fn the_token_is_not_shown() {
    assert_eq!(format!("{:?}", OriginToken([7; 32])), "OriginToken(..)");
}

proptest! {
    #[test]
    fn any_line(line: Vec<u8>) {
        let _ = DaemonProcess::parse(&line, &ServerIdentity::default(), &[], &World::default());
    }

    #[test]
    fn any_value(at in 0_usize..44, value in "[-+#0-9a-z./,]{0,6}") {
        let name = OPTIONS.iter().flat_map(|(_, options)| options.iter()).nth(at).unwrap().name;
        let _ = parse(&format!("g {name}={value}"));
    }

    #[test]
    fn a_number_comes_back(processes in 1_u32.., threads in 0_u32..=65_533, requests: u64) {
        let process = parse(&format!("g processes={processes} threads={threads} maximum-requests={requests}")).unwrap();
        prop_assert_eq!((process.processes, process.threads), (processes, threads));
        prop_assert_eq!(process.maximum_requests.unwrap_or(0), requests);
    }
}

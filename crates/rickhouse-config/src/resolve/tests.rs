use super::*;
use crate::options::{Layer, Said};
use crate::table::Kind;
use crate::values::AllowedProxies;

fn options(said: &[(&str, &str)]) -> Options {
    let layer: Layer = said
        .iter()
        .map(|(name, text)| {
            (
                table::find(name).expect(name).name,
                Said::one(*text, Origin::CommandLine),
            )
        })
        .collect();
    Options::combine([layer], None)
}

/// A directory `/start` in which there is a script `script.wsgi`.
fn start() -> Surroundings<'static> {
    Surroundings {
        environment: Vec::new(),
        directory: "/start".into(),
        pid: 1,
        read: &|_| Err(std::io::ErrorKind::NotFound.into()),
        is_file: &|path| path == Path::new("/start/script.wsgi"),
    }
}

fn config(said: &[(&str, &str)]) -> Config {
    let said: Vec<_> = [("target", "app:app")]
        .iter()
        .chain(said)
        .copied()
        .collect();
    let (config, mistakes) = resolve(&options(&said), &start(), true);
    assert_eq!(mistakes, []);
    config
}

fn mistakes(said: &[(&str, &str)]) -> Vec<String> {
    let said: Vec<_> = [("target", "app:app")]
        .iter()
        .chain(said)
        .copied()
        .collect();
    let (_, mistakes) = resolve(&options(&said), &start(), true);
    mistakes.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_said_means_the_defaults() {
    let config = config(&[]);
    assert_eq!(
        config.bind,
        [Bind::Tcp {
            host: "127.0.0.1".into(),
            port: 8000
        }]
    );
    assert_eq!(
        (config.workers, config.threads, config.interpreters),
        (1, 1, None)
    );
    assert_eq!((config.gil, config.switch_interval), (GilMode::Auto, None));
    assert_eq!(
        (config.request_timeout, config.timeout),
        (None, Some(Duration::from_secs(30)))
    );
    assert_eq!(config.limit_request_body, Some(1 << 30));
    assert_eq!(config.limit_request_header_size, 65536);
    assert_eq!((config.max_requests, config.max_requests_jitter), (None, 0));
    assert_eq!(
        config.forwarded_allow_ips,
        AllowedProxies::Networks(vec![
            "127.0.0.1/32".parse().unwrap(),
            "::1/128".parse().unwrap()
        ])
    );
    assert_eq!(
        (config.access_logfile, config.error_logfile),
        (None, LogFile::Standard)
    );
    assert_eq!(config.server_header.as_deref(), Some("rickhouse"));
}

#[test]
fn the_config_has_a_field_for_every_option() {
    let json = serde_json::to_value(config(&[])).unwrap();
    let mut fields: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    let mut names: Vec<_> = table::all()
        .filter(|spec| spec.in_file())
        .map(|spec| spec.name.replace('-', "_"))
        .collect();
    names.sort();
    assert_eq!(fields, names);
}

#[test]
fn a_worker_gets_the_same_config_as_json() {
    let config = config(&[
        ("bind", "unix:/run/app.sock?mode=660"),
        ("timeout", "1m30s"),
        ("forwarded-allow-ips", "10.0.0.0/8"),
        ("access-logfile", "access.log"),
        ("gil", "own"),
        ("umask", "027"),
    ]);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
}

#[test]
fn zero_and_empty_have_their_meanings() {
    let config = config(&[
        ("timeout", "0"),
        ("limit-request-body", "0"),
        ("max-requests", "0"),
        ("keep-alive", "0"),
        ("server-header", ""),
        ("forwarded-allow-ips", ""),
    ]);
    assert_eq!(
        (
            config.timeout,
            config.limit_request_body,
            config.max_requests
        ),
        (None, None, None)
    );
    assert_eq!(
        (config.keep_alive, config.server_header),
        (Duration::ZERO, None)
    );
    assert_eq!(config.forwarded_allow_ips, AllowedProxies::NOBODY);
}

#[test]
fn several_threads_share_the_gil_in_shorter_turns() {
    assert_eq!(
        config(&[("threads", "2")]).switch_interval,
        Some(Duration::from_millis(1))
    );
    assert_eq!(
        config(&[("threads", "2"), ("switch-interval", "5ms")]).switch_interval,
        Some(Duration::from_millis(5))
    );
    assert_eq!(
        config(&[("switch-interval", "0.0005")]).switch_interval,
        Some(Duration::from_micros(500))
    );
}

#[test]
fn paths_are_joined_to_the_directory_of_their_kind() {
    let config = config(&[
        ("target", "app.py:app"),
        ("chdir", "site"),
        ("pythonpath", "lib"),
        ("pid", "run/pid"),
        ("error-logfile", "/var/log/error"),
        ("reload-extra-file", "a.html"),
    ]);
    assert_eq!(config.chdir.as_deref(), Some(Path::new("/start/site")));
    assert_eq!(
        config.target,
        Target::File {
            path: "/start/site/app.py".into(),
            attr: Some("app".into()),
            call: false
        }
    );
    assert_eq!(config.pythonpath, [PathBuf::from("/start/site/lib")]);
    assert_eq!(config.pid.as_deref(), Some(Path::new("/start/run/pid")));
    assert_eq!(config.error_logfile, LogFile::File("/var/log/error".into()));
    assert_eq!(config.reload_extra_file, [PathBuf::from("/start/a.html")]);
}

#[test]
fn a_name_that_ends_like_a_script_is_a_script_where_there_is_one() {
    let target = |text: &str| config(&[("target", text)]).target;
    assert_eq!(
        target("script.wsgi:app"),
        Target::File {
            path: "/start/script.wsgi".into(),
            attr: Some("app".into()),
            call: false
        }
    );
    assert_eq!(
        target("mysite.wsgi"),
        Target::Module {
            module: "mysite.wsgi".into(),
            attr: None,
            call: false
        }
    );
}

#[test]
fn words_are_understood_in_any_case() {
    assert_eq!(config(&[("gil", "OFF")]).gil, GilMode::Off);
    assert_eq!(
        config(&[("log-level", "warning")]).log_level,
        LogLevel::Warn
    );
    assert_eq!(
        config(&[("log-level", "critical")]).log_level,
        LogLevel::Error
    );
    for spec in table::all() {
        if let Kind::Choice(words) = spec.kind {
            for word in words {
                assert_eq!(
                    mistakes(&[(spec.name, word)]),
                    [""; 0],
                    "the table has a word that means nothing"
                );
            }
        }
    }
}

#[test]
fn every_mistake_at_once() {
    let said = [
        ("workers", "0"),
        ("threads", "x"),
        ("gil", "none"),
        ("timeout", "soon"),
        ("bind", "here"),
        ("umask", "999"),
    ];
    let (_, found) = resolve(&options(&said), &start(), true);
    let options: Vec<_> = found
        .iter()
        .map(|mistake| mistake.place.option.unwrap_or_default())
        .collect();
    assert_eq!(
        options,
        [
            "threads", "bind", "workers", "gil", "timeout", "umask", "target"
        ]
    );
}

#[test]
fn what_is_wrong_with_a_value() {
    let check = |name: &str, text: &str, part: &str| {
        let found = mistakes(&[(name, text)]);
        assert_eq!(found.len(), 1, "{name} {text}: {found:?}");
        assert!(
            found[0].starts_with(&format!("--{name}: ")) && found[0].contains(part),
            "{found:?} has no {part:?}"
        );
    };
    check("workers", "0", "0 is too little, the least is 1");
    check("workers", "1025", "1025 is too much, the most is 1024");
    check("workers", "", "the value is empty");
    check("interpreters", "0", "the least is 1");
    check("header-timeout", "0", "0ns is too little, the least is 1ms");
    check(
        "header-timeout",
        "999us",
        "999µs is too little, the least is 1ms",
    );
    check(
        "limit-request-line",
        "0",
        "0 bytes is too little, the least is 1 bytes",
    );
    check("limit-request-line", "2GiB", "is too much");
    check("response-buffer", "1k", "the least is 4096 bytes");
    check(
        "gil",
        "none",
        "\"none\" is not one of auto, shared, own, off",
    );
    check("user", "a\nb", "has a control character");
    check("pid", "a\0b", "has a control character");
    check("pid", "", "the value is empty");
    check("access-logfile", "", "the value is empty");
    check("root-path", "app", "does not start with");
    check("health-path", "healthz", "does not start with");
    check("server-header", "a\r\nb", "printable ASCII");
    check("umask", "888", "is not an octal mode");
    check("reload", "maybe", "neither true nor false");
    check("forwarded-allow-ips", "localhost", "is not an IP address");
}

#[test]
fn what_is_wrong_in_company() {
    let check =
        |said: &[(&str, &str)], expected: &[&str]| assert_eq!(mistakes(said), expected, "{said:?}");
    check(
        &[("max-requests-jitter", "10")],
        &["--max-requests-jitter: does nothing without --max-requests (command line)"],
    );
    check(&[("max-requests-jitter", "10"), ("max-requests", "0")], &[]);
    check(
        &[("interrupt-timeout", "10s")],
        &["--interrupt-timeout: does nothing without --request-timeout (command line)"],
    );
    check(
        &[("interrupt-timeout", "10s"), ("request-timeout", "1m")],
        &[],
    );
    check(
        &[("health-path", "/up"), ("ready-path", "/up")],
        &["--ready-path: the same path as --health-path, and their answers differ (command line)"],
    );
    check(
        &[("bind", ":80"), ("health-bind", ":80")],
        &["--health-bind: 0.0.0.0:80 is one of --bind (command line)"],
    );
    check(&[("bind", ":0"), ("health-bind", ":0")], &[]);
    check(
        &[("health-bind", "systemd")],
        &[
            "--health-bind: sockets of systemd are the application's; give an address (command line)",
        ],
    );
    check(&[("interpreters", "2"), ("gil", "shared")], &[]);
    check(&[("reload", "true"), ("workers", "2")], &[]);
}

#[test]
fn an_address_is_listened_on_once() {
    let bind = |texts: &[&str]| {
        let layer = Layer::from([
            (
                "bind",
                Said::list(texts.iter().copied(), Origin::CommandLine),
            ),
            ("target", Said::one("app", Origin::CommandLine)),
        ]);
        let (config, mistakes) = resolve(&Options::combine([layer], None), &start(), true);
        match mistakes.first() {
            Some(mistake) => Err(mistake.message.clone()),
            None => Ok(config),
        }
    };
    assert_eq!(bind(&[":80", "[::]:80"]).unwrap().bind.len(), 2);
    assert_eq!(bind(&[":0", ":0"]).unwrap().bind.len(), 2);
    assert_eq!(
        bind(&[":80", "0.0.0.0:80"]),
        Err("0.0.0.0:80 is given twice".into())
    );
    assert_eq!(
        bind(&[]),
        Err("the list is empty, so nothing would be listened on".into())
    );
}

#[test]
fn every_default_is_a_good_value() {
    assert_eq!(read(&options(&[]), &start()).1, []);
}

use proptest::prelude::*;

use super::*;

/// Runs a command line among these variables and files, in the directory `/start`.
fn run(line: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Command, Exit> {
    let read = |path: &Path| {
        let found = files
            .iter()
            .find(|(name, _)| Path::new("/start").join(name) == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let surroundings = Surroundings {
        environment: variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        directory: "/start".into(),
        pid: 42,
        read: &read,
        is_file: &|_| false,
    };
    let arguments = ["rickhouse"]
        .iter()
        .chain(line)
        .map(OsString::from)
        .collect();
    parse_command(arguments, &surroundings, |_, _| Findings::default())
}

fn served(line: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> (Config, Origins) {
    match run(line, variables, files) {
        Ok(Command::Serve { config, origins }) => (*config, origins),
        other => panic!("nothing to serve: {other:?}"),
    }
}

fn shown(line: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]) -> String {
    match run(line, variables, files) {
        Ok(Command::ShowConfig(text)) => text,
        other => panic!("nothing to show: {other:?}"),
    }
}

#[test]
fn the_command_line_beats_the_environment_beats_the_file_beats_the_platform() {
    let line: &[&str] = &["serve", "app", "--workers", "5"];
    let own: &[(&str, &str)] = &[("RICKHOUSE_WORKERS", "4")];
    let file: &[(&str, &str)] = &[("rickhouse.toml", "# ours\nworkers = 3\n")];
    let platform: &[(&str, &str)] = &[("WEB_CONCURRENCY", "2")];
    let serve: &[&str] = &["serve", "app"];
    let both = [own[0], platform[0]];
    let check = |line: &[&str],
                 variables: &[(&str, &str)],
                 files: &[(&str, &str)],
                 workers: usize,
                 origin: &str| {
        let (config, origins) = served(line, variables, files);
        assert_eq!(
            (config.workers, origins.of("workers").to_string().as_str()),
            (workers, origin)
        );
    };
    check(line, &both, file, 5, "command line");
    check(serve, &both, file, 4, "environment RICKHOUSE_WORKERS");
    check(serve, platform, file, 3, "rickhouse.toml:2");
    check(serve, platform, &[], 2, "environment WEB_CONCURRENCY");
    check(serve, &[], &[], 1, "default");
}

#[test]
fn the_file_is_the_named_one_or_the_first_that_is_there() {
    let files = [
        ("rickhouse.toml", "workers = 2"),
        ("pyproject.toml", "[tool.rickhouse]\nworkers = 3"),
        ("conf/site.toml", "workers = 4"),
    ];
    let workers = |line: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]| {
        served(line, variables, files).0.workers
    };
    let serve: &[&str] = &["serve", "app"];
    assert_eq!(workers(serve, &[], &files), 2);
    assert_eq!(workers(serve, &[], &files[1..]), 3);
    assert_eq!(
        workers(serve, &[], &[("pyproject.toml", "[tool.other]\n")]),
        1
    );
    assert_eq!(
        workers(&["serve", "app", "-c", "conf/site.toml"], &[], &files),
        4
    );
    assert_eq!(
        workers(serve, &[("RICKHOUSE_CONFIG", "conf/site.toml")], &files),
        4
    );
    assert_eq!(
        workers(
            &["serve", "app", "--config", "pyproject.toml"],
            &[("RICKHOUSE_CONFIG", "conf/site.toml")],
            &files
        ),
        3
    );
}

#[test]
fn a_named_file_has_to_be_there() {
    let text = |line: &[&str], files: &[(&str, &str)]| run(line, &[], files).unwrap_err().text;
    let missing = text(&["serve", "app", "-c", "none.toml"], &[]);
    assert!(
        missing.contains("--config: none.toml cannot be read: ")
            && missing.contains("(command line)"),
        "{missing}"
    );
    let empty = text(
        &["serve", "app", "-c", "pyproject.toml"],
        &[("pyproject.toml", "")],
    );
    assert!(
        empty.contains("--config: pyproject.toml has no table [tool.rickhouse]"),
        "{empty}"
    );
}

#[test]
fn the_target_can_stand_in_the_file() {
    let (config, _) = served(
        &["serve"],
        &[],
        &[("rickhouse.toml", "target = \"site:app\"")],
    );
    assert_eq!(config.target.to_string(), "site:app");
    let exit = run(&["serve"], &[], &[]).unwrap_err();
    assert!(
        exit.text
            .contains("TARGET: there is no application to serve\n"),
        "{}",
        exit.text
    );
}

#[test]
fn every_mistake_of_every_source_at_once() {
    let exit = run(
        &["serve", "app", "--threads", "x", "--worker=2"],
        &[("RICKHOUSE_TIMEOUT", "soon"), ("RICKHOUSE_XYZZY", "1")],
        &[("rickhouse.toml", "\n\n\nworker = 1\nbacklog = 0\n")],
    )
    .unwrap_err();
    assert_eq!((exit.stream, exit.code), (Stream::Stderr, 2));
    assert_eq!(
        exit.text,
        "rickhouse: 6 mistakes in the configuration
  unknown option \"--worker\"; did you mean \"--workers\"? (command line)
  --threads: \"x\" is not a whole number (command line)
  RICKHOUSE_XYZZY: unknown option \"xyzzy\" (environment)
  RICKHOUSE_TIMEOUT: \"soon\" is not a duration (environment)
      write 30s, 1m30s, 500ms, or a number of seconds
  rickhouse.toml:4: unknown option \"worker\"; did you mean \"workers\"?
  rickhouse.toml:5: backlog: 0 is too little, the least is 1
"
    );
}

#[test]
fn help_and_version_are_no_mistakes() {
    for line in [["--help"], ["--version"]] {
        let exit = run(&line, &[("RICKHOUSE_XYZZY", "1")], &[]).unwrap_err();
        assert_eq!((exit.stream, exit.code), (Stream::Stdout, 0));
    }
    let exit = run(&[], &[], &[]).unwrap_err();
    assert_eq!((exit.stream, exit.code), (Stream::Stderr, 2));
}

#[test]
fn what_is_shown_says_where_it_comes_from() {
    let text = shown(
        &[
            "config",
            "app:make()",
            "--bind",
            "[::1]:80",
            "--bind",
            "unix:/a b",
        ],
        &[("RICKHOUSE_TIMEOUT", "1m"), ("WEB_CONCURRENCY", "2")],
        &[("rickhouse.toml", "reload = true\numask = \"027\"\n")],
    );
    for line in [
        "# File read: rickhouse.toml",
        "target = \"app:make()\"  # command line",
        "bind = [\"[::1]:80\", \"unix:/a b\"]  # command line",
        "timeout = \"1m\"  # environment RICKHOUSE_TIMEOUT",
        "workers = 2  # environment WEB_CONCURRENCY",
        "reload = true  # rickhouse.toml:1",
        "umask = \"027\"  # rickhouse.toml:2",
        "threads = 1  # default",
        "forwarded-allow-ips = [\"127.0.0.1\", \"::1\"]  # default",
        "# interpreters is not set: the main interpreter serves, or with --gil own one for each processor",
    ] {
        assert!(
            text.lines().any(|shown| shown == line),
            "{line:?} is not in\n{text}"
        );
    }
}

#[test]
fn what_is_shown_can_be_loaded_again() {
    let check = |line: &[&str], variables: &[(&str, &str)], files: &[(&str, &str)]| {
        let (config, _) = served(&[&["serve"], line].concat(), variables, files);
        let text = shown(&[&["config"], line].concat(), variables, files);
        let (again, _) = served(&["serve"], &[], &[("rickhouse.toml", &text)]);
        assert_eq!(again, config, "{text}");
    };
    check(&["app"], &[], &[]);
    check(
        &[
            "app",
            "--workers",
            "007",
            "--timeout=0.5",
            "--reload=yes",
            "--server-header=",
        ],
        &[],
        &[],
    );
    check(
        &[
            "app",
            "--access-logformat",
            "%h \"%r\" '''\\ \u{fc} # x",
            "--pid",
            "a\"b\\c",
        ],
        &[],
        &[],
    );
    check(
        &["app.py", "--forwarded-allow-ips=", "--chdir", "site"],
        &[("RICKHOUSE_PYTHONPATH", "a,b c"), ("PORT", "5000")],
        &[(
            "rickhouse.toml",
            "interrupt-timeout = 2\nrequest-timeout = 30.5\nbind = [\":1\"]\numask = \"0o22\"\n",
        )],
    );
}

/// Texts that have something to do with values, and texts that have nothing.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9.+-]{0,25}(ms|s|m|KiB|k|EiB)?",
        "(unix:|fd://|\\[|:)?[a-z0-9:./?=()*,-]{0,12}(\\]:[0-9]{1,6}|\\(\\))?",
    ]
}

proptest! {
    #[test]
    fn no_value_of_any_option_is_too_much(values in proptest::collection::vec(any_value(), table::all().count())) {
        let names: Vec<String> = table::all().map(table::OptionSpec::variable).collect();
        let variables: Vec<(&str, &str)> = names.iter().zip(&values).map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if let Ok(Command::Serve { config, .. }) = run(&["serve"], &variables, &[]) {
            prop_assert!(!config.bind.is_empty());
        }
    }

    #[test]
    fn a_good_value_survives_being_shown(at in 0..table::all().count(), value in any_value()) {
        let spec = table::all().nth(at).expect("the strategy stays inside the table");
        let name = spec.variable();
        prop_assume!(spec.in_file());
        let variables = [(name.as_str(), value.as_str()), ("RICKHOUSE_TARGET", "app"), ("RICKHOUSE_MAX_REQUESTS", "1"), ("RICKHOUSE_REQUEST_TIMEOUT", "1")];
        let variables = if name == variables[1].0 { &variables[..1] } else { &variables[..] };
        if let Ok(Command::Serve { config, .. }) = run(&["serve"], variables, &[]) {
            let text = shown(&["config"], variables, &[]);
            let (again, _) = served(&["serve"], &[], &[("rickhouse.toml", &text)]);
            prop_assert_eq!(again, *config);
        }
    }

    #[test]
    fn no_file_is_too_much(text in prop_oneof![any::<String>(), "([a-z-]{1,8} ?= ?[0-9\"\\[\\]{}a-z.,:#]{0,9}\n){0,5}"]) {
        let _ = run(&["serve", "app"], &[], &[("rickhouse.toml", &text)]);
        let _ = run(&["serve", "app"], &[], &[("pyproject.toml", &format!("[tool.rickhouse]\n{text}"))]);
    }

    #[test]
    fn no_command_line_is_too_much(line in proptest::collection::vec(prop_oneof!["-{0,3}[a-z=]{0,9}", "--(workers|bind|reload|umask)=?[a-z0-9:]{0,5}"], 0..8)) {
        let line: Vec<&str> = ["serve"].into_iter().chain(line.iter().map(String::as_str)).collect();
        if let Err(exit) = run(&line, &[], &[]) {
            prop_assert!(exit.text.ends_with('\n') && matches!(exit.code, 0 | 2));
        }
    }
}

#[test]
fn what_the_machine_finds_is_listed_with_the_rest() {
    let surroundings = Surroundings {
        environment: Vec::new(),
        directory: "/start".into(),
        pid: 42,
        read: &|_| Err(io::ErrorKind::NotFound.into()),
        is_file: &|_| false,
    };
    let find = |line: &str, wrong: bool| {
        parse_command(
            line.split(' ').map(OsString::from).collect(),
            &surroundings,
            |_, origins| Findings {
                mistakes: wrong
                    .then(|| origins.mistake("user", "there is no user"))
                    .into_iter()
                    .collect(),
                remarks: vec!["own GILs".to_owned()],
            },
        )
    };
    let exit = find("rickhouse serve app --workers x --user me", true).expect_err("mistakes");
    assert!(
        exit.text.contains("--workers: ")
            && exit
                .text
                .contains("--user: there is no user (command line)"),
        "{}",
        exit.text
    );
    assert!(find("rickhouse config --user me", true).is_err());
    match find("rickhouse config", false) {
        Ok(Command::ShowConfig(text)) => assert!(text.contains("\n# own GILs\n"), "{text}"),
        other => panic!("nothing to show: {other:?}"),
    }
}

#[test]
fn a_module_command_reads_no_configuration() {
    let run = run(
        &["module-location"],
        &[("RICKHOUSE_NO_SUCH_OPTION", "1")],
        &[("rickhouse.toml", "nonsense = 1\n")],
    );
    assert!(
        matches!(run, Ok(Command::Module(ModuleCommand::Location))),
        "{run:?}"
    );
}

use super::*;

impl CommandLine {
    fn into_layer(self) -> Layer {
        match self {
            Self::Serve(layer) | Self::Config(layer) => layer,
            Self::Module(command) => panic!("no configuration is said: {command:?}"),
        }
    }
}

fn read_line(line: &str) -> (Result<CommandLine, NothingToDo>, Vec<String>) {
    let mut mistakes = Vec::new();
    let arguments = ["rickhouse"]
        .into_iter()
        .chain(line.split(' '))
        .map(OsString::from)
        .collect();
    let read = read(arguments, &mut mistakes);
    (read, mistakes.iter().map(ToString::to_string).collect())
}

fn said_by(line: &str) -> Layer {
    let (read, mistakes) = read_line(line);
    assert_eq!(mistakes, [""; 0]);
    read.unwrap().into_layer()
}

fn texts(line: &str, name: &str) -> Vec<String> {
    said_by(line).remove(name).map_or_else(Vec::new, |said| {
        said.items.into_iter().map(|item| item.text).collect()
    })
}

#[test]
fn clap_finds_nothing_wrong_with_the_table() {
    command().debug_assert();
}

#[test]
fn every_option_is_taken_by_both_commands() {
    for spec in table::all().filter(|spec| spec.kind != Kind::Target) {
        for command in [SERVE.name, CONFIG_COMMAND.name] {
            assert_eq!(
                texts(&format!("{command} --{}=x", spec.name), spec.name),
                ["x"],
                "{}",
                spec.name
            );
        }
        if let Some(letter) = spec.short {
            assert_eq!(
                texts(&format!("serve -{letter} x"), spec.name),
                ["x"],
                "{}",
                spec.name
            );
        }
    }
}

#[test]
fn what_is_said() {
    assert_eq!(texts("serve app:app", "target"), ["app:app"]);
    assert_eq!(texts("serve --workers 2 app.py", "target"), ["app.py"]);
    assert_eq!(
        texts("serve -b :1 -b unix:/a,b app", "bind"),
        [":1", "unix:/a,b"]
    );
    assert_eq!(
        texts(
            "serve --forwarded-allow-ips 10.0.0.1,::1",
            "forwarded-allow-ips"
        ),
        ["10.0.0.1", "::1"]
    );
    assert_eq!(texts("serve -w 2 --workers 3", "workers"), ["2", "3"]);
    assert_eq!(texts("serve --workers -1", "workers"), ["-1"]);
    assert_eq!(
        texts("serve --access-logfile - app", "access-logfile"),
        ["-"]
    );
    assert_eq!(texts("serve --server-header= app", "server-header"), [""]);
    assert!(said_by("serve").is_empty());
    assert!(matches!(
        read_line("config").0.unwrap(),
        CommandLine::Config(_)
    ));
}

#[test]
fn the_module_commands_take_what_they_say() {
    let check = |line: &str, expected: ModuleCommand| match read_line(line).0 {
        Ok(CommandLine::Module(command)) => assert_eq!(command, expected, "{line}"),
        other => panic!("{line}: {other:?}"),
    };
    let install = |directory: Option<&str>| ModuleCommand::Install {
        directory: directory.map(Into::into),
    };
    check("module-location", ModuleCommand::Location);
    check("module-config", ModuleCommand::Config);
    check("install-module", install(None));
    check("install-module --modules-directory /a", install(Some("/a")));
    check("install-module --modules-directory=b", install(Some("b")));
}

#[test]
fn the_module_commands_take_nothing_else() {
    for line in [
        "module-location app:app",
        "module-config --bind :1",
        "install-module /a",
        "install-module --modules-directory",
        "install-module --modules-directory /a --modules-directory /b",
    ] {
        let (read, mistakes) = read_line(line);
        let nothing = read.expect_err(line);
        assert!(!nothing.asked_for, "{line}");
        assert!(nothing.text.starts_with("error: "), "{}", nothing.text);
        assert_eq!(mistakes, [""; 0], "{line}");
    }
}

#[test]
fn a_switch_needs_no_value_and_takes_none_from_the_next_argument() {
    assert_eq!(texts("serve --reload app", "reload"), ["true"]);
    assert_eq!(texts("serve --reload app", "target"), ["app"]);
    assert_eq!(texts("serve --reload=off app", "reload"), ["off"]);
}

#[test]
fn all_that_is_unknown_is_found() {
    let (read, mistakes) =
        read_line("serve --worker 3 -x --xyzzy=1 app:app --thread=2 second --bind");
    assert_eq!(
        mistakes,
        [
            "unknown option \"--worker\"; did you mean \"--workers\"? (command line)",
            "unknown option \"-x\" (command line)",
            "unknown option \"--xyzzy\" (command line)",
            "unknown option \"--thread\"; did you mean \"--threads\"? (command line)",
            "\"second\" is one argument too many (command line)",
            "--bind: the value is missing (command line)",
        ]
    );
    let layer = read.unwrap().into_layer();
    assert_eq!(layer.keys().copied().collect::<Vec<_>>(), ["target"]);
    assert_eq!(layer["target"].items[0].text, "app:app");
}

#[test]
fn a_missing_value_is_found_wherever_it_is_missing() {
    let check = |line: &str, expected: &[&str]| assert_eq!(read_line(line).1, expected, "{line}");
    check(
        "serve app --workers",
        &["--workers: the value is missing (command line)"],
    );
    check(
        "serve app -w",
        &["--workers: the value is missing (command line)"],
    );
    check(
        "serve app --workers 2 --workers --threads 2",
        &["--workers: the value is missing (command line)"],
    );
    check(
        "serve app -w --threads",
        &[
            "--workers: the value is missing (command line)",
            "--threads: the value is missing (command line)",
        ],
    );
}

#[test]
fn nothing_to_do_says_why() {
    let check = |line: &str, asked_for: bool, part: &str| {
        let nothing = read_line(line).0.expect_err(line);
        assert_eq!(nothing.asked_for, asked_for, "{line}");
        assert!(nothing.text.contains(part), "{line}: {}", nothing.text);
    };
    check(
        "serve -h",
        true,
        "Usage: rickhouse serve [OPTIONS] [TARGET]",
    );
    check("--version", true, env!("CARGO_PKG_VERSION"));
    check("--help", true, "Examples:");
    check("serve --help", true, "RICKHOUSE_MAX_REQUESTS");
    check("help serve", true, "--workers <N>");
    check(
        "app:app",
        false,
        "To serve an application: rickhouse serve app:app",
    );
    check("xyzzy-1", false, "unrecognized subcommand 'xyzzy-1'");
}

#[test]
fn help_is_readable_on_a_hundred_columns() {
    for line in [
        "--help",
        "-h",
        "serve --help",
        "serve -h",
        "config --help",
        "module-location --help",
        "module-config --help",
        "install-module --help",
        "install-module -h",
    ] {
        let text = read_line(line).0.unwrap_err().text;
        for row in text.lines() {
            assert!(row.chars().count() <= 100, "{line}: {row}");
        }
    }
    let text = read_line("serve --help").0.unwrap_err().text;
    let mut after = text.as_str();
    for section in table::SECTIONS
        .iter()
        .filter(|section| section.title != "Application")
    {
        let at = after
            .find(&format!("\n{}:\n", section.title))
            .unwrap_or_else(|| panic!("{} is not there, or not in order", section.title));
        after = &after[at + 1..];
    }
}

#[test]
fn an_argument_that_is_not_text_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt;
    let mut mistakes = Vec::new();
    let arguments = ["rickhouse", "serve", "--user"]
        .into_iter()
        .map(OsString::from)
        .chain([OsString::from_vec(vec![0xff])])
        .collect();
    assert!(
        read(arguments, &mut mistakes)
            .unwrap()
            .into_layer()
            .is_empty()
    );
    assert_eq!(mistakes.len(), 1);
    assert_eq!(
        mistakes[0].to_string(),
        "--user: the value is not UTF-8 (command line)"
    );
}

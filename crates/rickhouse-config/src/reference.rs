//! The reference page of all options, as Markdown.

use std::fmt::Write;

use crate::table::{
    self, COMMANDS, CommandSpec, Default, Kind, ModulesDirectory, OptionSpec, Takes,
};

const HEAD: &str = "\
<!-- Made from the table of options in crates/rickhouse-config; do not edit. UPDATE_REFERENCE=1 cargo test -p rickhouse-config writes it. -->

# Options of rickhouse

`rickhouse serve` and `rickhouse config` take all of them. Each can be said in three places, the stronger first:

1. on the command line, `--max-requests 1000`;
2. by an environment variable, `RICKHOUSE_MAX_REQUESTS=1000`; the items of a list are separated by commas or spaces;
3. in a file, `max-requests = 1000`: the one that `--config` names, else `./rickhouse.toml`, else the table `[tool.rickhouse]` of
   `./pyproject.toml`. Lists are arrays of strings.

Behind them come the variables that platforms set for any server (`PORT`, `WEB_CONCURRENCY`, `FORWARDED_ALLOW_IPS`, and the `LISTEN_FDS` of
systemd), and then the default. A list is taken whole from the strongest place that has it. A variable that is set to nothing counts as not
set, except where nothing is a value (`--server-header`, `--root-path`, `--forwarded-allow-ips`).

Durations are written `30s`, `1m30s`, `500ms`, or as a number of seconds, and are a year at most. Sizes are written `64KiB` (1024 each), `64kB`
or `64k` (1000 each), `1GiB`, or as a number of bytes. Switches are `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`.

Unknown options, keys and `RICKHOUSE_` variables are mistakes. All mistakes are reported at once, each with its place, and the command ends
with status 2. Names that start with `RICKHOUSE_INTERNAL_` are used between the server's own processes, and the variables that Kubernetes
makes for a service named rickhouse (`RICKHOUSE_SERVICE_HOST`, `RICKHOUSE_PORT_8000_TCP`, …) are left alone.
";

const COMMANDS_HEAD: &str = "\
<!-- Made from the table of commands in crates/rickhouse-config; do not edit. UPDATE_REFERENCE=1 cargo test -p rickhouse-config writes it. -->

# Commands of rickhouse

`rickhouse COMMAND --help` says the same. A command line that is wrong ends with status 2, a command that fails with status 1; both say why
on standard error.
";

/// The reference page of all commands. `docs/reference/commands.md` is this text; a test compares them.
pub fn commands_page() -> String {
    let mut page = String::from(COMMANDS_HEAD);
    for spec in COMMANDS {
        push(&mut page, format_args!("\n{}", command_entry(spec)));
    }
    page
}

fn command_entry(spec: &CommandSpec) -> String {
    let usage = match spec.takes {
        Takes::Configuration => " [OPTIONS] [TARGET]".to_owned(),
        Takes::Nothing => String::new(),
        Takes::ModulesDirectory => format!(
            " [--{} {}]",
            ModulesDirectory::NAME,
            ModulesDirectory::PLACEHOLDER
        ),
    };
    let mut text = format!("## `rickhouse {}{usage}`\n\n{}.", spec.name, spec.help);
    if !spec.details.is_empty() {
        push(&mut text, format_args!(" {}", spec.details));
    }
    match spec.takes {
        Takes::Configuration => {
            text.push_str(" [The options](options.md) have a page of their own.\n")
        }
        Takes::Nothing => text.push('\n'),
        Takes::ModulesDirectory => push(
            &mut text,
            format_args!(
                "\n\n* `--{} {}`: {}.\n",
                ModulesDirectory::NAME,
                ModulesDirectory::PLACEHOLDER,
                ModulesDirectory::HELP
            ),
        ),
    }
    text
}

/// The reference page of all options. `docs/reference/options.md` is this text; a test compares them.
pub fn reference_page() -> String {
    let mut page = String::from(HEAD);
    for section in table::SECTIONS {
        push(&mut page, format_args!("\n## {}\n", section.title));
        for spec in section.options {
            push(&mut page, format_args!("\n{}", entry(spec)));
        }
    }
    page
}

fn entry(spec: &OptionSpec) -> String {
    let mut text = match (spec.kind, spec.short) {
        (Kind::Target, _) => "### `TARGET`\n\n".to_owned(),
        (kind, None) => format!("### `--{} {}`\n\n", spec.name, kind.placeholder()),
        (kind, Some(letter)) => format!(
            "### `--{} {}`, `-{letter}`\n\n",
            spec.name,
            kind.placeholder()
        ),
    };
    push(&mut text, format_args!("{}.", spec.help));
    if !spec.details.is_empty() {
        push(&mut text, format_args!(" {}", spec.details));
    }
    text.push_str("\n\n");
    match spec.default {
        Default::Text("") => text.push_str("* Default: empty."),
        Default::Text(default) => push(&mut text, format_args!("* Default: `{default}`.")),
        Default::Unset(meaning) => push(&mut text, format_args!("* Default: not set; {meaning}.")),
    }
    if !spec.reason.is_empty() {
        push(&mut text, format_args!(" {}", spec.reason));
    }
    text.push('\n');
    if spec.many {
        text.push_str("* Can be given several times.\n");
    }
    text
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes whatever is written to it");
}

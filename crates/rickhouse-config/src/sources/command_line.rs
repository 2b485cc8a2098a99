//! Options said on the command line, and the help that lists them.

use std::ffi::{OsStr, OsString};

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::command::ModuleCommand;
use crate::mistakes::Mistake;
use crate::options::{Layer, Said};
use crate::origin::Origin;
use crate::table::{
    self, COMMANDS, CONFIG_COMMAND, CommandSpec, Default, INSTALL_MODULE, Kind, MODULE_CONFIG,
    MODULE_LOCATION, ModulesDirectory, OptionSpec, SERVE, Takes,
};

const EXAMPLES: &str = "\
Examples:
  rickhouse serve mysite.wsgi
      serve the `application` of a Django project on http://127.0.0.1:8000
  rickhouse serve 'shop:create_app()' --bind :80 --workers 2 --threads 4
      call a factory; two processes with four threads each
  rickhouse serve app.py --gil own --interpreters 4
      four interpreters in one process, each with a GIL of its own
  rickhouse config --config site.toml
      what would hold, and where each value comes from";

const SOURCES: &str = "\
Every option can also be said by an environment variable (RICKHOUSE_MAX_REQUESTS for
--max-requests) and in a file: rickhouse.toml, or [tool.rickhouse] of pyproject.toml. The
command line is stronger than the environment, the environment stronger than the file.

Durations are written 30s, 1m30s, 500ms, or as a number of seconds; sizes 64KiB (1024 each),
64kB (1000 each), 1GiB, or as a number of bytes.";

/// What the command line says.
#[derive(Debug)]
pub(crate) enum CommandLine {
    /// An application is to be served.
    Serve(Layer),
    /// A configuration is to be shown.
    Config(Layer),
    /// Something about the module for httpd, which takes no configuration.
    Module(ModuleCommand),
}

/// Why the command line says nothing: help was asked for, or there is no telling what was meant.
#[derive(Debug)]
pub(crate) struct NothingToDo {
    pub(crate) text: String,
    /// Whether that is what the user wanted.
    pub(crate) asked_for: bool,
}

/// Reads the arguments, the first of which is the command's own name. Unknown options are noted and left out, one after the
/// other, so that all are found at once with what is wrong elsewhere.
pub(crate) fn read(
    mut arguments: Vec<OsString>,
    mistakes: &mut Vec<Mistake>,
) -> Result<CommandLine, NothingToDo> {
    let command = command();
    loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) => return Ok(said(&matches, mistakes)),
            Err(error) => error,
        };
        let reads_options = arguments
            .get(1)
            .is_some_and(|word| word == SERVE.name || word == CONFIG_COMMAND.name);
        match leave_out(&error, &mut arguments).filter(|_| reads_options) {
            Some(mistake) => mistakes.push(mistake),
            None => return Err(nothing_to_do(&error)),
        }
    }
}

/// The command line as clap has it.
pub(crate) fn command() -> Command {
    let arguments: Vec<Arg> = table::SECTIONS
        .iter()
        .flat_map(|section| {
            section
                .options
                .iter()
                .map(|spec| argument(spec, section.title))
        })
        .collect();
    Command::new("rickhouse")
        .bin_name("rickhouse")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A WSGI server that runs many Python interpreters in one process")
        .after_help(format!("{EXAMPLES}\n\n`rickhouse serve -h` lists the options, `rickhouse serve --help` explains them."))
        .max_term_width(100)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(COMMANDS.iter().map(|spec| sub_command(spec, &arguments)))
}

fn sub_command(spec: &CommandSpec, options: &[Arg]) -> Command {
    let command = Command::new(spec.name).about(spec.help);
    let command = match spec.details {
        "" => command,
        details => command.long_about(format!("{}.\n\n{details}", spec.help)),
    };
    match spec.takes {
        Takes::Configuration => command
            .args(options)
            .after_help(SOURCES)
            .after_long_help(format!("{SOURCES}\n\n{EXAMPLES}")),
        Takes::Nothing => command,
        Takes::ModulesDirectory => command.arg(
            Arg::new(ModulesDirectory::NAME)
                .long(ModulesDirectory::NAME)
                .value_name(ModulesDirectory::PLACEHOLDER)
                .value_parser(ValueParser::path_buf())
                .help(ModulesDirectory::HELP),
        ),
    }
}

fn argument(spec: &'static OptionSpec, heading: &'static str) -> Arg {
    let argument = Arg::new(spec.name)
        .value_name(spec.kind.placeholder())
        .value_parser(ValueParser::os_string())
        .action(ArgAction::Append)
        .help(format!("{}{}", spec.help, summary(spec)))
        .long_help(explanation(spec));
    let argument = match spec.kind {
        // Under clap's own heading for arguments, which comes first.
        Kind::Target => return argument.action(ArgAction::Set),
        // `--reload`, and `--reload=false` where a file has turned it on.
        Kind::Switch => argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        // So that "-1" is a wrong number, not an unknown option.
        _ => argument.allow_negative_numbers(true),
    };
    let argument = argument.long(spec.name).help_heading(heading);
    match spec.short {
        Some(letter) => argument.short(letter),
        None => argument,
    }
}

fn summary(spec: &OptionSpec) -> String {
    match spec.default {
        Default::Text("") | Default::Unset(_) => String::new(),
        Default::Text(_) if spec.kind == Kind::Switch => String::new(),
        Default::Text(text) => format!(" [default: {text}]"),
    }
}

fn explanation(spec: &OptionSpec) -> String {
    let mut text = format!("{}.", spec.help);
    if !spec.details.is_empty() {
        text.push(' ');
        text.push_str(spec.details);
    }
    if spec.many {
        text.push_str(" Can be given several times.");
    }
    match spec.default {
        Default::Text("") => text.push_str("\n[default: empty]"),
        Default::Text(default) => text.push_str(&format!("\n[default: {default}]")),
        Default::Unset(meaning) => text.push_str(&format!("\n[default: {meaning}]")),
    }
    text
}

fn said(matches: &ArgMatches, mistakes: &mut Vec<Mistake>) -> CommandLine {
    // clap has seen to it that there is a sub-command, and that it is one of these.
    match matches.subcommand() {
        Some((name, _)) if name == MODULE_LOCATION.name => {
            CommandLine::Module(ModuleCommand::Location)
        }
        Some((name, _)) if name == MODULE_CONFIG.name => CommandLine::Module(ModuleCommand::Config),
        Some((name, matches)) if name == INSTALL_MODULE.name => {
            CommandLine::Module(ModuleCommand::Install {
                directory: matches.get_one(ModulesDirectory::NAME).cloned(),
            })
        }
        Some((name, matches)) if name == CONFIG_COMMAND.name => {
            CommandLine::Config(layer(matches, mistakes))
        }
        Some((_, matches)) => CommandLine::Serve(layer(matches, mistakes)),
        None => CommandLine::Serve(Layer::new()),
    }
}

fn layer(matches: &ArgMatches, mistakes: &mut Vec<Mistake>) -> Layer {
    let mut layer = Layer::new();
    for spec in table::all() {
        let Ok(Some(values)) = matches.try_get_many::<OsString>(spec.name) else {
            continue;
        };
        let texts: Option<Vec<&str>> = values.map(|value| value.to_str()).collect();
        let Some(texts) = texts else {
            mistakes.push(Mistake::of_option(
                spec.name,
                Origin::CommandLine,
                "the value is not UTF-8",
            ));
            continue;
        };
        let texts = texts.into_iter().flat_map(|text| {
            if spec.kind.splits_at_commas() {
                text.split(',').collect()
            } else {
                vec![text]
            }
        });
        layer.insert(spec.name, Said::list(texts, Origin::CommandLine));
    }
    layer
}

/// Takes what clap stumbled over out of the arguments, and says what was wrong; `None` where that cannot be told.
fn leave_out(error: &clap::Error, arguments: &mut Vec<OsString>) -> Option<Mistake> {
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // clap shows an option it knows with its placeholder: "--workers <N>".
    let flag = shown
        .split_once(' ')
        .map_or(shown.as_str(), |(flag, _)| flag);
    match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with('-') => leave_out_unknown(flag, arguments),
        ErrorKind::UnknownArgument => {
            // The application is the first argument that is no option, so a second one is further back.
            let at = arguments.iter().rposition(|argument| argument == flag)?;
            arguments.remove(at);
            Some(Mistake::elsewhere(
                Origin::CommandLine,
                format!("{flag:?} is one argument too many"),
            ))
        }
        ErrorKind::InvalidValue => leave_out_unfinished(flag, arguments),
        _ => None,
    }
}

fn leave_out_unknown(flag: &str, arguments: &mut Vec<OsString>) -> Option<Mistake> {
    let at = arguments
        .iter()
        .position(|argument| argument.to_str().is_some_and(|text| is_spelled(flag, text)))?;
    let meant = flag.strip_prefix("--").and_then(table::similar);
    let message = match meant {
        Some(spec) => format!("unknown option {flag:?}; did you mean \"--{}\"?", spec.name),
        None => format!("unknown option {flag:?}"),
    };
    // The value of what was meant would be taken for the application.
    let has_value = meant.is_some_and(|spec| spec.kind != Kind::Switch) && arguments[at] == flag;
    if has_value
        && arguments
            .get(at + 1)
            .is_some_and(|next| !looks_like_option(next))
    {
        arguments.remove(at + 1);
    }
    arguments.remove(at);
    Some(Mistake::elsewhere(Origin::CommandLine, message))
}

fn leave_out_unfinished(flag: &str, arguments: &mut Vec<OsString>) -> Option<Mistake> {
    let spec = table::all().find(|spec| flag.strip_prefix("--") == Some(spec.name))?;
    let letter = spec.short.map(|letter| format!("-{letter}"));
    let at = (1..arguments.len()).find(|at| {
        let Some(text) = arguments[*at].to_str() else {
            return false;
        };
        let unfinished = arguments
            .get(at + 1)
            .is_none_or(|next| looks_like_option(next));
        (text == flag || Some(text) == letter.as_deref()) && unfinished
            || text.strip_prefix(flag) == Some("=")
    })?;
    arguments.remove(at);
    Some(Mistake::of_option(
        spec.name,
        Origin::CommandLine,
        "the value is missing",
    ))
}

/// Whether an argument is where clap found this option: `--name`, `--name=value`, or a letter among others behind one dash.
fn is_spelled(flag: &str, argument: &str) -> bool {
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    let letters = argument
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with('-'))
        .unwrap_or_default();
    let is_letter = flag.chars().count() == 2
        && flag
            .chars()
            .last()
            .is_some_and(|letter| letters.contains(letter));
    name == flag || is_letter
}

fn looks_like_option(argument: &OsStr) -> bool {
    argument
        .to_str()
        .is_some_and(|text| text.starts_with('-') && text != "-")
}

fn nothing_to_do(error: &clap::Error) -> NothingToDo {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let mut text = error.render().to_string();
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
        && crate::values::Target::parse(word).is_ok()
    {
        text.push_str(&format!(
            "\nTo serve an application: rickhouse serve {word}\n"
        ));
    }
    NothingToDo { text, asked_for }
}

#[cfg(test)]
mod tests;

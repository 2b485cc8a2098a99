//! From arguments, environment and files to what the command is to do.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::mistakes::{ConfigErrors, Mistake};
use crate::options::{Layer, Options};
use crate::origin::Origin;
use crate::resolve;
use crate::show::show;
use crate::sources::command_line::{self, CommandLine};
use crate::sources::{environment, file};
use crate::surroundings::Surroundings;
use crate::table;

/// What the command is to do.
#[derive(Debug)]
pub enum Command {
    /// Serve an application.
    Serve {
        /// What the options mean.
        config: Box<Config>,
        /// Where they were said, for mistakes that show only later.
        origins: Origins,
    },
    /// Print this text to standard output and end with status 0.
    ShowConfig(String),
    /// Say something about the module for Apache httpd, or install it.
    Module(ModuleCommand),
}

/// What is to be done about the module for Apache httpd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleCommand {
    /// Print where it is.
    Location,
    /// Print the lines of httpd's configuration that load it from there.
    Config,
    /// Copy it to httpd's modules, and print the lines that load it from there.
    Install {
        /// The folder to copy to, where somebody named one.
        directory: Option<PathBuf>,
    },
}

/// Where each option was said.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<&'static str, Origin>);

/// The end of a command that has nothing to do: print this, exit with that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// What to print; ends with a line feed.
    pub text: String,
    /// Where to print it.
    pub stream: Stream,
    /// Status to exit with: 0 where the text was asked for, 2 for mistakes.
    pub code: u8,
}

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Origins {
    /// Where this option (in kebab-case) was said.
    pub fn of(&self, option: &str) -> Origin {
        self.0.get(option).cloned().unwrap_or(Origin::Default)
    }

    /// A mistake in the value of this option, at the place where it was said.
    pub fn mistake(&self, option: &'static str, message: impl Into<String>) -> Mistake {
        Mistake::of_option(option, self.of(option), message)
    }
}

impl From<ConfigErrors> for Exit {
    fn from(errors: ConfigErrors) -> Self {
        Self {
            text: format!("rickhouse: {errors}\n"),
            stream: Stream::Stderr,
            code: 2,
        }
    }
}

/// What a machine makes of a configuration.
#[derive(Debug, Default)]
pub struct Findings {
    /// What it cannot do.
    pub mistakes: Vec<Mistake>,
    /// What follows from the options on it, in lines for the output of `rickhouse config`.
    pub remarks: Vec<String>,
}

/// Reads the whole configuration. The first argument is the command's own name.
///
/// `machine` says what only the running Python and the system can: it is asked once, also where there are mistakes already
/// (the values in question are the defaults then), so that all are listed together.
///
/// # Errors
///
/// Help was asked for, or there are mistakes, all of which the text lists. Either way the caller prints and exits.
pub fn parse_command(
    arguments: Vec<OsString>,
    surroundings: &Surroundings<'_>,
    machine: impl FnOnce(&Config, &Origins) -> Findings,
) -> Result<Command, Exit> {
    let mut mistakes = Vec::new();
    let line = command_line::read(arguments, &mut mistakes).map_err(|nothing| {
        match nothing.asked_for {
            true => Exit {
                text: nothing.text,
                stream: Stream::Stdout,
                code: 0,
            },
            false => Exit {
                text: nothing.text,
                stream: Stream::Stderr,
                code: 2,
            },
        }
    })?;
    let (said, needs_target) = match line {
        CommandLine::Module(command) => return Ok(Command::Module(command)),
        CommandLine::Serve(layer) => (layer, true),
        CommandLine::Config(layer) => (layer, false),
    };
    let environment = environment::read(&surroundings.environment, surroundings.pid, &mut mistakes);
    let named = [&said, &environment.own]
        .into_iter()
        .find_map(|layer| layer.get(table::CONFIG.name));
    let (file, path) = match named.and_then(|said| said.items.last()) {
        Some(item) => (
            named_file(&item.text, &item.origin, surroundings, &mut mistakes),
            Some(PathBuf::from(&item.text)),
        ),
        None => found_file(surroundings, &mut mistakes)
            .map_or((Layer::new(), None), |(layer, path)| (layer, Some(path))),
    };
    let options = Options::combine([said, environment.own, file, environment.conventions], path);
    let origins = Origins(options.origins());
    let (config, more) = resolve::resolve(&options, surroundings, needs_target);
    let findings = machine(&config, &origins);
    mistakes.extend(more);
    mistakes.extend(findings.mistakes);
    ConfigErrors::unless_none(mistakes)?;
    Ok(match needs_target {
        true => Command::Serve {
            config: Box::new(config),
            origins,
        },
        false => Command::ShowConfig(show(&options, &findings.remarks)),
    })
}

/// The file somebody named, which therefore has to be there.
fn named_file(
    name: &str,
    origin: &Origin,
    surroundings: &Surroundings<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Layer {
    let path = Path::new(name);
    let layer = match (surroundings.read)(&surroundings.directory.join(path)) {
        Ok(text) => file::read(path, &text, mistakes)
            .ok_or_else(|| format!("{name} has no table [tool.rickhouse]")),
        Err(error) => Err(format!("{name} cannot be read: {error}")),
    };
    layer.unwrap_or_else(|message| {
        mistakes.push(Mistake::of_option(
            table::CONFIG.name,
            origin.clone(),
            message,
        ));
        Layer::new()
    })
}

/// The file that is looked for when nobody named one.
fn found_file(
    surroundings: &Surroundings<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<(Layer, PathBuf)> {
    for name in ["rickhouse.toml", file::PYPROJECT] {
        let path = Path::new(name);
        match (surroundings.read)(&surroundings.directory.join(path)) {
            Ok(text) => {
                if let Some(layer) = file::read(path, &text, mistakes) {
                    return Some((layer, path.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => mistakes.push(Mistake::elsewhere(
                Origin::Default,
                format!("{name} cannot be read: {error}"),
            )),
        }
    }
    None
}

#[cfg(test)]
mod tests;

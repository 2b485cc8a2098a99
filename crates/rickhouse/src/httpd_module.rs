//! The module for Apache httpd as a file of this installation: where it is, how to load it, and copying it to httpd's modules.

mod copy;
mod installation;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rickhouse_config::ModuleCommand;

pub(crate) use self::installation::{Installation, InstallationError};

/// The name of the file, here and among httpd's modules.
const FILE_NAME: &str = "mod_wsgi.so";
/// Programs that know where httpd keeps its modules; some distributions have the second name only.
const APXS: [&str; 2] = ["apxs", "apxs2"];

/// Carries out a command; returns what to print on standard output.
///
/// # Errors
/// A text that says what is missing or was refused, and what to do about it.
pub(crate) fn run(command: &ModuleCommand, here: &Installation) -> Result<String, String> {
    let module = here.module()?;
    match command {
        ModuleCommand::Location => Ok(format!("{}\n", text_of(&module)?)),
        ModuleCommand::Config => load_lines(&module, &here.prefix),
        ModuleCommand::Install { directory } => {
            let directory = match directory {
                Some(directory) => std::path::absolute(directory)
                    .map_err(|error| format!("{}: {error}", directory.display()))?,
                None => modules_directory()?,
            };
            let copy = directory.join(FILE_NAME);
            // Before anything is written: nobody could be told how to load it.
            let lines = load_lines(&copy, &here.prefix)?;
            copy::replace(&module, &copy)?;
            Ok(lines)
        }
    }
}

/// What makes httpd load the module and use this Python environment.
fn load_lines(module: &Path, prefix: &Path) -> Result<String, String> {
    Ok(format!(
        "LoadModule wsgi_module {}\nWSGIPythonHome {}\n",
        quoted(text_of(module)?),
        quoted(text_of(prefix)?)
    ))
}

/// A word of httpd's configuration, which takes a backslash before a quote or another backslash.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn text_of(path: &Path) -> Result<&str, String> {
    path.to_str()
        .filter(|text| !text.contains('\n'))
        .ok_or_else(|| {
            format!(
                "{} cannot be written into a configuration: it is not one line of UTF-8",
                path.display()
            )
        })
}

/// Where httpd keeps its modules, as apxs says.
fn modules_directory() -> Result<PathBuf, String> {
    for program in APXS {
        match Command::new(program)
            .args(["-q", "LIBEXECDIR"])
            .stdin(Stdio::null())
            .output()
        {
            Ok(output) if output.status.success() => {
                let said = String::from_utf8_lossy(&output.stdout);
                return answer(program, said.trim());
            }
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                return Err(format!(
                    "{program} -q LIBEXECDIR ended with {}: {}; --modules-directory DIR does without it",
                    output.status,
                    said.trim()
                ));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{program} cannot be run: {error}")),
        }
    }
    Err(
        "there is no apxs on PATH to say where httpd keeps its modules: install httpd's development package \
         (apache2-dev, httpd-devel), or name the folder with --modules-directory DIR"
            .to_owned(),
    )
}

fn answer(program: &str, said: &str) -> Result<PathBuf, String> {
    let directory = Path::new(OsStr::new(said));
    match directory.is_absolute() {
        true => Ok(directory.to_owned()),
        false => Err(format!(
            "{program} -q LIBEXECDIR says {said:?}, which is no folder; --modules-directory DIR does without it"
        )),
    }
}

#[cfg(test)]
mod tests;

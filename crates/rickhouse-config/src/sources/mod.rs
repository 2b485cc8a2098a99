//! Where options are said: command line, environment, file. Each turns what it finds into a layer of texts, and the keys it does
//! not know into mistakes.

pub(crate) mod command_line;
pub(crate) mod environment;
pub(crate) mod file;

use crate::table;

/// What to say of a name that is no option.
fn unknown(name: &str, spell: impl Fn(&table::OptionSpec) -> String) -> String {
    match table::similar(name) {
        Some(meant) => format!("unknown option {name:?}; did you mean {:?}?", spell(meant)),
        None => format!("unknown option {name:?}"),
    }
}

//! The option that names the file the other options come from.

use super::{Default, Kind, OptionSpec, section};

section! { "Configuration file";
    CONFIG: OptionSpec {
        name: "config",
        short: Some('c'),
        kind: Kind::Path,
        default: Default::Unset("./rickhouse.toml, or ./pyproject.toml where it has a table [tool.rickhouse]"),
        help: "Read options from this TOML file",
        details: "The keys are the names of the options, without the dashes in front. From a file named pyproject.toml, the table \
                  [tool.rickhouse] is read.",
        ..OptionSpec::BASE
    };
}

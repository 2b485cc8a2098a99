//! The options of `WSGIDaemonProcess`: one table for reading them and for the reference page.

use crate::daemon::DaemonProcess;
use crate::rejected::Rejected;
use crate::surroundings::Surroundings;
use crate::text::Text;

type Set = fn(&mut DaemonProcess, &Text, &dyn Surroundings) -> Result<(), Rejected>;

/// One option.
#[derive(Debug, Clone, Copy)]
pub struct OptionSpec {
    /// As written in front of `=`; the case of letters matters.
    pub name: &'static str,
    /// What it holds where it is not given.
    pub default: &'static str,
    /// What is accepted.
    pub accepts: &'static str,
    /// What it does.
    pub meaning: &'static str,
    pub(super) set: Set,
}

/// All of them, in the parts of the reference page, each with its title.
pub const OPTIONS: [(&str, &[OptionSpec]); 2] = [
    ("The processes", &super::options_process::OPTIONS),
    (
        "Requests, time and buffers",
        &super::options_request::OPTIONS,
    ),
];

impl OptionSpec {
    /// The option of this name.
    pub fn named(name: &[u8]) -> Option<&'static Self> {
        let mut all = OPTIONS.iter().flat_map(|(_, options)| options.iter());
        all.find(|option| option.name.as_bytes() == name)
    }
}

//! Reading a `WSGIDaemonProcess` line.

use crate::daemon::{DaemonProcess, OptionSpec};
use crate::rejected::Rejected;
use crate::surroundings::{ServerIdentity, Surroundings};
use crate::words::{Malformed, Words};

impl DaemonProcess {
    /// Reads the arguments of the directive. `earlier` are the groups defined so far, anywhere in the configuration.
    ///
    /// # Errors
    /// For the cases of DD §4.1 and §4.2, and for numbers with something else behind them.
    pub fn parse(
        line: &[u8],
        server: &ServerIdentity,
        earlier: &[Self],
        surroundings: &dyn Surroundings,
    ) -> Result<Self, Rejected> {
        const INVALID: Rejected =
            Rejected::fixed("Invalid option to WSGI daemon process definition.");
        let mut words = Words::new(line);
        let name = words
            .word()
            .filter(|name| !name.is_empty())
            .ok_or("Name of WSGI daemon process not supplied.")?;
        let id = u32::try_from(earlier.len() + 1).unwrap_or(u32::MAX);
        let mut process = Self::new(name, id, server.clone());
        while let Some(option) = words.option() {
            let (name, value) = option.map_err(|Malformed| INVALID)?;
            let spec = OptionSpec::named(name).ok_or(INVALID)?;
            (spec.set)(&mut process, &value, surroundings)?;
        }
        if process.script_user.is_some() && process.script_group.is_some() {
            return Err("Only one of script-user and script-group allowed.".into());
        }
        if earlier.iter().any(|group| group.name == process.name) {
            return Err("Name duplicates previous WSGI daemon definition.".into());
        }
        Ok(process)
    }
}

//! Which GIL mode the running Python can do.

use serde::{Deserialize, Serialize};

use crate::config::GilMode;
use crate::mistakes::Mistake;
use crate::origin::Origin;

/// What there is to know about the running Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PythonFacts {
    /// Major and minor version.
    pub version: (u8, u8),
    /// Whether it is a build without a GIL (`Py_GIL_DISABLED`).
    pub free_threaded: bool,
    /// Whether the GIL is enabled now (`sys._is_gil_enabled()`); always, on a build with one.
    pub gil_enabled: bool,
}

/// How the threads of a worker share the interpreter, on the running Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResolvedGil {
    /// One GIL for all interpreters of a worker. On a build without one, workers have to be started with `-X gil=1`.
    Shared,
    /// A GIL for each sub-interpreter (PEP 684).
    Own,
    /// No GIL (PEP 703).
    Off,
}

/// The first version whose sub-interpreters can have a GIL of their own (PEP 684).
const FIRST_OWN: (u8, u8) = (3, 12);

/// Says what `mode` is on `python`, or why it cannot be and which Python can.
///
/// The place of the mistake is `--gil` without an origin; [`Mistake::at`] puts in the right one.
pub fn check_gil(mode: GilMode, python: PythonFacts) -> Result<ResolvedGil, Mistake> {
    let runs_without = python.free_threaded && !python.gil_enabled;
    let this = format!("Python {}.{}", python.version.0, python.version.1);
    match mode {
        GilMode::Auto if runs_without => Ok(ResolvedGil::Off),
        GilMode::Auto => Ok(ResolvedGil::Shared),
        // A free-threaded build can be started with its GIL on.
        GilMode::Shared => Ok(ResolvedGil::Shared),
        GilMode::Own if python.version < FIRST_OWN => refuse(
            format!("a GIL for each interpreter needs Python 3.12 or newer, and this is {this}"),
            "use Python 3.14 (recommended), 3.13 or 3.12, or --gil shared",
        ),
        GilMode::Own if runs_without => refuse(
            format!(
                "this {this} is free-threaded and runs without a GIL, so no interpreter can have one of its own"
            ),
            "use --gil off (--interpreters goes with it), or a standard build of Python 3.12 or newer (3.14 recommended)",
        ),
        GilMode::Own => Ok(ResolvedGil::Own),
        GilMode::Off if python.free_threaded => Ok(ResolvedGil::Off),
        GilMode::Off => refuse(
            format!(
                "running without a GIL needs a free-threaded build of Python, and this is a standard {this}"
            ),
            "use a free-threaded build (3.14t or 3.13t), or --gil own or --gil shared",
        ),
    }
}

fn refuse(message: String, hint: &str) -> Result<ResolvedGil, Mistake> {
    Err(Mistake::of_option("gil", Origin::Default, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(minor: u8) -> PythonFacts {
        PythonFacts {
            version: (3, minor),
            free_threaded: false,
            gil_enabled: true,
        }
    }

    fn free_threaded(minor: u8, gil_enabled: bool) -> PythonFacts {
        PythonFacts {
            version: (3, minor),
            free_threaded: true,
            gil_enabled,
        }
    }

    #[test]
    fn what_each_python_can() {
        use GilMode::{Auto, Off, Own, Shared};
        let check = |facts: PythonFacts, expected: [Option<ResolvedGil>; 4]| {
            let modes = [Auto, Shared, Own, Off];
            assert_eq!(
                modes.map(|mode| check_gil(mode, facts).ok()),
                expected,
                "{facts:?}"
            );
        };
        let (shared, own, off) = (
            Some(ResolvedGil::Shared),
            Some(ResolvedGil::Own),
            Some(ResolvedGil::Off),
        );
        check(python(10), [shared, shared, None, None]);
        check(python(11), [shared, shared, None, None]);
        check(python(12), [shared, shared, own, None]);
        check(python(14), [shared, shared, own, None]);
        check(free_threaded(13, false), [off, shared, None, off]);
        check(free_threaded(13, true), [shared, shared, own, off]);
        check(free_threaded(14, false), [off, shared, None, off]);
    }

    #[test]
    fn a_refusal_says_which_python_can() {
        let check = |mode: GilMode, facts: PythonFacts, parts: &[&str]| {
            let text = check_gil(mode, facts)
                .unwrap_err()
                .at(Origin::CommandLine)
                .to_string();
            for part in parts {
                assert!(text.contains(part), "{text:?} has no {part:?}");
            }
        };
        check(
            GilMode::Own,
            python(11),
            &[
                "--gil: ",
                "3.12 or newer",
                "this is Python 3.11",
                "3.14 (recommended)",
                "(command line)",
            ],
        );
        check(
            GilMode::Off,
            python(13),
            &["free-threaded build", "standard Python 3.13", "3.13t"],
        );
        check(
            GilMode::Own,
            free_threaded(14, false),
            &[
                "no interpreter can have one",
                "standard build of Python 3.12",
            ],
        );
    }
}

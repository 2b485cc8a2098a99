//! Why an application cannot be served.

use rickhouse_python::InterpreterError;

/// Why a [`crate::Host`] did not start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// An interpreter could not be made.
    #[error("interpreter {number} could not be made")]
    Interpreter {
        /// Counted from 1.
        number: usize,
        /// CPython's reason.
        #[source]
        source: InterpreterError,
    },
    /// The engine's own part of an interpreter failed to set up; a mistake of ours, or a broken Python installation.
    #[error("interpreter {number} could not be prepared: {reason}")]
    Prepare {
        /// Counted from 1.
        number: usize,
        /// The Python exception.
        reason: String,
    },
    /// The application did not load.
    #[error("{0}")]
    Load(Box<LoadFailure>),
}

/// What there is to say about an application that did not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// The traceback, or one line for a mistake in the target itself.
    pub traceback: String,
    /// An extension module that refused the interpreter.
    pub refusal: Option<Refusal>,
}

/// An extension module that does not load in this kind of interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The module.
    pub module: String,
    /// `file:line: source` of the import in the user's code; empty when there is none.
    pub import_line: String,
    /// What to do.
    pub advice: String,
}

impl std::fmt::Display for LoadFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.traceback)?;
        if let Some(refusal) = &self.refusal {
            write!(
                f,
                "\n\nThe extension module {} does not load in this kind of interpreter.",
                refusal.module
            )?;
            if !refusal.import_line.is_empty() {
                write!(f, "\nIt is needed by: {}", refusal.import_line)?;
            }
            write!(f, "\nWhat to do: {}.", refusal.advice)?;
        }
        Ok(())
    }
}

//! What is wrong with a configuration: every mistake, each with its place.

use std::fmt;

use crate::origin::Origin;
use crate::values::Complaint;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was made.
    pub place: Place,
    /// What is wrong, as a clause without a final full stop.
    pub message: String,
    /// What to write instead, where the message does not say it already.
    pub hint: Option<String>,
}

/// Where a mistake was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the option in kebab-case, where the mistake is about one.
    pub option: Option<&'static str>,
    /// Where its value was said.
    pub origin: Origin,
}

/// All the mistakes of a configuration. `Display` lists them, one a line, with hints indented below.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl ConfigErrors {
    /// All these mistakes, in the order in which one looks for them: command line, environment, file by its lines.
    pub(crate) fn unless_none(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        mistakes.sort_by_key(|mistake| match &mistake.place.origin {
            Origin::CommandLine => (0, 0),
            Origin::Environment { .. } => (1, 0),
            Origin::File { line, .. } => (2, *line),
            Origin::Default => (3, 0),
        });
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Self(mistakes))
        }
    }
}

impl Mistake {
    /// A mistake in the value of `option`.
    pub fn of_option(option: &'static str, origin: Origin, message: impl Into<String>) -> Self {
        Self {
            place: Place {
                option: Some(option),
                origin,
            },
            message: message.into(),
            hint: None,
        }
    }

    /// A mistake that is not about the value of an option: an unknown key, a file that cannot be read.
    pub fn elsewhere(origin: Origin, message: impl Into<String>) -> Self {
        Self {
            place: Place {
                option: None,
                origin,
            },
            message: message.into(),
            hint: None,
        }
    }

    /// The same mistake with what to write instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same mistake, said at another place.
    #[must_use]
    pub fn at(mut self, origin: Origin) -> Self {
        self.place.origin = origin;
        self
    }

    pub(crate) fn complain(option: &'static str, origin: Origin, complaint: Complaint) -> Self {
        Self {
            place: Place {
                option: Some(option),
                origin,
            },
            message: complaint.message,
            hint: complaint.hint,
        }
    }
}

/// The mistake on one line, its hint on a second.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, self.message)?;
        match &self.place.origin {
            Origin::CommandLine => f.write_str(" (command line)")?,
            Origin::Environment { .. } => f.write_str(" (environment)")?,
            Origin::File { .. } | Origin::Default => {}
        }
        match &self.hint {
            Some(hint) => write!(f, "\n    {hint}"),
            None => Ok(()),
        }
    }
}

/// What stands before the message, with its colon.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.option) {
            (Origin::CommandLine | Origin::Default, None) => Ok(()),
            (Origin::CommandLine | Origin::Default, Some("target")) => f.write_str("TARGET: "),
            (Origin::CommandLine | Origin::Default, Some(option)) => write!(f, "--{option}: "),
            (Origin::Environment { variable }, _) => write!(f, "{variable}: "),
            (Origin::File { path, line }, None) => write!(f, "{}:{line}: ", path.display()),
            (Origin::File { path, line }, Some(option)) => {
                write!(f, "{}:{line}: {option}: ", path.display())
            }
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} mistake{} in the configuration",
            if count == 1 { "" } else { "s" }
        )?;
        for mistake in &self.0 {
            write!(f, "\n  {}", mistake.to_string().replace('\n', "\n  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_its_place() {
        let check = |origin: Origin, text: &str| {
            let mistake = Mistake::of_option("threads", origin, "\"x\" is not a whole number");
            assert_eq!(mistake.to_string(), text);
        };
        check(
            Origin::CommandLine,
            "--threads: \"x\" is not a whole number (command line)",
        );
        check(
            Origin::Environment {
                variable: "RICKHOUSE_THREADS".into(),
            },
            "RICKHOUSE_THREADS: \"x\" is not a whole number (environment)",
        );
        check(
            Origin::File {
                path: "rickhouse.toml".into(),
                line: 4,
            },
            "rickhouse.toml:4: threads: \"x\" is not a whole number",
        );
        let unknown = Mistake::elsewhere(
            Origin::File {
                path: "rickhouse.toml".into(),
                line: 4,
            },
            "unknown option \"worker\"",
        );
        assert_eq!(
            unknown.to_string(),
            "rickhouse.toml:4: unknown option \"worker\""
        );
    }

    #[test]
    fn all_mistakes_are_listed() {
        let one = Mistake::of_option("workers", Origin::CommandLine, "0 is too few");
        let two = Mistake::of_option("gil", Origin::CommandLine, "no such mode").hint("write auto");
        assert_eq!(
            ConfigErrors(vec![one.clone(), two]).to_string(),
            "2 mistakes in the configuration\n  --workers: 0 is too few (command line)\n  --gil: no such mode (command line)\n      write auto"
        );
        assert_eq!(
            ConfigErrors(vec![one]).to_string(),
            "1 mistake in the configuration\n  --workers: 0 is too few (command line)"
        );
    }
}

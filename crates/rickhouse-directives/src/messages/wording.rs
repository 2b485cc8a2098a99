//! How interpreters and processes are called in messages (DD §11.3).

use std::fmt;

use crate::text::Shown;

/// `main interpreter` or `sub-interpreter '<name>'`, by the name of the application group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interpreter<'a>(pub &'a [u8]);

/// `embedded mode` or `daemon process '<group>'`, by the name of the process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process<'a>(pub &'a [u8]);

/// `<interpreter> in embedded mode` or `<interpreter> of daemon process '<group>'`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Context<'a>(pub Interpreter<'a>, pub Process<'a>);

impl fmt::Display for Interpreter<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            out.write_str("main interpreter")
        } else {
            write!(out, "sub-interpreter '{}'", Shown(self.0))
        }
    }
}

impl fmt::Display for Process<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            out.write_str("embedded mode")
        } else {
            write!(out, "daemon process '{}'", Shown(self.0))
        }
    }
}

impl fmt::Display for Context<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(interpreter, process) = self;
        let joint = if process.0.is_empty() { "in" } else { "of" };
        write!(out, "{interpreter} {joint} {process}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let main = Context(Interpreter(b""), Process(b""));
        assert_eq!(main.to_string(), "main interpreter in embedded mode");
        let other = Context(Interpreter(b"a|/b"), Process(b"g"));
        assert_eq!(
            other.to_string(),
            "sub-interpreter 'a|/b' of daemon process 'g'"
        );
    }
}

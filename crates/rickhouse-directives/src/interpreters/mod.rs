//! `<WSGIInterpreterOptions>` and the settings that can stand in it (DD §3).

mod resolve;
#[cfg(test)]
mod tests;

pub use resolve::{ProcessView, Resolved, Seconds};

use crate::rejected::Rejected;
use crate::scripts::without_global;
use crate::text::Text;
use crate::words::Words;

/// Settings of an interpreter. `None` where nothing was said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Family {
    /// `WSGIPerInterpreterGIL`.
    pub own_gil: Option<bool>,
    /// `WSGIFreeThreading`.
    pub free_threading: Option<bool>,
    /// `WSGISwitchInterval`, in seconds.
    pub switch_interval: Option<f64>,
    /// `WSGIRestrictStdin`.
    pub restrict_stdin: Option<bool>,
    /// `WSGIRestrictStdout`.
    pub restrict_stdout: Option<bool>,
    /// `WSGIRestrictSignal`.
    pub restrict_signal: Option<bool>,
    /// `WSGIPythonPath` inside a container.
    pub python_path: Option<Text>,
}

/// For which interpreters a container speaks. `None` is any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// The process group; empty for httpd's children.
    pub process_group: Option<Text>,
    /// The interpreter; empty for the main one.
    pub application_group: Option<Text>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Container {
    /// For whom it speaks.
    pub selector: Selector,
    /// What it says.
    pub family: Family,
}

impl Selector {
    /// Reads the rest of the opening line, from behind the directive's name.
    ///
    /// # Errors
    /// For the cases of DD §3.1.
    pub fn parse(line: &[u8]) -> Result<Self, Rejected> {
        let reject = |text: String| Rejected::with(format!("<WSGIInterpreterOptions>{text}"));
        let line = line.trim_ascii_end();
        let Some(line) = line.strip_suffix(b">") else {
            return Err(reject(" directive missing closing '>'".to_owned()));
        };
        let mut selector = Self::default();
        for word in key_values(line) {
            let Some(equals) = word.iter().position(|byte| *byte == b'=') else {
                return Err(reject(format!(
                    ": argument '{word}' is not of the form key=value"
                )));
            };
            let (key, value) = (&word[..equals], Text::from(&word[equals + 1..]));
            let (name, place) = if key.eq_ignore_ascii_case(b"process-group") {
                ("process-group", &mut selector.process_group)
            } else if key.eq_ignore_ascii_case(b"application-group") {
                ("application-group", &mut selector.application_group)
            } else {
                return Err(reject(format!(
                    ": unknown selector '{}', expected process-group or application-group",
                    Text::from(key)
                )));
            };
            if place.replace(without_global(value)).is_some() {
                return Err(reject(format!(": {name} given more than once")));
            }
        }
        Ok(selector)
    }

    /// How exactly it speaks of these groups: the number of its keys; `None` where it speaks of others.
    pub fn rank(&self, process_group: &[u8], application_group: &[u8]) -> Option<usize> {
        let keys = [
            (&self.process_group, process_group),
            (&self.application_group, application_group),
        ];
        let given = || {
            keys.iter()
                .filter_map(|(key, name)| Some((key.as_ref()?, name)))
        };
        given()
            .all(|(key, name)| **key == **name)
            .then(|| given().count())
    }
}

/// Words, but a quote may also begin behind `key=`.
fn key_values(line: &[u8]) -> Vec<Text> {
    let mut found = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let end = rest
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || *byte == b'=');
        match end
            .filter(|end| rest[*end] == b'=' && !rest.starts_with(b"\"") && !rest.starts_with(b"'"))
        {
            Some(equals) if matches!(rest.get(equals + 1), Some(b'"' | b'\'')) => {
                let mut words = Words::new(&rest[equals + 1..]);
                let value = words.word().unwrap_or_default();
                found.push([&rest[..=equals], &value[..]].concat().into());
                rest = words.rest();
            }
            _ => {
                let mut words = Words::new(rest);
                found.extend(words.word());
                rest = words.rest();
            }
        }
    }
    found
}

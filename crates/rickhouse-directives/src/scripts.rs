//! Scripts that are named in directives other than aliases: handler scripts, import scripts, and the hooks around a request
//! (DD §2.1, §2.3).

use crate::rejected::Rejected;
use crate::text::Text;
use crate::value;
use crate::words::{Malformed, Words};

/// How a process or application group without a name of its own is written: embedded mode, the main interpreter.
pub const GLOBAL: &[u8] = b"%{GLOBAL}";

/// `WSGIHandlerScript`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerScript {
    /// The handler, as in `SetHandler`.
    pub name: Text,
    /// The script file.
    pub path: Text,
    /// `process-group=`, to be expanded per request.
    pub process_group: Option<Text>,
    /// `application-group=`, to be expanded per request.
    pub application_group: Option<Text>,
    /// `pass-authorization=`.
    pub pass_authorization: Option<bool>,
}

/// A script that takes part in requests from within the httpd child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookScript {
    /// The script file.
    pub path: Text,
    /// `application-group=`; `None` is the main interpreter.
    pub application_group: Option<Text>,
}

/// Which directive names a [`HookScript`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hook {
    /// `WSGIDispatchScript`.
    Dispatch,
    /// `WSGIAccessScript`.
    Access,
    /// `WSGIAuthUserScript`.
    AuthUser,
    /// `WSGIAuthGroupScript`.
    AuthGroup,
}

/// A script that is loaded before the first request: `WSGIImportScript`, or an alias with fixed groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportScript {
    /// The script file.
    pub path: Text,
    /// The process group whose processes load it, empty for the httpd children.
    pub process_group: Text,
    /// The interpreter that loads it, empty for the main one.
    pub application_group: Text,
}

impl HandlerScript {
    /// What is called in a handler script.
    pub const CALLABLE: &'static str = "handle_request";

    /// Reads the arguments of the directive.
    ///
    /// # Errors
    /// For the cases of DD §2.1.
    pub fn parse(line: &[u8]) -> Result<Self, Rejected> {
        const INVALID: Rejected =
            Rejected::fixed("Invalid option to WSGI handler script definition.");
        let mut words = Words::new(line);
        let mut script = Self {
            name: required(&mut words, "Name for handler script not supplied.")?,
            path: required(&mut words, "Location of handler script not supplied.")?,
            process_group: None,
            application_group: None,
            pass_authorization: None,
        };
        while let Some(option) = words.option() {
            let (name, value) = option.map_err(|Malformed| INVALID)?;
            match name {
                b"process-group" => {
                    script.process_group =
                        Some(group_value(value, "Invalid name for WSGI process group.")?);
                }
                b"application-group" => {
                    script.application_group = Some(application_group_value(value)?);
                }
                b"pass-authorization" => {
                    let on = value::switch(&value);
                    script.pass_authorization =
                        Some(on.ok_or("Invalid value for authorization flag.")?);
                }
                _ => return Err(INVALID),
            }
        }
        Ok(script)
    }
}

impl HookScript {
    /// Reads the arguments of the directive.
    ///
    /// # Errors
    /// For the cases of DD §2.3.
    pub fn parse(hook: Hook, line: &[u8]) -> Result<Self, Rejected> {
        let (no_location, invalid) = hook.texts();
        let mut words = Words::new(line);
        let path = required(&mut words, no_location)?;
        let mut application_group = None;
        while let Some(option) = words.option() {
            match option {
                Ok((b"application-group", value)) => {
                    application_group = Some(application_group_value(value)?);
                }
                _ => return Err(invalid.into()),
            }
        }
        Ok(Self {
            path,
            application_group,
        })
    }
}

impl Hook {
    /// The directive's name.
    pub fn directive(self) -> &'static str {
        match self {
            Self::Dispatch => "WSGIDispatchScript",
            Self::Access => "WSGIAccessScript",
            Self::AuthUser => "WSGIAuthUserScript",
            Self::AuthGroup => "WSGIAuthGroupScript",
        }
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Dispatch => (
                "Location of dispatch script not supplied.",
                "Invalid option to WSGI dispatch script definition.",
            ),
            Self::Access => (
                "Location of access script not supplied.",
                "Invalid option to WSGI access script definition.",
            ),
            Self::AuthUser => (
                "Location of auth user script not supplied.",
                "Invalid option to WSGI auth user script definition.",
            ),
            Self::AuthGroup => (
                "Location of auth group script not supplied.",
                "Invalid option to WSGI auth group script definition.",
            ),
        }
    }
}

impl ImportScript {
    /// Reads the arguments of `WSGIImportScript`. Whether the process group is there and may be used is
    /// [`crate::global::GlobalConfig::import`]'s question.
    ///
    /// # Errors
    /// For the other cases of DD §2.3.
    pub fn parse(line: &[u8]) -> Result<Self, Rejected> {
        const INVALID: Rejected =
            Rejected::fixed("Invalid option to WSGI import script definition.");
        let mut words = Words::new(line);
        let path = required(&mut words, "Location of import script not supplied.")?;
        let (mut process_group, mut application_group) = (None, None);
        while let Some(option) = words.option() {
            match option {
                Ok((b"process-group", value)) => {
                    process_group =
                        Some(group_value(value, "Invalid name for WSGI process group.")?);
                }
                Ok((b"application-group", value)) => {
                    application_group = Some(application_group_value(value)?);
                }
                _ => return Err(INVALID),
            }
        }
        Ok(Self {
            path,
            application_group: application_group
                .ok_or("Name of WSGI application group required.")?,
            process_group: process_group.ok_or("Name of WSGI process group required.")?,
        })
    }
}

/// The name of a group as an option gives it, `%{GLOBAL}` as the empty name that it stands for.
pub(crate) fn group_value(value: Text, if_empty: &'static str) -> Result<Text, Rejected> {
    if value.is_empty() {
        Err(if_empty.into())
    } else {
        Ok(without_global(value))
    }
}

/// The name of an application group as an option gives it, likewise.
pub(crate) fn application_group_value(value: Text) -> Result<Text, Rejected> {
    let value = group_value(value, INVALID_APPLICATION_GROUP)?;
    check_application_group(&value)?;
    Ok(value)
}

/// Names of interpreters are Python's `str`: two that are no text would look the same there.
///
/// # Errors
/// When it is not UTF-8.
pub(crate) fn check_application_group(name: &[u8]) -> Result<(), Rejected> {
    match str::from_utf8(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(INVALID_APPLICATION_GROUP.into()),
    }
}

const INVALID_APPLICATION_GROUP: &str = "Invalid name for WSGI application group.";

/// A name with `%{GLOBAL}` as the empty name that it stands for.
pub(crate) fn without_global(name: Text) -> Text {
    if *name == *GLOBAL {
        Text::default()
    } else {
        name
    }
}

fn required(words: &mut Words<'_>, if_missing: &'static str) -> Result<Text, Rejected> {
    let word = words.word().filter(|word| !word.is_empty());
    word.ok_or_else(|| if_missing.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_groups_are_text() {
        let invalid = |said: Result<(), Rejected>| {
            let text = said.unwrap_err().to_string();
            assert_eq!(text, "Invalid name for WSGI application group.");
        };
        invalid(HookScript::parse(Hook::Access, b"/s application-group=caf\xe9").map(drop));
        invalid(HandlerScript::parse(b"name /s application-group=caf\xe9").map(drop));
        invalid(check_application_group(b"caf\xe9"));
        check_application_group("caf\u{e9}".as_bytes()).expect("it is UTF-8");
    }
}

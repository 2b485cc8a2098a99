//! `WSGIScriptAlias` and `WSGIScriptAliasMatch` (DD §2.1).

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::rejected::Rejected;
use crate::scripts::{application_group_value, group_value};
use crate::surroundings::Surroundings;
use crate::text::Text;
use crate::value;
use crate::words::Words;

/// The places of a match and its groups in the text; `None` for a group that took no part.
pub type Captures = [Option<Range<usize>>; 10];

/// A regular expression that httpd has compiled.
pub trait Pattern: fmt::Debug + Send + Sync {
    /// Searches `text`, not anchored. `captures[0]` is the whole match.
    fn find(&self, text: &[u8], captures: &mut Captures) -> bool;
}

/// Which of the two directives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AliasKind {
    /// `WSGIScriptAlias`.
    Prefix,
    /// `WSGIScriptAliasMatch`.
    Match,
}

/// One mapping from a place of the site to a script or a folder of scripts.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The URL path or regular expression, as written.
    pub location: Text,
    /// The file or folder, for a regular expression with `$1` and so on.
    pub target: Text,
    /// The compiled expression of the match form.
    pub pattern: Option<Arc<dyn Pattern>>,
    /// What is different for requests that match.
    pub options: AliasOptions,
}

/// The options of an alias.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AliasOptions {
    /// `process-group=`, to be expanded per request.
    pub process_group: Option<Text>,
    /// `application-group=`, to be expanded per request.
    pub application_group: Option<Text>,
    /// `callable-object=`, taken as it is.
    pub callable_object: Option<Text>,
    /// `pass-authorization=`.
    pub pass_authorization: Option<bool>,
}

/// [`AliasOptions`] as the handler finds them in the request's notes, where the translation of the name left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Overrides<'a> {
    /// `process-group=`.
    pub process_group: Option<&'a [u8]>,
    /// `application-group=`.
    pub application_group: Option<&'a [u8]>,
    /// `callable-object=`.
    pub callable_object: Option<&'a [u8]>,
    /// `pass-authorization=`.
    pub pass_authorization: Option<bool>,
}

/// The note that says that an alias chose the handler; [`HANDLER`] is its value.
pub const ALIAS_NOTE: &str = "alias-forced-type";
/// The handler that an alias chooses.
pub const HANDLER: &str = "wsgi-script";

const PROCESS_GROUP_NOTE: &str = "mod_wsgi.process_group";
const APPLICATION_GROUP_NOTE: &str = "mod_wsgi.application_group";
const CALLABLE_OBJECT_NOTE: &str = "mod_wsgi.callable_object";
const PASS_AUTHORIZATION_NOTE: &str = "mod_wsgi.pass_authorization";

impl Alias {
    /// Reads the arguments of either directive.
    ///
    /// # Errors
    /// For the cases of DD §2.1 but those about preloading, which [`Alias::preload`] leads to.
    pub fn parse(
        kind: AliasKind,
        line: &[u8],
        surroundings: &dyn Surroundings,
    ) -> Result<Self, Rejected> {
        let mut words = Words::new(line);
        let mut required = || words.word().filter(|word| !word.is_empty());
        let (Some(location), Some(target)) = (required(), required()) else {
            let (name, help) = kind.name_and_help();
            return Err(format!("{name} requires at least two arguments, {help}").into());
        };
        let options = AliasOptions::parse(words)?;
        let pattern = match kind {
            AliasKind::Prefix => None,
            AliasKind::Match => Some(
                surroundings
                    .compile(&location)
                    .ok_or("Regular expression could not be compiled.")?,
            ),
        };
        Ok(Self {
            location,
            target,
            pattern,
            options,
        })
    }

    /// The process and application group for which the script is loaded before the first request: those that are the same for
    /// every request, of an alias that has one target.
    pub fn preload(&self) -> Option<(&Text, &Text)> {
        let fixed = |name: &&Text| memchr::memmem::find(name, b"%{").is_none();
        let process_group = self.options.process_group.as_ref().filter(fixed)?;
        let application_group = self.options.application_group.as_ref().filter(fixed)?;
        let one_target = self.pattern.is_none() || !self.target.contains(&b'$');
        one_target.then_some((process_group, application_group))
    }
}

impl AliasKind {
    /// The directive's name, and the help text that httpd shows for it.
    pub fn name_and_help(self) -> (&'static str, &'static str) {
        match self {
            Self::Prefix => (
                "WSGIScriptAlias",
                "a URL path and the script file or folder it stands for",
            ),
            Self::Match => (
                "WSGIScriptAliasMatch",
                "a regular expression for URL paths and the script file it stands for",
            ),
        }
    }
}

impl AliasOptions {
    fn parse(mut words: Words<'_>) -> Result<Self, Rejected> {
        const INVALID: Rejected =
            Rejected::fixed("Invalid option to WSGI script alias definition.");
        let mut options = Self::default();
        while let Some(option) = words.option() {
            let (name, value) = option.map_err(|_| INVALID)?;
            match name {
                b"process-group" => {
                    options.process_group =
                        Some(group_value(value, "Invalid name for WSGI process group.")?);
                }
                b"application-group" => {
                    options.application_group = Some(application_group_value(value)?);
                }
                b"callable-object" if value.is_empty() => {
                    return Err("Invalid name for WSGI callable object.".into());
                }
                b"callable-object" => options.callable_object = Some(value),
                b"pass-authorization" => {
                    let on = value::switch(&value);
                    options.pass_authorization =
                        Some(on.ok_or("Invalid value for authorization flag.")?);
                }
                _ => return Err(INVALID),
            }
        }
        Ok(options)
    }

    /// Gives `set` the notes of a request that an alias with these options matched, names and values.
    pub fn write_notes(&self, set: &mut dyn FnMut(&'static str, &[u8])) {
        set(ALIAS_NOTE, HANDLER.as_bytes());
        let texts = [
            (PROCESS_GROUP_NOTE, &self.process_group),
            (APPLICATION_GROUP_NOTE, &self.application_group),
            (CALLABLE_OBJECT_NOTE, &self.callable_object),
        ];
        for (note, value) in texts {
            if let Some(value) = value {
                set(note, value);
            }
        }
        if let Some(on) = self.pass_authorization {
            set(PASS_AUTHORIZATION_NOTE, if on { b"1" } else { b"0" });
        }
    }
}

impl<'a> Overrides<'a> {
    /// What [`AliasOptions::write_notes`] left; `None` where no alias chose the handler.
    pub fn from_notes(note: impl Fn(&'static str) -> Option<&'a [u8]>) -> Option<Self> {
        (note(ALIAS_NOTE)? == HANDLER.as_bytes()).then(|| Self {
            process_group: note(PROCESS_GROUP_NOTE),
            application_group: note(APPLICATION_GROUP_NOTE),
            callable_object: note(CALLABLE_OBJECT_NOTE),
            pass_authorization: note(PASS_AUTHORIZATION_NOTE).map(|value| value == b"1"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_travel_in_notes() {
        let check = |options: AliasOptions| {
            let mut notes = Vec::new();
            options.write_notes(&mut |name, value| notes.push((name, value.to_vec())));
            let note = |wanted: &'static str| {
                let found = notes.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| &value[..])
            };
            let expected = Overrides {
                process_group: options.process_group.as_deref(),
                application_group: options.application_group.as_deref(),
                callable_object: options.callable_object.as_deref(),
                pass_authorization: options.pass_authorization,
            };
            assert_eq!(Overrides::from_notes(note), Some(expected));
        };
        check(AliasOptions::default());
        check(AliasOptions {
            process_group: Some("".into()),
            application_group: Some("%{HOST}".into()),
            callable_object: Some("app".into()),
            pass_authorization: Some(false),
        });
        check(AliasOptions {
            pass_authorization: Some(true),
            ..AliasOptions::default()
        });
    }

    #[test]
    fn notes_of_others_do_not_count() {
        let forged = |name: &'static str| (name != ALIAS_NOTE).then_some(&b"forged"[..]);
        assert_eq!(Overrides::from_notes(forged), None);
        let cgi = |name: &'static str| (name == ALIAS_NOTE).then_some(&b"cgi-script"[..]);
        assert_eq!(Overrides::from_notes(cgi), None);
    }
}

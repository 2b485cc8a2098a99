//! Where the application is.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Complaint;

const EXAMPLES: &str = "write package.module, package.module:attribute, package.module:factory(), or path/to/file.py:attribute";

/// Where the application is. `Display` writes it as it can be given again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// `package.module`, `package.module:attribute`, `package.module:factory()`.
    Module {
        /// Dotted name to import.
        module: String,
        /// Dotted name in the module; `None` looks for `application`, then `app`.
        attr: Option<String>,
        /// Whether the attribute is called without arguments to get the application.
        call: bool,
    },
    /// `path/to/file.py`, `./file.wsgi:attribute`, `file.py:factory()`.
    File {
        /// The file to run as a module.
        path: PathBuf,
        /// Dotted name in the file; `None` looks for `application`, then `app`.
        attr: Option<String>,
        /// Whether the attribute is called without arguments to get the application.
        call: bool,
    },
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, Complaint> {
        let (place, attr, call) = split(text)?;
        if is_path(place) {
            if place.ends_with('/') || place.contains("://") || place.contains('\0') {
                return Err(
                    Complaint::new(format!("{place:?} is not the path of a file")).hint(EXAMPLES),
                );
            }
            return Ok(Self::File {
                path: place.into(),
                attr,
                call,
            });
        }
        if !is_dotted_name(place) {
            return Err(Complaint::new(format!(
                "{place:?} is neither a module's name nor the path of a .py or .wsgi file"
            ))
            .hint(EXAMPLES));
        }
        Ok(Self::Module {
            module: place.into(),
            attr,
            call,
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attr, call) = match self {
            Self::Module { module, attr, call } => {
                f.write_str(module)?;
                (attr, call)
            }
            Self::File { path, attr, call } => {
                write!(f, "{}", path.display())?;
                (attr, call)
            }
        };
        if let Some(attr) = attr {
            write!(f, ":{attr}{}", if *call { "()" } else { "" })?;
        }
        Ok(())
    }
}

/// Takes `:attribute` or `:factory()` off the end.
fn split(text: &str) -> Result<(&str, Option<String>, bool), Complaint> {
    let Some((place, attr)) = text.rsplit_once(':') else {
        return Ok((text, None, false));
    };
    // A colon inside a path: `dir:x/app.py`.
    if attr.contains('/') && !attr.contains('(') {
        return Ok((text, None, false));
    }
    if let Some((name, arguments)) = attr.split_once('(') {
        if arguments != ")" {
            return Err(Complaint::new(format!(
                "{attr:?} has arguments, and a factory is called without any"
            ))
            .hint("write a function of your own that passes them, and name that one"));
        }
        return Ok((place, Some(attribute(name)?), true));
    }
    Ok((place, Some(attribute(attr)?), false))
}

fn attribute(name: &str) -> Result<String, Complaint> {
    if is_dotted_name(name) {
        Ok(name.into())
    } else {
        Err(Complaint::new(format!("{name:?} is not the name of an attribute")).hint(EXAMPLES))
    }
}

/// `name.wsgi` can be a module (every Django project has one) or a script; without a slash it is read as the module, and who knows
/// the files can tell better.
fn is_path(place: &str) -> bool {
    place.contains('/')
        || place.ends_with(".py")
        || (place.ends_with(".wsgi") && !is_dotted_name(place))
}

/// Names of Python joined by dots. Python takes a few letters more than this and a few less; those it tells itself.
fn is_dotted_name(text: &str) -> bool {
    text.split('.').all(|name| {
        name.chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
            && name.starts_with(|first: char| !first.is_numeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(module: &str, attr: Option<&str>, call: bool) -> Target {
        Target::Module {
            module: module.into(),
            attr: attr.map(Into::into),
            call,
        }
    }

    fn file(path: &str, attr: Option<&str>, call: bool) -> Target {
        Target::File {
            path: path.into(),
            attr: attr.map(Into::into),
            call,
        }
    }

    #[test]
    fn what_is_a_target() {
        let check = |text: &str, meaning: Target| {
            assert_eq!(Target::parse(text), Ok(meaning), "{text}");
            assert_eq!(Target::parse(text).unwrap().to_string(), text);
        };
        check("app", module("app", None, false));
        check(
            "site.wsgi_app:application",
            module("site.wsgi_app", Some("application"), false),
        );
        check(
            "site.app:create_app()",
            module("site.app", Some("create_app"), true),
        );
        check("site:obj.attr", module("site", Some("obj.attr"), false));
        check("größe:anwendung", module("größe", Some("anwendung"), false));
        check(
            "mysite.wsgi:application",
            module("mysite.wsgi", Some("application"), false),
        );
        check("app.py", file("app.py", None, false));
        check("my-site.wsgi", file("my-site.wsgi", None, false));
        check("./site.wsgi", file("./site.wsgi", None, false));
        check(
            "/srv/a b/app.py:app",
            file("/srv/a b/app.py", Some("app"), false),
        );
        check(
            "/srv/app.py:make()",
            file("/srv/app.py", Some("make"), true),
        );
        check("/srv/script", file("/srv/script", None, false));
        check("a:b/app.py", file("a:b/app.py", None, false));
        check("a:b/app.py:app", file("a:b/app.py", Some("app"), false));
    }

    #[test]
    fn what_is_no_target() {
        let check = |text: &str, part: &str| {
            let complaint = Target::parse(text).expect_err(text);
            assert!(complaint.message.contains(part), "{text}: {complaint:?}");
            assert!(complaint.hint.is_some(), "{text}");
        };
        check("", "neither a module's name");
        check("my-app", "neither a module's name");
        check("a..b:app", "neither a module's name");
        check(".app", "neither a module's name");
        check("1app", "neither a module's name");
        check(":app", "neither a module's name");
        check("app:", "is not the name of an attribute");
        check("app:()", "is not the name of an attribute");
        check("app:my-app", "is not the name of an attribute");
        check("app:make(1)", "has arguments");
        check("app:make('a/b')", "has arguments");
        check("app:make(", "has arguments");
        check("srv/", "is not the path of a file");
        check("http://localhost", "is not the path of a file");
    }
}

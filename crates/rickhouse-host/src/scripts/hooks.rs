//! The functions of dispatch, access and authentication scripts: how they are called, and what their answers mean (DD
//! §5.10, §5.11). Which status httpd answers is the front end's.

use rickhouse_python::{Error, ErrorKind, Object, PyResult, Python};

use crate::scripts::hook::{Hook, HookCall, HookFailure, HookRequest, Inside};
use crate::scripts::thread::ScriptThread;

/// What `check_password` said of a user. A failure is a general error: 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// The password is the user's.
    Granted,
    /// As [`Password::Granted`]; the user is called this from now on (UTF-8).
    GrantedAs(String),
    /// It is not.
    Denied,
    /// There is no such user here.
    Unknown,
}

/// What `get_realm_hash` said of a user. A failure is a general error: 500.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Realm {
    /// The MD5 of `user:realm:password` in hexadecimal digits.
    Hash(Vec<u8>),
    /// There is no such user here.
    Unknown,
}

/// What `allow_access` said of a client. A failure denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Come in.
    Allow,
    /// Stay out: 403.
    Deny,
    /// No opinion.
    Decline,
}

/// Where a dispatch script sends a request; `None` leaves the static configuration's word. Group names and callable are
/// still to be expanded as directives' values are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dispatched {
    /// `process_group(environ)`
    pub process_group: Option<Vec<u8>>,
    /// `application_group(environ)`
    pub application_group: Option<Vec<u8>>,
    /// `callable_object(environ)`
    pub callable_object: Option<Vec<u8>>,
}

const DISPATCH: Hook = Hook {
    name: "dispatch",
    unacquired: 86,
    dispatch: true,
};
const ACCESS: Hook = Hook {
    name: "host access",
    unacquired: 54,
    dispatch: false,
};
const BASIC: Hook = Hook {
    name: "user authentication",
    unacquired: 42,
    dispatch: false,
};
const DIGEST: Hook = Hook {
    unacquired: 45,
    ..BASIC
};
const GROUPS: Hook = Hook {
    name: "group authentication",
    unacquired: 48,
    dispatch: false,
};

impl ScriptThread {
    /// Calls `check_password(environ, user, password)`; both are latin-1.
    ///
    /// # Errors
    /// [`HookFailure`]: no interpreter, no module, no such function, an exception, or an answer that is none.
    pub fn check_password(
        &mut self,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
        user: &[u8],
        password: &[u8],
    ) -> Result<Password, HookFailure> {
        self.inside(BASIC, call, request, |inside| {
            let py = inside.py;
            let Some(function) = inside.function("check_password")? else {
                inside.lacks(43, "'Basic' auth provider");
                return Ok(Err(HookFailure));
            };
            let arguments = [
                &inside.environ,
                &py.str_latin1(user)?,
                &py.str_latin1(password)?,
            ];
            let answer = function.call(py, &arguments)?;
            password_of(inside, &answer)
        })
    }

    /// Calls `get_realm_hash(environ, user, realm)`; both are latin-1.
    ///
    /// # Errors
    /// As [`ScriptThread::check_password`].
    pub fn realm_hash(
        &mut self,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
        user: &[u8],
        realm: &[u8],
    ) -> Result<Realm, HookFailure> {
        self.inside(DIGEST, call, request, |inside| {
            let py = inside.py;
            let Some(function) = inside.function("get_realm_hash")? else {
                inside.lacks(46, "'Digest' auth provider");
                return Ok(Err(HookFailure));
            };
            let arguments = [
                &inside.environ,
                &py.str_latin1(user)?,
                &py.str_latin1(realm)?,
            ];
            let answer = function.call(py, &arguments)?;
            realm_of(inside, &answer)
        })
    }

    /// Calls `groups_for_user(environ, user)` and returns the groups' names as they were given.
    ///
    /// # Errors
    /// As [`ScriptThread::check_password`].
    pub fn groups_for_user(
        &mut self,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
        user: &[u8],
    ) -> Result<Vec<Vec<u8>>, HookFailure> {
        self.inside(GROUPS, call, request, |inside| {
            let py = inside.py;
            let Some(function) = inside.function("groups_for_user")? else {
                inside.lacks(52, "'groups_for_user' callable");
                return Ok(Err(HookFailure));
            };
            let answer = function.call(py, &[&inside.environ, &py.str_latin1(user)?])?;
            groups_of(inside, &answer)
        })
    }

    /// Calls `allow_access(environ, host)`.
    ///
    /// # Errors
    /// As [`ScriptThread::check_password`].
    pub fn allow_access(
        &mut self,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
        host: &[u8],
    ) -> Result<Access, HookFailure> {
        self.inside(ACCESS, call, request, |inside| {
            let py = inside.py;
            let Some(function) = inside.function("allow_access")? else {
                inside.lacks(56, "'allow_access' callable");
                return Ok(Err(HookFailure));
            };
            let answer = function.call(py, &[&inside.environ, &py.str_latin1(host)?])?;
            Ok(match singleton(py, &answer) {
                Some(Singleton::True) => Ok(Access::Allow),
                Some(Singleton::False) => Ok(Access::Deny),
                Some(Singleton::None) => Ok(Access::Decline),
                None => {
                    let script = inside.script.display();
                    let text = format!(
                        "Result returned from 'allow_access' in '{script}' must be a boolean or None."
                    );
                    inside.say(55, text);
                    Err(HookFailure)
                }
            })
        })
    }

    /// Asks a dispatch script where the request goes. All functions get the same environ.
    ///
    /// # Errors
    /// [`HookFailure`] for an exception or an answer that is none, and when the script does not load: 500 (§14.3 row 49).
    pub fn dispatch(
        &mut self,
        call: &HookCall<'_>,
        request: &mut dyn HookRequest,
    ) -> Result<Dispatched, HookFailure> {
        self.inside(DISPATCH, call, request, |inside| {
            let process_group = dispatched(
                inside,
                "process_group",
                "Process group must be a byte string",
                "Process group",
            )?;
            let application_group = dispatched(
                inside,
                "application_group",
                "Application group must be a string object",
                "Application group",
            )?;
            let callable_object = dispatched(
                inside,
                "callable_object",
                "Callable object must be a string object",
                "Callable object",
            )?;
            Ok(Ok(Dispatched {
                process_group,
                application_group,
                callable_object,
            }))
        })
    }
}

impl Inside<'_, '_> {
    fn lacks(&self, code: u16, what: &str) {
        let script = self.script.display();
        let kind = match code {
            56 => "host access script",
            52 => "group authentication script",
            _ => "user authentication script",
        };
        self.say(
            code,
            format!("Target WSGI {kind} '{script}' does not provide {what}."),
        );
    }
}

/// The objects that answers are compared with by identity: 1 is not `True` (§14.2 row 53).
enum Singleton {
    True,
    False,
    None,
}

fn singleton<'py>(py: Python<'py>, answer: &Object<'py>) -> Option<Singleton> {
    if answer.is_none() {
        Some(Singleton::None)
    } else if answer.is(&py.bool(true)) {
        Some(Singleton::True)
    } else if answer.is(&py.bool(false)) {
        Some(Singleton::False)
    } else {
        None
    }
}

fn password_of<'py>(
    inside: &Inside<'_, 'py>,
    answer: &Object<'py>,
) -> PyResult<'py, Result<Password, HookFailure>> {
    let py = inside.py;
    match singleton(py, answer) {
        Some(Singleton::True) => return Ok(Ok(Password::Granted)),
        Some(Singleton::False) => return Ok(Ok(Password::Denied)),
        Some(Singleton::None) => return Ok(Ok(Password::Unknown)),
        None => {}
    }
    let (code, text) = if answer.is_str() {
        match answer.to_strict_text(py)? {
            // Under an escaped name it would be another user.
            name if !name.is_empty() => return Ok(Ok(Password::GrantedAs(name))),
            _ => (176, "Basic auth provider returned empty user name string."),
        }
    } else {
        (
            177,
            "Basic auth provider must return True, False, None or user name as string.",
        )
    };
    inside.say(code, text.to_owned());
    Ok(Err(HookFailure))
}

fn realm_of<'py>(
    inside: &Inside<'_, 'py>,
    answer: &Object<'py>,
) -> PyResult<'py, Result<Realm, HookFailure>> {
    if answer.is_none() {
        return Ok(Ok(Realm::Unknown));
    }
    let (code, text) = match text_of(inside.py, answer)? {
        Some(hash) if !hash.is_empty() => return Ok(Ok(Realm::Hash(hash))),
        Some(_) => (178, "Digest auth provider returned empty realm hash."),
        None => (
            179,
            "Digest auth provider must return None or string object.",
        ),
    };
    inside.say(code, text.to_owned());
    Ok(Err(HookFailure))
}

fn groups_of<'py>(
    inside: &Inside<'_, 'py>,
    answer: &Object<'py>,
) -> PyResult<'py, Result<Vec<Vec<u8>>, HookFailure>> {
    let (py, script) = (inside.py, inside.script.display());
    let Ok(mut items) = answer.iter() else {
        let text = format!("Result returned from 'groups_for_user' in '{script}' is not iterable.");
        inside.say(51, text);
        return Ok(Err(HookFailure));
    };
    let mut groups = Vec::new();
    while let Some(item) = items.next_item()? {
        match text_of(py, &item) {
            Ok(Some(group)) => groups.push(group),
            Ok(None) => {
                let text = format!(
                    "Item returned from 'groups_for_user' in '{script}' is not a byte string."
                );
                inside.say(50, text);
                return Ok(Err(HookFailure));
            }
            Err(_) => {
                let text = format!(
                    "Item returned from 'groups_for_user' in '{script}' is a string containing non 'latin-1' characters."
                );
                inside.say(49, text);
                return Ok(Err(HookFailure));
            }
        }
    }
    Ok(Ok(groups))
}

/// `bytes`, or a `str` as latin-1; `None` for anything else.
fn text_of<'py>(py: Python<'py>, value: &Object<'py>) -> PyResult<'py, Option<Vec<u8>>> {
    match value.as_bytes() {
        Some(bytes) => Ok(Some(bytes.to_vec())),
        None if value.is_str() => value.with_latin1(py, |bytes| Some(bytes.to_vec())),
        None => Ok(None),
    }
}

fn dispatched<'py>(
    inside: &Inside<'_, 'py>,
    name: &str,
    wrong_type: &str,
    subject: &str,
) -> PyResult<'py, Option<Vec<u8>>> {
    let py = inside.py;
    let Some(function) = inside.function(name)? else {
        return Ok(None);
    };
    let answer = function.call(py, &[&inside.environ])?;
    if answer.is_none() {
        return Ok(None);
    }
    match text_of(py, &answer) {
        Ok(Some(value)) => Ok(Some(value)),
        Ok(None) => Err(Error::new(py, ErrorKind::Type, wrong_type)),
        Err(cause) => {
            let text = format!(
                "{subject} must be a string object, containing non 'latin-1' characters found"
            );
            Err(Error::new(py, ErrorKind::Type, &text).caused_by(py, cause))
        }
    }
}

//! Names of process and application groups and of callables, as they are for one request (DD §2.1, §5.4).

use std::borrow::Cow;

use crate::paths;
use crate::scripts::GLOBAL;

/// What names of groups are made of. Values are bytes of the request.
pub trait GroupView {
    /// `ServerName` of the request's server.
    fn server_name(&self) -> &[u8];
    /// The host that the client asked for.
    fn host(&self) -> Option<&[u8]>;
    /// The port that the request came to, or that the server is known by. Not whatever its client says: that would name
    /// groups without end.
    fn port(&self) -> u16;
    /// The decoded path of the request.
    fn uri(&self) -> &[u8];
    /// What httpd found behind the script.
    fn path_info(&self) -> &[u8];
    /// A note, then a variable of the request, then one of the process's environment: what `%{ENV:…}` stands for.
    fn variable(&self, name: &[u8]) -> Option<Cow<'_, [u8]>>;
}

const ENV: &[u8] = b"%{ENV:";

/// The process group that `WSGIProcessGroup` and its like stand for; empty for embedded mode.
pub fn process_group<'a>(name: Option<&'a [u8]>, request: &'a dyn GroupView) -> Cow<'a, [u8]> {
    match name {
        None => Cow::Borrowed(b""),
        Some(name) => expand(name, request, Case::Sensitive),
    }
}

/// The application group that `WSGIApplicationGroup` and its like stand for; empty for the main interpreter. `case` is
/// `WSGICaseSensitivity`.
pub fn application_group<'a>(
    name: Option<&'a [u8]>,
    request: &'a dyn GroupView,
    case: Case,
) -> Cow<'a, [u8]> {
    expand(name.unwrap_or(b"%{RESOURCE}"), request, case)
}

/// The interpreter of a dispatch, access or authentication script, whose groups have fewer forms.
pub fn hook_group<'a>(name: Option<&'a [u8]>, request: &'a dyn GroupView) -> Cow<'a, [u8]> {
    match name {
        None | Some(GLOBAL) => Cow::Borrowed(b""),
        Some(b"%{SERVER}") => host_and_port(request.server_name(), request).into(),
        Some(b"%{HOST}") => host_and_port(client_host(request), request).into(),
        Some(name) => Cow::Borrowed(name),
    }
}

/// What `WSGICallableObject` stands for.
pub fn callable_object<'a>(name: Option<&'a [u8]>, request: &'a dyn GroupView) -> Cow<'a, [u8]> {
    const DEFAULT: Cow<'static, [u8]> = Cow::Borrowed(b"application");
    match name {
        Some(name) if !name.starts_with(b"%") => Cow::Borrowed(name),
        Some(name) => environment(name, request).unwrap_or(DEFAULT),
        None => DEFAULT,
    }
}

/// `WSGICaseSensitivity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// On: names of files that differ in case are different files.
    #[default]
    Sensitive,
    /// Off.
    Ignored,
}

impl Case {
    /// A name of a file as it is compared.
    pub fn fold(self, name: &mut [u8]) {
        if self == Self::Ignored {
            name.make_ascii_lowercase();
        }
    }
}

fn expand<'a>(name: &'a [u8], request: &'a dyn GroupView, case: Case) -> Cow<'a, [u8]> {
    if !name.starts_with(ENV) {
        return expand_once(name, request, case).unwrap_or(Cow::Borrowed(name));
    }
    let Some(value) = environment(name, request) else {
        return Cow::Borrowed(name);
    };
    // Once more, but a variable cannot name another one.
    expand_once(&value, request, case)
        .map(|expanded| Cow::Owned(expanded.into_owned()))
        .unwrap_or(value)
}

/// `None` for what stands for itself.
fn expand_once<'a>(name: &[u8], request: &'a dyn GroupView, case: Case) -> Option<Cow<'a, [u8]>> {
    match name {
        GLOBAL => Some(Cow::Borrowed(b"")),
        b"%{SERVER}" => Some(host_and_port(request.server_name(), request).into()),
        b"%{HOST}" => Some(host_and_port(client_host(request), request).into()),
        b"%{RESOURCE}" => Some(resource(request, case).into()),
        _ => None,
    }
}

/// The value of `%{ENV:…}`.
fn environment<'a>(name: &[u8], request: &'a dyn GroupView) -> Option<Cow<'a, [u8]>> {
    let variable = name.strip_prefix(ENV)?.strip_suffix(b"}")?;
    if variable.is_empty() {
        return None;
    }
    request.variable(variable)
}

fn client_host(request: &dyn GroupView) -> &[u8] {
    let host = request.host().filter(|host| !host.is_empty());
    host.unwrap_or_else(|| request.server_name())
}

fn host_and_port(host: &[u8], request: &dyn GroupView) -> Vec<u8> {
    let mut name = host.to_vec();
    match request.port() {
        80 | 443 => {}
        port => name.extend_from_slice(format!(":{port}").as_bytes()),
    }
    name
}

fn resource(request: &dyn GroupView, case: Case) -> Vec<u8> {
    let mut name = host_and_port(request.server_name(), request);
    name.push(b'|');
    let start = name.len();
    let script = paths::script_of(request.uri(), request.path_info());
    paths::collapse_slashes(script, &mut name);
    case.fold(&mut name[start..]);
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Request {
        host: Option<&'static str>,
        port: u16,
        path: (&'static str, &'static str),
    }

    const REQUEST: Request = Request {
        host: Some("asked"),
        port: 80,
        path: ("/Mount//x/y", "/y"),
    };

    impl GroupView for Request {
        fn server_name(&self) -> &[u8] {
            b"server"
        }

        fn host(&self) -> Option<&[u8]> {
            self.host.map(str::as_bytes)
        }

        fn port(&self) -> u16 {
            self.port
        }

        fn uri(&self) -> &[u8] {
            self.path.0.as_bytes()
        }

        fn path_info(&self) -> &[u8] {
            self.path.1.as_bytes()
        }

        fn variable(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
            let value: &[u8] = match name {
                b"plain" => b"value",
                b"empty" => b"",
                b"again" => b"%{SERVER}",
                b"chain" => b"%{ENV:plain}",
                b"other" => b"%{OTHER}",
                _ => return None,
            };
            Some(Cow::Borrowed(value))
        }
    }

    fn all_three(name: Option<&str>, request: &Request) -> [String; 3] {
        let name = name.map(str::as_bytes);
        let names = [
            process_group(name, request),
            application_group(name, request, Case::Sensitive),
            hook_group(name, request),
        ];
        names.map(|name| String::from_utf8(name.into_owned()).unwrap())
    }

    #[test]
    fn forms() {
        let check = |name: Option<&str>, expected: [&str; 3]| {
            assert_eq!(all_three(name, &REQUEST), expected, "{name:?}");
        };
        check(None, ["", "server|/Mount/x", ""]);
        check(Some("name"), ["name", "name", "name"]);
        check(Some(""), ["", "", ""]);
        check(Some("%{GLOBAL}"), ["", "", ""]);
        check(Some("%{SERVER}"), ["server", "server", "server"]);
        check(Some("%{HOST}"), ["asked", "asked", "asked"]);
        let resource = "server|/Mount/x";
        check(Some("%{RESOURCE}"), [resource, resource, "%{RESOURCE}"]);
        check(Some("%{ENV:plain}"), ["value", "value", "%{ENV:plain}"]);
        check(Some("%{ENV:empty}"), ["", "", "%{ENV:empty}"]);
        check(Some("%{ENV:again}"), ["server", "server", "%{ENV:again}"]);
        check(
            Some("%{ENV:chain}"),
            ["%{ENV:plain}", "%{ENV:plain}", "%{ENV:chain}"],
        );
        check(
            Some("%{ENV:other}"),
            ["%{OTHER}", "%{OTHER}", "%{ENV:other}"],
        );
        for literal in [
            "%{ENV:missing}",
            "%{ENV:}",
            "%{ENV:plain",
            "%",
            "%{server}",
            "%{OTHER}",
        ] {
            check(Some(literal), [literal; 3]);
        }
    }

    #[test]
    fn ports_and_hosts() {
        let check = |host: Option<&'static str>, port: u16, name: &str, expected: &str| {
            let request = Request {
                host,
                port,
                ..REQUEST
            };
            assert_eq!(all_three(Some(name), &request)[0], expected);
        };
        check(Some("asked"), 443, "%{HOST}", "asked");
        check(Some("asked"), 8080, "%{HOST}", "asked:8080");
        check(Some("asked"), 8080, "%{SERVER}", "server:8080");
        check(None, 81, "%{HOST}", "server:81");
        check(Some(""), 81, "%{HOST}", "server:81");
        check(None, 81, "%{RESOURCE}", "server:81|/Mount/x");
    }

    #[test]
    fn the_case_of_files() {
        let group = application_group(None, &REQUEST, Case::Ignored);
        assert_eq!(*group, *b"server|/mount/x");
    }

    #[test]
    fn callables() {
        let check = |name: Option<&str>, expected: &str| {
            let found = callable_object(name.map(str::as_bytes), &REQUEST);
            assert_eq!(*found, *expected.as_bytes(), "{name:?}");
        };
        check(None, "application");
        check(Some("main"), "main");
        check(Some("%{ENV:plain}"), "value");
        check(Some("%{ENV:again}"), "%{SERVER}");
        for unresolved in ["%", "%{ENV:missing}", "%{GLOBAL}", "%{ENV:}"] {
            check(Some(unresolved), "application");
        }
    }

    proptest! {
        #[test]
        fn any_name(name: Vec<u8>) {
            let literal = |found: Cow<'_, [u8]>| name.starts_with(b"%") || *found == *name;
            prop_assert!(literal(process_group(Some(&name), &REQUEST)));
            prop_assert!(literal(application_group(Some(&name), &REQUEST, Case::Ignored)));
            prop_assert!(literal(hook_group(Some(&name), &REQUEST)));
            let _ = callable_object(Some(&name), &REQUEST);
        }
    }
}

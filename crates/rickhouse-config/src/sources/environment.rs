//! Options said by environment variables.

use std::ffi::OsString;

use super::unknown;
use crate::mistakes::Mistake;
use crate::options::{Item, Layer, Said};
use crate::origin::Origin;
use crate::table::{self, OptionSpec};

const PREFIX: &str = "RICKHOUSE_";
/// Variables with which the product's processes talk to each other; never options.
const INTERNAL: &str = "RICKHOUSE_INTERNAL_";

/// What the environment says.
pub(crate) struct Environment {
    /// By variables of our own.
    pub(crate) own: Layer,
    /// By variables that platforms set for any server: weaker than a file.
    pub(crate) conventions: Layer,
}

/// Reads the environment of the process with this id.
///
/// Every `RICKHOUSE_…` variable has to be an option, except internal ones and those that Kubernetes sets for a service of our name.
pub(crate) fn read(
    variables: &[(OsString, OsString)],
    pid: u32,
    mistakes: &mut Vec<Mistake>,
) -> Environment {
    let mut environment = Environment {
        own: Layer::new(),
        conventions: conventions(variables, pid),
    };
    for (variable, value) in variables {
        let Some(variable) = variable.to_str().filter(|name| name.starts_with(PREFIX)) else {
            continue;
        };
        if variable.starts_with(INTERNAL) {
            continue;
        }
        let origin = Origin::Environment {
            variable: variable.to_owned(),
        };
        let Some(spec) = table::all().find(|spec| spec.variable() == variable) else {
            if !is_service_link(variable) {
                let name = variable.trim_start_matches(PREFIX).to_ascii_lowercase();
                mistakes.push(Mistake::elsewhere(
                    origin,
                    unknown(&name, OptionSpec::variable),
                ));
            }
            continue;
        };
        let Some(value) = value.to_str() else {
            mistakes.push(Mistake::elsewhere(origin, "the value is not UTF-8"));
            continue;
        };
        if let Some(said) = said(spec, value, origin) {
            environment.own.insert(spec.name, said);
        }
    }
    environment
}

/// A variable set to nothing counts as not set, unless nothing is a value.
fn said(spec: &OptionSpec, value: &str, origin: Origin) -> Option<Said> {
    if value.is_empty() && !spec.kind.takes_empty() {
        return None;
    }
    if !spec.many {
        return Some(Said::one(value, origin));
    }
    let texts = value
        .split(|separator: char| separator == ',' || separator.is_whitespace())
        .filter(|text| !text.is_empty());
    Some(Said::list(texts, origin))
}

/// What the variables of other conventions say. Those that are not UTF-8 were not meant for us.
fn conventions(variables: &[(OsString, OsString)], pid: u32) -> Layer {
    let value = |name: &str| {
        variables
            .iter()
            .find(|(variable, _)| variable == name)
            .and_then(|(_, value)| value.to_str())
    };
    let mut layer = Layer::new();
    for spec in table::all() {
        for convention in spec.conventions {
            let origin = Origin::Environment {
                variable: convention.variable.to_owned(),
            };
            let said = value(convention.variable).and_then(|text| said(spec, text, origin));
            if let Some(mut said) = said {
                for Item { text, .. } in &mut said.items {
                    *text = (convention.rewrite)(text);
                }
                layer.insert(spec.name, said);
            }
        }
    }
    // sd_listen_fds(3): the descriptors are meant for the process that LISTEN_PID names.
    let for_us = value("LISTEN_PID").is_some_and(|text| text.parse() == Ok(pid));
    if for_us
        && value("LISTEN_FDS").is_some_and(|text| text.parse::<u32>().is_ok_and(|count| count > 0))
    {
        let origin = Origin::Environment {
            variable: "LISTEN_FDS".to_owned(),
        };
        layer.insert(table::BIND.name, Said::one("systemd", origin));
    }
    layer
}

/// Whether Kubernetes (or a Docker link) set this variable because a service has a name that starts with ours:
/// `RICKHOUSE_SERVICE_HOST`, `RICKHOUSE_WEB_PORT_8000_TCP_ADDR`, …
fn is_service_link(variable: &str) -> bool {
    let words: Vec<&str> = variable.split('_').skip(1).collect();
    let has_port_tail = |tail: &[&str]| match tail {
        [] => true,
        [number, protocol, rest @ ..] => {
            number.bytes().all(|byte| byte.is_ascii_digit())
                && matches!(*protocol, "TCP" | "UDP" | "SCTP")
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        [_] => false,
    };
    words
        .windows(2)
        .any(|pair| matches!(pair, ["SERVICE", "HOST" | "PORT"]))
        || words
            .iter()
            .enumerate()
            .any(|(at, word)| *word == "PORT" && has_port_tail(&words[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> (Environment, Vec<String>) {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let mut mistakes = Vec::new();
        let environment = read(&variables, 42, &mut mistakes);
        (
            environment,
            mistakes.iter().map(ToString::to_string).collect(),
        )
    }

    fn texts(layer: &Layer, name: &str) -> Option<Vec<String>> {
        layer
            .get(name)
            .map(|said| said.items.iter().map(|item| item.text.clone()).collect())
    }

    fn own(variable: &str, value: &str, name: &str) -> Option<Vec<String>> {
        let (environment, mistakes) = read_all(&[(variable, value)]);
        assert_eq!(mistakes, [""; 0]);
        texts(&environment.own, name)
    }

    fn list(items: &[&str]) -> Option<Vec<String>> {
        Some(items.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_option_has_a_variable() {
        for spec in table::all() {
            assert_eq!(
                own(&spec.variable(), "x", spec.name),
                list(&["x"]),
                "{}",
                spec.name
            );
        }
    }

    #[test]
    fn lists_are_separated_by_commas_or_spaces() {
        assert_eq!(
            own("RICKHOUSE_BIND", ":1, :2\t:3", "bind"),
            list(&[":1", ":2", ":3"])
        );
        assert_eq!(
            own("RICKHOUSE_ACCESS_LOGFORMAT", "%h, %r", "access-logformat"),
            list(&["%h, %r"])
        );
    }

    #[test]
    fn nothing_is_a_value_only_where_it_means_something() {
        assert_eq!(own("RICKHOUSE_WORKERS", "", "workers"), None);
        assert_eq!(own("RICKHOUSE_BIND", "", "bind"), None);
        assert_eq!(
            own("RICKHOUSE_SERVER_HEADER", "", "server-header"),
            list(&[""])
        );
        assert_eq!(
            own("RICKHOUSE_FORWARDED_ALLOW_IPS", "", "forwarded-allow-ips"),
            list(&[])
        );
    }

    #[test]
    fn unknown_variables_are_mistakes() {
        let check = |variable: &str, text: &str| assert_eq!(read_all(&[(variable, "1")]).1, [text]);
        check(
            "RICKHOUSE_WORKER",
            "RICKHOUSE_WORKER: unknown option \"worker\"; did you mean \"RICKHOUSE_WORKERS\"? (environment)",
        );
        check(
            "RICKHOUSE_XYZZY",
            "RICKHOUSE_XYZZY: unknown option \"xyzzy\" (environment)",
        );
        check(
            "RICKHOUSE_",
            "RICKHOUSE_: unknown option \"\" (environment)",
        );
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        for variable in [
            "RICKHOUSE",
            "rickhouse_workers",
            "RICKHOUSE_INTERNAL_CONTROL",
            "RICKHOUSE_SERVICE_HOST",
            "RICKHOUSE_SERVICE_PORT_HTTP",
            "RICKHOUSE_PORT",
            "RICKHOUSE_PORT_8000_TCP",
            "RICKHOUSE_WEB_PORT_8000_TCP_ADDR",
        ] {
            let (environment, mistakes) = read_all(&[(variable, "tcp://10.0.0.1:8000")]);
            assert!(
                environment.own.is_empty() && mistakes.is_empty(),
                "{variable}: {mistakes:?}"
            );
        }
        assert!(!is_service_link("RICKHOUSE_PORTS") && !is_service_link("RICKHOUSE_PORT_X"));
    }

    #[test]
    fn conventions_of_platforms() {
        let check = |variables: &[(&str, &str)], name: &str, expected: Option<Vec<String>>| {
            let (environment, mistakes) = read_all(variables);
            assert!(environment.own.is_empty() && mistakes.is_empty());
            assert_eq!(
                texts(&environment.conventions, name),
                expected,
                "{variables:?}"
            );
        };
        check(&[("WEB_CONCURRENCY", "4")], "workers", list(&["4"]));
        check(&[("WEB_CONCURRENCY", "")], "workers", None);
        check(&[("PORT", "5000")], "bind", list(&["0.0.0.0:5000"]));
        check(
            &[("FORWARDED_ALLOW_IPS", "*")],
            "forwarded-allow-ips",
            list(&["*"]),
        );
        check(
            &[("PORT", "5000"), ("LISTEN_FDS", "1"), ("LISTEN_PID", "42")],
            "bind",
            list(&["systemd"]),
        );
        check(&[("LISTEN_FDS", "1"), ("LISTEN_PID", "41")], "bind", None);
        check(&[("LISTEN_FDS", "0"), ("LISTEN_PID", "42")], "bind", None);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_has_to_be_text() {
        use std::os::unix::ffi::OsStringExt;
        let variables = [
            ("RICKHOUSE_USER".into(), OsString::from_vec(vec![0xff])),
            (OsString::from_vec(vec![0xff]), "x".into()),
        ];
        let mut mistakes = Vec::new();
        assert!(read(&variables, 1, &mut mistakes).own.is_empty());
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].message, "the value is not UTF-8");
    }
}

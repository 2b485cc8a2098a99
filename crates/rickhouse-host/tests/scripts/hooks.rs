//! Access, authentication and dispatch scripts (directives-and-daemon §5.10, §5.11, §6.4).

use std::path::{Path, PathBuf};

use rickhouse_host::Value;
use rickhouse_host::scripts::{
    Access, Dispatched, Ended, HookCall, HookFailure, HookRequest, Password, Realm,
};

use crate::process::{Process, call};
use crate::support::MemoryExchange;

/// A request to a hook, with mod_ssl's answers.
struct Request;

impl HookRequest for Request {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], Value<'_>)) {
        sink(b"REQUEST_METHOD", Value::Text(b"GET"));
        sink(b"HTTP_PROXY", Value::Text(b"evil"));
        sink(b"mod_wsgi.callable_object", Value::Text(b"application"));
        sink(b"EMPTY", Value::None);
    }
    fn is_https(&mut self) -> bool {
        true
    }
    fn ssl_variable(&mut self, name: &[u8]) -> Option<Vec<u8>> {
        (name == b"SSL_PROTOCOL").then(|| b"TLSv1.3".to_vec())
    }
}

fn hook(script: &Path) -> HookCall<'_> {
    HookCall {
        script,
        application_group: "",
    }
}

/// What a hook said, and what was reported, with the script's file shown as `F`.
fn outcome<T>(process: &Process, script: &Path, answer: T) -> (T, Vec<String>) {
    let file = script.to_string_lossy();
    let lines = process.log.take().into_iter();
    let lines = lines.filter(|line| !line.starts_with("info"));
    (
        answer,
        lines.map(|line| line.replace(&*file, "F")).collect(),
    )
}

/// A script whose functions answer with the value of an expression that names the user.
fn answering(process: &Process, function: &str) -> PathBuf {
    let source = format!(
        "def {function}(environ, user, *rest):\n    print('asked about', user, rest, file=environ['wsgi.errors'])\n    return eval(user)\n"
    );
    process.script(&format!("{function}.py"), &source)
}

/// Row 53.
pub(crate) fn passwords() {
    let mut process = Process::start(|_| ());
    let script = answering(&process, "check_password");
    let table: [(&str, Result<Password, HookFailure>, Option<&str>); 10] = [
        ("True", Ok(Password::Granted), None),
        ("False", Ok(Password::Denied), None),
        ("None", Ok(Password::Unknown), None),
        (
            "'Ann\\u00e9\\u20ac'",
            Ok(Password::GrantedAs("Ann\u{e9}\u{20ac}".to_owned())),
            None,
        ),
        ("'\\ud800'", Err(HookFailure), Some("UnicodeEncodeError")),
        (
            "''",
            Err(HookFailure),
            Some("WSGI0176: Basic auth provider returned empty user name string."),
        ),
        (
            "1",
            Err(HookFailure),
            Some(
                "WSGI0177: Basic auth provider must return True, False, None or user name as string.",
            ),
        ),
        ("0", Err(HookFailure), Some("WSGI0177: ")),
        ("b'x'", Err(HookFailure), Some("WSGI0177: ")),
        (
            "1/0",
            Err(HookFailure),
            Some(
                "WSGI0174: [script S] ZeroDivisionError exception raised processing WSGI script 'F' for main interpreter in embedded mode.",
            ),
        ),
    ];
    for (user, expected, text) in table {
        let answer =
            process
                .thread
                .check_password(&hook(&script), &mut Request, user.as_bytes(), b"p\xe9");
        let (answer, log) = outcome(&process, &script, answer);
        assert_eq!(answer, expected, "{user}");
        assert_eq!(
            log[0],
            format!("error [script S] asked about {user} ('p\u{e9}',)")
        );
        match text {
            Some(text) => assert!(
                log.iter().any(|line| line.contains(text)),
                "{user}: {log:?}"
            ),
            None => assert_eq!(log.len(), 1, "{log:?}"),
        }
    }
    let lacking = process.script("lacking.py", "");
    let answer = process
        .thread
        .check_password(&hook(&lacking), &mut Request, b"u", b"p");
    let (answer, log) = outcome(&process, &lacking, answer);
    assert_eq!(answer, Err(HookFailure));
    assert_eq!(
        log,
        [
            "error [script S] WSGI0043: Target WSGI user authentication script 'F' does not provide 'Basic' auth provider."
        ]
    );
    let broken = process.script("broken.py", "raise ValueError");
    let answer = process
        .thread
        .check_password(&hook(&broken), &mut Request, b"u", b"p");
    let (answer, log) = outcome(&process, &broken, answer);
    assert_eq!(answer, Err(HookFailure));
    assert!(log[0].contains("WSGI0109"), "{log:?}");
}

pub(crate) fn realms() {
    let mut process = Process::start(|_| ());
    let script = answering(&process, "get_realm_hash");
    let table: [(&str, Result<Realm, HookFailure>, &str); 6] = [
        ("None", Ok(Realm::Unknown), ""),
        ("'abc'", Ok(Realm::Hash(b"abc".to_vec())), ""),
        ("b'abc'", Ok(Realm::Hash(b"abc".to_vec())), ""),
        (
            "''",
            Err(HookFailure),
            "WSGI0178: Digest auth provider returned empty realm hash.",
        ),
        (
            "True",
            Err(HookFailure),
            "WSGI0179: Digest auth provider must return None or string object.",
        ),
        ("'\\u20ac'", Err(HookFailure), "UnicodeEncodeError"),
    ];
    for (user, expected, text) in table {
        let answer =
            process
                .thread
                .realm_hash(&hook(&script), &mut Request, user.as_bytes(), b"realm");
        let (answer, log) = outcome(&process, &script, answer);
        assert_eq!(answer, expected, "{user}");
        assert!(log.join("\n").contains(text), "{user}: {log:?}");
    }
}

pub(crate) fn groups() {
    let mut process = Process::start(|_| ());
    let script = answering(&process, "groups_for_user");
    let names = |names: &[&[u8]]| Ok(names.iter().map(|name| name.to_vec()).collect::<Vec<_>>());
    type Groups = Result<Vec<Vec<u8>>, HookFailure>;
    let table: [(&str, Groups, &str); 6] = [
        ("['a', b'b', 'c\\xe9']", names(&[b"a", b"b", b"c\xe9"]), ""),
        ("(part for part in ())", names(&[]), ""),
        (
            "['\\u20ac']",
            Err(HookFailure),
            "WSGI0049: Item returned from 'groups_for_user' in 'F' is a string containing non 'latin-1' characters.",
        ),
        (
            "['a', 5]",
            Err(HookFailure),
            "WSGI0050: Item returned from 'groups_for_user' in 'F' is not a byte string.",
        ),
        (
            "5",
            Err(HookFailure),
            "WSGI0051: Result returned from 'groups_for_user' in 'F' is not iterable",
        ),
        (
            "(1/part for part in [0])",
            Err(HookFailure),
            "ZeroDivisionError: division by zero",
        ),
    ];
    for (user, expected, text) in table {
        let answer = process
            .thread
            .groups_for_user(&hook(&script), &mut Request, user.as_bytes());
        let (answer, log) = outcome(&process, &script, answer);
        assert_eq!(answer, expected, "{user}");
        assert!(log.join("\n").contains(text), "{user}: {log:?}");
    }
}

pub(crate) fn access() {
    let mut process = Process::start(|_| ());
    let script = answering(&process, "allow_access");
    let table: [(&str, Result<Access, HookFailure>, &str); 5] = [
        ("True", Ok(Access::Allow), ""),
        ("False", Ok(Access::Deny), ""),
        ("None", Ok(Access::Decline), ""),
        (
            "1",
            Err(HookFailure),
            "WSGI0055: Result returned from 'allow_access' in 'F' must be a boolean or None.",
        ),
        ("1/0", Err(HookFailure), "ZeroDivisionError"),
    ];
    for (host, expected, text) in table {
        let answer = process
            .thread
            .allow_access(&hook(&script), &mut Request, host.as_bytes());
        let (answer, log) = outcome(&process, &script, answer);
        assert_eq!(answer, expected, "{host}");
        assert!(log.join("\n").contains(text), "{host}: {log:?}");
    }
}

/// Rows 33 and 57, and the functions of mod_ssl, which end with the call.
pub(crate) fn the_environ_of_a_hook() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "environ.py",
        r#"
kept = []
def reload_required(resource):
    raise RuntimeError("hooks are not asked")
def allow_access(environ, host):
    if kept:
        for call in (kept[0]["mod_ssl.is_https"], lambda: kept[0]["mod_ssl.var_lookup"]("X")):
            try:
                call()
            except RuntimeError as error:
                print(error, file=environ["wsgi.errors"])
    kept.append(environ)
    lookup = environ["mod_ssl.var_lookup"]
    facts = [environ["mod_ssl.is_https"](), lookup("SSL_PROTOCOL"), lookup(b"SSL_PROTOCOL"), lookup("OTHER"),
             environ["EMPTY"], environ["wsgi.errors"].name, "wsgi.input" in environ, "HTTP_PROXY" in environ,
             environ["mod_wsgi.version"], environ["apache.version"], environ["mod_wsgi.process_group"],
             environ["mod_wsgi.application_group"], environ["REQUEST_METHOD"]]
    print(facts, file=environ["wsgi.errors"])
    environ["wsgi.errors"].write("no newline")
    return True
"#,
    );
    let expected = "error [script S] [1, 'TLSv1.3', 'TLSv1.3', None, None, '<log>', False, False, (6, 1, 1), (2, 4, 57), '', '', 'GET']";
    let expired = "error [script S] request object has expired";
    let rest = "error [script S] no newline";
    let mut ask = || {
        let answer = process
            .thread
            .allow_access(&hook(&script), &mut Request, b"host");
        let (answer, log) = outcome(&process, &script, answer);
        assert_eq!(answer, Ok(Access::Allow), "{log:?}");
        log
    };
    assert_eq!(ask(), [expected, rest]);
    assert_eq!(ask(), [expired, expired, expected, rest]);
}

/// Row 49: a dispatch script that does not load is a failure, as one that raises.
pub(crate) fn dispatching() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "dispatch.py",
        r#"
def process_group(environ):
    assert environ["mod_wsgi.process_group"] == "" and "mod_wsgi.version" not in environ
    assert "mod_wsgi.callable_object" not in environ and "mod_ssl.is_https" not in environ
    return b"%{GLOBAL}"
def application_group(environ):
    environ["seen"] = 1
    return None
def callable_object(environ):
    return f"caf\xe9{environ['seen']}"
"#,
    );
    let answer = process.thread.dispatch(&hook(&script), &mut Request);
    let expected = Dispatched {
        process_group: Some(b"%{GLOBAL}".to_vec()),
        application_group: None,
        callable_object: Some(b"caf\xe91".to_vec()),
    };
    assert_eq!(answer, Ok(expected), "{}", process.log.text());
    let empty = process.script("empty.py", "");
    let answer = process.thread.dispatch(&hook(&empty), &mut Request);
    assert_eq!(answer, Ok(Dispatched::default()));
    let table = [
        (
            "process_group",
            "5",
            "TypeError: Process group must be a byte string",
        ),
        (
            "application_group",
            "5",
            "TypeError: Application group must be a string object",
        ),
        (
            "callable_object",
            "5",
            "TypeError: Callable object must be a string object",
        ),
        (
            "process_group",
            "'\\u20ac'",
            "containing non 'latin-1' characters found",
        ),
        (
            "process_group",
            "1/0",
            "ZeroDivisionError: division by zero",
        ),
    ];
    for (function, value, text) in table {
        let source = format!("def {function}(environ):\n    return {value}\n");
        let name = format!("wrong_{}.py", value.len() + function.len() * 100);
        let wrong = process.script(&name, &source);
        let answer = process.thread.dispatch(&hook(&wrong), &mut Request);
        let (answer, log) = outcome(&process, &wrong, answer);
        assert_eq!(answer, Err(HookFailure), "{value}");
        assert!(log.join("\n").contains(text), "{value}: {log:?}");
    }
    let broken = process.script("broken.py", "raise ValueError");
    assert_eq!(
        process.thread.dispatch(&hook(&broken), &mut Request),
        Err(HookFailure)
    );
}

pub(crate) fn calls_leave_nothing_behind() {
    let mut process = Process::start(|_| ());
    let script = process.script(
        "access.py",
        r#"
classes = []
def allow_access(environ, host):
    classes.append(type(environ["mod_ssl.is_https"].__self__))
    return all(each is classes[0] for each in classes)
"#,
    );
    for _ in 0..3 {
        let answer = process
            .thread
            .allow_access(&hook(&script), &mut Request, b"host");
        assert_eq!(answer, Ok(Access::Allow), "{}", process.log.text());
    }
}

/// A response that includes another comes back to us on the thread of the first one.
pub(crate) fn a_request_inside_of_another() {
    let mut process = Process::start(|_| ());
    let outer = process.script(
        "outer.wsgi",
        r#"
def application(environ, start_response):
    write = start_response("200 OK", [])
    print("before")
    write(b"outer")
    print("after")
    return []
"#,
    );
    let inner = process.script(
        "inner.wsgi",
        "def application(environ, start_response):\n    print('inside')\n    start_response('200 OK', [])\n    return [b'inner']\n",
    );
    let access = process.script(
        "access.py",
        "def allow_access(environ, host):\n    print('asked')\n    return True\n",
    );
    let scripts = std::sync::Arc::clone(&process.scripts);
    let mut exchange = MemoryExchange::get("/");
    exchange.on_write = Some(Box::new(move || {
        let mut thread = scripts.thread(1);
        let answer = thread.allow_access(&hook(&access), &mut Request, b"host");
        assert_eq!(answer, Ok(Access::Allow));
        for group in ["", "outer"] {
            let mut exchange = MemoryExchange::get("/");
            let ended = thread.handle(&call(group, &inner), &mut exchange);
            assert_eq!(
                (ended, exchange.text().as_str()),
                (Ended::Responded, "inner")
            );
        }
    }));
    let ended = process.thread.handle(&call("outer", &outer), &mut exchange);
    assert_eq!(
        (ended, exchange.text().as_str()),
        (Ended::Responded, "outer")
    );
    let printed = process.log.take().into_iter();
    let printed: Vec<String> = printed.filter(|line| line.starts_with("error")).collect();
    // The access script runs in another interpreter than the request that the thread serves.
    assert_eq!(
        printed,
        [
            "error [script S] before",
            "error asked",
            "error [script S] inside",
            "error [script S] inside",
            "error [script S] after",
        ]
    );
}

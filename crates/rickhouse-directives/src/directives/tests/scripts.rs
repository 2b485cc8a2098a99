use super::*;
use crate::global::PythonRequired;

#[test]
fn every_switch_takes_on_and_off_only() {
    for directive in DIRECTIVES
        .iter()
        .filter(|directive| directive.syntax == "On|Off")
    {
        let in_directory = directive.class == Class::AuthConfig;
        let mut configuration = Configuration::default();
        for good in ["On", "off"] {
            let line = format!("{} {good}", directive.name);
            assert_eq!(
                configuration.line(&line, in_directory, None),
                Ok(()),
                "{line}"
            );
        }
        for bad in ["yes", "1", "true", "\"\""] {
            let line = format!("{} {bad}", directive.name);
            let text = format!("{} must be one of: Off | On", directive.name);
            assert_eq!(
                configuration.line(&line, in_directory, None),
                Err(text),
                "{line}"
            );
        }
    }
}

#[test]
fn aliases() {
    let two = "requires at least two arguments, ";
    assert!(rejected("WSGIScriptAlias").starts_with(&format!("WSGIScriptAlias {two}")));
    assert!(rejected("WSGIScriptAlias /a").starts_with(&format!("WSGIScriptAlias {two}")));
    assert!(
        rejected("WSGIScriptAliasMatch /a").starts_with(&format!("WSGIScriptAliasMatch {two}"))
    );
    let check = |options: &str, text: &str| {
        assert_eq!(
            rejected(&format!("WSGIScriptAlias /a /b {options}")),
            text,
            "{options}"
        );
    };
    check("x", "Invalid option to WSGI script alias definition.");
    check("x=1", "Invalid option to WSGI script alias definition.");
    check(
        "Process-Group=a",
        "Invalid option to WSGI script alias definition.",
    );
    check(
        "process-group =a",
        "Invalid option to WSGI script alias definition.",
    );
    check(
        "application-group=",
        "Invalid name for WSGI application group.",
    );
    check("process-group=\"\"", "Invalid name for WSGI process group.");
    check("callable-object=", "Invalid name for WSGI callable object.");
    check(
        "pass-authorization=",
        "Invalid value for authorization flag.",
    );
    check(
        "pass-authorization=1",
        "Invalid value for authorization flag.",
    );
    check(
        "process-group=g application-group=a",
        "WSGI process group not yet configured.",
    );
    assert_eq!(
        rejected("WSGIScriptAliasMatch ( /b"),
        "Regular expression could not be compiled."
    );
}

#[test]
fn an_alias_with_fixed_groups_is_loaded_in_advance() {
    let mut configuration = Configuration::default();
    configuration.accept("WSGIDaemonProcess g");
    for line in [
        "WSGIScriptAlias /1 /1.wsgi process-group=g application-group=%{GLOBAL}",
        "WSGIScriptAlias /2 /2.wsgi process-group=%{GLOBAL} application-group=a",
        "WSGIScriptAlias /3 /3.wsgi process-group=g",
        "WSGIScriptAlias /4 /4.wsgi process-group=%{SERVER} application-group=a",
        "WSGIScriptAlias /5 /5.wsgi process-group=x application-group=%{RESOURCE}",
        "WSGIScriptAliasMatch /6 /$1.wsgi process-group=x application-group=a",
        "WSGIScriptAliasMatch /7 /7.wsgi process-group=g application-group=a",
    ] {
        configuration.accept(line);
    }
    let of = |group: &str| -> Vec<(String, String)> {
        let scripts = configuration.global.imports_of(group.as_bytes());
        scripts
            .map(|script| {
                (
                    script.path.to_string(),
                    script.application_group.to_string(),
                )
            })
            .collect()
    };
    let pair = |path: &str, group: &str| (path.to_owned(), group.to_owned());
    assert_eq!(of("g"), [pair("/1.wsgi", ""), pair("/7.wsgi", "a")]);
    assert_eq!(of(""), [pair("/2.wsgi", "a")]);
    assert_eq!(configuration.server.aliases.len(), 7);
    // A preload for httpd's children does not make them need Python.
    assert_eq!(
        configuration.global.python_required,
        PythonRequired::Unknown
    );
}

#[test]
fn groups_of_other_servers() {
    let server = |id: usize, hostname: Option<&str>, is_virtual: bool| ServerIdentity {
        id,
        hostname: hostname.map(Text::from),
        is_virtual,
    };
    let check = |owner: ServerIdentity, user: ServerIdentity, expected: Result<(), &str>| {
        for line in [
            "WSGIImportScript /a process-group=g application-group=a",
            "WSGIScriptAlias / /a process-group=g application-group=a",
        ] {
            let mut configuration = Configuration {
                identity: owner.clone(),
                ..Configuration::default()
            };
            configuration.accept("WSGIDaemonProcess g");
            configuration.identity = user.clone();
            let result = configuration.line(line, false, None);
            assert_eq!(
                result,
                expected.map_err(str::to_owned),
                "{owner:?} {user:?}"
            );
        }
    };
    let (main, host) = (server(0, Some("m"), false), server(1, Some("a"), true));
    check(main, host.clone(), Ok(()));
    check(host.clone(), host.clone(), Ok(()));
    check(host.clone(), server(2, Some("a"), true), Ok(()));
    check(
        host.clone(),
        server(2, Some("A"), true),
        Err("WSGI process group not accessible."),
    );
    check(
        host.clone(),
        server(2, None, true),
        Err("WSGI process group not matchable."),
    );
    check(
        server(1, None, true),
        server(2, Some("a"), true),
        Err("WSGI process group not matchable."),
    );
    check(server(0, None, false), host, Ok(()));
}

#[test]
fn scripts() {
    let check = |line: &str, text: &str| assert_eq!(rejected(line), text, "{line}");
    check("WSGIHandlerScript", "Name for handler script not supplied.");
    check(
        "WSGIHandlerScript n",
        "Location of handler script not supplied.",
    );
    check(
        "WSGIHandlerScript n /p callable-object=x",
        "Invalid option to WSGI handler script definition.",
    );
    check(
        "WSGIHandlerScript n /p process-group=",
        "Invalid name for WSGI process group.",
    );
    check(
        "WSGIHandlerScript n /p application-group=",
        "Invalid name for WSGI application group.",
    );
    check(
        "WSGIHandlerScript n /p pass-authorization=maybe",
        "Invalid value for authorization flag.",
    );
    check(
        "WSGIImportScript",
        "Location of import script not supplied.",
    );
    check(
        "WSGIImportScript /p x",
        "Invalid option to WSGI import script definition.",
    );
    check(
        "WSGIImportScript /p process-group=g",
        "Name of WSGI application group required.",
    );
    check(
        "WSGIImportScript /p application-group=a",
        "Name of WSGI process group required.",
    );
    check(
        "WSGIImportScript /p process-group=\"\" application-group=a",
        "Invalid name for WSGI process group.",
    );
    check(
        "WSGIImportScript /p process-group=%{SERVER} application-group=a",
        "WSGI process group not yet configured.",
    );
    check(
        "WSGIDispatchScript",
        "Location of dispatch script not supplied.",
    );
    check(
        "WSGIDispatchScript /p process-group=g",
        "Invalid option to WSGI dispatch script definition.",
    );
    check(
        "WSGIDispatchScript /p application-group=",
        "Invalid name for WSGI application group.",
    );
    for (directive, what) in [
        ("WSGIAccessScript", "access"),
        ("WSGIAuthUserScript", "auth user"),
        ("WSGIAuthGroupScript", "auth group"),
    ] {
        check(
            directive,
            &format!("Location of {what} script not supplied."),
        );
        check(
            &format!("{directive} /p a"),
            &format!("Invalid option to WSGI {what} script definition."),
        );
        check(
            &format!("{directive} /p application-group="),
            "Invalid name for WSGI application group.",
        );
        check(
            &format!("{directive} /p"),
            &format!("{directive} not allowed here"),
        );
    }
}

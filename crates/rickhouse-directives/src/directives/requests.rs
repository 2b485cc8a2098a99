//! Directives that decide about requests.

use crate::alias::AliasKind;
use crate::directives::{Arguments, Class, Directive, read};
use crate::scripts::{Hook, check_application_group};
use crate::text::Text;

/// Where the site's scripts are.
pub(super) const MOUNTING: [Directive; 4] = [
    Directive {
        name: "WSGIScriptAlias",
        arguments: Arguments::Raw,
        class: Class::Server,
        syntax: "URL-path file-or-folder [process-group=NAME] [application-group=NAME] [callable-object=NAME] [pass-authorization=On|Off]",
        default: "-",
        meaning: "Maps a part of the site to a WSGI script, or to a folder of them. The first mapping that matches counts, those of the virtual host before those of the main server. With fixed names for both groups the script is loaded before the first request.",
        in_container: false,
        read: |scope, first, _| read::alias(scope, AliasKind::Prefix, first),
    },
    Directive {
        name: "WSGIScriptAliasMatch",
        arguments: Arguments::Raw,
        class: Class::Server,
        syntax: "regex file-or-folder [the options of WSGIScriptAlias]",
        default: "-",
        meaning: "The same by a regular expression, whose groups the file may take up as `$1` to `$9`.",
        in_container: false,
        read: |scope, first, _| read::alias(scope, AliasKind::Match, first),
    },
    Directive {
        name: "WSGIHandlerScript",
        arguments: Arguments::Raw,
        class: Class::ServerAndDirectory,
        syntax: "handler file [process-group=NAME] [application-group=NAME] [pass-authorization=On|Off]",
        default: "-",
        meaning: "A script whose `handle_request` answers requests with this handler (`SetHandler`, `AddHandler`).",
        in_container: false,
        read: |scope, first, _| read::handler_script(scope, first),
    },
    Directive {
        name: "WSGICallableObject",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "NAME",
        default: "`application`",
        meaning: "The name of the application in the script. `%{ENV:variable}` is replaced.",
        in_container: false,
        read: |scope, first, _| {
            scope.scoped().callable_object = Some(Text::from(first));
            Ok(())
        },
    },
];

/// Where requests run.
pub(super) const GROUPS: [Directive; 3] = [
    Directive {
        name: "WSGIProcessGroup",
        arguments: Arguments::One,
        class: Class::ServerAndDirectory,
        syntax: "NAME",
        default: "`%{GLOBAL}`: embedded mode",
        meaning: "The daemon group that requests run in. `%{SERVER}`, `%{HOST}`, `%{RESOURCE}` and `%{ENV:variable}` are replaced for each request.",
        in_container: false,
        read: |scope, first, _| {
            scope.scoped().process_group = Some(Text::from(first));
            Ok(())
        },
    },
    Directive {
        name: "WSGIApplicationGroup",
        arguments: Arguments::One,
        class: Class::ServerAndDirectory,
        syntax: "NAME",
        default: "`%{RESOURCE}`",
        meaning: "The interpreter that requests run in. `%{GLOBAL}` is the main one; the same forms are replaced.",
        in_container: false,
        read: |scope, first, _| {
            check_application_group(first)?;
            scope.scoped().application_group = Some(Text::from(first));
            Ok(())
        },
    },
    Directive {
        name: "WSGIRestrictProcess",
        arguments: Arguments::Raw,
        class: Class::ServerAndDirectory,
        syntax: "[NAME ...]",
        default: "no restriction",
        meaning: "The process groups that may be used here; `%{GLOBAL}` is embedded mode. Others are answered 500.",
        in_container: false,
        read: |scope, first, _| read::restrict_process(scope, first),
    },
];

/// Scripts before and around requests.
pub(super) const HOOKS: [Directive; 6] = [
    Directive {
        name: "WSGIImportScript",
        arguments: Arguments::Raw,
        class: Class::Server,
        syntax: "file process-group=NAME application-group=NAME",
        default: "-",
        meaning: "A script that the processes of a group load before their first request.",
        in_container: false,
        read: |scope, first, _| read::import_script(scope, first),
    },
    Directive {
        name: "WSGIDispatchScript",
        arguments: Arguments::Raw,
        class: Class::ServerAndDirectory,
        syntax: "file [application-group=NAME]",
        default: "-",
        meaning: "A script that chooses process group, application group and callable of each request.",
        in_container: false,
        read: |scope, first, _| read::dispatch_script(scope, first),
    },
    Directive {
        name: "WSGIAccessScript",
        arguments: Arguments::Raw,
        class: Class::AuthConfig,
        syntax: "file [application-group=NAME]",
        default: "-",
        meaning: "A script whose `allow_access` decides by the client's host.",
        in_container: false,
        read: |scope, first, _| {
            read::auth_script(scope, Hook::Access, first, |directory| {
                &mut directory.access_script
            })
        },
    },
    Directive {
        name: "WSGIAuthUserScript",
        arguments: Arguments::Raw,
        class: Class::AuthConfig,
        syntax: "file [application-group=NAME]",
        default: "-",
        meaning: "A script whose `check_password` or `get_realm_hash` authenticates users, for the provider `wsgi`.",
        in_container: false,
        read: |scope, first, _| {
            read::auth_script(scope, Hook::AuthUser, first, |directory| {
                &mut directory.auth_user_script
            })
        },
    },
    Directive {
        name: "WSGIAuthGroupScript",
        arguments: Arguments::Raw,
        class: Class::AuthConfig,
        syntax: "file [application-group=NAME]",
        default: "-",
        meaning: "A script whose `groups_for_user` says what `Require wsgi-group` asks for.",
        in_container: false,
        read: |scope, first, _| {
            read::auth_script(scope, Hook::AuthGroup, first, |directory| {
                &mut directory.auth_group_script
            })
        },
    },
    Directive {
        name: "WSGIGroupAuthoritative",
        arguments: Arguments::One,
        class: Class::AuthConfig,
        syntax: "On|Off",
        default: "On",
        meaning: "Has no effect.",
        in_container: false,
        read: |scope, first, _| read::group_authoritative(scope, first),
    },
];

/// What is different for requests.
pub(super) const REQUESTS: [Directive; 10] = [
    Directive {
        name: "WSGIPassAuthorization",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "Off",
        meaning: "On gives applications the header `Authorization`.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIPassAuthorization", first, |scoped| {
                &mut scoped.pass_authorization
            })
        },
    },
    Directive {
        name: "WSGIPassApacheRequest",
        arguments: Arguments::One,
        class: Class::ServerAndDirectory,
        syntax: "On|Off",
        default: "Off",
        meaning: "On gives applications in embedded mode httpd's request record as `apache.request_rec`.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIPassApacheRequest", first, |scoped| {
                &mut scoped.pass_apache_request
            })
        },
    },
    Directive {
        name: "WSGIScriptReloading",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "On",
        meaning: "Whether a script whose file changed is loaded again; in a daemon by replacing the process.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIScriptReloading", first, |scoped| {
                &mut scoped.script_reloading
            })
        },
    },
    Directive {
        name: "WSGIErrorOverride",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "Off",
        meaning: "On lets httpd make the pages for errors (400 to 599) of applications in daemons.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIErrorOverride", first, |scoped| {
                &mut scoped.error_override
            })
        },
    },
    Directive {
        name: "WSGIChunkedRequest",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "Off",
        meaning: "On accepts requests whose body has no length; otherwise they are answered 411.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIChunkedRequest", first, |scoped| {
                &mut scoped.chunked_request
            })
        },
    },
    Directive {
        name: "WSGIMapHEADToGET",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "Off|On|Auto",
        default: "Auto",
        meaning: "Whether applications see HEAD as GET. Auto does so where a filter of httpd wants to see the content.",
        in_container: false,
        read: |scope, first, _| read::map_head(scope, first),
    },
    Directive {
        name: "WSGIIgnoreActivity",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "Off",
        meaning: "On keeps requests from counting as activity for `inactivity-timeout`.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIIgnoreActivity", first, |scoped| {
                &mut scoped.ignore_activity
            })
        },
    },
    Directive {
        name: "WSGIEnableSendfile",
        arguments: Arguments::One,
        class: Class::FileInfo,
        syntax: "On|Off",
        default: "Off",
        meaning: "On lets the kernel send the file of a `wsgi.file_wrapper`.",
        in_container: false,
        read: |scope, first, _| {
            read::scoped_switch(scope, "WSGIEnableSendfile", first, |scoped| {
                &mut scoped.enable_sendfile
            })
        },
    },
    Directive {
        name: "WSGITrustedProxyHeaders",
        arguments: Arguments::Raw,
        class: Class::FileInfo,
        syntax: "[header ...]",
        default: "none",
        meaning: "Headers with which a proxy in front says who and what the client asked for. They change the environ, and their synonyms are removed from it.",
        in_container: false,
        read: |scope, first, _| read::trusted_proxy_headers(scope, first),
    },
    Directive {
        name: "WSGITrustedProxies",
        arguments: Arguments::Raw,
        class: Class::FileInfo,
        syntax: "[address or network ...]",
        default: "every peer",
        meaning: "Peers whose proxy headers are believed. An empty list believes nobody.",
        in_container: false,
        read: |scope, first, _| read::trusted_proxies(scope, first),
    },
];

//! What the directives say about one scope of the configuration, and what is left of it for a request (DD §1.2, §1.3).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::alias::{Alias, Overrides};
use crate::proxies::{ProxyHeader, TrustedNetworks};
use crate::scripts::{HandlerScript, HookScript};
use crate::text::Text;

/// `WSGIMapHEADToGET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MapHead {
    /// The application sees `HEAD`.
    Off,
    /// The application sees `GET`.
    On,
    /// `GET` where a filter of httpd wants to see the content.
    #[default]
    Auto,
}

/// `WSGIRestrictProcess`: the process groups that a scope may use.
/// A clone shares the names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedProcesses(Arc<[Text]>);

impl AllowedProcesses {
    /// Of the names in a directive, the empty one for embedded mode.
    pub fn new(names: impl IntoIterator<Item = Text>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Whether this group may be used. The case of letters does not matter, as in mod_wsgi (DD §14, row 51).
    pub fn admit(&self, process_group: &[u8]) -> bool {
        self.0
            .iter()
            .any(|name| name.eq_ignore_ascii_case(process_group))
    }
}

/// What can be said both for a server and for a directory. `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct Scoped {
    /// `WSGIRestrictProcess`.
    pub restrict_process: Option<AllowedProcesses>,
    /// `WSGIProcessGroup`, as written.
    pub process_group: Option<Text>,
    /// `WSGIApplicationGroup`, as written.
    pub application_group: Option<Text>,
    /// `WSGICallableObject`, as written.
    pub callable_object: Option<Text>,
    /// `WSGIDispatchScript`.
    pub dispatch_script: Option<Arc<HookScript>>,
    /// `WSGIPassApacheRequest`.
    pub pass_apache_request: Option<bool>,
    /// `WSGIPassAuthorization`.
    pub pass_authorization: Option<bool>,
    /// `WSGIScriptReloading`.
    pub script_reloading: Option<bool>,
    /// `WSGIErrorOverride`.
    pub error_override: Option<bool>,
    /// `WSGIChunkedRequest`.
    pub chunked_request: Option<bool>,
    /// `WSGIMapHEADToGET`.
    pub map_head: Option<MapHead>,
    /// `WSGIIgnoreActivity`.
    pub ignore_activity: Option<bool>,
    /// `WSGIEnableSendfile`.
    pub enable_sendfile: Option<bool>,
    /// `WSGITrustedProxyHeaders`.
    pub trusted_proxy_headers: Option<Arc<Vec<ProxyHeader>>>,
    /// `WSGITrustedProxies`.
    pub trusted_proxies: Option<Arc<TrustedNetworks>>,
    /// `WSGIHandlerScript`, by the name of the handler.
    pub handler_scripts: BTreeMap<Text, Arc<HandlerScript>>,
}

impl Scoped {
    /// What holds inside `inner`, which is inside this scope: what `inner` says, and otherwise what this one says.
    pub fn merge(&self, inner: &Self) -> Self {
        let mut handler_scripts = self.handler_scripts.clone();
        handler_scripts.extend(
            inner
                .handler_scripts
                .iter()
                .map(|(name, script)| (name.clone(), Arc::clone(script))),
        );
        Self {
            restrict_process: stronger(&inner.restrict_process, &self.restrict_process),
            process_group: stronger(&inner.process_group, &self.process_group),
            application_group: stronger(&inner.application_group, &self.application_group),
            callable_object: stronger(&inner.callable_object, &self.callable_object),
            dispatch_script: stronger(&inner.dispatch_script, &self.dispatch_script),
            pass_apache_request: inner.pass_apache_request.or(self.pass_apache_request),
            pass_authorization: inner.pass_authorization.or(self.pass_authorization),
            script_reloading: inner.script_reloading.or(self.script_reloading),
            error_override: inner.error_override.or(self.error_override),
            chunked_request: inner.chunked_request.or(self.chunked_request),
            map_head: inner.map_head.or(self.map_head),
            ignore_activity: inner.ignore_activity.or(self.ignore_activity),
            enable_sendfile: inner.enable_sendfile.or(self.enable_sendfile),
            trusted_proxy_headers: stronger(
                &inner.trusted_proxy_headers,
                &self.trusted_proxy_headers,
            ),
            trusted_proxies: stronger(&inner.trusted_proxies, &self.trusted_proxies),
            handler_scripts,
        }
    }
}

/// What stands in a server: the main one or a virtual host.
#[derive(Debug, Clone, Default)]
pub struct ServerConfig {
    /// `WSGIScriptAlias` and `WSGIScriptAliasMatch`, in the order of matching.
    pub aliases: Vec<Arc<Alias>>,
    /// Everything that directories can have too.
    pub scoped: Scoped,
}

impl ServerConfig {
    /// What holds in the virtual host `inner` of this main server. Its own aliases come first.
    pub fn merge(&self, inner: &Self) -> Self {
        Self {
            aliases: [&inner.aliases[..], &self.aliases].concat(),
            scoped: self.scoped.merge(&inner.scoped),
        }
    }
}

/// What stands in a section for directories, locations or files, or in an `.htaccess` file.
#[derive(Debug, Clone, Default)]
pub struct DirConfig {
    /// Everything that servers can have too.
    pub scoped: Scoped,
    /// `WSGIAccessScript`.
    pub access_script: Option<Arc<HookScript>>,
    /// `WSGIAuthUserScript`.
    pub auth_user_script: Option<Arc<HookScript>>,
    /// `WSGIAuthGroupScript`.
    pub auth_group_script: Option<Arc<HookScript>>,
    /// `WSGIGroupAuthoritative`, which nothing asks for (DD §2.3).
    pub group_authoritative: Option<bool>,
}

impl DirConfig {
    /// What holds in the section `inner` inside this one.
    pub fn merge(&self, inner: &Self) -> Self {
        Self {
            scoped: self.scoped.merge(&inner.scoped),
            access_script: stronger(&inner.access_script, &self.access_script),
            auth_user_script: stronger(&inner.auth_user_script, &self.auth_user_script),
            auth_group_script: stronger(&inner.auth_group_script, &self.auth_group_script),
            group_authoritative: inner.group_authoritative.or(self.group_authoritative),
        }
    }
}

/// What holds for one request: the directory's word, then the server's, then the default. Borrows both; looking is all it does.
#[derive(Debug, Clone, Copy)]
pub struct Effective<'a> {
    directory: &'a Scoped,
    server: &'a Scoped,
}

impl<'a> Effective<'a> {
    /// Of a request's merged directory and server configurations.
    pub fn new(directory: &'a DirConfig, server: &'a ServerConfig) -> Self {
        Self {
            directory: &directory.scoped,
            server: &server.scoped,
        }
    }

    /// `WSGIRestrictProcess`; `None` admits every group.
    pub fn restrict_process(self) -> Option<&'a AllowedProcesses> {
        self.find(|scoped| scoped.restrict_process.as_ref())
    }

    /// `WSGIProcessGroup`, to be expanded.
    pub fn process_group(self) -> Option<&'a [u8]> {
        self.find(|scoped| scoped.process_group.as_deref())
    }

    /// `WSGIApplicationGroup`, to be expanded.
    pub fn application_group(self) -> Option<&'a [u8]> {
        self.find(|scoped| scoped.application_group.as_deref())
    }

    /// `WSGICallableObject`, to be expanded.
    pub fn callable_object(self) -> Option<&'a [u8]> {
        self.find(|scoped| scoped.callable_object.as_deref())
    }

    /// `WSGIDispatchScript`.
    pub fn dispatch_script(self) -> Option<&'a HookScript> {
        self.find(|scoped| scoped.dispatch_script.as_deref())
    }

    /// `WSGIPassApacheRequest`.
    pub fn pass_apache_request(self) -> bool {
        self.find(|scoped| scoped.pass_apache_request)
            .unwrap_or(false)
    }

    /// `WSGIPassAuthorization`, before an alias or handler script overrides it.
    pub fn pass_authorization(self) -> bool {
        self.find(|scoped| scoped.pass_authorization)
            .unwrap_or(false)
    }

    /// `WSGIScriptReloading`.
    pub fn script_reloading(self) -> bool {
        self.find(|scoped| scoped.script_reloading).unwrap_or(true)
    }

    /// `WSGIErrorOverride`.
    pub fn error_override(self) -> bool {
        self.find(|scoped| scoped.error_override).unwrap_or(false)
    }

    /// `WSGIChunkedRequest`.
    pub fn chunked_request(self) -> bool {
        self.find(|scoped| scoped.chunked_request).unwrap_or(false)
    }

    /// `WSGIMapHEADToGET`.
    pub fn map_head(self) -> MapHead {
        self.find(|scoped| scoped.map_head).unwrap_or_default()
    }

    /// `WSGIIgnoreActivity`.
    pub fn ignore_activity(self) -> bool {
        self.find(|scoped| scoped.ignore_activity).unwrap_or(false)
    }

    /// `WSGIEnableSendfile`.
    pub fn enable_sendfile(self) -> bool {
        self.find(|scoped| scoped.enable_sendfile).unwrap_or(false)
    }

    /// `WSGITrustedProxyHeaders`; `None` leaves all headers alone.
    pub fn trusted_proxy_headers(self) -> Option<&'a [ProxyHeader]> {
        self.find(|scoped| {
            scoped
                .trusted_proxy_headers
                .as_ref()
                .map(|headers| &headers[..])
        })
    }

    /// `WSGITrustedProxies`; `None` trusts every peer.
    pub fn trusted_proxies(self) -> Option<&'a TrustedNetworks> {
        self.find(|scoped| scoped.trusted_proxies.as_deref())
    }

    /// The `WSGIHandlerScript` of this handler.
    pub fn handler_script(self, handler: &[u8]) -> Option<&'a HandlerScript> {
        let key = |scoped: &'a Scoped| {
            // Few configurations have any: no key is made for those.
            (!scoped.handler_scripts.is_empty())
                .then(|| scoped.handler_scripts.get(handler).map(|script| &**script))
                .flatten()
        };
        self.find(key)
    }

    fn find<T>(self, of: impl Fn(&'a Scoped) -> Option<T>) -> Option<T> {
        of(self.directory).or_else(|| of(self.server))
    }
}

/// The groups, callable and switch of a request before expansion: what an alias or a handler script says counts more than
/// [`Effective`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// To be expanded as a process group.
    pub process_group: Option<&'a [u8]>,
    /// To be expanded as an application group.
    pub application_group: Option<&'a [u8]>,
    /// What to call.
    pub callable: Callable<'a>,
    /// Whether `HTTP_AUTHORIZATION` is given to the application.
    pub pass_authorization: bool,
}

/// Where the name of the callable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callable<'a> {
    /// From `WSGICallableObject`, to be expanded.
    Configured(Option<&'a [u8]>),
    /// From an alias or a handler script, taken as it is.
    Literal(&'a [u8]),
}

impl<'a> Target<'a> {
    /// What the scope of the request says.
    pub fn ambient(effective: Effective<'a>) -> Self {
        Self {
            process_group: effective.process_group(),
            application_group: effective.application_group(),
            callable: Callable::Configured(effective.callable_object()),
            pass_authorization: effective.pass_authorization(),
        }
    }

    /// Overridden by the options of the alias that matched.
    pub fn with_alias(self, alias: Overrides<'a>) -> Self {
        Self {
            process_group: alias.process_group.or(self.process_group),
            application_group: alias.application_group.or(self.application_group),
            callable: alias
                .callable_object
                .map_or(self.callable, Callable::Literal),
            pass_authorization: alias.pass_authorization.unwrap_or(self.pass_authorization),
        }
    }

    /// Overridden by the options of a handler script, whose callable has a fixed name.
    pub fn with_handler_script(self, script: &'a HandlerScript) -> Self {
        Self {
            process_group: script.process_group.as_deref().or(self.process_group),
            application_group: script
                .application_group
                .as_deref()
                .or(self.application_group),
            callable: Callable::Literal(HandlerScript::CALLABLE.as_bytes()),
            pass_authorization: script.pass_authorization.unwrap_or(self.pass_authorization),
        }
    }
}

fn stronger<T: Clone>(inner: &Option<T>, outer: &Option<T>) -> Option<T> {
    inner.as_ref().or(outer.as_ref()).cloned()
}

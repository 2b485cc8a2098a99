//! What directives switch on and off for one request.

use rickhouse_directives::settings::Effective;

/// The switches that matter after the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Switches {
    /// `WSGIScriptReloading`
    pub(crate) script_reloading: bool,
    /// `WSGIEnableSendfile`
    pub(crate) enable_sendfile: bool,
    /// `WSGIErrorOverride`
    pub(crate) error_override: bool,
    /// `WSGIIgnoreActivity`
    pub(crate) ignore_activity: bool,
    /// `WSGIPassApacheRequest`
    pub(crate) pass_apache_request: bool,
}

impl Switches {
    pub(crate) fn of(effective: Effective<'_>) -> Self {
        Self {
            script_reloading: effective.script_reloading(),
            enable_sendfile: effective.enable_sendfile(),
            error_override: effective.error_override(),
            ignore_activity: effective.ignore_activity(),
            pass_apache_request: effective.pass_apache_request(),
        }
    }
}

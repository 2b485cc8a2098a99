//! What decides whether a request may run a program, and what the environment of a CGI script is made of.

use std::ffi::{c_char, c_int};
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::request::Request;
use crate::text::bytes;

/// The request before an internal redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectedFrom<'a> {
    /// `uri`: its path, decoded.
    pub uri: Option<&'a [u8]>,
    /// `args`: its query.
    pub args: Option<&'a [u8]>,
    /// `user`: who was authenticated.
    pub user: Option<&'a [u8]>,
}

impl Request<'_> {
    /// `prev`: what was redirected to this request.
    pub fn redirected_from(&self) -> Option<RedirectedFrom<'_>> {
        // SAFETY: a request that was redirected lives longer than the one it was redirected to.
        let before = unsafe { self.record().prev.as_ref() }?;
        Some(RedirectedFrom {
            uri: self.answer(before.uri),
            args: self.answer(before.args),
            user: self.answer(before.user),
        })
    }

    /// `Options ExecCGI` of this place.
    pub fn allows_exec_cgi(&self) -> bool {
        // SAFETY: the request lives.
        let options = unsafe { sys::ap_allow_options(self.as_ptr()) };
        options & sys::OPT_EXECCGI != 0
    }

    /// `AcceptPathInfo Off` of this place, said and not left to the default.
    pub fn refuses_path_info(&self) -> bool {
        self.record().used_path_info == sys::AP_REQ_REJECT_PATH_INFO
    }

    /// Whether `method_number` is that of `GET`; it is for `HEAD`, too.
    pub fn is_get_or_head(&self) -> bool {
        self.method_number() == sys::M_GET as c_int
    }

    /// `useragent_addr`: the client's port, as `mod_remoteip` has it.
    pub fn useragent_port(&self) -> Option<u16> {
        // SAFETY: the address lives as long as the connection.
        let address = unsafe { self.record().useragent_addr.as_ref() };
        address.map(|address| address.port)
    }

    /// `ap_auth_type`, the field: how the user was authenticated.
    pub fn authenticated_by(&self) -> Option<&[u8]> {
        self.answer(self.record().ap_auth_type)
    }

    /// `ap_get_server_name_for_url`: as `UseCanonicalName` says, an IPv6 address in brackets.
    pub fn server_name_for_url(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let name = unsafe { sys::ap_get_server_name_for_url(self.as_ptr()) };
        self.answer(name)
    }

    /// `ap_context_prefix`: of the mapping that led to the file.
    pub fn context_prefix(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let prefix = unsafe { sys::ap_context_prefix(self.as_ptr()) };
        self.answer(prefix)
    }

    /// `ap_context_document_root`: the folder that the prefix stands for.
    pub fn context_document_root(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let root = unsafe { sys::ap_context_document_root(self.as_ptr()) };
        self.answer(root)
    }

    /// `ap_psignature`: the line under pages of the server, by `ServerSignature`.
    pub fn signature(&self) -> Option<&[u8]> {
        // SAFETY: the request lives, the prefix is static.
        let signature = unsafe { sys::ap_psignature(c"".as_ptr(), self.as_ptr()) };
        self.answer(signature)
    }

    /// `CGIPassAuth On` of this place.
    pub fn passes_authorization_to_cgi(&self) -> bool {
        self.core_config().cgi_pass_auth() == sys::AP_CGI_PASS_AUTH_ON
    }

    /// `QualifyRedirectURL On` of this place.
    pub fn qualifies_redirect_url(&self) -> bool {
        self.core_config().qualify_redirect_url() == sys::AP_CORE_CONFIG_ON
    }

    /// What `CGIVar` of this place says of a variable; nothing where it was not given.
    pub fn cgi_variable_rule(&self, name: &std::ffi::CStr) -> Option<&[u8]> {
        let rules = self.core_config().cgi_var_rules;
        if rules.is_null() {
            return None;
        }
        let length = sys::APR_HASH_KEY_STRING;
        // SAFETY: the hash is the configuration's and not written to any more; the name lives.
        let rule = unsafe { sys::apr_hash_get(rules, name.as_ptr().cast(), length) };
        self.answer(rule.cast())
    }

    /// Whether the first output filter looks at contents, as those of `SetOutputFilter` do; those of the protocol do not.
    pub fn has_content_filter(&self) -> bool {
        // SAFETY: the chain of filters is the request's.
        let filter = unsafe { self.record().output_filters.as_ref() };
        // SAFETY: a filter has a record, which is static in its module.
        let record = filter.and_then(|filter| unsafe { filter.frec.as_ref() });
        record.is_some_and(|record| record.ftype < sys::AP_FTYPE_PROTOCOL)
    }

    /// Clears `expecting_100`: the client does not get a `100 Continue` any more. Whether it sends its body all the same
    /// nobody can know, so the connection ends with this request.
    pub fn expect_no_continue(&mut self) {
        if self.record().expecting_100 != 0 {
            self.record_mut().expecting_100 = 0;
            self.connection().close_afterwards();
        }
    }

    /// Takes [`set_status_line`](Request::set_status_line) back.
    pub fn clear_status_line(&mut self) {
        self.record_mut().status_line = ptr::null();
    }

    fn core_config(&self) -> &sys::core_dir_config {
        let vector = self.record().per_dir_config;
        // SAFETY: the vector is the request's.
        let core = unsafe { sys::ap_get_core_module_config(vector) }.cast::<sys::core_dir_config>();
        // SAFETY: httpd's core has an entry in each vector, and nobody writes to it while a request has it.
        unsafe { &*core }
    }

    fn answer(&self, text: *const c_char) -> Option<&[u8]> {
        // SAFETY: httpd answers with texts of the request's pool, of the configuration, or static ones.
        unsafe { bytes(text) }
    }
}

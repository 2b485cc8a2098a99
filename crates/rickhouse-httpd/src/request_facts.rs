//! What httpd finds out about a request when it is asked.

use std::ffi::{c_char, c_int, c_void};
use std::ops::Deref;
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::request::Request;
use crate::response::FileOptions;
use crate::text::bytes;

/// `finfo`: what is known of the file that the URI was mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// What it is.
    pub kind: FileKind,
    /// Its last change, microseconds since 1970.
    pub mtime: i64,
    /// Its length in bytes.
    pub size: u64,
    /// Its owner's number.
    pub user: u32,
    /// Its group's number.
    pub group: u32,
    /// With [`inode`](Self::inode), which file it is.
    pub device: u64,
    /// See [`device`](Self::device).
    pub inode: u64,
}

/// `filetype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// There is no such file.
    Missing,
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// Something else.
    Other,
}

/// Another request that this one was made for, or was redirected from: it can be looked at only.
pub struct Related<'a>(Request<'a>);

impl<'a> Deref for Related<'a> {
    type Target = Request<'a>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Request<'_> {
    /// `main`: the request that this subrequest was made for.
    pub fn main(&self) -> Option<Related<'_>> {
        self.related(self.record().main)
    }

    /// `prev`: the request that was redirected to this one.
    pub fn prev(&self) -> Option<Related<'_>> {
        self.related(self.record().prev)
    }

    /// `ap_run_generate_log_id`: has [`log_id`](Self::log_id) made, if nothing was logged of the request so far.
    pub fn make_log_id(&mut self) {
        if !self.record().log_id.is_null() {
            return;
        }
        let (connection, request) = (self.connection().as_ptr(), self.as_ptr());
        let mut id = ptr::null();
        // SAFETY: connection and request live; modules make the text in the request's pool.
        unsafe { sys::ap_run_generate_log_id(connection, request, &raw mut id) };
        self.record_mut().log_id = id;
    }

    /// `finfo`.
    pub fn file_info(&self) -> FileInfo {
        let found = &self.record().finfo;
        FileInfo {
            kind: match found.filetype {
                sys::APR_NOFILE => FileKind::Missing,
                sys::APR_REG => FileKind::Regular,
                sys::APR_DIR => FileKind::Directory,
                _ => FileKind::Other,
            },
            mtime: found.mtime,
            size: u64::try_from(found.size).unwrap_or_default(),
            user: found.user,
            group: found.group,
            device: found.device,
            inode: found.inode,
        }
    }

    /// `ap_add_common_vars` and `ap_add_cgi_vars`: puts the environment of a CGI script into
    /// [`subprocess_env`](Request::subprocess_env).
    pub fn add_cgi_environment(&mut self) {
        // SAFETY: the request lives.
        unsafe { sys::ap_add_common_vars(self.as_ptr()) };
        // SAFETY: as above. It may run hooks on a subrequest; this one is borrowed by nobody meanwhile.
        unsafe { sys::ap_add_cgi_vars(self.as_ptr()) };
    }

    /// `ap_get_useragent_host`: the client's name where `HostnameLookups` allows to find it out, otherwise its address.
    pub fn remote_host(&mut self) -> Option<&[u8]> {
        self.useragent_host(sys::REMOTE_NAME)
    }

    /// `ap_get_useragent_host`: the client's name where `HostnameLookups` allows to find it out, and it has one.
    pub fn remote_name(&mut self) -> Option<&[u8]> {
        self.useragent_host(sys::REMOTE_HOST)
    }

    fn useragent_host(&mut self, kind: u32) -> Option<&[u8]> {
        // SAFETY: the request lives; httpd takes null for "does not matter whether it is an address".
        let host =
            unsafe { sys::ap_get_useragent_host(self.as_ptr(), kind as c_int, ptr::null_mut()) };
        self.found(host)
    }

    /// `ap_get_server_name`: as `UseCanonicalName` says.
    pub fn server_name(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let name = unsafe { sys::ap_get_server_name(self.as_ptr()) };
        self.found(name)
    }

    /// `ap_get_server_port`: as `UseCanonicalName` and `UseCanonicalPhysicalPort` say.
    pub fn server_port(&self) -> u16 {
        // SAFETY: the request lives.
        unsafe { sys::ap_get_server_port(self.as_ptr()) }
    }

    /// `ap_run_http_scheme`: `http` or `https`.
    pub fn scheme(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let scheme = unsafe { sys::ap_run_http_scheme(self.as_ptr()) };
        self.found(scheme)
    }

    /// `ap_document_root`: `DocumentRoot`, or what a module made of it for this request.
    pub fn document_root(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let root = unsafe { sys::ap_document_root(self.as_ptr()) };
        self.found(root)
    }

    /// `ap_auth_type`: `AuthType` of this place.
    pub fn auth_type(&self) -> Option<&[u8]> {
        // SAFETY: the request lives.
        let kind = unsafe { sys::ap_auth_type(self.as_ptr()) };
        self.found(kind)
    }

    /// `ap_satisfies` is `Any` and `ap_some_auth_required`: a user who authenticates needs no access by address.
    pub fn may_authenticate_instead(&self) -> bool {
        // SAFETY: the request lives.
        let satisfies = unsafe { sys::ap_satisfies(self.as_ptr()) };
        // SAFETY: as above.
        let is_required = unsafe { sys::ap_some_auth_required(self.as_ptr()) };
        satisfies == sys::SATISFY_ANY as c_int && is_required != 0
    }

    /// `EnableSendfile` and `EnableMMAP` of this place.
    pub fn file_options(&self) -> FileOptions {
        let vector = self.record().per_dir_config;
        // SAFETY: the vector is the request's; httpd's core has an entry in each.
        let core = unsafe { sys::ap_get_core_module_config(vector) }.cast::<sys::core_dir_config>();
        // SAFETY: as above. Nobody writes to it while a request has it.
        let core = unsafe { &*core };
        FileOptions {
            // Both have their default where unset: sendfile is off, mmap is on.
            sendfile: core.enable_sendfile() == sys::ENABLE_SENDFILE_ON,
            mmap: core.enable_mmap() != sys::ENABLE_MMAP_OFF,
        }
    }

    /// The address of the `request_rec`, for those who look into it by other means (`apache.request_rec`).
    pub fn address(&self) -> *mut c_void {
        self.as_ptr().cast()
    }

    fn related(&self, request: *mut sys::request_rec) -> Option<Related<'_>> {
        if request.is_null() {
            return None;
        }
        // SAFETY: a request that another one was made for or redirected from lives longer.
        Some(Related(unsafe { Request::from_raw(request) }))
    }

    fn found(&self, text: *const c_char) -> Option<&[u8]> {
        // SAFETY: httpd answers with texts of the request's pool, of the configuration, or static ones.
        unsafe { bytes(text) }
    }
}

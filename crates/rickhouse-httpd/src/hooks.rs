//! Hooks and providers: what httpd is told to call.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr;

use rickhouse_httpd_sys as sys;

use crate::fence::fence;
use crate::generation::{ChildInit, Generation, PreConfig, Startup};
use crate::log;
use crate::outcome::{Authentication, Authorization, Failed, Outcome};
use crate::pool::Pool;
use crate::record::Module;
use crate::request::Request;
use crate::text::bytes;

/// Names of modules' source files, `mod_alias.c`: httpd keeps a pointer to them, so they are static.
pub struct Files([*const c_char; Self::MOST + 1]);

// SAFETY: made of static strings at compile time and only read.
unsafe impl Sync for Files {}

impl Files {
    const MOST: usize = 7;

    /// At most seven names.
    ///
    /// # Panics
    /// At compile time, when there are more.
    pub const fn new(names: &[&'static CStr]) -> Self {
        let mut files = [ptr::null(); Self::MOST + 1];
        assert!(names.len() <= Self::MOST);
        let mut index = 0;
        while index < names.len() {
            files[index] = names[index].as_ptr();
            index += 1;
        }
        Self(files)
    }
}

/// When a hook runs, compared to those of other modules.
#[derive(Clone, Copy)]
pub struct Order {
    after: Option<&'static Files>,
    before: Option<&'static Files>,
    place: i32,
}

impl Order {
    /// `APR_HOOK_REALLY_FIRST`.
    pub const REALLY_FIRST: Self = Self::at(sys::APR_HOOK_REALLY_FIRST);
    /// `APR_HOOK_FIRST`.
    pub const FIRST: Self = Self::at(sys::APR_HOOK_FIRST as i32);
    /// `APR_HOOK_MIDDLE`.
    pub const MIDDLE: Self = Self::at(sys::APR_HOOK_MIDDLE as i32);
    /// `APR_HOOK_LAST`.
    pub const LAST: Self = Self::at(sys::APR_HOOK_LAST as i32);
    /// `APR_HOOK_REALLY_LAST`.
    pub const REALLY_LAST: Self = Self::at(sys::APR_HOOK_REALLY_LAST as i32);

    const fn at(place: i32) -> Self {
        Self {
            after: None,
            before: None,
            place,
        }
    }

    /// After these modules' hooks.
    #[must_use]
    pub const fn after(mut self, files: &'static Files) -> Self {
        self.after = Some(files);
        self
    }

    /// Before these modules' hooks.
    #[must_use]
    pub const fn before(mut self, files: &'static Files) -> Self {
        self.before = Some(files);
        self
    }

    fn arguments(self) -> (*const *const c_char, *const *const c_char, c_int) {
        let array =
            |files: Option<&'static Files>| files.map_or(ptr::null(), |files| files.0.as_ptr());
        (array(self.after), array(self.before), self.place)
    }
}

/// Tells httpd which functions of a [`Module`] to call.
pub struct Hooks<M: Module> {
    pool: *mut sys::apr_pool_t,
    module: PhantomData<M>,
}

/// A method of `Hooks` for each hook: all of them are registered in the same way.
macro_rules! registrations {
    ($($(#[$doc:meta])* $method:ident, $register:ident, $entry:ident;)*) => {
        impl<M: Module> Hooks<M> {
            $(
                $(#[$doc])*
                pub fn $method(&mut self, order: Order) {
                    let (after, before, place) = order.arguments();
                    // SAFETY: the arrays are static, as is the code of a library that is never unloaded.
                    unsafe { sys::$register(Some($entry::<M>), after, before, place) };
                }
            )*
        }
    };
}

registrations! {
    /// [`Module::pre_config`].
    pre_config, ap_hook_pre_config, pre_config;
    /// [`Module::check_config`].
    check_config, ap_hook_check_config, check_config;
    /// [`Module::post_config`].
    post_config, ap_hook_post_config, post_config;
    /// [`Module::pre_mpm`].
    pre_mpm, ap_hook_pre_mpm, pre_mpm;
    /// [`Module::monitor`].
    monitor, ap_hook_monitor, monitor;
    /// [`Module::child_init`].
    child_init, ap_hook_child_init, child_init;
    /// [`Module::translate_name`].
    translate_name, ap_hook_translate_name, translate_name;
    /// [`Module::access_checker`].
    access_checker, ap_hook_access_checker, access_checker;
    /// [`Module::fixups`].
    fixups, ap_hook_fixups, fixups;
    /// [`Module::handler`].
    handler, ap_hook_handler, handler;
}

impl<M: Module> Hooks<M> {
    pub(crate) fn new(pool: Pool<'_>) -> Self {
        Self {
            pool: pool.as_ptr(),
            module: PhantomData,
        }
    }

    /// [`Module::check_password`] and [`Module::realm_hash`] as the provider of this name.
    pub fn authn_provider(&mut self, name: &'static CStr) {
        const { assert!(size_of::<sys::authn_provider>() == 2 * size_of::<usize>()) };
        let provider: &'static sys::authn_provider = &sys::authn_provider {
            check_password: Some(check_password::<M>),
            get_realm_hash: Some(realm_hash::<M>),
        };
        let flags = sys::AP_AUTH_INTERNAL_PER_CONF;
        self.auth_provider(
            sys::AUTHN_PROVIDER_GROUP,
            name,
            ptr::from_ref(provider).cast(),
            flags,
        );
    }

    /// [`Module::check_authorization`] as the provider of this name.
    pub fn authz_provider(&mut self, name: &'static CStr) {
        let provider: &'static sys::authz_provider = &sys::authz_provider {
            check_authorization: Some(check_authorization::<M>),
            parse_require_line: None,
        };
        let flags = sys::AP_AUTH_INTERNAL_PER_CONF;
        self.auth_provider(
            sys::AUTHZ_PROVIDER_GROUP,
            name,
            ptr::from_ref(provider).cast(),
            flags,
        );
    }

    fn auth_provider(
        &mut self,
        group: &'static CStr,
        name: &'static CStr,
        provider: *const c_void,
        flags: u32,
    ) {
        let (pool, version) = (self.pool, sys::AUTHN_PROVIDER_VERSION);
        let (group, name, version) = (group.as_ptr(), name.as_ptr(), version.as_ptr());
        // SAFETY: the pool is the configuration's; everything else is static.
        unsafe {
            sys::ap_register_auth_provider(pool, group, name, version, provider, flags as c_int)
        };
    }
}

/// OK, or what makes httpd stop.
fn started(said: Result<(), Failed>) -> c_int {
    match said {
        Ok(()) => Outcome::Ok.code(),
        Err(Failed) => Outcome::INTERNAL_ERROR.code(),
    }
}

unsafe extern "C" fn pre_config<M: Module>(
    pool: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
) -> c_int {
    started(fence("pre_config", Err(Failed), || {
        // SAFETY: httpd passes pconf.
        let pool = unsafe { Pool::from_raw(pool) };
        M::pre_config(&PreConfig { pool })
    }))
}

/// # Safety
/// The arguments are what httpd passes to `check_config` and `post_config`.
unsafe fn startup<'g>(
    pool: *mut sys::apr_pool_t,
    temporary: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> Startup<'g> {
    Startup {
        // SAFETY: httpd passes pconf and the main server.
        generation: unsafe { Generation::from_raw(pool, server) },
        // SAFETY: httpd passes ptemp.
        temporary: unsafe { Pool::from_raw(temporary) },
    }
}

unsafe extern "C" fn check_config<M: Module>(
    pool: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    temporary: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int {
    started(fence("check_config", Err(Failed), || {
        // SAFETY: as httpd calls us.
        M::check_config(&unsafe { startup(pool, temporary, server) })
    }))
}

unsafe extern "C" fn post_config<M: Module>(
    pool: *mut sys::apr_pool_t,
    _: *mut sys::apr_pool_t,
    temporary: *mut sys::apr_pool_t,
    server: *mut sys::server_rec,
) -> c_int {
    started(fence("post_config", Err(Failed), || {
        // SAFETY: as httpd calls us.
        M::post_config(&unsafe { startup(pool, temporary, server) })
    }))
}

unsafe extern "C" fn pre_mpm<M: Module>(_: *mut sys::apr_pool_t, _: sys::ap_scoreboard_e) -> c_int {
    started(fence("pre_mpm", Err(Failed), || {
        // SAFETY: the MPM is about to run what has been configured.
        M::pre_mpm(&unsafe { Generation::current() })
    }))
}

unsafe extern "C" fn monitor<M: Module>(_: *mut sys::apr_pool_t, _: *mut sys::server_rec) -> c_int {
    fence("monitor", (), || {
        // SAFETY: the MPM is running what has been configured.
        M::monitor(&unsafe { Generation::current() });
    });
    Outcome::Declined.code()
}

unsafe extern "C" fn child_init<M: Module>(pool: *mut sys::apr_pool_t, _: *mut sys::server_rec) {
    fence("child_init", (), || {
        M::child_init(&ChildInit {
            // SAFETY: the MPM is running what has been configured.
            generation: unsafe { Generation::current() },
            // SAFETY: httpd passes pchild.
            pool: unsafe { Pool::from_raw(pool) },
        });
    });
}

/// Runs a hook of a request.
///
/// # Safety
/// `request` is what httpd passes to such a hook, which `run` is.
unsafe fn on_request<T>(
    entry: &str,
    fallback: T,
    request: *mut sys::request_rec,
    run: impl FnOnce(&mut Request<'_>) -> T,
) -> T {
    let run = || {
        fence(entry, fallback, || {
            // SAFETY: the caller vouches for it; the value does not outlive this closure, for `run` knows no lifetime
            // that it could keep it for.
            run(&mut unsafe { Request::from_raw(request) })
        })
    };
    // SAFETY: as above.
    unsafe { log::inside(request, run) }
}

/// The entry of a hook that takes a request and answers an `Outcome`.
macro_rules! request_entries {
    ($($entry:ident)*) => {
        $(
            unsafe extern "C" fn $entry<M: Module>(request: *mut sys::request_rec) -> c_int {
                // SAFETY: as httpd calls us.
                unsafe { on_request(stringify!($entry), Outcome::INTERNAL_ERROR, request, M::$entry) }.code()
            }
        )*
    };
}

request_entries!(translate_name access_checker fixups);

unsafe extern "C" fn handler<M: Module>(request: *mut sys::request_rec) -> c_int {
    // SAFETY: as httpd calls us.
    let outcome = unsafe {
        on_request("handler", None, request, |request| {
            Some(M::handler(request))
        })
    };
    let outcome = outcome.unwrap_or_else(|| {
        // SAFETY: as above; the handler's own value is gone.
        unsafe { on_request("handler", Outcome::Answered, request, after_panic) }
    });
    outcome.code()
}

/// An error page behind half a response would be taken for a part of it.
fn after_panic(request: &mut Request<'_>) -> Outcome {
    if !request.has_begun() {
        return Outcome::INTERNAL_ERROR;
    }
    // Whether or not the client is still there, there is nothing more to say.
    let _ = request.end_truncated();
    Outcome::Ok
}

unsafe extern "C" fn check_password<M: Module>(
    request: *mut sys::request_rec,
    user: *const c_char,
    password: *const c_char,
) -> sys::authn_status {
    let run = |request: &mut Request<'_>| {
        // SAFETY: httpd's arguments live while this function runs and are not changed.
        let user = unsafe { bytes(user) }.unwrap_or_default();
        // SAFETY: as above.
        let password = unsafe { bytes(password) }.unwrap_or_default();
        M::check_password(request, user, password)
    };
    // SAFETY: as httpd calls us.
    unsafe { on_request("check_password", Authentication::Error, request, run) }.code()
}

unsafe extern "C" fn realm_hash<M: Module>(
    request: *mut sys::request_rec,
    user: *const c_char,
    realm: *const c_char,
    hash: *mut *mut c_char,
) -> sys::authn_status {
    let run = |request: &mut Request<'_>| {
        // SAFETY: httpd's arguments live while this function runs and are not changed.
        let user = unsafe { bytes(user) }.unwrap_or_default();
        // SAFETY: as above.
        let realm = unsafe { bytes(realm) }.unwrap_or_default();
        match M::realm_hash(request, user, realm) {
            Ok(found) => {
                let Ok(found) = request.pool().copy(&found) else {
                    return Authentication::Error;
                };
                // SAFETY: httpd passes the address of its variable.
                unsafe { hash.write(found) };
                Authentication::UserFound
            }
            Err(answer) => answer,
        }
    };
    // SAFETY: as httpd calls us.
    unsafe { on_request("get_realm_hash", Authentication::Error, request, run) }.code()
}

unsafe extern "C" fn check_authorization<M: Module>(
    request: *mut sys::request_rec,
    words: *const c_char,
    _: *const c_void,
) -> sys::authz_status {
    let run = |request: &mut Request<'_>| {
        // SAFETY: httpd's argument lives while this function runs and is not changed.
        let words = unsafe { bytes(words) }.unwrap_or_default();
        M::check_authorization(request, words)
    };
    // SAFETY: as httpd calls us.
    unsafe { on_request("check_authorization", Authorization::Error, request, run) }.code()
}

//! `module`: what httpd finds under the name in `LoadModule`.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use rickhouse_httpd_sys as sys;

use crate::config::{self, Merge};
use crate::directive::Command;
use crate::fence::{fence, install_panic_hook};
use crate::generation::{ChildInit, Generation, PreConfig, Startup};
use crate::hooks::Hooks;
use crate::outcome::{Authentication, Authorization, Failed, Outcome};
use crate::pool::Pool;
use crate::request::Request;

/// An httpd module. Its functions are called for the hooks that [`register`](Module::register) asked for; the defaults
/// are what a module without that hook does.
///
/// A panic in any of them is logged and becomes the answer that is named with each.
pub trait Module: Registered {
    /// What directives say for a server.
    type ServerConfig: Merge;
    /// What directives say for a directory, location or file.
    type DirConfig: Merge;
    /// The directives. A panic in one is a mistake in its line of the configuration.
    const COMMANDS: &'static [Command<Self>];

    /// Names the hooks; runs each time the configuration is read, on the same statics as the last time.
    fn register(hooks: &mut Hooks<Self>);

    /// Before the configuration is read. Panic: httpd does not start.
    ///
    /// # Errors
    /// When httpd is not to start.
    fn pre_config(_: &PreConfig<'_>) -> Result<(), Failed> {
        Ok(())
    }

    /// The configuration has been read, logs are not open yet. Panic: httpd does not start.
    ///
    /// # Errors
    /// When httpd is not to start.
    fn check_config(_: &Startup<'_>) -> Result<(), Failed> {
        Ok(())
    }

    /// Logs are open; at first start httpd does this twice. Panic: httpd does not start.
    ///
    /// # Errors
    /// When httpd is not to start.
    fn post_config(_: &Startup<'_>) -> Result<(), Failed> {
        Ok(())
    }

    /// The scoreboard exists, children are about to be made. Panic: httpd does not start.
    ///
    /// # Errors
    /// When httpd is not to start.
    fn pre_mpm(_: &Generation<'_>) -> Result<(), Failed> {
        Ok(())
    }

    /// In the parent, now and then: about every ten seconds. Panic: nothing.
    fn monitor(_: &Generation<'_>) {}

    /// In a new child, before its threads. Panic: the child goes on.
    fn child_init(_: &ChildInit<'_>) {}

    /// Maps the URI to a file. Panic: 500.
    fn translate_name(_: &mut Request<'_>) -> Outcome {
        Outcome::Declined
    }

    /// Checks whether this client may have access. Panic: 500.
    fn access_checker(_: &mut Request<'_>) -> Outcome {
        Outcome::Declined
    }

    /// Last changes before the handler. Panic: 500.
    fn fixups(_: &mut Request<'_>) -> Outcome {
        Outcome::Declined
    }

    /// Makes the response. Panic: 500, or a connection closed early where the response has begun.
    fn handler(_: &mut Request<'_>) -> Outcome {
        Outcome::Declined
    }

    /// Checks name and password (`AuthBasicProvider`). Panic: [`Authentication::Error`].
    fn check_password(_: &mut Request<'_>, _user: &[u8], _password: &[u8]) -> Authentication {
        Authentication::UserNotFound
    }

    /// Finds the hash of user, realm and password (`AuthDigestProvider`): `Ok` is a user that was found.
    /// Panic: [`Authentication::Error`].
    ///
    /// # Errors
    /// What to answer without a hash.
    fn realm_hash(
        _: &mut Request<'_>,
        _user: &[u8],
        _realm: &[u8],
    ) -> Result<Vec<u8>, Authentication> {
        Err(Authentication::UserNotFound)
    }

    /// Checks a `Require` line, whose words after the provider's name are `words`. Panic: [`Authorization::Error`].
    fn check_authorization(_: &mut Request<'_>, _words: &[u8]) -> Authorization {
        Authorization::Denied
    }
}

/// That a type is the module of this library; implemented by [`module!`](crate::module) only.
///
/// # Safety
/// The record was made for this type.
pub unsafe trait Registered: Sized + 'static {
    /// The record.
    fn record() -> &'static Record;
}

/// The `module` structure, which httpd writes to: its index, its handle, the next module.
#[repr(transparent)]
pub struct Record(UnsafeCell<sys::module>);

// SAFETY: httpd writes to it while it has one thread; we only read the index, which the loader has written before any
// other thread exists.
unsafe impl Sync for Record {}

impl Record {
    /// The record of `M` as `STANDARD20_MODULE_STUFF` makes it.
    pub const fn new<M: Module>(file: &'static CStr, commands: *const sys::command_rec) -> Self {
        Self(UnsafeCell::new(sys::module {
            version: sys::MODULE_MAGIC_NUMBER_MAJOR as c_int,
            minor_version: sys::MODULE_MAGIC_NUMBER_MINOR_FLOOR as c_int,
            // httpd assigns it.
            module_index: -1,
            name: file.as_ptr(),
            dynamic_load_handle: ptr::null_mut(),
            next: ptr::null_mut(),
            magic: sys::MODULE_MAGIC_COOKIE as _,
            rewrite_args: None,
            create_dir_config: Some(config::create_dir::<M>),
            merge_dir_config: Some(config::merge_dir::<M>),
            create_server_config: Some(config::create_server::<M>),
            merge_server_config: Some(config::merge_server::<M>),
            cmds: commands,
            register_hooks: Some(register_hooks::<M>),
            flags: 0,
        }))
    }

    pub(crate) fn as_ptr(&self) -> *mut sys::module {
        self.0.get()
    }
}

/// Exports `$module` as the symbol `$symbol`, which `LoadModule` names, for a source file of the name `$file`, which
/// `<IfModule>` names.
///
/// ```ignore
/// rickhouse_httpd::module!(wsgi_module, c"mod_wsgi.c", Wsgi);
/// ```
#[macro_export]
macro_rules! module {
    ($symbol:ident, $file:literal, $module:ty) => {
        #[unsafe(no_mangle)]
        #[expect(non_upper_case_globals, reason = "the name is that of a C symbol")]
        #[doc = "What `LoadModule` finds."]
        pub static $symbol: $crate::Record = {
            const ROOM: usize = <$module as $crate::Module>::COMMANDS.len() + 1;
            static COMMANDS: $crate::directive::Table<ROOM> =
                $crate::directive::Table::new::<$module>();
            $crate::Record::new::<$module>($file, COMMANDS.as_ptr())
        };

        // SAFETY: the record above is made for this type; the linker refuses a second one of the same name.
        unsafe impl $crate::Registered for $module {
            fn record() -> &'static $crate::Record {
                &$symbol
            }
        }
    };
}

/// The record that httpd has registered; null before.
static CURRENT: AtomicPtr<sys::module> = AtomicPtr::new(ptr::null_mut());

/// The number by which httpd's logs and vectors know this module.
pub(crate) fn index() -> c_int {
    let record = CURRENT.load(Ordering::Relaxed);
    if record.is_null() {
        return sys::APLOG_NO_MODULE;
    }
    // SAFETY: it is a static of this library; httpd does not write to it while our code runs.
    unsafe { (*record).module_index }
}

unsafe extern "C" fn register_hooks<M: Module>(pool: *mut sys::apr_pool_t) {
    CURRENT.store(M::record().as_ptr(), Ordering::Relaxed);
    install_panic_hook();
    fence("register_hooks", (), || {
        // SAFETY: httpd passes the pool of the configuration.
        let pool = unsafe { Pool::from_raw(pool) };
        M::register(&mut Hooks::new(pool));
    });
}

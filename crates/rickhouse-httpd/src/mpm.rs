//! What the multi-processing module and the server say of themselves.

use std::ffi::c_int;

use rickhouse_httpd_sys as sys;

use crate::generation::Generation;
use crate::pool::Pool;
use crate::text::{HasNul, bytes};

/// `ap_show_mpm`: `event`, `worker`, `prefork`.
pub fn name() -> Vec<u8> {
    // SAFETY: a function without arguments.
    copy(unsafe { sys::ap_show_mpm() })
}

/// `AP_MPMQ_IS_THREADED`: whether a child has several threads.
pub fn is_threaded() -> bool {
    query(sys::AP_MPMQ_IS_THREADED).is_some_and(is_some_kind)
}

/// `AP_MPMQ_IS_FORKED`: whether there may be several children.
pub fn is_forked() -> bool {
    query(sys::AP_MPMQ_IS_FORKED).is_some_and(is_some_kind)
}

/// `AP_MPMQ_MAX_THREADS`: the most threads of a child; 0 or 1 without threads.
pub fn max_threads() -> i32 {
    query(sys::AP_MPMQ_MAX_THREADS).unwrap_or_default()
}

/// `AP_MPMQ_MAX_DAEMONS`: the most children.
pub fn max_children() -> i32 {
    query(sys::AP_MPMQ_MAX_DAEMONS).unwrap_or_default()
}

/// `AP_MPMQ_GENERATION`: 0 at start, one more after each restart.
pub fn generation() -> i32 {
    query(sys::AP_MPMQ_GENERATION).unwrap_or_default()
}

/// `AP_MPMQ_MPM_STATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MpmState {
    /// Children are not there yet.
    Starting,
    /// Children are serving.
    Running,
    /// A restart or the end has begun.
    Stopping,
    /// The MPM does not say.
    Unknown,
}

/// What the MPM is doing.
pub fn state() -> MpmState {
    match query(sys::AP_MPMQ_MPM_STATE).and_then(|state| u32::try_from(state).ok()) {
        Some(sys::AP_MPMQ_STARTING) => MpmState::Starting,
        Some(sys::AP_MPMQ_RUNNING) => MpmState::Running,
        Some(sys::AP_MPMQ_STOPPING) => MpmState::Stopping,
        _ => MpmState::Unknown,
    }
}

/// `AP_SQ_MAIN_STATE`: how far httpd has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MainState {
    /// Nothing has been read.
    InitialStartup,
    /// The configuration is read for the first of two times, to be checked.
    CreatePreConfig,
    /// The configuration is being thrown away.
    DestroyConfig,
    /// The configuration is read to be used.
    CreateConfig,
    /// The MPM is running.
    RunMpm,
    /// httpd is ending.
    Exiting,
}

/// How far httpd has come. [`MainState::CreatePreConfig`] is the pass whose work is thrown away.
pub fn main_state() -> MainState {
    match server_state(sys::AP_SQ_MAIN_STATE) {
        sys::AP_SQ_MS_CREATE_PRE_CONFIG => MainState::CreatePreConfig,
        sys::AP_SQ_MS_DESTROY_CONFIG => MainState::DestroyConfig,
        sys::AP_SQ_MS_CREATE_CONFIG => MainState::CreateConfig,
        sys::AP_SQ_MS_RUN_MPM => MainState::RunMpm,
        sys::AP_SQ_MS_EXITING => MainState::Exiting,
        _ => MainState::InitialStartup,
    }
}

/// `AP_SQ_RUN_MODE`: whether httpd is to serve, as opposed to `-t` and `-D DUMP_…`.
pub fn is_to_serve() -> bool {
    !matches!(
        server_state(sys::AP_SQ_RUN_MODE),
        sys::AP_SQ_RM_CONFIG_TEST | sys::AP_SQ_RM_CONFIG_DUMP
    )
}

/// `ap_exists_config_define`: whether `-D name` was given, or `Define name`.
pub fn is_defined(name: &std::ffi::CStr) -> bool {
    // SAFETY: the name lives.
    unsafe { sys::ap_exists_config_define(name.as_ptr()) != 0 }
}

/// The version of the httpd that runs, from its banner without regard to `ServerTokens`; the bindings are for several.
pub fn version() -> (u32, u32, u32) {
    let numbers = std::str::from_utf8(&description()).ok().and_then(|text| {
        let version = text.strip_prefix("Apache/")?;
        let end = version.find(|byte: char| !byte.is_ascii_digit() && byte != '.');
        let mut numbers = version[..end.unwrap_or(version.len())].split('.');
        let mut next = || numbers.next()?.parse().ok();
        Some((next()?, next()?, next()?))
    });
    numbers.unwrap_or((
        sys::AP_SERVER_MAJORVERSION_NUMBER,
        sys::AP_SERVER_MINORVERSION_NUMBER,
        0,
    ))
}

/// `ap_get_server_banner`: what the header `Server` says, by `ServerTokens`.
pub fn banner() -> Vec<u8> {
    // SAFETY: a function without arguments.
    copy(unsafe { sys::ap_get_server_banner() })
}

/// `ap_get_server_description`: the server with all components.
pub fn description() -> Vec<u8> {
    // SAFETY: a function without arguments.
    copy(unsafe { sys::ap_get_server_description() })
}

/// `ap_get_server_built`: when the server was built.
pub fn built() -> Vec<u8> {
    // SAFETY: a function without arguments.
    copy(unsafe { sys::ap_get_server_built() })
}

/// Of the scoreboard, what concerns the server as a whole; `ap_get_scoreboard_global`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scoreboard {
    /// `running_generation`.
    pub generation: i32,
    /// `restart_time`: microseconds since 1970.
    pub restarted: i64,
}

/// The scoreboard, once it exists: from `pre_mpm` on at first start, always after a restart.
pub fn scoreboard() -> Option<Scoreboard> {
    // SAFETY: a function without arguments.
    if unsafe { sys::ap_exists_scoreboard_image() } == 0 {
        return None;
    }
    // SAFETY: as above.
    let global = unsafe { sys::ap_get_scoreboard_global() };
    // SAFETY: it points into memory that stays mapped while the scoreboard exists.
    let global = unsafe { global.as_ref() }?;
    Some(Scoreboard {
        generation: global.running_generation,
        restarted: global.restart_time,
    })
}

/// `ap_runtime_dir_relative`: a path in httpd's runtime directory; nothing for a name that makes no path.
pub fn runtime_path(pool: Pool<'_>, name: &std::ffi::CStr) -> Option<Vec<u8>> {
    // SAFETY: the pool lives; the path is made in it and copied here.
    let path = unsafe { sys::ap_runtime_dir_relative(pool.as_ptr(), name.as_ptr()) };
    // SAFETY: as above.
    unsafe { bytes(path) }.map(<[u8]>::to_vec)
}

impl Generation<'_> {
    /// `ap_add_version_component`: adds `name/version` to the banner.
    ///
    /// # Errors
    /// When the text has a NUL.
    pub fn add_version_component(&self, component: &[u8]) -> Result<(), HasNul> {
        let pool: Pool<'_> = self.pool();
        let component = pool.copy(component)?;
        // SAFETY: pool and text live; httpd copies the text.
        unsafe { sys::ap_add_version_component(pool.as_ptr(), component) };
        Ok(())
    }
}

/// `ap_unixd_config`: who httpd's children run as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Number of `User`.
    pub user: u32,
    /// Number of `Group`.
    pub group: u32,
    /// Name of `User`, as `getpwnam` knows it.
    pub user_name: Option<Vec<u8>>,
    /// Name of `Group`.
    pub group_name: Option<Vec<u8>>,
    /// `ChrootDir`.
    pub chroot: Option<Vec<u8>>,
}

/// Who httpd's children run as; complete once the configuration has been read.
pub fn identity() -> Identity {
    // SAFETY: httpd writes this variable while it reads its configuration, which it does with one thread.
    let found = unsafe { sys::ap_unixd_config };
    // SAFETY: the texts live as long as the configuration, and are copied here.
    let text = |text| unsafe { bytes(text) }.map(<[u8]>::to_vec);
    Identity {
        user: found.user_id,
        group: found.group_id,
        user_name: text(found.user_name),
        group_name: text(found.group_name),
        chroot: text(found.chroot_dir),
    }
}

/// `ap_coredumpdir_configured`: whether `CoreDumpDirectory` was given.
pub fn wants_core_dumps() -> bool {
    // SAFETY: httpd writes this variable while it reads its configuration, which it does with one thread.
    unsafe { sys::ap_coredumpdir_configured != 0 }
}

fn query(what: u32) -> Option<i32> {
    let mut answer = 0;
    // SAFETY: the answer is written to the variable.
    let status = unsafe { sys::ap_mpm_query(what as c_int, &raw mut answer) };
    (status == 0).then_some(answer)
}

/// The answer is one of "not supported", "static", "dynamic".
fn is_some_kind(answer: i32) -> bool {
    u32::try_from(answer).is_ok_and(|answer| answer != sys::AP_MPMQ_NOT_SUPPORTED)
}

fn server_state(what: u32) -> u32 {
    // SAFETY: a function of a number.
    u32::try_from(unsafe { sys::ap_state_query(what as c_int) }).unwrap_or_default()
}

/// These texts live as long as the configuration, or as long as the MPM's library stays loaded: not for ever.
fn copy(text: *const std::ffi::c_char) -> Vec<u8> {
    // SAFETY: nobody reads a configuration while this copies.
    unsafe { bytes(text) }.unwrap_or_default().to_vec()
}

//! Starting CPython inside a process that is not `python` (`PyConfig`).

use std::ffi::{CStr, CString};
use std::mem::offset_of;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3_ffi as ffi;

use crate::runtime::status_text;

/// How to start CPython when this process does not run inside `python` already.
///
/// The configuration is an ordinary one: `PYTHON*` variables of the environment are honoured and `site` is imported.
/// Without a program and a home CPython looks for itself as it does in any embedding program.
#[derive(Debug, Clone, Default)]
pub struct InitConfig {
    /// The `python` program whose installation or virtual environment is used; getpath finds `pyvenv.cfg` next to it.
    pub program: Option<PathBuf>,
    /// The prefix of an installation, or the folder of a virtual environment.
    pub home: Option<PathBuf>,
    /// The optimisation level, `python -O`; `PYTHONOPTIMIZE` has no say.
    pub optimize: u32,
    /// Write no `.pyc` files, `python -B`.
    pub dont_write_bytecode: bool,
    /// Warning filters in order, `python -W`.
    pub warnings: Vec<Vec<u8>>,
    /// What texts are hashed with.
    pub hash_seed: HashSeed,
    /// Python's UTF-8 mode; `None` leaves it to the environment and the locale, as `python` does.
    pub utf8_mode: Option<bool>,
    /// Free-threaded builds: run without the GIL (`true`) or with it. Never CPython's automatic mode.
    pub free_threading: bool,
}

/// The seed of the hashes of `str` and `bytes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HashSeed {
    /// As `PYTHONHASHSEED` says; random without it.
    #[default]
    Environment,
    /// Random, whatever the environment says.
    Random,
    /// This one; 0 switches randomisation off.
    Fixed(u32),
}

/// Why CPython did not start; the text is CPython's.
#[derive(Debug, thiserror::Error)]
#[error("CPython did not start: {reason}")]
pub struct InitError {
    /// CPython's own words.
    pub reason: String,
}

impl InitError {
    fn new(reason: impl Into<String>) -> Self {
        InitError {
            reason: reason.into(),
        }
    }
}

/// Initialises CPython; on success the calling thread is attached to the main interpreter.
pub(crate) fn start(config: &InitConfig) -> Result<(), InitError> {
    // Two threads that come here together must not both find CPython uninitialised.
    static BEGUN: AtomicBool = AtomicBool::new(false);
    // SAFETY: has no requirements.
    if BEGUN.swap(true, Ordering::AcqRel) || unsafe { ffi::Py_IsInitialized() } != 0 {
        return Err(InitError::new("it runs in this process already"));
    }
    publish_symbols();
    pre_initialize(config)?;
    let mut target = Config::new();
    target.fill(config)?;
    // SAFETY: a live config; CPython is pre-initialised and not initialised.
    check(unsafe { ffi::Py_InitializeFromConfig(target.as_ptr()) })
}

/// Makes the symbols of libpython visible to extension modules, which do not name it as a library they need. Where the
/// program that loaded us did not ask for that (`RTLD_LOCAL`), the standard library's own would fail to load.
fn publish_symbols() {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let symbol = ffi::Py_IsInitialized as *const std::ffi::c_void;
    // SAFETY: any address may be asked about; `info` is valid for a write.
    if unsafe { libc::dladdr(symbol, info.as_mut_ptr()) } == 0 {
        return;
    }
    // SAFETY: zeroed is a valid value, and the call has filled it.
    let info = unsafe { info.assume_init() };
    if info.dli_fname.is_null() {
        return;
    }
    let flags = libc::RTLD_NOW | libc::RTLD_GLOBAL | libc::RTLD_NOLOAD;
    // The handle is kept for ever: CPython is never unloaded. A libpython that is part of the program has no library
    // of its own to be found here, and its symbols are global anyway.
    // SAFETY: the name is a NUL-terminated text of the dynamic linker; with RTLD_NOLOAD no code of the library runs.
    let _kept = unsafe { libc::dlopen(info.dli_fname, flags) };
}

fn pre_initialize(init: &InitConfig) -> Result<(), InitError> {
    let mut config = std::mem::MaybeUninit::<ffi::PyPreConfig>::zeroed();
    // SAFETY: the pointer is valid for a write.
    unsafe { ffi::PyPreConfig_InitPythonConfig(config.as_mut_ptr()) };
    // SAFETY: initialised by the call above.
    let mut config = unsafe { config.assume_init() };
    if let Some(utf8_mode) = init.utf8_mode {
        config.utf8_mode = utf8_mode.into();
    }
    config.parse_argv = 0;
    // SAFETY: `config` is complete; CPython is not initialised yet.
    check(unsafe { ffi::Py_PreInitialize(&raw const config) })
}

/// `PyConfig`, cleared when it goes.
struct Config(Box<ffi::PyConfig>);

impl Config {
    fn new() -> Self {
        let mut config = Box::new(std::mem::MaybeUninit::<ffi::PyConfig>::zeroed());
        // SAFETY: the pointer is valid for a write.
        unsafe { ffi::PyConfig_InitPythonConfig(config.as_mut_ptr()) };
        // SAFETY: initialised by the call above.
        Config(unsafe { config.assume_init() })
    }

    fn as_ptr(&mut self) -> *mut ffi::PyConfig {
        &raw mut *self.0
    }

    fn fill(&mut self, init: &InitConfig) -> Result<(), InitError> {
        self.0.parse_argv = 0;
        self.0.install_signal_handlers = 0;
        self.0.optimization_level = init.optimize.try_into().unwrap_or(std::ffi::c_int::MAX);
        if init.dont_write_bytecode {
            self.0.write_bytecode = 0;
        }
        #[cfg(Py_GIL_DISABLED)]
        {
            self.0.enable_gil = std::ffi::c_int::from(!init.free_threading);
        }
        match init.hash_seed {
            HashSeed::Environment => {}
            HashSeed::Random => self.0.use_hash_seed = 0,
            HashSeed::Fixed(seed) => {
                self.0.use_hash_seed = 1;
                self.0.hash_seed = seed.into();
            }
        }
        if let Some(program) = &init.program {
            self.set_program(program)?;
        }
        match &init.home {
            Some(home) if is_virtual_environment(home) => {
                self.set(
                    offset_of!(ffi::PyConfig, program_name),
                    &home.join("bin/python"),
                )?;
            }
            Some(home) => self.set(offset_of!(ffi::PyConfig, home), home)?,
            None => {}
        }
        init.warnings
            .iter()
            .try_for_each(|filter| self.warn(filter))
    }

    fn set_program(&mut self, program: &Path) -> Result<(), InitError> {
        self.set(offset_of!(ffi::PyConfig, program_name), program)?;
        self.set(offset_of!(ffi::PyConfig, executable), program)
    }

    /// Sets the text at `offset` of the configuration.
    fn set(&mut self, offset: usize, path: &Path) -> Result<(), InitError> {
        let text = c_text(path.as_os_str().as_bytes())?;
        let config = self.as_ptr();
        // SAFETY: callers give the offset of a field.
        let field = unsafe { config.byte_add(offset) }.cast::<*mut libc::wchar_t>();
        // SAFETY: a live config and one of its text fields; the text is NUL-terminated and copied.
        check(unsafe { ffi::PyConfig_SetBytesString(config, field, text.as_ptr()) })
    }

    fn warn(&mut self, filter: &[u8]) -> Result<(), InitError> {
        let filter = WideText::decode(&c_text(filter)?)?;
        let list = &raw mut self.0.warnoptions;
        // SAFETY: the list of a live config; the text is NUL-terminated and copied.
        check(unsafe { ffi::PyWideStringList_Append(list, filter.0) })
    }
}

impl Drop for Config {
    fn drop(&mut self) {
        // SAFETY: a live config, not used afterwards.
        unsafe { ffi::PyConfig_Clear(self.as_ptr()) };
    }
}

/// A text in the form CPython's configuration wants it.
struct WideText(*mut libc::wchar_t);

impl WideText {
    fn decode(text: &CStr) -> Result<Self, InitError> {
        // SAFETY: CPython is pre-initialised, which decides on the encoding; the text is NUL-terminated.
        let wide = unsafe { ffi::Py_DecodeLocale(text.as_ptr(), std::ptr::null_mut()) };
        if wide.is_null() {
            return Err(InitError::new("a text cannot be decoded"));
        }
        Ok(WideText(wide))
    }
}

impl Drop for WideText {
    fn drop(&mut self) {
        // SAFETY: `Py_DecodeLocale` allocates with this allocator, and nobody else knows the text.
        unsafe { ffi::PyMem_RawFree(self.0.cast()) };
    }
}

/// Whether `home` is the folder of a virtual environment: then its program is what CPython has to be told, and finds
/// the installation by itself (directives-and-daemon §9.2).
fn is_virtual_environment(home: &Path) -> bool {
    std::fs::File::open(home.join("pyvenv.cfg")).is_ok()
}

fn c_text(bytes: &[u8]) -> Result<CString, InitError> {
    CString::new(bytes).map_err(|_| InitError::new("a path or a text contains a NUL"))
}

fn check(status: ffi::PyStatus) -> Result<(), InitError> {
    // SAFETY: has no requirements.
    if unsafe { ffi::PyStatus_Exception(status) } == 0 {
        Ok(())
    } else {
        Err(InitError::new(status_text(&status)))
    }
}

//! The way in from `python`: an extension module with one function, which never returns.

use std::ffi::{OsString, c_int, c_void};
use std::os::unix::ffi::OsStringExt;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::{Error, ErrorKind, PyResult};
use crate::object::Object;
use crate::runtime::{Runtime, exit_now};
use crate::thread_state::ThreadState;
use crate::token::Python;
use crate::trampoline::callback;

/// The product's life: gets CPython, the main thread's state (detached) and the arguments; returns the exit status.
pub type Main = fn(Runtime, ThreadState, Vec<OsString>) -> c_int;

/// Defines the extension module's `PyInit_…` function. Its one function, `main(argv)`, takes the process over: CPython
/// must not be finalised while threads or interpreters of ours are alive, so it leaves through `_exit`.
///
/// ```ignore
/// rickhouse_python::extension_module!(PyInit__engine, c"_engine", product_main);
/// ```
#[macro_export]
macro_rules! extension_module {
    ($init:ident, $name:literal, $main:path) => {
        #[doc = "The extension module's initialisation function, called by CPython's import system."]
        // SAFETY: the name is the one CPython looks for in this library, and nothing else defines it.
        #[unsafe(no_mangle)]
        pub extern "C" fn $init() -> *mut ::std::ffi::c_void {
            static MODULE: ::std::sync::OnceLock<usize> = ::std::sync::OnceLock::new();
            // SAFETY: CPython calls this function with the thread attached, as it does every module's.
            let make = || unsafe { $crate::__module_init($name, $main) };
            *MODULE.get_or_init(make) as *mut ::std::ffi::c_void
        }
    };
}

/// Makes the module definition for [`extension_module!`]; returns its address.
///
/// # Safety
/// CPython is initialised and the calling thread attached.
#[doc(hidden)]
pub unsafe fn __module_init(name: &'static std::ffi::CStr, main: Main) -> usize {
    PRODUCT.get_or_init(|| main);
    let methods = Box::leak(Box::new([
        ffi::PyMethodDef {
            ml_name: c"main".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: main_entry,
            },
            ml_flags: ffi::METH_O,
            ml_doc: c"main(argv)\n\nRun the command line; never returns.".as_ptr(),
        },
        ffi::PyMethodDef::zeroed(),
    ]));
    let slots = Box::leak(module_slots().into_boxed_slice());
    let definition = Box::leak(Box::new(ffi::PyModuleDef {
        m_base: ffi::PyModuleDef_HEAD_INIT,
        m_name: name.as_ptr(),
        m_doc: c"The rickhouse engine.".as_ptr(),
        m_size: 0,
        m_methods: methods.as_mut_ptr(),
        m_slots: slots.as_mut_ptr(),
        m_traverse: None,
        m_clear: None,
        m_free: None,
    }));
    // SAFETY: the definition is leaked, so it lives as long as the process; CPython calls the init function attached.
    let module = unsafe { ffi::PyModuleDef_Init(definition) };
    module as usize
}

/// The product's `main`. A function pointer, not an object of any interpreter.
static PRODUCT: std::sync::OnceLock<Main> = std::sync::OnceLock::new();

fn module_slots() -> Vec<ffi::PyModuleDef_Slot> {
    vec![
        #[cfg(Py_3_12)]
        slot(
            ffi::Py_mod_multiple_interpreters,
            ffi::Py_MOD_PER_INTERPRETER_GIL_SUPPORTED,
        ),
        #[cfg(Py_3_13)]
        slot(ffi::Py_mod_gil, ffi::Py_MOD_GIL_NOT_USED),
        slot(0, std::ptr::null_mut()),
    ]
}

fn slot(number: c_int, value: *mut c_void) -> ffi::PyModuleDef_Slot {
    ffi::PyModuleDef_Slot {
        slot: number,
        value,
    }
}

unsafe extern "C" fn main_entry(
    _module: *mut ffi::PyObject,
    argv: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: CPython called this, so the thread is attached.
    unsafe { callback(|py| run_product(py, argv)) }
}

fn run_product<'py>(py: Python<'py>, argv: *mut ffi::PyObject) -> PyResult<'py> {
    let arguments = arguments(py, argv)?;
    if py.interpreter_id() != 0 {
        return Err(Error::new(
            py,
            ErrorKind::Runtime,
            "rickhouse runs from the main interpreter only",
        ));
    }
    let main = PRODUCT
        .get()
        .expect("set by the module's initialisation, which came before this call");
    let (runtime, state) = Runtime::adopt(py);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        main(runtime, state, arguments)
    }));
    let status = outcome.unwrap_or(101);
    // Returning to Python instead would end in `Py_FinalizeEx`.
    exit_now(status)
}

fn arguments<'py>(py: Python<'py>, argv: *mut ffi::PyObject) -> PyResult<'py, Vec<OsString>> {
    let argv = NonNull::new(argv).expect("METH_O functions get exactly one argument");
    // SAFETY: the argument is alive for the length of the call.
    let argv = unsafe { Object::from_borrowed(py, argv) };
    let mut items = argv.iter()?;
    let mut arguments = Vec::new();
    while let Some(item) = items.next_item()? {
        arguments.push(OsString::from_vec(item.to_fs_bytes(py)?));
    }
    Ok(arguments)
}

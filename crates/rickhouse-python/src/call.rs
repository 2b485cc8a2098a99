//! Calling Python.

use std::ffi::CStr;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::{Error, PyResult};
use crate::object::Object;
use crate::token::Python;

/// The most arguments a call takes here; more is a mistake of this project's own code.
const MAX_ARGUMENTS: usize = 6;

impl<'py> Object<'py> {
    /// `self(*args)` by the vectorcall protocol (PEP 590).
    ///
    /// # Panics
    /// With more than six arguments.
    pub fn call(&self, py: Python<'py>, args: &[&Object<'py>]) -> PyResult<'py> {
        // One slot in front is free for the callee (PY_VECTORCALL_ARGUMENTS_OFFSET): bound methods put `self` there.
        let mut stack = [std::ptr::null_mut(); MAX_ARGUMENTS + 1];
        for (slot, arg) in stack[1..=args.len()].iter_mut().zip(args) {
            *slot = arg.as_ptr();
        }
        let count = args.len() | ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
        let first = stack[1..].as_ptr();
        // SAFETY: attached; `first` points to `args.len()` live objects with one writable slot before them.
        let result =
            unsafe { ffi::PyObject_Vectorcall(self.as_ptr(), first, count, std::ptr::null_mut()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(py, result) }
    }

    /// `self.name(*args)`.
    pub fn call_method(
        &self,
        py: Python<'py>,
        name: &CStr,
        args: &[&Object<'py>],
    ) -> PyResult<'py> {
        self.attr(name)?.call(py, args)
    }
}

impl<'py> Python<'py> {
    /// Runs `source` as the body of a new module `name` and returns the module. `file` is what tracebacks show.
    pub fn module_from_source(self, name: &CStr, file: &CStr, source: &CStr) -> PyResult<'py> {
        // SAFETY: attached; NUL-terminated texts.
        let code =
            unsafe { ffi::Py_CompileString(source.as_ptr(), file.as_ptr(), ffi::Py_file_input) };
        // SAFETY: a new reference, or NULL with an exception.
        let code = unsafe { Object::from_call(self, code) }?;
        // SAFETY: attached; a live code object and a NUL-terminated name.
        let module = unsafe { ffi::PyImport_ExecCodeModule(name.as_ptr(), code.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, module) }
    }

    /// Runs a code object as the body of a new module, which `sys.modules` holds while it runs and afterwards; when it
    /// raises, the module is taken out again (`PyImport_ExecCodeModuleObject`).
    pub fn exec_module(
        self,
        name: &Object<'py>,
        code: &Object<'py>,
        path: &Object<'py>,
    ) -> PyResult<'py> {
        // SAFETY: attached; all are live; NULL stands for no compiled file.
        let module = unsafe {
            ffi::PyImport_ExecCodeModuleObject(
                name.as_ptr(),
                code.as_ptr(),
                path.as_ptr(),
                std::ptr::null_mut(),
            )
        };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, module) }
    }

    /// The module `name` of `sys.modules`; imports nothing (`PyImport_GetModule`).
    pub fn loaded_module(self, name: &Object<'py>) -> PyResult<'py, Option<Object<'py>>> {
        unsafe extern "C" {
            fn PyImport_GetModule(name: *mut ffi::PyObject) -> *mut ffi::PyObject;
        }
        // SAFETY: attached; a live object.
        let module = unsafe { PyImport_GetModule(name.as_ptr()) };
        if let Some(module) = NonNull::new(module) {
            // SAFETY: a new reference.
            return Ok(Some(unsafe { Object::from_owned(self, module) }));
        }
        // SAFETY: attached. NULL means that there is none, or an error when an exception is set.
        if unsafe { ffi::PyErr_Occurred() }.is_null() {
            Ok(None)
        } else {
            Err(Error::take(self))
        }
    }
}

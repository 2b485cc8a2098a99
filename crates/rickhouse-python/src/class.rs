//! Python classes with a Rust payload: heap types made from a spec, per interpreter.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use pyo3_ffi as ffi;

use crate::error::{Error, ErrorKind, PyResult};
use crate::handle::Handle;
use crate::object::Object;
use crate::thread_state::CalledByPython;
use crate::token::Python;
use crate::trampoline::callback;

/// A Rust value that Python sees as an instance of a class.
///
/// The payload is shared between all threads of the interpreter, hence `Sync`; it must not lock across a call into
/// Python or a detached section.
pub trait Class: Send + Sync + Sized + 'static {
    /// The qualified name, `module.Class`.
    const NAME: &'static CStr;

    /// The methods, made with [`Method::of`].
    fn methods() -> Vec<Method<Self>>;

    /// `__next__`; a class that gives one is its own iterator.
    const NEXT: Option<NextBody<Self>> = None;
}

/// The signature of [`Class::NEXT`]: the next item, or `None` at the end.
pub type NextBody<C> = for<'py> fn(&C, Python<'py>) -> PyResult<'py, Option<Object<'py>>>;

/// The body of a method, as a type, so that the C entry point made for it needs no table to look it up.
pub trait MethodBody<C: Class> {
    /// The method's name.
    const NAME: &'static CStr;
    /// The docstring.
    const DOC: &'static CStr;
    /// Runs the method of `instance`, whose payload is `this`.
    fn call<'py>(
        this: &C,
        instance: &Object<'py>,
        py: Python<'py>,
        args: Args<'_, 'py>,
    ) -> PyResult<'py>;
}

/// The arguments of a call, borrowed from CPython's argument array.
#[derive(Clone, Copy)]
pub struct Args<'a, 'py> {
    values: &'a [Object<'py>],
    keywords: usize,
}

impl<'a, 'py> Args<'a, 'py> {
    /// The positional arguments.
    pub fn positional(&self) -> &'a [Object<'py>] {
        &self.values[..self.values.len() - self.keywords]
    }

    /// Whether any argument was given by keyword.
    pub fn has_keywords(&self) -> bool {
        self.keywords > 0
    }
}

/// An entry of a class's method table.
pub struct Method<C> {
    definition: ffi::PyMethodDef,
    _class: PhantomData<C>,
}

impl<C: Class> Method<C> {
    /// The method whose body is `M`.
    pub fn of<M: MethodBody<C>>() -> Self {
        let definition = ffi::PyMethodDef {
            ml_name: M::NAME.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: method_entry::<C, M>,
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: M::DOC.as_ptr(),
        };
        Method {
            definition,
            _class: PhantomData,
        }
    }
}

/// A class made for one interpreter.
pub struct ClassHandle<C> {
    class: Handle,
    _class: PhantomData<fn(C)>,
}

impl<C: Class> ClassHandle<C> {
    /// Makes the class in the interpreter of `py` (`PyType_FromSpec`). It cannot be instantiated from Python.
    pub fn new(py: Python<'_>) -> PyResult<'_, Self> {
        let class = make_type::<C>(py)?;
        Ok(ClassHandle {
            class: Handle::new(py, &class),
            _class: PhantomData,
        })
    }

    /// The class object.
    pub fn object<'py>(&self, py: Python<'py>) -> Object<'py> {
        self.class.bind(py)
    }

    /// A new instance.
    pub fn instance<'py>(&self, py: Python<'py>, payload: C) -> PyResult<'py> {
        let class = self.class.bind(py);
        let class_pointer = class.as_ptr().cast::<ffi::PyTypeObject>();
        const { assert!(align_of::<Instance<C>>() <= OBJECT_ALIGNMENT) };
        // SAFETY: attached; `class` is a ready heap type whose instances have the size of `Instance<C>`.
        let instance = unsafe { ffi::PyType_GenericAlloc(class_pointer, 0) };
        // SAFETY: a new reference, or NULL with an exception.
        let instance = unsafe { Object::from_call(py, instance) };
        let instance = match instance {
            Ok(instance) => ManuallyDrop::new(instance),
            Err(error) => return Err(error),
        };
        // SAFETY: the object is new and of this class, so it has room for the payload and nobody else sees it.
        let slot = unsafe { &raw mut (*instance.as_ptr().cast::<Instance<C>>()).payload };
        // SAFETY: the slot is valid for a write and holds no value yet. Nothing between the allocation and here can
        // fail, so `dealloc` always finds a payload.
        unsafe { slot.write(ManuallyDrop::new(payload)) };
        Ok(ManuallyDrop::into_inner(instance))
    }
}

/// What CPython's allocators align objects to (pymalloc's `ALIGNMENT`).
const OBJECT_ALIGNMENT: usize = 2 * size_of::<usize>();

#[repr(C)]
struct Instance<C> {
    base: ffi::PyObject,
    payload: ManuallyDrop<C>,
}

fn make_type<C: Class>(py: Python<'_>) -> PyResult<'_> {
    // CPython keeps pointers into the method table for as long as the type lives; types live as long as their
    // interpreter, which is never ended, so the table is leaked once per class and interpreter.
    let mut methods: Vec<ffi::PyMethodDef> = C::methods()
        .into_iter()
        .map(|method| method.definition)
        .collect();
    methods.push(ffi::PyMethodDef::zeroed());
    let methods = Box::leak(methods.into_boxed_slice());

    let mut slots = vec![
        slot(ffi::Py_tp_dealloc, dealloc::<C> as *mut c_void),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
    ];
    if C::NEXT.is_some() {
        slots.push(slot(ffi::Py_tp_iter, ffi::PyObject_SelfIter as *mut c_void));
        slots.push(slot(ffi::Py_tp_iternext, next_entry::<C> as *mut c_void));
    }
    slots.push(slot(0, std::ptr::null_mut()));

    let mut spec = ffi::PyType_Spec {
        name: C::NAME.as_ptr(),
        basicsize: c_int::try_from(size_of::<Instance<C>>()).expect("payloads are small"),
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT
            | ffi::Py_TPFLAGS_IMMUTABLETYPE
            | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as std::ffi::c_uint,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: attached; `spec` and its slots live past the call, what CPython keeps pointers to is static or leaked.
    let class = unsafe { ffi::PyType_FromSpec(&raw mut spec) };
    // SAFETY: a new reference, or NULL with an exception.
    unsafe { Object::from_call(py, class) }
}

fn slot(number: c_int, value: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot {
        slot: number,
        pfunc: value,
    }
}

/// # Safety
/// `instance` is a live instance of the class made for `C`, and stays alive for `'a`.
unsafe fn payload<'a, C>(instance: *mut ffi::PyObject) -> &'a C {
    // SAFETY: instances of the class are made by `ClassHandle::instance` only, which writes the payload.
    unsafe { &(*instance.cast::<Instance<C>>()).payload }
}

unsafe extern "C" fn method_entry<C: Class, M: MethodBody<C>>(
    instance: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    nargs: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let keywords = match NonNull::new(names) {
        // SAFETY: CPython passes the keyword names as a tuple.
        Some(names) => unsafe { ffi::PyTuple_Size(names.as_ptr()) },
        None => 0,
    };
    let keywords = usize::try_from(keywords).unwrap_or(0);
    let count = usize::try_from(nargs).unwrap_or(0) + keywords;
    // SAFETY: CPython called this through the method table of the class made for `C`, with a live instance.
    let this = unsafe { payload::<C>(instance) };
    let body = |py| {
        let instance = NonNull::new(instance).expect("methods are called on an instance");
        // SAFETY: the caller of the method keeps the instance alive.
        let instance = unsafe { Object::from_borrowed(py, instance) };
        let values: &[Object<'_>] = if count == 0 {
            &[]
        } else {
            // SAFETY: `args` holds `count` live references for the length of the call, and `Object` has the layout
            // of such a reference; the slice is only read, so no reference is dropped through it.
            unsafe { std::slice::from_raw_parts(args.cast(), count) }
        };
        M::call(this, &instance, py, Args { values, keywords })
    };
    // SAFETY: CPython called this, so the thread is attached.
    unsafe { callback(body) }
}

unsafe extern "C" fn next_entry<C: Class>(instance: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython called this through the slot of the class made for `C`, with a live instance.
    let this = unsafe { payload::<C>(instance) };
    let body = |py| match C::NEXT {
        Some(next) => next(this, py),
        None => Err(Error::new(py, ErrorKind::Type, "not an iterator")),
    };
    // SAFETY: CPython called this, so the thread is attached.
    unsafe { callback(body) }
}

unsafe extern "C" fn dealloc<C: Class>(instance: *mut ffi::PyObject) {
    // SAFETY: a live object has a type.
    let class = unsafe { ffi::Py_TYPE(instance) };
    // SAFETY: the instance is of the class made for `C`, and this is the one place that drops its payload.
    let payload = unsafe { &mut (*instance.cast::<Instance<C>>()).payload };
    if std::mem::needs_drop::<C>() {
        let _entered = CalledByPython::enter();
        let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // SAFETY: dropped once: `tp_dealloc` runs once per instance.
            unsafe { ManuallyDrop::drop(payload) };
        }));
        // There is nobody to raise it in; the panic hook has reported it. Its payload is not dropped: that could
        // panic again, which would abort the process.
        std::mem::forget(dropped);
    }
    // SAFETY: `class` is a ready type.
    let free = unsafe { ffi::PyType_GetSlot(class, ffi::Py_tp_free) };
    // SAFETY: `Py_tp_free` of a type is a `freefunc`; every type has one.
    let free: ffi::freefunc = unsafe { std::mem::transmute::<*mut c_void, ffi::freefunc>(free) };
    // SAFETY: nobody uses the instance any more.
    unsafe { free(instance.cast()) };
    // SAFETY: every instance of a heap type holds a reference to the type.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

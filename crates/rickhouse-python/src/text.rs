//! `str` and `bytes`.

use pyo3_ffi as ffi;

use crate::error::{Error, PyResult};
use crate::object::Object;
use crate::token::Python;

impl<'py> Python<'py> {
    /// A `str` of the characters U+0000 to U+00FF that the bytes stand for (PEP 3333: native strings, latin-1).
    pub fn str_latin1(self, bytes: &[u8]) -> PyResult<'py> {
        let data = bytes.as_ptr().cast();
        // SAFETY: attached; `data` is valid for that many bytes; NULL `errors` means strict.
        let object =
            unsafe { ffi::PyUnicode_DecodeLatin1(data, length(bytes.len()), std::ptr::null()) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }

    /// A `str`.
    pub fn str(self, text: &str) -> PyResult<'py> {
        let data = text.as_ptr().cast();
        // SAFETY: attached; `data` is valid for that many bytes.
        let object = unsafe { ffi::PyUnicode_FromStringAndSize(data, length(text.len())) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }

    /// A `str` from a path or an argument of the operating system (`os.fsdecode`).
    pub fn str_fs(self, bytes: &[u8]) -> PyResult<'py> {
        let data = bytes.as_ptr().cast();
        // SAFETY: attached; `data` is valid for that many bytes.
        let object = unsafe { ffi::PyUnicode_DecodeFSDefaultAndSize(data, length(bytes.len())) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }

    /// An interned `str`, for keys: its hash is computed once and equal keys are the same object.
    pub fn str_interned(self, text: &str) -> PyResult<'py> {
        let object = self.str(text)?;
        let mut pointer = object.into_ptr();
        // SAFETY: attached; `pointer` is an exact `str` whose reference is handed over and back in place.
        unsafe { ffi::PyUnicode_InternInPlace(&raw mut pointer) };
        // SAFETY: interning leaves a reference of ours in `pointer`, never NULL.
        unsafe { Object::from_call(self, pointer) }
    }

    /// A `bytes`.
    pub fn bytes(self, bytes: &[u8]) -> PyResult<'py> {
        let data = bytes.as_ptr().cast();
        // SAFETY: attached; `data` is valid for that many bytes.
        let object = unsafe { ffi::PyBytes_FromStringAndSize(data, length(bytes.len())) };
        // SAFETY: a new reference, or NULL with an exception.
        unsafe { Object::from_call(self, object) }
    }
}

impl<'py> Object<'py> {
    /// Whether this is a `str`.
    pub fn is_str(&self) -> bool {
        // SAFETY: attached; a live object.
        unsafe { ffi::PyUnicode_Check(self.as_ptr()) != 0 }
    }

    /// Whether this is a `bytes`.
    pub fn is_bytes(&self) -> bool {
        // SAFETY: attached; a live object.
        unsafe { ffi::PyBytes_Check(self.as_ptr()) != 0 }
    }

    /// The contents of a `bytes`; `None` for anything else. A `bytes` never changes, so the slice may be read by a
    /// detached thread too, as long as the object is kept.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if !self.is_bytes() {
            return None;
        }
        // SAFETY: a live `bytes`.
        let data = unsafe { ffi::PyBytes_AsString(self.as_ptr()) };
        // SAFETY: a live `bytes`.
        let size = unsafe { ffi::PyBytes_Size(self.as_ptr()) };
        let size = usize::try_from(size).ok()?;
        // SAFETY: `data` points to `size` bytes that live and stay the same as long as the object does.
        Some(unsafe { std::slice::from_raw_parts(data.cast(), size) })
    }

    /// A `str` as latin-1 bytes; `UnicodeEncodeError` when a character is beyond U+00FF.
    ///
    /// The fast path reads an ASCII `str` in place.
    pub fn with_latin1<R>(
        &self,
        py: Python<'py>,
        work: impl FnOnce(&[u8]) -> R,
    ) -> PyResult<'py, R> {
        if let Some(ascii) = self.ascii() {
            return Ok(work(ascii));
        }
        // SAFETY: attached; a live `str` (callers have checked; anything else raises TypeError).
        let encoded = unsafe { ffi::PyUnicode_AsLatin1String(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        let encoded = unsafe { Object::from_call(py, encoded) }?;
        Ok(work(encoded.as_bytes().unwrap_or_default()))
    }

    /// The characters of a `str` that is ASCII only.
    fn ascii(&self) -> Option<&[u8]> {
        if !self.is_str() {
            return None;
        }
        let mut size = 0;
        // SAFETY: attached; a live `str`. For ASCII this is the text itself, otherwise a copy cached in the object, or
        // NULL with an exception.
        let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.as_ptr(), &raw mut size) };
        if data.is_null() {
            // SAFETY: attached.
            unsafe { ffi::PyErr_Clear() };
            return None;
        }
        // SAFETY: attached; a live `str`.
        let characters = unsafe { ffi::PyUnicode_GetLength(self.as_ptr()) };
        if characters != size {
            return None;
        }
        // SAFETY: `data` points to `size` bytes that live and stay the same as long as the object does.
        Some(unsafe { std::slice::from_raw_parts(data.cast(), usize::try_from(size).ok()?) })
    }

    /// A `str` as Rust text.
    ///
    /// # Errors
    /// `UnicodeEncodeError` for lone surrogates, which UTF-8 cannot say; `TypeError` for what is no `str`.
    pub fn to_strict_text(&self, py: Python<'py>) -> PyResult<'py, String> {
        let mut size = 0;
        // SAFETY: attached; a live object; `size` is valid for a write. Not a `str`: NULL with TypeError.
        let data = unsafe { ffi::PyUnicode_AsUTF8AndSize(self.as_ptr(), &raw mut size) };
        if data.is_null() {
            return Err(Error::take(py));
        }
        let size = usize::try_from(size).unwrap_or(0);
        // SAFETY: `data` points to `size` bytes cached in the live object.
        let utf8 = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        Ok(String::from_utf8_lossy(utf8).into_owned())
    }

    /// The same with lone surrogates written as escapes: for people, never to tell one text from another.
    pub fn to_text(&self, py: Python<'py>) -> PyResult<'py, String> {
        let failure = match self.to_strict_text(py) {
            Ok(text) => return Ok(text),
            Err(failure) => failure,
        };
        if !self.is_str() {
            return Err(failure);
        }
        // SAFETY: attached; a live `str`, NUL-terminated names.
        let encoded = unsafe {
            ffi::PyUnicode_AsEncodedString(
                self.as_ptr(),
                c"utf-8".as_ptr(),
                c"backslashreplace".as_ptr(),
            )
        };
        // SAFETY: a new reference, or NULL with an exception.
        let encoded = unsafe { Object::from_call(py, encoded) }?;
        Ok(String::from_utf8_lossy(encoded.as_bytes().unwrap_or_default()).into_owned())
    }

    /// A path as the operating system wants it (`os.fsencode` of a `str`).
    pub fn to_fs_bytes(&self, py: Python<'py>) -> PyResult<'py, Vec<u8>> {
        // SAFETY: attached; a live object; not a `str`: NULL with TypeError.
        let encoded = unsafe { ffi::PyUnicode_EncodeFSDefault(self.as_ptr()) };
        // SAFETY: a new reference, or NULL with an exception.
        let encoded = unsafe { Object::from_call(py, encoded) }?;
        Ok(encoded.as_bytes().unwrap_or_default().to_vec())
    }
}

/// A slice is never longer than `isize::MAX`, so its length always fits.
fn length(len: usize) -> ffi::Py_ssize_t {
    len as ffi::Py_ssize_t
}

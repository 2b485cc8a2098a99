//! The environ dictionary (PEP 3333 "environ Variables").

use std::collections::HashMap;

use rickhouse_python::{Dict, Handle, Object, PyResult, Python};

use crate::adapter::Request;
use crate::exchange::Exchange;

/// The most distinct keys that are remembered: a client chooses header names, and must not grow our memory with them.
const MAX_KEYS: usize = 256;

/// The longest value that is remembered from one request to the next.
const MAX_VALUE: usize = 256;

/// Builds environ dictionaries for one thread.
///
/// A naive environ costs more than the rest of a call. What is the same in every request sits in a template that is
/// copied; keys are interned once; and a value that is byte for byte what it was in the previous request is the same
/// `str` again. Everything belongs to one thread and one interpreter, so no lock and no shared counter is touched.
pub(crate) struct EnvironBuilder {
    template: Handle,
    entries: HashMap<Box<[u8]>, Entry>,
    http: Handle,
    https: Handle,
    scheme_key: Handle,
    input_key: Handle,
    errors_key: Handle,
}

struct Entry {
    key: Handle,
    text: Vec<u8>,
    value: Handle,
}

/// The entries of the template: what does not change from one request to the next.
pub(crate) struct Constants<'py> {
    pub(crate) file_wrapper: Object<'py>,
    pub(crate) multithread: bool,
    pub(crate) multiprocess: bool,
    pub(crate) run_once: bool,
}

impl EnvironBuilder {
    pub(crate) fn new<'py>(py: Python<'py>, constants: &Constants<'py>) -> PyResult<'py, Self> {
        let template = Dict::new(py)?;
        let version = py.tuple(&[&py.int(1)?, &py.int(0)?])?;
        template.set_str(py, "wsgi.version", &version)?;
        template.set_str(py, "wsgi.file_wrapper", &constants.file_wrapper)?;
        template.set_str(py, "wsgi.multithread", &py.bool(constants.multithread))?;
        template.set_str(py, "wsgi.multiprocess", &py.bool(constants.multiprocess))?;
        template.set_str(py, "wsgi.run_once", &py.bool(constants.run_once))?;
        template.set_str(py, "wsgi.input_terminated", &py.bool(true))?;
        let intern =
            |text: &str| -> PyResult<'py, Handle> { Ok(Handle::new(py, &py.str_interned(text)?)) };
        Ok(EnvironBuilder {
            template: Handle::new(py, template.as_object()),
            entries: HashMap::new(),
            http: intern("http")?,
            https: intern("https")?,
            scheme_key: intern("wsgi.url_scheme")?,
            input_key: intern("wsgi.input")?,
            errors_key: intern("wsgi.errors")?,
        })
    }

    /// The environ of a request whose exchange is lent to `request`.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        exchange: &dyn Exchange,
        input: &Object<'py>,
        errors: &Object<'py>,
    ) -> PyResult<'py, Object<'py>> {
        let template =
            Dict::from_object(self.template.bind(py)).expect("the template was made as a dict");
        let environ = template.copy(py)?;
        let mut outcome = Ok(());
        exchange.environ(&mut |key, value| {
            if outcome.is_ok() {
                outcome = self.set(py, &environ, key, value);
            }
        });
        outcome?;
        let scheme = if exchange.is_https() {
            &self.https
        } else {
            &self.http
        };
        environ.set(py, &self.scheme_key.bind(py), &scheme.bind(py))?;
        environ.set(py, &self.input_key.bind(py), input)?;
        environ.set(py, &self.errors_key.bind(py), errors)?;
        Ok(environ.as_object().clone())
    }

    fn set<'py>(
        &mut self,
        py: Python<'py>,
        environ: &Dict<'py>,
        key: &[u8],
        value: &[u8],
    ) -> PyResult<'py, ()> {
        if let Some(entry) = self.entries.get_mut(key) {
            if entry.text == value {
                return environ.set(py, &entry.key.bind(py), &entry.value.bind(py));
            }
            let object = py.str_latin1(value)?;
            if value.len() <= MAX_VALUE {
                entry.text.clear();
                entry.text.extend_from_slice(value);
                entry.value = Handle::new(py, &object);
            }
            return environ.set(py, &entry.key.bind(py), &object);
        }
        let name = py.str_latin1(key)?;
        let object = py.str_latin1(value)?;
        environ.set(py, &name, &object)?;
        if self.entries.len() < MAX_KEYS && value.len() <= MAX_VALUE {
            let entry = Entry {
                key: Handle::new(py, &name),
                text: value.to_vec(),
                value: Handle::new(py, &object),
            };
            self.entries.insert(key.into(), entry);
        }
        Ok(())
    }
}

/// Builds the environ while the exchange is lent to `request`.
pub(crate) fn build<'py>(
    py: Python<'py>,
    builder: &mut EnvironBuilder,
    request: &Request,
    input: &Object<'py>,
    errors: &Object<'py>,
) -> PyResult<'py, Object<'py>> {
    request
        .exchange
        .with(|exchange| builder.build(py, exchange, input, errors))
        .expect("the exchange was lent by the caller, and no object of the request is out yet")
}

//! The environ dictionary (PEP 3333 "environ Variables").

use std::collections::HashMap;

use rickhouse_python::{Dict, Handle, Object, PyResult, Python};

use crate::adapter::Request;
use crate::exchange::{Exchange, Value};

/// How many shapes of requests are remembered. Clients choose header names, and must not grow our memory with them.
const MAX_SHAPES: usize = 8;

/// The most value bytes of a request that are kept for the next one.
const MAX_TEXT: usize = 16 * 1024;

/// As many values of a request are no texts, usually at most.
const EXTRAS: usize = 16;

/// Keys that nearly every application looks up. They are interned, so that a look-up by a constant of the application
/// compares addresses. Other names come from clients, and CPython 3.12 never frees an interned text.
const WELL_KNOWN: [&str; 32] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "REQUEST_URI",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "HTTP_HOST",
    "HTTP_USER_AGENT",
    "HTTP_ACCEPT",
    "HTTP_ACCEPT_LANGUAGE",
    "HTTP_ACCEPT_ENCODING",
    "HTTP_REFERER",
    "HTTP_ORIGIN",
    "HTTP_CONNECTION",
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_CACHE_CONTROL",
    "HTTP_IF_NONE_MATCH",
    "HTTP_IF_MODIFIED_SINCE",
    "HTTP_RANGE",
    "HTTP_X_REQUESTED_WITH",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "wsgi.url_scheme",
];

/// Builds environ dictionaries for one thread.
///
/// A naive environ costs more than the rest of a call. Most requests have the keys of an earlier one in the same order
/// (a [`Shape`]), and most of its values: then only what differs is set in the shape's template, and the template is
/// copied, which CPython does without hashing anything. Values that are no texts have a place in the template, so that
/// the copy does not have to grow for them, and their keys are made once. Everything belongs to one thread and one
/// interpreter, so no lock and no shared counter is touched.
pub(crate) struct EnvironBuilder {
    constants: Handle,
    well_known: HashMap<&'static [u8], Handle>,
    /// The latest one first.
    shapes: Vec<Shape>,
    input_key: Handle,
    errors_key: Handle,
}

/// The entries that do not change from one request to the next.
pub(crate) struct Constants<'a, 'py> {
    pub(crate) file_wrapper: Object<'py>,
    pub(crate) multithread: bool,
    pub(crate) multiprocess: bool,
    pub(crate) run_once: bool,
    /// Entries of the product's own.
    pub(crate) fixed: &'a [(&'a str, Object<'py>)],
}

/// Keys in an order, and the latest request that had them.
struct Shape {
    entries: Vec<Entry>,
    /// The environ of the latest request, but for its streams and the values that are no texts.
    template: Handle,
    /// A key occurs twice: the template cannot be brought up to date by what differs.
    repeats: bool,
}

struct Entry {
    key: Box<[u8]>,
    name: Handle,
    /// The value that `template` has; `None` where it only keeps a place, for a value that is no text.
    text: Option<Vec<u8>>,
}

impl Entry {
    fn is(&self, key: &[u8], is_text: bool) -> bool {
        *self.key == *key && self.text.is_some() == is_text
    }
}

impl EnvironBuilder {
    pub(crate) fn new<'py>(py: Python<'py>, constants: &Constants<'_, 'py>) -> PyResult<'py, Self> {
        let template = Dict::new(py)?;
        let version = py.tuple(&[&py.int(1)?, &py.int(0)?])?;
        template.set_str(py, "wsgi.version", &version)?;
        template.set_str(py, "wsgi.file_wrapper", &constants.file_wrapper)?;
        template.set_str(py, "wsgi.multithread", &py.bool(constants.multithread))?;
        template.set_str(py, "wsgi.multiprocess", &py.bool(constants.multiprocess))?;
        template.set_str(py, "wsgi.run_once", &py.bool(constants.run_once))?;
        template.set_str(py, "wsgi.input_terminated", &py.bool(true))?;
        for (key, value) in constants.fixed {
            template.set_str(py, key, value)?;
        }
        // Places for what each request has of its own, so that a copy does not have to grow.
        template.set_str(py, "wsgi.input", &py.none())?;
        template.set_str(py, "wsgi.errors", &py.none())?;
        let intern =
            |text: &str| -> PyResult<'py, Handle> { Ok(Handle::new(py, &py.str_interned(text)?)) };
        let mut well_known = HashMap::with_capacity(WELL_KNOWN.len());
        for name in WELL_KNOWN {
            well_known.insert(name.as_bytes(), intern(name)?);
        }
        Ok(EnvironBuilder {
            constants: Handle::new(py, template.as_object()),
            well_known,
            shapes: Vec::new(),
            input_key: intern("wsgi.input")?,
            errors_key: intern("wsgi.errors")?,
        })
    }

    /// The environ of a request.
    pub(crate) fn build<'py>(
        &mut self,
        py: Python<'py>,
        exchange: &dyn Exchange,
        input: &Object<'py>,
        errors: &Object<'py>,
    ) -> PyResult<'py, Object<'py>> {
        if self.shapes.is_empty() {
            let empty = self.shape(py, &[])?;
            self.shapes.push(empty);
        }
        let mut filling = Filling::new(py, self)?;
        let mut outcome = Ok(());
        exchange.environ(&mut |key, value| {
            if outcome.is_ok() {
                outcome = filling.text(key, value);
            }
        });
        outcome?;
        let scheme: &[u8] = if exchange.is_https() {
            b"https"
        } else {
            b"http"
        };
        filling.text(b"wsgi.url_scheme", scheme)?;
        let mut outcome = Ok(());
        exchange.extras(&mut |key, value| {
            if outcome.is_ok() {
                outcome = extra(py, value).and_then(|value| filling.extra(key, value));
            }
        });
        outcome?;
        let environ = filling.finish()?;
        environ.set(py, &self.input_key.bind(py), input)?;
        environ.set(py, &self.errors_key.bind(py), errors)?;
        Ok(environ.into_object())
    }

    /// A new shape that begins with `entries`.
    fn shape<'py>(&self, py: Python<'py>, entries: &[Entry]) -> PyResult<'py, Shape> {
        let mut shape = Shape {
            entries: Vec::with_capacity(entries.len()),
            template: Handle::new(py, dict(py, &self.constants).copy(py)?.as_object()),
            repeats: false,
        };
        let template = dict(py, &shape.template);
        for entry in entries {
            let name = entry.name.clone_ref(py);
            shape.push(py, &template, &entry.key, name, entry.text.as_deref())?;
        }
        Ok(shape)
    }

    fn name<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<'py, Handle> {
        match self.well_known.get(key) {
            Some(name) => Ok(name.clone_ref(py)),
            None => Ok(Handle::new(py, &py.str_latin1(key)?)),
        }
    }
}

impl Shape {
    fn push<'py>(
        &mut self,
        py: Python<'py>,
        template: &Dict<'py>,
        key: &[u8],
        name: Handle,
        text: Option<&[u8]>,
    ) -> PyResult<'py, ()> {
        let before = template.len();
        let value = match text {
            Some(text) => py.str_latin1(text)?,
            None => py.none(),
        };
        template.set(py, &name.bind(py), &value)?;
        // One that takes the place of a constant does so in every request of this shape.
        self.repeats |= template.len() == before && self.entries.iter().any(|own| *own.key == *key);
        self.entries.push(Entry {
            key: key.into(),
            name,
            text: text.map(<[u8]>::to_vec),
        });
        Ok(())
    }

    /// Sees to it that the text at `position` is `value`.
    fn update<'py>(
        &mut self,
        py: Python<'py>,
        template: &Dict<'py>,
        position: usize,
        value: &[u8],
    ) -> PyResult<'py, ()> {
        let entry = &mut self.entries[position];
        let Some(text) = entry.text.as_mut() else {
            return Ok(());
        };
        if !self.repeats && *text == value {
            return Ok(());
        }
        template.set(py, &entry.name.bind(py), &py.str_latin1(value)?)?;
        // After the template: when that fails, the two must not disagree.
        text.clear();
        text.extend_from_slice(value);
        Ok(())
    }

    /// Whether the shape has the keys of `entries` first, and then `next`, a key and whether it is a text's; `None`
    /// stands for its end.
    fn continues(&self, entries: &[Entry], next: Option<(&[u8], bool)>) -> bool {
        let has_next = match (self.entries.get(entries.len()), next) {
            (Some(entry), Some((key, is_text))) => entry.is(key, is_text),
            (None, None) => self.entries.len() == entries.len(),
            _ => false,
        };
        has_next
            && self
                .entries
                .iter()
                .zip(entries)
                .all(|(own, other)| own.is(&other.key, other.text.is_some()))
    }
}

/// Goes through the entries of one request along the latest shape, and changes to another where they part.
struct Filling<'a, 'py> {
    py: Python<'py>,
    builder: &'a mut EnvironBuilder,
    /// The template of the shape in use, which is the first.
    template: Dict<'py>,
    position: usize,
    text: usize,
    /// The values that are no texts, which come last.
    extras: Vec<Object<'py>>,
    /// The shape was made for this request, and grows with it.
    fresh: bool,
}

impl<'a, 'py> Filling<'a, 'py> {
    fn new(py: Python<'py>, builder: &'a mut EnvironBuilder) -> PyResult<'py, Self> {
        Ok(Filling {
            py,
            template: dict(py, &builder.shapes[0].template),
            builder,
            position: 0,
            text: 0,
            extras: Vec::with_capacity(EXTRAS),
            fresh: false,
        })
    }

    fn text(&mut self, key: &[u8], value: &[u8]) -> PyResult<'py, ()> {
        self.text += value.len();
        if self.advance(key, Some(value))? {
            let position = self.position - 1;
            let shape = &mut self.builder.shapes[0];
            shape.update(self.py, &self.template, position, value)?;
        }
        Ok(())
    }

    fn extra(&mut self, key: &[u8], value: Object<'py>) -> PyResult<'py, ()> {
        self.advance(key, None)?;
        self.extras.push(value);
        Ok(())
    }

    /// Goes behind the next entry, which is made if the shape is; whether it was there before.
    fn advance(&mut self, key: &[u8], text: Option<&[u8]>) -> PyResult<'py, bool> {
        let entry = self.builder.shapes[0].entries.get(self.position);
        let is_there = entry.is_some_and(|entry| entry.is(key, text.is_some()));
        if !is_there && !self.fresh {
            self.change_shape(Some((key, text.is_some())))?;
        }
        self.position += 1;
        if !self.fresh {
            return Ok(true);
        }
        let name = self.builder.name(self.py, key)?;
        let shape = &mut self.builder.shapes[0];
        shape.push(self.py, &self.template, key, name, text)?;
        Ok(false)
    }

    /// Goes on with a remembered shape that has the same keys so far and then `next` ([`Shape::continues`]), or else
    /// with a new one.
    fn change_shape(&mut self, next: Option<(&[u8], bool)>) -> PyResult<'py, ()> {
        let py = self.py;
        let so_far = &self.builder.shapes[0].entries[..self.position];
        let found = self
            .builder
            .shapes
            .iter()
            .position(|shape| shape.continues(so_far, next));
        match found {
            Some(found) => {
                self.builder.shapes[..=found].rotate_right(1);
                let (shape, others) = self.builder.shapes.split_at_mut(1);
                self.template = dict(py, &shape[0].template);
                for position in 0..self.position {
                    if let Some(value) = &others[0].entries[position].text {
                        shape[0].update(py, &self.template, position, value)?;
                    }
                }
            }
            None => {
                let shape = self.builder.shape(py, so_far)?;
                self.template = dict(py, &shape.template);
                self.builder.shapes.truncate(MAX_SHAPES - 1);
                self.builder.shapes.insert(0, shape);
                self.fresh = true;
            }
        }
        Ok(())
    }

    fn finish(mut self) -> PyResult<'py, Dict<'py>> {
        if self.position < self.builder.shapes[0].entries.len() {
            self.change_shape(None)?;
        }
        let environ = self.template.copy(self.py)?;
        let begin = self.position - self.extras.len();
        let places = &self.builder.shapes[0].entries[begin..];
        for (place, value) in places.iter().zip(&self.extras) {
            environ.set(self.py, &place.name.bind(self.py), value)?;
        }
        if self.text > MAX_TEXT {
            self.builder.shapes.remove(0);
        }
        Ok(environ)
    }
}

/// The object that stands for a value.
pub(crate) fn extra<'py>(py: Python<'py>, value: Value<'_>) -> PyResult<'py> {
    match value {
        Value::Text(bytes) => py.str_latin1(bytes),
        Value::FileSystem(bytes) => py.str_fs(bytes),
        Value::Int(number) => py.int(number),
        Value::Float(number) => py.float(number),
        Value::Version(major, minor, micro) => py.tuple(&[
            &py.int(major.into())?,
            &py.int(minor.into())?,
            &py.int(micro.into())?,
        ]),
        Value::None => Ok(py.none()),
        Value::Capsule(address) => py.capsule(address),
    }
}

fn dict<'py>(py: Python<'py>, handle: &Handle) -> Dict<'py> {
    Dict::from_object(handle.bind(py)).expect("templates are made as dicts")
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

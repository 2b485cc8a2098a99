//! The PEP 3333 adapter: the objects an application sees of one request, and the order in which they are used.

mod body;
mod client_error;
mod current;
mod input;
mod request;
mod response;

pub(crate) use body::{Arguments, FileRegion, Outcome, Subject, run};
pub(crate) use current::CurrentLog;
pub(crate) use input::Input;
pub(crate) use request::{Request, RequestClasses};
pub(crate) use response::Adapter;

//! The one door in from C: no panic leaves it.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use crate::log::{self, Level, Scope};

/// Runs the body of an `extern "C"` function; a panic becomes `fallback` and a line in the log.
///
/// `entry` names the function to whoever reads that line.
pub(crate) fn fence<T>(entry: &str, fallback: T, body: impl FnOnce() -> T) -> T {
    // What a panic leaves half done stays with the request or directive at hand, which is given up.
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        forget(payload);
        log::write(
            Scope::Current,
            Level::Error,
            crate::at!(),
            format_args!(
                "WSGI9002: Internal error caught in {entry}; this is a bug in the module."
            ),
        );
        fallback
    })
}

/// Runs one of several things that a hook does; a panic in it is a line in the log, and the others are still done.
///
/// `entry` names it to whoever reads that line.
pub fn fenced(entry: &str, body: impl FnOnce()) {
    fence(entry, (), body);
}

/// A payload may panic when it is dropped, and outside of `catch_unwind` that would end the process.
fn forget(payload: Box<dyn Any + Send>) {
    let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(payload)));
}

/// Makes panics, on whatever thread, write their message as one record of this module instead of raw text.
pub(crate) fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| panic::set_hook(Box::new(report)));
}

fn report(panic: &PanicHookInfo<'_>) {
    let message = text_of(panic.payload());
    let place = panic.location().map(ToString::to_string);
    log::write(
        Scope::Current,
        Level::Error,
        crate::at!(),
        format_args!(
            "WSGI9001: Internal error at {}: {message}",
            place.as_deref().unwrap_or("an unknown place"),
        ),
    );
}

fn text_of(payload: &(dyn Any + Send)) -> &str {
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    let borrowed = payload.downcast_ref::<&'static str>().copied();
    borrowed.or_else(owned).unwrap_or("no message")
}

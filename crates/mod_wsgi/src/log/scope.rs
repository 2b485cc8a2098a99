//! Which script the calling thread runs, for the records that its application causes.

use std::cell::RefCell;

thread_local! {
    static SCRIPT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `body` while `script` is what records of this thread's request name. May be nested: a response can include another.
pub(crate) fn during<T>(script: &[u8], body: impl FnOnce() -> T) -> T {
    let script = String::from_utf8_lossy(script).into_owned();
    let _restore = Restore(SCRIPT.replace(script));
    body()
}

/// The script of the innermost [`during`]; empty outside.
pub(crate) fn script<T>(body: impl FnOnce(&str) -> T) -> T {
    SCRIPT.with_borrow(|script| body(script))
}

struct Restore(String);

impl Drop for Restore {
    fn drop(&mut self) {
        SCRIPT.set(std::mem::take(&mut self.0));
    }
}

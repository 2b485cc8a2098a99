//! All messages as data.

use crate::messages::{Known, request};

/// All of them, by number.
pub fn all() -> Vec<Known> {
    let mut all = [request::KNOWN].concat();
    all.sort_by_key(|known| known.code);
    all
}

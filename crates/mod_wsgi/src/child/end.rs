//! The end of a child.

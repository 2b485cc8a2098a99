//! The environ of a request (DD §5.5, §6).

mod application;
mod auth;
mod store;
#[cfg(test)]
mod tests;
mod view;

pub use application::{Identity, Rules, build, push_identity};
pub use auth::build_auth;
pub use store::{Environ, Value};
pub use view::{Redirected, RequestView};

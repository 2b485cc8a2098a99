//! The kinds of value an option can have: each reads its text, and says in an operator's words what is wrong with it.

mod bind;
mod complaint;
mod log_file;
mod numbers;
mod proxies;
mod target;
mod text;

pub use bind::Bind;
pub(crate) use complaint::Complaint;
pub use log_file::LogFile;
pub(crate) use numbers::{parse_duration, parse_octal, parse_size, parse_switch, parse_whole};
pub use proxies::AllowedProxies;
pub use target::Target;
pub(crate) use text::{check_header_text, check_root_path, check_url_path};

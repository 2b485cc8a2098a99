//! The table that httpd looks directives up in, made at compile time from [`DIRECTIVES`].

use std::ffi::CStr;

use rickhouse_directives::directives::{Arguments, COUNT, Class, DIRECTIVES};
use rickhouse_httpd::{Command, Contexts};

use crate::commands::read;
use crate::module::Wsgi;

/// Makes the table of the rows with these numbers.
macro_rules! table {
    ($($row:literal)*) => { &[$(command::<$row>()),*] };
}

/// All directives.
pub(crate) const COMMANDS: &[Command<Wsgi>] = table!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41
    42 43 44 45 46 47 48
);

const _: () = assert!(COMMANDS.len() == COUNT);

/// The directive in row `ROW`.
const fn command<const ROW: usize>() -> Command<Wsgi> {
    let directive = &DIRECTIVES[ROW];
    let (name, help) = (Row::<ROW>::NAME, Row::<ROW>::HELP);
    let contexts = contexts(directive.class);
    match directive.arguments {
        Arguments::Raw => Command::raw(name, contexts, help, |context, line| {
            read(context, line, None)
        }),
        Arguments::One => Command::take1(name, contexts, help, |context, word| {
            read(context, word, None)
        }),
        Arguments::OneOrTwo => Command::take12(name, contexts, help, read),
    }
}

const fn contexts(class: Class) -> Contexts {
    match class {
        Class::Global | Class::Server => Contexts::SERVER,
        Class::ServerAndDirectory => Contexts::SERVER_AND_SECTION,
        Class::FileInfo => Contexts::FILE_INFO,
        Class::AuthConfig => Contexts::AUTH_CONFIG,
    }
}

/// The texts of row `ROW` as C wants them.
struct Row<const ROW: usize>;

impl<const ROW: usize> Row<ROW> {
    const NAME_BYTES: [u8; 64] = with_nul(DIRECTIVES[ROW].name);
    const NAME: &'static CStr = c_text(&Self::NAME_BYTES);
    const HELP_BYTES: [u8; 512] = with_nul(DIRECTIVES[ROW].meaning);
    const HELP: &'static CStr = c_text(&Self::HELP_BYTES);
}

const fn with_nul<const SIZE: usize>(text: &str) -> [u8; SIZE] {
    let text = text.as_bytes();
    assert!(text.len() < SIZE);
    let mut bytes = [0; SIZE];
    let mut at = 0;
    while at < text.len() {
        bytes[at] = text[at];
        at += 1;
    }
    bytes
}

const fn c_text(bytes: &[u8]) -> &CStr {
    match CStr::from_bytes_until_nul(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a NUL follows the text"),
    }
}

//! The reference pages of directives and of messages, as Markdown.

use std::fmt::Write;

use crate::daemon::{OPTIONS, OptionSpec};
use crate::directives::{self, Directive};
use crate::messages::{self, Known};

const DIRECTIVES_HEAD: &str = "\
<!-- Made from the tables in crates/rickhouse-directives; do not edit. UPDATE_REFERENCE=1 cargo test -p rickhouse-directives writes it. -->

# Directives of mod_wsgi.so

Where a directive stands both for a server and for a directory, the directory's counts. A switch is `On` or `Off`. Options are written
`name=value`, without white space in front of `=`; a value with white space is quoted. Numbers are whole and without anything behind them. What is
not accepted keeps httpd from starting, and `httpd -t` shows it with file and line.

Names of process and application groups may be `%{GLOBAL}` (embedded mode, the main interpreter), `%{SERVER}` (`ServerName` and port),
`%{HOST}` (the host the client asked for, and port), `%{RESOURCE}` (`ServerName`, port and path of the script) or `%{ENV:variable}`. The port is left
out where it is 80 or 443. With `UseCanonicalName Off`, httpd's default, it is the one of the client's `Host` header: name the application group where clients
must not be able to make interpreters.
";

const OPTIONS_HEAD: &str = "
## Options of WSGIDaemonProcess

Times are whole seconds unless said otherwise. The case of the names matters.
";

const MESSAGES_HEAD: &str = "\
<!-- Made from the tables in crates/rickhouse-directives; do not edit. UPDATE_REFERENCE=1 cargo test -p rickhouse-directives writes it. -->

# Messages of mod_wsgi.so

Records of httpd's error log that an operator may search for carry a code, `WSGI` and four digits, and belong to the module `wsgi`: `LogLevel
wsgi:info` decides about them. The codes are those of mod_wsgi 6, and above 9000 others. A code keeps its meaning for ever. Records about one request name the script in front of
the code; those of level info and below have no code.
";

/// `docs/reference/mod_wsgi-directives.md`.
pub fn directives_page() -> String {
    let mut page = String::from(DIRECTIVES_HEAD);
    for (title, directives) in directives::SECTIONS {
        push(&mut page, format_args!("\n## {title}\n"));
        for directive in directives {
            push_directive(&mut page, directive);
        }
    }
    page.push_str(OPTIONS_HEAD);
    for (title, options) in OPTIONS {
        push(
            &mut page,
            format_args!(
                "\n### {title}\n\n| option | accepted | default | meaning |\n|---|---|---|---|\n"
            ),
        );
        for option in options {
            push_option(&mut page, option);
        }
    }
    page
}

/// `docs/reference/mod_wsgi-messages.md`.
pub fn messages_page() -> String {
    let mut page = String::from(MESSAGES_HEAD);
    for (title, known) in messages::SECTIONS {
        push(
            &mut page,
            format_args!(
                "\n## {title}\n\n| code | level | text | when, and what follows |\n|---|---|---|---|\n"
            ),
        );
        for known in known {
            push_message(&mut page, known);
        }
    }
    page
}

fn push_directive(page: &mut String, directive: &Directive) {
    let Directive {
        name,
        syntax,
        meaning,
        default,
        ..
    } = directive;
    let closing = if name.starts_with('<') { ">" } else { "" };
    push(
        page,
        format_args!("\n### `{name}{closing}`\n\n`{name} {syntax}`\n\n{meaning}\n\n"),
    );
    push(
        page,
        format_args!("* Where: {}", directive.class.description()),
    );
    if directive.in_container {
        page.push_str("; also inside `<WSGIInterpreterOptions>`");
    }
    page.push_str(".\n");
    if *default != "-" {
        push(page, format_args!("* Default: {default}.\n"));
    }
}

fn push_option(page: &mut String, option: &OptionSpec) {
    push(
        page,
        format_args!(
            "| `{}` | {} | {} | {} |\n",
            option.name, option.accepts, option.default, option.meaning
        ),
    );
}

fn push_message(page: &mut String, known: &Known) {
    // Texts with `<`, `{` and quotes are code on the page; a bar would end the column.
    let text = known.text.replace('|', "\\|");
    push(
        page,
        format_args!(
            "| WSGI{:04} | {} | `{text}` | {} |\n",
            known.code, known.level, known.meaning
        ),
    );
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes whatever is written to it");
}

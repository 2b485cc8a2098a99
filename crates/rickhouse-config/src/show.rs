//! `rickhouse config`: what would hold, as a file that can be loaded again, with where each value comes from.

use std::fmt::Write;

use toml::Value;

use crate::options::{Item, Options};
use crate::table::{self, Default, Kind, OptionSpec};

/// Writes the effective options as TOML. They have to be good: what is wrong with them has been said before.
/// `remarks` stand at the top.
pub(crate) fn show(options: &Options, remarks: &[String]) -> String {
    let mut text = String::from("# The effective configuration.\n");
    match &options.file {
        Some(path) => push(
            &mut text,
            format_args!("# File read: {}\n", one_line(&path.display().to_string())),
        ),
        None => text.push_str("# No file was read.\n"),
    }
    for remark in remarks {
        push(&mut text, format_args!("# {}\n", one_line(remark)));
    }
    for section in table::SECTIONS {
        let mut specs = section
            .options
            .iter()
            .filter(|spec| spec.in_file())
            .peekable();
        if specs.peek().is_some() {
            push(&mut text, format_args!("\n# {}\n", section.title));
        }
        for spec in specs {
            push(&mut text, format_args!("{}\n", line(options, spec)));
        }
    }
    text
}

fn line(options: &Options, spec: &OptionSpec) -> String {
    match (options.effective(spec), spec.default) {
        (Some(said), _) => {
            let value = if spec.many {
                Value::Array(
                    said.items
                        .iter()
                        .map(|item| value(spec.kind, item))
                        .collect(),
                )
            } else {
                said.items.last().map_or_else(
                    || Value::String(String::new()),
                    |item| value(spec.kind, item),
                )
            };
            format!(
                "{} = {value}  # {}",
                spec.name,
                one_line(&said.origin.to_string())
            )
        }
        (None, Default::Unset(meaning)) => format!("# {} is not set: {meaning}", spec.name),
        (None, Default::Text(_)) => format!("# {} is not set", spec.name),
    }
}

fn value(kind: Kind, item: &Item) -> Value {
    let text = item.text.as_str();
    let typed = match kind {
        Kind::Whole => text.parse().ok().map(Value::Integer),
        Kind::Switch => crate::values::parse_switch(text).ok().map(Value::Boolean),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// A comment ends with its line, and takes no control characters.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if letter.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                letter
            }
        })
        .collect()
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments)
        .expect("a String takes whatever is written to it");
}

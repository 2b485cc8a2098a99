//! The floor is httpd 2.4.37: bindings made from newer headers must not show what is newer.
//!
//! httpd 2.4 only ever appends to its structures, so leaving out the last fields gives the older layout.

/// Fields that came after 2.4.37, by structure.
pub(crate) const NEWER: &[(&str, &[&str])] = &[
    ("request_rec", &["bnotes"]),
    ("conn_rec", &["outgoing"]),
    ("core_dir_config", &["read_buf_size"]),
];

/// Structures that have grown during 2.4: their size means nothing, so none may be made or indexed by us.
pub(crate) const GROWING: &[&str] = &[
    "request_rec",
    "conn_rec",
    "server_rec",
    "module_struct",
    "core_server_config",
    "core_dir_config",
    "worker_score",
    "process_score",
    "global_score",
];

/// The bindings without newer fields and without statements on sizes that differ from server to server.
#[cfg_attr(
    not(feature = "bindgen"),
    allow(dead_code, reason = "only new bindings need cutting")
)]
pub(crate) fn cut(bindings: &str) -> String {
    let mut kept = String::new();
    let mut inside: Option<&str> = None;
    let mut statement = String::new();
    for line in bindings.lines() {
        if let Some(name) = line
            .strip_prefix("pub struct ")
            .and_then(|rest| rest.split_whitespace().next())
        {
            inside = Some(name);
        } else if line == "}" {
            inside = None;
        }
        if inside.is_some_and(|name| is_newer_field(name, line)) {
            continue;
        }
        // A statement on the layout may take several lines; it is kept or dropped as a whole.
        if statement.is_empty() && !line.trim_start().starts_with("[\"") {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        if line.trim_end().ends_with("];") {
            if !is_about_newer(&statement) {
                kept.push_str(&statement);
            }
            statement.clear();
        }
    }
    kept
}

fn is_newer_field(name: &str, line: &str) -> bool {
    let field = line
        .trim_start()
        .strip_prefix("pub ")
        .and_then(|rest| rest.split(':').next());
    field.is_some_and(|field| newer_of(name).contains(&field))
}

fn is_about_newer(statement: &str) -> bool {
    let sizes = |name: &&str| {
        statement.contains(&format!("\"Size of {name}\""))
            || statement.contains(&format!("\"Alignment of {name}\""))
    };
    let fields = |(name, fields): &(&str, &[&str])| {
        fields
            .iter()
            .any(|field| statement.contains(&format!("\"Offset of field: {name}::{field}\"")))
    };
    GROWING.iter().any(sizes) || NEWER.iter().any(fields)
}

fn newer_of(name: &str) -> &'static [&'static str] {
    NEWER
        .iter()
        .find(|(found, _)| *found == name)
        .map_or(&[], |(_, fields)| fields)
}

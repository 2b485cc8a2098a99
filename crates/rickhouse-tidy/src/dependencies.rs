//! Who may depend on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// For each crate, the names of what its code depends on. Development dependencies are not code that ships.
pub type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// The crates of the workspace and, for each, the other ones that it may use: dependencies point down only.
pub const LAYERS: &[(&str, &[&str])] = &[
    (
        "rickhouse",
        &[
            "rickhouse-config",
            "rickhouse-host",
            "rickhouse-os",
            "rickhouse-python",
            "rickhouse-server",
            "rickhouse-supervisor",
            "rickhouse-wsgi",
        ],
    ),
    (
        "rickhouse-host",
        &["rickhouse-python", "rickhouse-wsgi", "rickhouse-config"],
    ),
    // Readiness, sockets and sendfile are the operating system's; options reach the server as plain settings.
    (
        "rickhouse-server",
        &["rickhouse-lane", "rickhouse-os", "rickhouse-wsgi"],
    ),
    // A daemon process runs applications through the engine and knows nothing of httpd.
    (
        "rickhouse-daemon",
        &[
            "rickhouse-directives",
            "rickhouse-host",
            "rickhouse-lane",
            "rickhouse-os",
            "rickhouse-wire",
        ],
    ),
    (
        "rickhouse-supervisor",
        &["rickhouse-os", "rickhouse-config"],
    ),
    // The parts of the httpd module; none of them knows the standalone server, its supervisor or its options.
    (
        "mod_wsgi",
        &[
            "rickhouse-daemon",
            "rickhouse-directives",
            "rickhouse-host",
            "rickhouse-httpd",
            "rickhouse-os",
            "rickhouse-relay",
            // For its back-off: daemon processes are httpd's to watch.
            "rickhouse-supervisor",
            "rickhouse-wire",
            "rickhouse-wsgi",
        ],
    ),
    // The child's side of the wire; the request it works for is a trait.
    (
        "rickhouse-relay",
        &["rickhouse-os", "rickhouse-wire", "rickhouse-wsgi"],
    ),
    ("rickhouse-directives", &["rickhouse-wsgi"]),
    ("rickhouse-httpd", &["rickhouse-httpd-sys"]),
    ("rickhouse-httpd-sys", &[]),
    ("rickhouse-python", &[]),
    ("rickhouse-lane", &[]),
    ("rickhouse-os", &[]),
    ("rickhouse-wire", &[]),
    ("rickhouse-wsgi", &[]),
    ("rickhouse-config", &[]),
    ("rickhouse-tidy", &[]),
];

/// Foreign crates that stand for a world of their own, and the fence that keeps each from everybody else.
pub const FENCED: &[(&str, &[&str])] = &[
    ("pyo3-ffi", &["rickhouse-python"]),
    // CPython's and APR's C interfaces speak in C types and `errno`, and httpd's processes are made by `fork`: their
    // fences take no more than that from there.
    (
        "libc",
        &["rickhouse-os", "rickhouse-python", "rickhouse-httpd"],
    ),
    ("rustix", &["rickhouse-os"]),
    ("signal-hook", &["rickhouse-os"]),
    // Interpreters, threads and requests are ours to schedule; a second scheduler in the process would fight it.
    ("pyo3", &[]),
    ("tokio", &[]),
    // Libraries name their errors; one that is only ever printed belongs to the program.
    ("anyhow", &["rickhouse"]),
];

/// Reads the dependencies of the workspace at `folder`.
///
/// # Errors
/// When `cargo metadata` fails.
pub fn read(folder: &Path) -> Result<Dependencies, cargo_metadata::Error> {
    let metadata = MetadataCommand::new()
        .current_dir(folder)
        .no_deps()
        .exec()?;
    let crates = metadata.packages.into_iter().map(|package| {
        let used = package
            .dependencies
            .into_iter()
            .filter(|used| used.kind != DependencyKind::Development);
        (
            package.name.to_string(),
            used.map(|used| used.name).collect(),
        )
    });
    Ok(crates.collect())
}

/// What breaks [`LAYERS`] or [`FENCED`].
pub fn complaints(dependencies: &Dependencies) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, used) in dependencies {
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| layer == name) else {
            complaints.push(format!("{name} has no row in the table of layers"));
            continue;
        };
        for used in used {
            if dependencies.contains_key(used) && !allowed.contains(&used.as_str()) {
                complaints.push(format!("{name} must not use {used}"));
            }
            let fence = FENCED.iter().find(|(foreign, _)| foreign == used);
            if let Some((_, users)) = fence.filter(|(_, users)| !users.contains(&name.as_str())) {
                complaints.push(format!("{name} must not use {used}, only {users:?} may"));
            }
        }
    }
    complaints
}

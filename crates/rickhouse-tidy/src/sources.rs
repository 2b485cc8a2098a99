//! What source files must and must not contain.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Crates whose job is unsafe code. All others forbid it.
pub const UNSAFE_FENCES: &[&str] = &[
    "rickhouse-python",
    "rickhouse-os",
    "rickhouse-httpd",
    "rickhouse-httpd-sys",
];

/// The most lines of a source file, its tests and comments included.
pub const LONGEST_FILE: usize = 500;

/// Files that may be longer, each with the reason.
pub const LONGER_FILES: &[(&str, &str)] = &[
    (
        "crates/rickhouse-httpd-sys/bindings/linux-lp64.rs",
        "made by bindgen",
    ),
    (
        "crates/rickhouse-host/tests/scenarios/responses.rs",
        "one table of the adapter's answers",
    ),
    (
        "crates/rickhouse-server/tests/life.rs",
        "one server's life from bind to drain",
    ),
    (
        "tests/test_processes.py",
        "everything that may happen to the processes of one server",
    ),
];

const FORBID: &str = "#![forbid(unsafe_code)]";

/// Folders of the workspace that hold source files written by hand.
const FOLDERS: &[&str] = &["bench", "crates", "examples", "python", "scripts", "tests"];

/// A source file, its path as seen from the workspace.
pub struct Source {
    /// Such as `crates/rickhouse-os/src/lib.rs`.
    pub path: PathBuf,
    /// The whole file.
    pub text: String,
}

/// Reads the Rust and Python files of the workspace.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn read(workspace: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in FOLDERS
        .iter()
        .map(|folder| workspace.join(folder))
        .filter(|folder| folder.is_dir())
    {
        read_folder(workspace, &folder, &mut sources)?;
    }
    Ok(sources)
}

/// Crate roots that leave unsafe code open to crates that are no fence.
pub fn unsafe_complaints(sources: &[Source]) -> Vec<String> {
    let roots = sources.iter().filter(|source| is_crate_root(&source.path));
    let open = roots.filter_map(|source| {
        let name = crate_name(&source.path).filter(|name| !UNSAFE_FENCES.contains(name))?;
        let found = source.text.lines().any(|line| line.trim_end() == FORBID);
        (!found).then(|| format!("{name} lacks {FORBID} in {}", source.path.display()))
    });
    open.collect()
}

/// Files over [`LONGEST_FILE`], and exceptions that are no longer needed.
pub fn length_complaints(sources: &[Source], exceptions: &[(&str, &str)]) -> Vec<String> {
    let is_long = |source: &&Source| source.text.lines().count() > LONGEST_FILE;
    let is_excepted = |source: &Source| {
        exceptions
            .iter()
            .any(|(path, _)| source.path == Path::new(path))
    };
    let too_long = sources
        .iter()
        .filter(is_long)
        .filter(|source| !is_excepted(source));
    let mut complaints: Vec<String> = too_long
        .map(|source| {
            format!(
                "{}: {} lines, split it",
                source.path.display(),
                source.text.lines().count()
            )
        })
        .collect();
    for (path, _) in exceptions {
        if !sources
            .iter()
            .filter(is_long)
            .any(|source| source.path == Path::new(path))
        {
            complaints.push(format!("{path}: needs no exception for its length"));
        }
    }
    complaints
}

/// Manifests that do not take the lints of the workspace.
///
/// # Errors
/// When a manifest cannot be read.
pub fn manifest_complaints(workspace: &Path) -> io::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for entry in fs::read_dir(workspace.join("crates"))? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.is_file()
            && !fs::read_to_string(&manifest)?.contains("[lints]\nworkspace = true")
        {
            complaints.push(format!(
                "{} does not take the workspace's lints",
                manifest.display()
            ));
        }
    }
    Ok(complaints)
}

fn read_folder(workspace: &Path, folder: &Path, sources: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if path.is_dir() && !hidden && entry.file_name() != "target" {
            read_folder(workspace, &path, sources)?;
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "py")
        {
            let text = fs::read_to_string(&path)?;
            let path = path.strip_prefix(workspace).unwrap_or(&path).to_owned();
            sources.push(Source { path, text });
        }
    }
    Ok(())
}

/// `crates/<name>/src/lib.rs`, `main.rs`, or a program in `src/bin`.
fn is_crate_root(path: &Path) -> bool {
    let mut parts = path.iter().skip(2);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(src), Some(file), None) => src == "src" && (file == "lib.rs" || file == "main.rs"),
        (Some(src), Some(bin), Some(_)) => src == "src" && bin == "bin",
        _ => false,
    }
}

fn crate_name(path: &Path) -> Option<&str> {
    path.strip_prefix("crates").ok()?.iter().next()?.to_str()
}

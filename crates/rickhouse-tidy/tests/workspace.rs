//! The workspace keeps its rules, and each rule can tell when it is broken.

use std::path::PathBuf;

use rickhouse_tidy::dependencies::{self, Dependencies};
use rickhouse_tidy::sources::{self, LONGER_FILES, LONGEST_FILE, Source};
use rickhouse_tidy::workspace_folder;

#[track_caller]
fn check_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn crates(table: &[(&str, &[&str])]) -> Dependencies {
    let row = |(name, used): &(&str, &[&str])| {
        (
            (*name).to_owned(),
            used.iter().map(|used| (*used).to_owned()).collect(),
        )
    };
    table.iter().map(row).collect()
}

fn source(path: &str, text: impl Into<String>) -> Source {
    Source {
        path: PathBuf::from(path),
        text: text.into(),
    }
}

#[test]
fn dependencies_point_down() {
    let found = dependencies::read(&workspace_folder()).expect("cargo metadata runs");
    assert!(found.len() > 1, "cargo metadata lists the workspace");
    check_none(&dependencies::complaints(&found));
}

#[test]
fn unsafe_code_stays_in_its_fences() {
    let found = sources::read(&workspace_folder()).expect("the sources can be read");
    assert!(!found.is_empty(), "there are sources");
    check_none(&sources::unsafe_complaints(&found));
}

#[test]
fn files_stay_short() {
    let found = sources::read(&workspace_folder()).expect("the sources can be read");
    check_none(&sources::length_complaints(&found, LONGER_FILES));
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    check_none(
        &sources::manifest_complaints(&workspace_folder()).expect("the manifests can be read"),
    );
}

#[test]
fn a_dependency_that_points_up_is_found() {
    let upwards = crates(&[
        ("rickhouse-wsgi", &["rickhouse-host"]),
        ("rickhouse-host", &[]),
    ]);
    assert_eq!(
        dependencies::complaints(&upwards),
        ["rickhouse-wsgi must not use rickhouse-host"]
    );
}

#[test]
fn a_fenced_crate_outside_its_fence_is_found() {
    let outside = crates(&[
        ("rickhouse-server", &["rustix"]),
        ("rickhouse-os", &["rustix"]),
    ]);
    assert_eq!(
        dependencies::complaints(&outside),
        [r#"rickhouse-server must not use rustix, only ["rickhouse-os"] may"#]
    );
}

#[test]
fn a_crate_without_a_row_is_found() {
    assert_eq!(
        dependencies::complaints(&crates(&[("rickhouse-new", &[])])),
        ["rickhouse-new has no row in the table of layers"]
    );
}

#[test]
fn a_crate_root_that_allows_unsafe_code_is_found() {
    let open = [
        source("crates/rickhouse-wsgi/src/lib.rs", "//! Rules.\n"),
        source(
            "crates/rickhouse-wsgi/src/status.rs",
            "//! No crate root.\n",
        ),
        source("crates/rickhouse-os/src/lib.rs", "//! A fence.\n"),
        source("crates/rickhouse/src/lib.rs", "#![forbid(unsafe_code)]\n"),
    ];
    assert_eq!(
        sources::unsafe_complaints(&open),
        ["rickhouse-wsgi lacks #![forbid(unsafe_code)] in crates/rickhouse-wsgi/src/lib.rs"]
    );
}

#[test]
fn long_files_and_stale_exceptions_are_found() {
    let long = "\n".repeat(LONGEST_FILE + 1);
    let files = [
        source("a.rs", long.clone()),
        source("b.rs", long),
        source("c.rs", "\n"),
    ];
    assert_eq!(
        sources::length_complaints(&files, &[("b.rs", "a table"), ("c.rs", "was long once")]),
        [
            "a.rs: 501 lines, split it",
            "c.rs: needs no exception for its length"
        ]
    );
}

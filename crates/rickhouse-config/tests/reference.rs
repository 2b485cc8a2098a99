//! The committed reference pages say what the tables of options and commands say.

use std::path::Path;

#[test]
fn the_page_of_options_is_up_to_date() {
    check("options.md", &rickhouse_config::reference_page());
}

#[test]
fn the_page_of_commands_is_up_to_date() {
    check("commands.md", &rickhouse_config::commands_page());
}

fn check(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::create_dir_all(folder).expect("the folder of the page can be made");
        std::fs::write(&path, page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/reference/{name} is stale; `UPDATE_REFERENCE=1 cargo test -p rickhouse-config --test reference` writes it anew"
    );
}

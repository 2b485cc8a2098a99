//! The committed reference pages say what the tables say.

use std::path::Path;

#[test]
fn the_reference_pages_are_up_to_date() {
    check(
        "mod_wsgi-directives.md",
        &rickhouse_directives::directives_page(),
    );
    check(
        "mod_wsgi-messages.md",
        &rickhouse_directives::messages_page(),
    );
}

fn check(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let path = folder.join(name);
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::create_dir_all(&folder).expect("the folder of the page can be made");
        std::fs::write(&path, page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/reference/{name} is stale; `UPDATE_REFERENCE=1 cargo test -p rickhouse-directives --test reference` writes it anew"
    );
}

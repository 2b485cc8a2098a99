//! The committed reference page says what the table of options says.

use std::path::Path;

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/options.md");
    let page = rickhouse_config::reference_page();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let folder = path.parent().expect("the page is in a folder");
        std::fs::create_dir_all(folder).expect("the folder of the page can be made");
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/reference/options.md is stale; `UPDATE_REFERENCE=1 cargo test -p rickhouse-config --test reference` writes it anew"
    );
}

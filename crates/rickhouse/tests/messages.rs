//! Every message code in the sources is on a page, and every code on the page of the standalone server is in the
//! sources. The page of the httpd module is made from the table of its codes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Stands for any code in tests and in the page's introduction.
const EXAMPLE: &str = "0000";

#[test]
fn sources_and_page_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let listed = codes_of_page(&root.join("docs/reference/messages.md"));
    let listed_for_httpd = codes_of_page(&root.join("docs/reference/mod_wsgi-messages.md"));
    let mut used = BTreeSet::new();
    for file in rust_files(&root.join("crates")) {
        used.extend(codes(
            &fs::read_to_string(&file).expect("a source file"),
            '"',
        ));
    }
    assert!(used.len() > 30, "the search found too little: {used:?}");
    let unexplained: Vec<_> = used.difference(&listed).collect();
    assert!(
        unexplained
            .iter()
            .all(|code| listed_for_httpd.contains(*code)),
        "codes without an explanation: {unexplained:?}"
    );
    let unused: Vec<_> = listed.difference(&used).collect();
    assert!(unused.is_empty(), "codes nobody writes: {unused:?}");
}

/// The codes that begin the rows of a page's tables.
fn codes_of_page(page: &Path) -> BTreeSet<String> {
    let page = fs::read_to_string(page).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let listed: Vec<String> = rows
        .flat_map(|row| codes(row.split(' ').next().unwrap_or(""), ' '))
        .collect();
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), unique.len(), "a code is explained twice");
    unique
}

/// The codes in a text; in sources they stand in quotes.
fn codes(text: &str, quote: char) -> Vec<String> {
    let is_code = |word: &str| {
        let digits = word
            .strip_prefix("RH")
            .or_else(|| word.strip_prefix("WSGI"));
        digits.is_some_and(|digits| {
            digits.len() == 4 && digits != EXAMPLE && digits.bytes().all(|b| b.is_ascii_digit())
        })
    };
    text.split(quote)
        .filter(|word| is_code(word))
        .map(str::to_owned)
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() && !path.ends_with("target") => rust_files(&path),
            Some(extension) if extension == "rs" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

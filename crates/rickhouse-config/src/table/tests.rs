use std::collections::BTreeSet;

use super::*;

#[test]
fn names_and_letters_are_given_once() {
    let names: BTreeSet<_> = all().map(|spec| spec.name).collect();
    assert_eq!(names.len(), all().count());
    let letters: Vec<_> = all().filter_map(|spec| spec.short).collect();
    assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), letters.len());
    // Letters of the command line's own.
    assert!(!letters.contains(&'h') && !letters.contains(&'V'));
}

#[test]
fn every_entry_is_whole() {
    for spec in all() {
        assert!(
            spec.name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
            "{}",
            spec.name
        );
        assert!(
            !spec.help.is_empty() && !spec.help.ends_with('.'),
            "{}",
            spec.name
        );
        for sentences in [spec.details, spec.reason] {
            assert!(
                sentences.is_empty() || sentences.ends_with('.'),
                "{}",
                spec.name
            );
        }
        if let Default::Unset(meaning) = spec.default {
            assert!(!meaning.is_empty(), "{}", spec.name);
        }
        assert!(spec.range.0 <= spec.range.1, "{}", spec.name);
    }
}

#[test]
fn a_slip_of_the_pen_is_understood() {
    let check = |said: &str, meant: Option<&str>| {
        assert_eq!(similar(said).map(|spec| spec.name), meant, "{said}")
    };
    check("worker", Some("workers"));
    check("wrokers", Some("workers"));
    check("max_requests", Some("max-requests"));
    check("KEEPALIVE", Some("keep-alive"));
    check("access-log", Some("access-logfile"));
    check("xyzzy", None);
}

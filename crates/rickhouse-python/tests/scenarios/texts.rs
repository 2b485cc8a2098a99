//! `str` and `bytes`.

use crate::support::{check, failure, start};

pub(crate) fn latin_1_is_read_as_cpython_encodes_it() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        for bytes in [
            &b""[..],
            b"plain",
            b"caf\xe9",
            b"\xff",
            b"nul\0inside",
            b"\x7f\x80",
        ] {
            let text = check(py, py.str_latin1(bytes));
            let read = check(py, text.with_latin1(py, <[u8]>::to_vec));
            assert_eq!(read, bytes);
        }
        // Characters beyond latin-1 whose UTF-8 has as many bytes as there are characters do not exist; but the
        // comparison of the two lengths must not be fooled by any of these.
        for text in ["\u{100}", "a\u{20ac}", "\u{10ffff}"] {
            let text = check(py, py.str(text));
            let error = failure(py, text.with_latin1(py, |_| ()));
            assert!(
                error.starts_with("UnicodeEncodeError: 'latin-1' codec"),
                "{error}"
            );
        }
        let none = failure(py, py.none().with_latin1(py, |_| ()));
        assert!(none.starts_with("TypeError"), "{none}");
    });
}

pub(crate) fn texts_survive_lone_surrogates() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let surrogate = check(py, py.str_fs(b"a\xffb"));
        assert_eq!(check(py, surrogate.to_text(py)), "a\\udcffb");
        assert_eq!(check(py, surrogate.to_fs_bytes(py)), b"a\xffb");
        let error = failure(py, surrogate.with_latin1(py, |_| ()));
        assert!(error.starts_with("UnicodeEncodeError"), "{error}");
        assert!(failure(py, py.none().to_text(py)).starts_with("TypeError"));
    });
}

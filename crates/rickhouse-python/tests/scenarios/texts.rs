//! `str` and `bytes`.

use rickhouse_python::BytesBuffer;

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

pub(crate) fn bytes_are_written_in_place() {
    let (_runtime, mut main) = start();
    main.attach(|py| {
        let data: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        for (room, step) in [(0, 1000), (1, 7000), (300_000, 65_536), (1 << 30, 40_000)] {
            let mut buffer = check(py, BytesBuffer::with_room(py, room));
            assert!(buffer.is_empty());
            let mut rest = &data[..];
            while !rest.is_empty() {
                if buffer.room_left() == 0 {
                    let more = buffer.len() + 1;
                    buffer = check(py, buffer.grow(py, more));
                }
                let target = buffer.spare(step);
                let count = target.len().min(rest.len());
                let (taken, left) = rest.split_at(count);
                py.detach(|| target[..count].copy_from_slice(taken));
                buffer.advance(count);
                rest = left;
            }
            assert_eq!(buffer.len(), data.len());
            let bytes = check(py, buffer.finish(py));
            assert_eq!(bytes.as_bytes(), Some(&data[..]), "{room}");
        }
        for length in [0, 1, 2] {
            let mut buffer = check(py, BytesBuffer::with_room(py, 5));
            assert_eq!(buffer.spare(9).len(), 5);
            buffer.extend(&b"ab"[..length]);
            assert_eq!(
                check(py, buffer.finish(py)).as_bytes(),
                Some(&b"ab"[..length])
            );
        }
        let error = BytesBuffer::with_room(py, usize::MAX).map(drop);
        assert!(failure(py, error).starts_with("OverflowError"));
        let error = BytesBuffer::with_room(py, 1 << 60).map(drop);
        assert!(failure(py, error).starts_with("MemoryError"));
        let buffer = check(py, BytesBuffer::with_room(py, 5));
        let error = buffer.grow(py, 1 << 60).map(drop);
        assert!(failure(py, error).starts_with("MemoryError"));
    });
}

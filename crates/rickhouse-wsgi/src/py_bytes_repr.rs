//! Bytes as Python writes them.

use std::fmt::{self, Write};

/// Writes bytes as Python's `repr` of a `bytes` object does: `b'...'`, in double quotes where there is a single quote but no double
/// one, and all that is not printable ASCII escaped. So what an application put into a header never reaches a log as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PyBytesRepr<'a>(pub &'a [u8]);

impl fmt::Display for PyBytesRepr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains(&b'\'') && !self.0.contains(&b'"') {
            '"'
        } else {
            '\''
        };
        write!(f, "b{quote}")?;
        for &byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\\\")?,
                b'\t' => f.write_str("\\t")?,
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                _ if char::from(byte) == quote => write!(f, "\\{quote}")?,
                b' '..=b'~' => f.write_char(byte.into())?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_char(quote)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads what the `repr` says, the way Python reads a literal.
    fn literal(text: &str) -> Vec<u8> {
        let text = text.as_bytes();
        assert!(text.len() >= 3 && text[0] == b'b' && text[1] == text[text.len() - 1]);
        let mut rest = &text[2..text.len() - 1];
        let mut bytes = Vec::new();
        while let [first, tail @ ..] = rest {
            assert!(first.is_ascii_graphic() || *first == b' ');
            rest = match (first, tail) {
                (b'\\', [b'x', high, low, tail @ ..]) => {
                    let digits = [*high, *low];
                    bytes.push(
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap(),
                    );
                    tail
                }
                (b'\\', [letter, tail @ ..]) => {
                    bytes.push(match letter {
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'r' => b'\r',
                        other => *other,
                    });
                    tail
                }
                _ => {
                    assert_ne!(*first, text[1], "an unescaped quote ends the literal");
                    bytes.push(*first);
                    tail
                }
            };
        }
        bytes
    }

    #[test]
    fn what_python_writes() {
        let check = |bytes: &[u8], repr: &str| assert_eq!(PyBytesRepr(bytes).to_string(), repr);
        check(b"", "b''");
        check(b"200 OK", "b'200 OK'");
        check(b"it's", "b\"it's\"");
        check(b"say \"x\"", "b'say \"x\"'");
        check(b"it's \"x\"", "b'it\\'s \"x\"'");
        check(b"a\\b", "b'a\\\\b'");
        check(b"\t\n\r\x0b\0", "b'\\t\\n\\r\\x0b\\x00'");
        check(b"\x7f\x80\xe4\xff~", "b'\\x7f\\x80\\xe4\\xff~'");
    }

    proptest! {
        #[test]
        fn it_can_be_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(literal(&PyBytesRepr(&bytes).to_string()), bytes);
        }

        #[test]
        fn quotes_can_be_read_back(bytes in proptest::collection::vec(proptest::sample::select(b"'\"\\a".to_vec()), 0..8)) {
            prop_assert_eq!(literal(&PyBytesRepr(&bytes).to_string()), bytes);
        }
    }
}

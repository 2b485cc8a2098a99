//! Splitting the rest of a configuration line into words, as httpd does it for directives that take words.

use crate::text::Text;

/// What was left of a directive's arguments.
///
/// A word ends at white space. One that begins with `'` or `"` ends at the same quote; inside, a backslash takes its meaning from a quote or
/// a backslash that follows it (outside quotes, from a backslash only). A quote that is never closed ends with the line, as in httpd.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a>(&'a [u8]);

/// An option that is none: no `=`, nothing or white space in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl<'a> Words<'a> {
    /// Of the rest of a line, as httpd gives it to a directive that takes its arguments raw.
    pub fn new(line: &'a [u8]) -> Self {
        Self(line.trim_ascii_start())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left, as it stands in the line.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next word, without its quotes. `""` is a word, of no bytes.
    pub fn word(&mut self) -> Option<Text> {
        let word = match *self.0.first()? {
            quote @ (b'"' | b'\'') => self.quoted(quote),
            _ => unescape(self.take_until(|byte| byte.is_ascii_whitespace())),
        };
        self.0 = self.0.trim_ascii_start();
        Some(word)
    }

    /// The next `name=value`, the value a word (DD §1.4). Nothing is left afterwards to an option without a value.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn option(&mut self) -> Option<Result<(&'a [u8], Text), Malformed>> {
        if self.is_empty() {
            return None;
        }
        let name = self.take_until(|byte| byte == b'=' || byte.is_ascii_whitespace());
        let Some(after) = self.0.strip_prefix(b"=").filter(|_| !name.is_empty()) else {
            return Some(Err(Malformed));
        };
        // As in httpd, white space may stand between `=` and the value, so that `a= b=2` is one option.
        self.0 = after.trim_ascii_start();
        let value = self.word().unwrap_or_default();
        Some(Ok((name, value)))
    }

    fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a [u8] {
        let length = self.0.iter().position(|byte| ends(*byte));
        let (taken, rest) = self.0.split_at(length.unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn quoted(&mut self, quote: u8) -> Text {
        let mut word = Vec::new();
        let mut rest = self.0[1..].iter();
        while let Some(&byte) = rest.next() {
            match (byte, rest.as_slice().first()) {
                (b'\\', Some(&next)) if next == quote || next == b'\\' => {
                    word.push(next);
                    rest.next();
                }
                (byte, _) if byte == quote => break,
                (byte, _) => word.push(byte),
            }
        }
        self.0 = rest.as_slice();
        word.into()
    }
}

/// Two backslashes outside quotes stand for one, all others for themselves.
fn unescape(word: &[u8]) -> Text {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&byte, after)) = rest.split_first() {
        plain.push(byte);
        rest = match after {
            [b'\\', after @ ..] if byte == b'\\' => after,
            _ => after,
        };
    }
    plain.into()
}

impl Iterator for Words<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        self.word()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        Words::new(line.as_bytes())
            .map(|word| word.to_string())
            .collect()
    }

    fn options(line: &str) -> Result<Vec<(String, String)>, Malformed> {
        let mut words = Words::new(line.as_bytes());
        std::iter::from_fn(|| words.option())
            .map(|option| {
                option.map(|(name, value)| (Text::from(name).to_string(), value.to_string()))
            })
            .collect()
    }

    #[test]
    fn words_of_a_line() {
        let check = |line: &str, expected: &[&str]| assert_eq!(words(line), expected, "{line}");
        check("", &[]);
        check("  ", &[]);
        check(" a  b\tc ", &["a", "b", "c"]);
        check(r#""a b" 'c "d'"#, &["a b", r#"c "d"#]);
        check(r#""a \"b\" \\ \n" x"#, &[r#"a "b" \ \n"#, "x"]);
        check(r#""a"b c"#, &["a", "b", "c"]);
        check(r#"a"b c"#, &[r#"a"b"#, "c"]);
        check(r"a\ b", &[r"a\", "b"]);
        check(r"a\\b\\\c", &[r"a\b\\c"]);
        check(r#""" a"#, &["", "a"]);
        check(r#""a b"#, &["a b"]);
        check(r#"""#, &[""]);
        check(r#""a\"#, &[r"a\"]);
    }

    #[test]
    fn options_of_a_line() {
        let check = |line: &str, expected: &[(&str, &str)]| {
            let expected = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            assert_eq!(options(line), Ok(expected.collect()), "{line}");
        };
        check("", &[]);
        check("a=1  b=2", &[("a", "1"), ("b", "2")]);
        check("a=\"x y\" b='z'", &[("a", "x y"), ("b", "z")]);
        check("a= b=2", &[("a", "b=2")]);
        check("a=", &[("a", "")]);
        check("a=\"\"", &[("a", "")]);
        check("a=b=c", &[("a", "b=c")]);
        for malformed in ["a", "a =1", "=1", "a=1 b", "a=1 =2", "\"a\""] {
            assert_eq!(options(malformed), Err(Malformed), "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn any_line_ends(line: Vec<u8>) {
            prop_assert!(Words::new(&line).count() <= line.len());
            let mut words = Words::new(&line);
            let options = std::iter::from_fn(|| words.option().filter(Result::is_ok)).count();
            prop_assert!(options <= line.len());
        }

        #[test]
        fn a_quoted_word_comes_back(text in "[ -~]{0,12}", rest in "[a-z]{0,3}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            let line = format!("\"{quoted}\" {rest}");
            let mut words = Words::new(line.as_bytes());
            prop_assert_eq!(words.word(), Some(Text::from(text.as_str())));
            prop_assert_eq!(words.word(), Some(Text::from(rest.as_str())).filter(|rest| !rest.is_empty()));
        }
    }
}

//! The location table of a code object (`co_linetable`, CPython's Objects/locations.md, since 3.11).

/// The line of the instruction with number `index` (in code units); `None` when it has none or the table is broken.
pub(crate) fn line_at(table: &[u8], first_line: u32, index: u64) -> Option<u32> {
    let mut line = i64::from(first_line);
    let mut covered = 0_u64;
    let mut bytes = table.iter().copied().peekable();
    while let Some(head) = bytes.next() {
        if head & 0x80 == 0 {
            return None;
        }
        let units = u64::from(head & 7) + 1;
        let kind = (head >> 3) & 15;
        let has_line = kind != 15;
        match kind {
            // No column, long form: both begin with a signed line delta.
            13 | 14 => line += signed_varint(&mut bytes)?,
            // One line form: the delta is in the kind.
            10..=12 => line += i64::from(kind - 10),
            _ => {}
        }
        covered += units;
        if index < covered {
            return if has_line {
                u32::try_from(line).ok()
            } else {
                None
            };
        }
        while bytes.peek().is_some_and(|byte| byte & 0x80 == 0) {
            bytes.next();
        }
    }
    None
}

fn signed_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let value = varint(bytes)?;
    let magnitude = i64::try_from(value >> 1).ok()?;
    Some(if value & 1 == 1 {
        -magnitude
    } else {
        magnitude
    })
}

/// Six bits a byte, least significant first; bit 6 says that more follow.
fn varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..36).step_by(6) {
        let byte = bytes.next()?;
        value |= u64::from(byte & 0x3f) << shift;
        if byte & 0x40 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::line_at;

    /// Prints `firstlineno table begin:end:line …` for every code object of some large modules.
    const DUMP: &str = r#"
import argparse, asyncio.base_events, datetime, decimal, inspect, _pydecimal, typing
def walk(code):
    lines = " ".join(f"{begin // 2}:{end // 2}:{line or 0}" for begin, end, line in code.co_lines())
    print(code.co_firstlineno, code.co_linetable.hex() or "-", lines)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            walk(constant)
for module in (argparse, asyncio.base_events, datetime, decimal, inspect, _pydecimal, typing):
    walk(compile(inspect.getsource(module), module.__file__, "exec"))
"#;

    #[test]
    fn lines_are_those_of_co_lines() {
        let python =
            std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
        let output = Command::new(python)
            .args(["-c", DUMP])
            .output()
            .expect("the Python under test runs");
        let dump = String::from_utf8(output.stdout).expect("hexadecimal is text");
        let mut compared = 0;
        for code in dump.lines() {
            let mut words = code.split(' ');
            let first = number(words.next().expect("the first line"));
            let table = bytes(words.next().expect("the table"));
            for range in words {
                let [begin, end, line] = range
                    .split(':')
                    .map(number)
                    .collect::<Vec<_>>()
                    .try_into()
                    .expect("three numbers");
                for index in begin..end {
                    let found = line_at(&table, first, index.into()).unwrap_or(0);
                    assert_eq!(found, line, "instruction {index} of {code}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 50_000, "{compared} instructions were compared");
    }

    fn number(text: &str) -> u32 {
        text.parse().expect("a number")
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = |pair: &[u8]| String::from_utf8(pair.to_vec()).expect("hexadecimal is text");
        hex.as_bytes()
            .chunks_exact(2)
            .map(|pair| u8::from_str_radix(&digits(pair), 16).expect("hexadecimal"))
            .collect()
    }

    fn head(kind: u8, units: u8) -> u8 {
        0x80 | (kind << 3) | (units - 1)
    }

    #[test]
    fn short_forms_stay_on_the_line() {
        let table = [head(0, 2), 0x11, head(11, 1), 4, 9];
        assert_eq!(line_at(&table, 10, 0), Some(10));
        assert_eq!(line_at(&table, 10, 1), Some(10));
        assert_eq!(line_at(&table, 10, 2), Some(11));
    }

    #[test]
    fn signed_deltas_go_back() {
        // -3 is written as (3 << 1) | 1.
        let table = [head(13, 1), 7, head(15, 1)];
        assert_eq!(line_at(&table, 10, 0), Some(7));
        assert_eq!(line_at(&table, 10, 1), None);
    }

    #[test]
    fn broken_tables_have_no_line() {
        for table in [
            &[][..],
            &[0x01],
            &[head(13, 1)],
            &[head(14, 8), 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f],
        ] {
            assert_eq!(line_at(table, 1, 0), None);
        }
    }
}

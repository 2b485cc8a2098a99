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
    use super::line_at;

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

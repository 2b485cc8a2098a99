//! The name under which `ps` shows this process.

use std::fs;
use std::io;

/// Writes `title` over the first argument of the process, padded by spaces or cut to the room that is there: that of the
/// argument as it was.
///
/// # Errors
/// When `/proc` does not tell where the arguments are, or the process has other threads, which may be reading them.
pub fn set(title: &[u8]) -> io::Result<()> {
    if !crate::process::is_single_threaded() {
        return Err(io::Error::other("the process has several threads"));
    }
    let (begin, end) = argument_area()?;
    // A fresh process shows its arguments from here; their first one ends at the first NUL.
    let first = fs::read("/proc/self/cmdline")?;
    let room = first.iter().position(|byte| *byte == 0).unwrap_or(0);
    let room = room.min(end.saturating_sub(begin));
    for place in 0..room {
        let byte = title.get(place).copied().unwrap_or(b' ');
        // A NUL would end the argument early, for us at the next call and for everybody else.
        let byte = if byte == 0 { b' ' } else { byte };
        let target = (begin + place) as *mut u8;
        // SAFETY: the kernel names `begin..end` as the place of this process's arguments: on the stack of its main
        // thread, writable, there for as long as the process is. No other thread exists (checked above), and whoever
        // holds a pointer to the argument reads it as a C string, whose NUL is not touched.
        unsafe { target.write_volatile(byte) };
    }
    Ok(())
}

/// Fields 48 and 49 of `/proc/self/stat`: `arg_start` and `arg_end`.
fn argument_area() -> io::Result<(usize, usize)> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The second field, the program's name in parentheses, may hold anything; the third follows its last one.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = rest.split_ascii_whitespace().skip(48 - 3);
    let mut number = || fields.next().and_then(|field| field.parse().ok());
    match (number(), number()) {
        (Some(begin), Some(end)) if begin != 0 && begin < end => Ok((begin, end)),
        _ => Err(io::Error::other("the place of the arguments is unknown")),
    }
}

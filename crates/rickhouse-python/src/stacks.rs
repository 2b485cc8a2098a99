//! Python stacks of every thread of every interpreter, read without attaching and without the GIL.
//!
//! CPython 3.13 and newer put a table of field offsets (`_Py_DebugOffsets`) at the start of `_PyRuntime` for debuggers.
//! With it this module walks interpreters, thread states and frames. All reads go through `process_vm_readv` on this
//! very process, so a pointer that has gone stale meanwhile gives an error and never a fault; what is read may be a
//! few microseconds old or torn, and is for people to look at.

/// A thread of an interpreter and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadStack {
    /// `PyInterpreterState_GetID` of its interpreter.
    pub interpreter: i64,
    /// What Python calls the thread (`threading.get_ident()`).
    pub ident: u64,
    /// The operating system's thread id.
    pub native_id: u64,
    /// Whether it holds the GIL of its interpreter at this moment.
    pub holds_gil: bool,
    /// Innermost call first.
    pub frames: Vec<Frame>,
}

/// A Python call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// `co_qualname`.
    pub function: String,
    /// `co_filename`.
    pub file: String,
    /// The line that runs; 0 when it cannot be told.
    pub line: u32,
}

/// The stacks of all threads, or `None` where this CPython offers no way (before 3.13, or a layout not known here).
pub fn stacks() -> Option<Vec<ThreadStack>> {
    walker::stacks()
}

#[cfg(not(all(Py_3_13, not(Py_3_15))))]
mod walker {
    pub(super) fn stacks() -> Option<Vec<super::ThreadStack>> {
        None
    }
}

#[cfg(all(Py_3_13, not(Py_3_15)))]
mod walker {
    use super::{Frame, ThreadStack};
    use crate::debug_offsets::DebugOffsets;
    use crate::linetable;
    use crate::own_memory::{read_bytes, read_field};

    /// Bounds for lists that may be torn: a loop in them must end.
    const MAX_INTERPRETERS: usize = 256;
    const MAX_THREADS: usize = 4096;
    const MAX_FRAMES: usize = 256;

    /// `_PyInterpreterFrame.owner` of a frame that belongs to C code and has no code object of interest.
    const OWNED_BY_C_STACK: u8 = 3;

    pub(super) fn stacks() -> Option<Vec<ThreadStack>> {
        let (runtime, offsets) = DebugOffsets::of_this_process()?;
        let mut found = Vec::new();
        let mut interpreter = read_field(runtime, offsets.runtime_state.interpreters_head)?;
        for _ in 0..MAX_INTERPRETERS {
            if interpreter == 0 {
                break;
            }
            walk_interpreter(&offsets, interpreter, &mut found);
            interpreter = read_field(interpreter, offsets.interpreter_state.next).unwrap_or(0);
        }
        Some(found)
    }

    fn walk_interpreter(offsets: &DebugOffsets, interpreter: u64, found: &mut Vec<ThreadStack>) {
        let fields = &offsets.interpreter_state;
        let id = read_field(interpreter, fields.id)
            .unwrap_or(0)
            .cast_signed();
        let holder = gil_holder(offsets, interpreter);
        let mut thread = read_field(interpreter, fields.threads_head).unwrap_or(0);
        for _ in 0..MAX_THREADS {
            if thread == 0 {
                break;
            }
            let native_id = read_field(thread, offsets.thread_state.native_thread_id).unwrap_or(0);
            let ident = read_field(thread, offsets.thread_state.thread_id).unwrap_or(0);
            let frames = frames(offsets, thread);
            found.push(ThreadStack {
                interpreter: id,
                ident,
                native_id,
                holds_gil: holder == Some(thread),
                frames,
            });
            thread = read_field(thread, offsets.thread_state.next).unwrap_or(0);
        }
    }

    /// The thread state that holds the interpreter's GIL. The table gives offsets into the GIL that is embedded in an
    /// interpreter; one that shares another's GIL points to it, hence the difference.
    fn gil_holder(offsets: &DebugOffsets, interpreter: u64) -> Option<u64> {
        let fields = &offsets.interpreter_state;
        let gil = read_field(interpreter, fields.ceval_gil).filter(|gil| *gil != 0)?;
        let embedded = |field: u64| field.checked_sub(fields.gil_runtime_state);
        let locked = read_field(gil, embedded(fields.gil_runtime_state_locked)?)?;
        let holder = read_field(gil, embedded(fields.gil_runtime_state_holder)?)?;
        // `locked` is an `int`; its neighbour in the upper half is another field.
        (locked & 0xffff_ffff == 1).then_some(holder)
    }

    fn frames(offsets: &DebugOffsets, thread: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut frame = read_field(thread, offsets.thread_state.current_frame).unwrap_or(0);
        for _ in 0..MAX_FRAMES {
            if frame == 0 {
                break;
            }
            frames.extend(describe(offsets, frame));
            frame = read_field(frame, offsets.interpreter_frame.previous).unwrap_or(0);
        }
        frames
    }

    fn describe(offsets: &DebugOffsets, frame: u64) -> Option<Frame> {
        let fields = &offsets.interpreter_frame;
        let owner = read_bytes(frame.wrapping_add(fields.owner), 1)?;
        if owner.first().is_none_or(|owner| *owner >= OWNED_BY_C_STACK) {
            return None;
        }
        // 3.14 keeps tag bits in the low end of the reference.
        let code = read_field(frame, fields.executable)? & !7;
        let function = text(offsets, read_field(code, offsets.code_object.qualname)?)?;
        let file = text(offsets, read_field(code, offsets.code_object.filename)?)?;
        let line = line(offsets, code, read_field(frame, fields.instr_ptr)?).unwrap_or(0);
        Some(Frame {
            function,
            file,
            line,
        })
    }

    /// A compact `str`, which all names in code objects are.
    fn text(offsets: &DebugOffsets, object: u64) -> Option<String> {
        const LONGEST: u64 = 512;
        /// Bits of `PyASCIIObject.state`: how it was interned, then `kind:3, compact:1, ascii:1`.
        const KIND: u32 = if cfg!(all(Py_3_14, Py_GIL_DISABLED)) {
            8
        } else {
            2
        };
        /// `utf8_length` and `utf8`, which a `PyCompactUnicodeObject` has between its head and its characters.
        const UTF8_FIELDS: u64 = 16;

        let fields = &offsets.unicode_object;
        let state = read_field(object, fields.state)?;
        let width = state >> KIND & 7;
        let ascii = state >> (KIND + 4) & 1 == 1;
        let length = read_field(object, fields.length)?.min(LONGEST);
        let begin = fields.asciiobject_size + if ascii { 0 } else { UTF8_FIELDS };
        let size = usize::try_from(length * width).ok()?;
        let bytes = read_bytes(object.wrapping_add(begin), size)?;
        let wide = |bytes: &[u8]| match *bytes {
            [one] => Some(u32::from(one)),
            [low, high] => Some(u32::from(u16::from_ne_bytes([low, high]))),
            [a, b, c, d] => Some(u32::from_ne_bytes([a, b, c, d])),
            _ => None,
        };
        let width = usize::try_from(width).ok().filter(|width| *width > 0)?;
        let characters = bytes.chunks_exact(width).filter_map(wide);
        Some(
            characters
                .map(|code| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
        )
    }

    fn line(offsets: &DebugOffsets, code: u64, instruction: u64) -> Option<u32> {
        const LONGEST: u64 = 1 << 20;
        let first = read_field(code, offsets.code_object.firstlineno)? & 0xffff_ffff;
        let first = u32::try_from(first).ok()?;
        let begin = code.wrapping_add(offsets.code_object.co_code_adaptive);
        // Free-threaded 3.14 runs a copy of the byte code per thread, elsewhere in memory: only the first line is known.
        let Some(position) = instruction
            .checked_sub(begin)
            .filter(|position| *position < LONGEST)
        else {
            return Some(first);
        };
        let table = read_field(code, offsets.code_object.linetable)?;
        let size = read_field(table, offsets.bytes_object.ob_size)?.min(LONGEST);
        let table = read_bytes(
            table.wrapping_add(offsets.bytes_object.ob_sval),
            usize::try_from(size).ok()?,
        )?;
        Some(linetable::line_at(&table, first, position / 2).unwrap_or(first))
    }
}

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
    use crate::own_memory::{read_bytes, read_u64};

    /// Bounds for lists that may be torn: a loop in them must end.
    const MAX_INTERPRETERS: usize = 256;
    const MAX_THREADS: usize = 4096;
    const MAX_FRAMES: usize = 256;

    /// `_PyInterpreterFrame.owner` of a frame that belongs to C code and has no code object of interest.
    const OWNED_BY_C_STACK: u8 = 3;

    pub(super) fn stacks() -> Option<Vec<ThreadStack>> {
        let (runtime, offsets) = DebugOffsets::of_this_process()?;
        let mut found = Vec::new();
        let mut interpreter = read_u64(runtime + offsets.runtime_state.interpreters_head)?;
        for _ in 0..MAX_INTERPRETERS {
            if interpreter == 0 {
                break;
            }
            walk_interpreter(&offsets, interpreter, &mut found);
            interpreter = read_u64(interpreter + offsets.interpreter_state.next).unwrap_or(0);
        }
        Some(found)
    }

    fn walk_interpreter(offsets: &DebugOffsets, interpreter: u64, found: &mut Vec<ThreadStack>) {
        let fields = &offsets.interpreter_state;
        let id = read_u64(interpreter + fields.id).unwrap_or(0).cast_signed();
        let holder = gil_holder(offsets, interpreter);
        let mut thread = read_u64(interpreter + fields.threads_head).unwrap_or(0);
        for _ in 0..MAX_THREADS {
            if thread == 0 {
                break;
            }
            let native_id = read_u64(thread + offsets.thread_state.native_thread_id).unwrap_or(0);
            let frames = frames(offsets, thread);
            found.push(ThreadStack {
                interpreter: id,
                native_id,
                holds_gil: holder == Some(thread),
                frames,
            });
            thread = read_u64(thread + offsets.thread_state.next).unwrap_or(0);
        }
    }

    /// The thread state that holds the interpreter's GIL. The table gives offsets into the GIL that is embedded in an
    /// interpreter; one that shares another's GIL points to it, hence the difference.
    fn gil_holder(offsets: &DebugOffsets, interpreter: u64) -> Option<u64> {
        let fields = &offsets.interpreter_state;
        let gil = read_u64(interpreter + fields.ceval_gil).filter(|gil| *gil != 0)?;
        let embedded = |field: u64| field.checked_sub(fields.gil_runtime_state);
        let locked = read_u64(gil + embedded(fields.gil_runtime_state_locked)?)?;
        let holder = read_u64(gil + embedded(fields.gil_runtime_state_holder)?)?;
        // `locked` is an `int`; its neighbour in the upper half is another field.
        (locked & 0xffff_ffff == 1).then_some(holder)
    }

    fn frames(offsets: &DebugOffsets, thread: u64) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut frame = read_u64(thread + offsets.thread_state.current_frame).unwrap_or(0);
        for _ in 0..MAX_FRAMES {
            if frame == 0 {
                break;
            }
            frames.extend(describe(offsets, frame));
            frame = read_u64(frame + offsets.interpreter_frame.previous).unwrap_or(0);
        }
        frames
    }

    fn describe(offsets: &DebugOffsets, frame: u64) -> Option<Frame> {
        let fields = &offsets.interpreter_frame;
        let owner = read_bytes(frame + fields.owner, 1)?;
        if owner.first().is_none_or(|owner| *owner >= OWNED_BY_C_STACK) {
            return None;
        }
        // 3.14 keeps tag bits in the low end of the reference.
        let code = read_u64(frame + fields.executable)? & !7;
        let function = text(offsets, read_u64(code + offsets.code_object.qualname)?)?;
        let file = text(offsets, read_u64(code + offsets.code_object.filename)?)?;
        let line = line(offsets, code, read_u64(frame + fields.instr_ptr)?).unwrap_or(0);
        Some(Frame {
            function,
            file,
            line,
        })
    }

    /// An ASCII or latin-1 `str` in compact form, which code names and file names nearly always are.
    fn text(offsets: &DebugOffsets, object: u64) -> Option<String> {
        const LONGEST: u64 = 512;
        let length = read_u64(object + offsets.unicode_object.length)?.min(LONGEST);
        let bytes = read_bytes(
            object + offsets.unicode_object.asciiobject_size,
            usize::try_from(length).ok()?,
        )?;
        Some(
            bytes
                .iter()
                .map(|byte| {
                    if byte.is_ascii() {
                        char::from(*byte)
                    } else {
                        '?'
                    }
                })
                .collect(),
        )
    }

    fn line(offsets: &DebugOffsets, code: u64, instruction: u64) -> Option<u32> {
        const LONGEST: u64 = 1 << 20;
        let first = read_u64(code + offsets.code_object.firstlineno)? & 0xffff_ffff;
        let first = u32::try_from(first).ok()?;
        let begin = code + offsets.code_object.co_code_adaptive;
        // Free-threaded 3.14 runs a copy of the byte code per thread, elsewhere in memory: only the first line is known.
        let Some(position) = instruction
            .checked_sub(begin)
            .filter(|position| *position < LONGEST)
        else {
            return Some(first);
        };
        let table = read_u64(code + offsets.code_object.linetable)?;
        let size = read_u64(table + offsets.bytes_object.ob_size)?.min(LONGEST);
        let table = read_bytes(
            table + offsets.bytes_object.ob_sval,
            usize::try_from(size).ok()?,
        )?;
        Some(linetable::line_at(&table, first, position / 2).unwrap_or(first))
    }
}

//! The table of field offsets that CPython keeps for debuggers (`_Py_DebugOffsets`, pycore_debug_offsets.h).

use crate::own_memory::read_bytes;

/// The words of the table after cookie, version and the free-threading flag. Their order is fixed within a minor
/// version of CPython and changes between them.
#[cfg(not(Py_3_14))]
const WORDS: usize = 70;
#[cfg(Py_3_14)]
const WORDS: usize = 92;

/// Cookie, version and the free-threading flag, in bytes.
const HEAD: usize = 24;

/// Makes a struct of the named words and its constructor.
macro_rules! offsets {
    ($($(#[$doc:meta])* $group:ident: $type:ident { $($field:ident = $before:literal / $since:literal),* $(,)? })*) => {
        /// The offsets this crate uses, in bytes. The number before the slash is the word's place in the table of
        /// 3.13, the one after it that of 3.14.
        pub(crate) struct DebugOffsets {
            $(pub(crate) $group: $type,)*
        }

        $(
            $(#[$doc])*
            pub(crate) struct $type {
                $(pub(crate) $field: u64,)*
            }
        )*

        /// The table's structures, their fields, and the words these are taken from.
        #[cfg(test)]
        const FIELDS: &[(&str, &str, usize)] = &[
            $($((stringify!($group), stringify!($field), if cfg!(Py_3_14) { $since } else { $before }),)*)*
        ];

        impl DebugOffsets {
            fn from_words(words: &[u64]) -> Self {
                DebugOffsets {
                    $($group: $type {
                        $($field: words[if cfg!(Py_3_14) { $since } else { $before }],)*
                    },)*
                }
            }
        }
    };
}

offsets! {
    /// Offsets in `_PyRuntimeState`.
    runtime_state: RuntimeState {
        interpreters_head = 2 / 2,
    }
    /// Offsets in `PyInterpreterState`.
    interpreter_state: InterpreterState {
        id = 4 / 4,
        next = 5 / 5,
        threads_head = 6 / 6,
        ceval_gil = 11 / 12,
        gil_runtime_state = 12 / 13,
        gil_runtime_state_locked = 14 / 15,
        gil_runtime_state_holder = 15 / 16,
    }
    /// Offsets in `PyThreadState`.
    thread_state: ThreadState {
        next = 18 / 21,
        current_frame = 20 / 23,
        thread_id = 21 / 24,
        native_thread_id = 22 / 25,
    }
    /// Offsets in `_PyInterpreterFrame`.
    interpreter_frame: InterpreterFrame {
        previous = 26 / 29,
        executable = 27 / 30,
        instr_ptr = 28 / 31,
        owner = 30 / 33,
    }
    /// Offsets in `PyCodeObject`.
    code_object: CodeObject {
        filename = 32 / 37,
        qualname = 34 / 39,
        linetable = 35 / 40,
        firstlineno = 36 / 41,
        co_code_adaptive = 40 / 45,
    }
    /// Offsets in `PyBytesObject`.
    bytes_object: BytesObject {
        ob_size = 62 / 72,
        ob_sval = 63 / 73,
    }
    /// Offsets in `PyUnicodeObject`.
    unicode_object: UnicodeObject {
        state = 65 / 75,
        length = 66 / 76,
        asciiobject_size = 67 / 77,
    }
}

impl DebugOffsets {
    /// The address of `_PyRuntime` and the offsets, when the running CPython is of the version this was built for.
    pub(crate) fn of_this_process() -> Option<(u64, Self)> {
        let runtime = runtime_address();
        let table = read_bytes(runtime, HEAD + WORDS * size_of::<u64>())?;
        let word =
            |at: usize| u64::from_ne_bytes(table[at..at + 8].try_into().expect("eight bytes"));
        // `PY_VERSION_HEX`: major and minor in the upper two bytes of 32 bits.
        let minor = if cfg!(Py_3_14) { 14 } else { 13 };
        if &table[..8] != b"xdebugpy" || word(8) >> 16 != (3 << 8 | minor) {
            return None;
        }
        let words: Vec<u64> = (0..WORDS).map(|index| word(HEAD + index * 8)).collect();
        Some((runtime, Self::from_words(&words)))
    }
}

fn runtime_address() -> u64 {
    unsafe extern "C" {
        /// CPython's process-wide state; only its address is used.
        static _PyRuntime: u8;
    }
    (&raw const _PyRuntime) as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::{FIELDS, HEAD, WORDS};

    /// Fails to compile, with the field's name, where the header says otherwise.
    #[test]
    fn words_are_where_the_header_has_them() {
        let mut source =
            String::from("#include <Python.h>\n#include <internal/pycore_runtime.h>\n");
        for (group, field, word) in FIELDS {
            source += &format!(
                "_Static_assert(offsetof(_Py_DebugOffsets, {group}.{field}) == {HEAD} + 8 * {word}, \"{group}.{field}\");\n"
            );
        }
        // Tables grow at their end within a minor version; what is read must exist in its first release.
        source += &format!(
            "_Static_assert(sizeof(_Py_DebugOffsets) >= {HEAD} + 8 * {WORDS}, \"size\");\n"
        );
        let python =
            std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
        let folder = Command::new(python)
            .args([
                "-c",
                "import sysconfig; print(sysconfig.get_path('include'), end='')",
            ])
            .output()
            .expect("the Python under test runs");
        let folder = String::from_utf8(folder.stdout).expect("the path is text");
        let mut compiler = Command::new("cc")
            .args(["-x", "c", "-w", "-fsyntax-only", "-DPy_BUILD_CORE", "-"])
            .args([format!("-I{folder}"), format!("-I{folder}/internal")])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a C compiler named cc");
        let mut input = compiler.stdin.take().expect("the input is a pipe");
        input
            .write_all(source.as_bytes())
            .expect("cc reads its input");
        drop(input);
        let output = compiler.wait_with_output().expect("cc ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

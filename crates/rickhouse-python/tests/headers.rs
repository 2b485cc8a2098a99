//! The structures of `pyo3-ffi` that this crate reads or writes, compared with the C headers of the Python in use.
//!
//! `pyo3-ffi` writes them down by hand, for more versions of CPython than its authors support.

use std::io::Write;
use std::process::{Command, Stdio};

use pyo3_ffi as ffi;

/// A C expression and the number Rust has for it.
type Claim = (String, usize);

/// The size of a structure and the places of some of its fields.
macro_rules! layout {
    ($claims:ident, $type:ident { $($field:ident),* $(,)? }) => {
        $claims.push((format!("sizeof({})", stringify!($type)), size_of::<ffi::$type>()));
        $($claims.push((
            format!("offsetof({}, {})", stringify!($type), stringify!($field)),
            std::mem::offset_of!(ffi::$type, $field),
        ));)*
    };
}

#[test]
fn structures_have_the_layout_of_the_headers() {
    let mut claims: Vec<Claim> = Vec::new();
    layout!(claims, PyObject { ob_type });
    layout!(
        claims,
        PyMethodDef {
            ml_name,
            ml_meth,
            ml_flags,
            ml_doc
        }
    );
    layout!(
        claims,
        PyModuleDef {
            m_base,
            m_name,
            m_doc,
            m_size,
            m_methods,
            m_slots,
            m_traverse,
            m_clear,
            m_free
        }
    );
    layout!(claims, PyModuleDef_Slot { slot, value });
    layout!(claims, PyType_Slot { slot, pfunc });
    layout!(
        claims,
        PyType_Spec {
            name,
            basicsize,
            itemsize,
            flags,
            slots
        }
    );
    layout!(
        claims,
        PyTypeObject {
            tp_name,
            tp_basicsize,
            tp_flags,
            tp_iternext
        }
    );
    layout!(
        claims,
        PyStatus {
            func,
            err_msg,
            exitcode
        }
    );
    layout!(
        claims,
        PyPreConfig {
            parse_argv,
            isolated,
            utf8_mode
        }
    );
    layout!(
        claims,
        PyConfig {
            install_signal_handlers,
            parse_argv,
            program_name,
            executable
        }
    );
    #[cfg(Py_GIL_DISABLED)]
    layout!(claims, PyConfig { enable_gil });
    #[cfg(Py_GIL_DISABLED)]
    layout!(
        claims,
        PyObject {
            ob_tid,
            ob_ref_local,
            ob_ref_shared
        }
    );
    #[cfg(Py_3_12)]
    layout!(
        claims,
        PyInterpreterConfig {
            use_main_obmalloc,
            allow_fork,
            allow_exec,
            allow_threads,
            allow_daemon_threads,
            check_multi_interp_extensions,
            gil,
        }
    );
    constants(&mut claims);
    compare(&claims);
}

/// Numbers that C has as macros.
fn constants(claims: &mut Vec<Claim>) {
    let mut claim = |text: &str, value: i64| {
        claims.push((
            text.to_owned(),
            usize::try_from(value).expect("not negative"),
        ));
    };
    claim(
        "METH_FASTCALL | METH_KEYWORDS",
        (ffi::METH_FASTCALL | ffi::METH_KEYWORDS).into(),
    );
    claim("METH_O", ffi::METH_O.into());
    claim("Py_file_input", ffi::Py_file_input.into());
    claim("Py_tp_dealloc", ffi::Py_tp_dealloc.into());
    claim("Py_tp_free", ffi::Py_tp_free.into());
    claim("Py_tp_methods", ffi::Py_tp_methods.into());
    claim("Py_tp_iter", ffi::Py_tp_iter.into());
    claim("Py_tp_iternext", ffi::Py_tp_iternext.into());
    let flag = |bits: std::ffi::c_ulong| i64::try_from(bits).expect("flags are small");
    claim("Py_TPFLAGS_DEFAULT", flag(ffi::Py_TPFLAGS_DEFAULT));
    claim(
        "Py_TPFLAGS_IMMUTABLETYPE",
        flag(ffi::Py_TPFLAGS_IMMUTABLETYPE),
    );
    claim(
        "Py_TPFLAGS_DISALLOW_INSTANTIATION",
        flag(ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION),
    );
    #[cfg(Py_3_12)]
    {
        claim(
            "PyInterpreterConfig_OWN_GIL",
            ffi::PyInterpreterConfig_OWN_GIL.into(),
        );
        claim(
            "PyInterpreterConfig_SHARED_GIL",
            ffi::PyInterpreterConfig_SHARED_GIL.into(),
        );
        claim(
            "Py_mod_multiple_interpreters",
            ffi::Py_mod_multiple_interpreters.into(),
        );
        claim(
            "(size_t)Py_MOD_PER_INTERPRETER_GIL_SUPPORTED",
            ffi::Py_MOD_PER_INTERPRETER_GIL_SUPPORTED as i64,
        );
    }
    #[cfg(Py_3_13)]
    {
        claim("Py_mod_gil", ffi::Py_mod_gil.into());
        claim(
            "(size_t)Py_MOD_GIL_NOT_USED",
            ffi::Py_MOD_GIL_NOT_USED as i64,
        );
    }
}

/// Lets the C compiler say what each expression is.
fn compare(claims: &[Claim]) {
    let mut source = String::from(
        "#include <Python.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n",
    );
    for (expression, _) in claims {
        source += &format!("  printf(\"%zu\\n\", (size_t)({expression}));\n");
    }
    source += "  return 0;\n}\n";
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let program = folder.path().join("layout");
    let mut compiler = Command::new("cc")
        .args(["-x", "c", "-w", "-o"])
        .arg(&program)
        .arg(format!("-I{}", include_folder()))
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("a C compiler named cc");
    let mut input = compiler.stdin.take().expect("the input is a pipe");
    input
        .write_all(source.as_bytes())
        .expect("cc reads its input");
    drop(input);
    assert!(
        compiler.wait().expect("cc ends").success(),
        "the headers could not be read"
    );
    let output = Command::new(program).output().expect("the program runs");
    let printed = String::from_utf8(output.stdout).expect("numbers are text");
    let wrong: Vec<String> = claims
        .iter()
        .zip(printed.lines())
        .filter(|((_, rust), c)| rust.to_string() != **c)
        .map(|((expression, rust), c)| format!("{expression}: {c} in C, {rust} in Rust"))
        .collect();
    assert_eq!(printed.lines().count(), claims.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn include_folder() -> String {
    let python = std::env::var_os("PYO3_PYTHON").expect("PYO3_PYTHON names the Python under test");
    let output = Command::new(python)
        .args([
            "-c",
            "import sysconfig; print(sysconfig.get_path('include'))",
        ])
        .output()
        .expect("the Python under test runs");
    let folder = String::from_utf8(output.stdout).expect("the path is text");
    folder.trim().to_owned()
}

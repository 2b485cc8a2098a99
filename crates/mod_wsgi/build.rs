//! How `mod_wsgi.so` is linked, and for which Python.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // httpd unloads and loads its modules at each restart. Code that std has handed to the C library (destructors of
    // thread-local variables) must not go away with them: see SAFETY.md.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // httpd's and APR's symbols are there once httpd loads the module; test programs never call them.
    println!("cargo::rustc-link-arg=-Wl,--unresolved-symbols=ignore-all");
    // httpd knows no Python: the module has to say where its libpython is.
    pyo3_build_config::add_libpython_rpath_link_args();
    pyo3_build_config::use_pyo3_cfgs();
    let version = pyo3_build_config::get().version();
    println!("cargo::rustc-env=PYTHON_MAJOR={}", version.major);
    println!("cargo::rustc-env=PYTHON_MINOR={}", version.minor);
}

//! Hands CPython's version and build flags to the source as `cfg`s, and lets test programs find libpython.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
    pyo3_build_config::add_libpython_rpath_link_args();
    let version = pyo3_build_config::get().version();
    println!("cargo::rustc-env=PYTHON_MAJOR={}", version.major);
    println!("cargo::rustc-env=PYTHON_MINOR={}", version.minor);
}

//! How `mod_wsgi.so` is linked. Where its libpython is, whoever builds it says (packaging/rickhouse_build.py).

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // httpd unloads and loads its modules at each restart. Code that std has handed to the C library (destructors of
    // thread-local variables) must not go away with them: see SAFETY.md.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    // httpd's and APR's symbols are there once httpd loads the module; test programs never call them.
    println!("cargo::rustc-link-arg=-Wl,--unresolved-symbols=ignore-all");
}

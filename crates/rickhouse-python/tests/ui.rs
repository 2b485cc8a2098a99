//! What must not compile, each case beside a twin that does the same the right way.
//!
//! The texts of the compiler differ between its releases; they are compared where they were written down (`*.stderr`)
//! and `TRYBUILD=overwrite` writes them again. The twins show that a case fails for its own reason.

#[test]
fn misuse_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

//! Scripts in named interpreters, against a real CPython; see `runner` for how to run some of the scenarios. Row numbers
//! in comments are those of the behavioural reference's §14.

#[path = "../../../rickhouse-python/tests/runner/mod.rs"]
mod runner;
#[path = "../support/mod.rs"]
mod support;

mod process;
mod serving;

fn main() {
    runner::main(scenarios![
        serving::a_script_serves_from_the_main_interpreter,
    ]);
}

//! Runs each scenario in a process of its own: CPython lives once in a process and is never finalised here.
//!
//! Without arguments all scenarios run; arguments name some (`cargo test --test scenarios -- fairness`).

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a scenario may take; a deadlock ends here.
const DEADLINE: Duration = Duration::from_secs(120);

/// The exit status of a scenario that the Python under test offers no ground for.
const NOT_APPLICABLE: i32 = 77;

/// Its name, and what it does: it returns, or panics.
pub(crate) type Scenario = (&'static str, fn());

/// Makes the list of scenarios of functions with the same names.
#[macro_export]
macro_rules! scenarios {
    ($($module:ident::$name:ident),* $(,)?) => {
        &[$((stringify!($name), $module::$name as fn())),*]
    };
}

/// The whole test program.
pub(crate) fn main(scenarios: &[Scenario]) {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name] = &arguments[..]
        && flag == "--child"
    {
        run_here(scenarios, name);
    }
    // Options are the test harness's, such as `--nocapture`; the rest are parts of names.
    let wanted: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let chosen = scenarios
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|part| name.contains(*part)));
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in chosen {
        let begin = Instant::now();
        let outcome = run_in_child(name);
        let seconds = begin.elapsed().as_secs_f32();
        match outcome {
            Ok(None) => {
                passed += 1;
                println!("PASS {name} ({seconds:.1} s)");
            }
            Ok(Some(reason)) => println!("N/A  {name}: {}", reason.trim()),
            Err(output) => {
                failed += 1;
                println!("FAIL {name} ({seconds:.1} s)");
                output.lines().for_each(|line| println!("     | {line}"));
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    std::process::exit(i32::from(failed > 0 || passed == 0));
}

/// Leaves a scenario that does not apply to the Python under test.
#[allow(dead_code, reason = "not every test program has such scenarios")]
pub(crate) fn not_applicable(reason: &str) -> ! {
    println!("{reason}");
    rickhouse_python::exit_now(NOT_APPLICABLE);
}

fn run_here(scenarios: &[Scenario], name: &str) -> ! {
    let found = scenarios.iter().find(|(known, _)| *known == name);
    let (_, scenario) = found.expect("the parent passes a known name");
    let outcome = std::panic::catch_unwind(scenario);
    // Interpreters and threads are still alive, so the process leaves as the product does.
    rickhouse_python::exit_now(if outcome.is_ok() { 0 } else { 101 });
}

/// `Ok` with the reason when the scenario does not apply, `Err` with its output when it failed.
fn run_in_child(name: &str) -> Result<Option<String>, String> {
    let mut output = tempfile::tempfile().expect("a temporary file can be made");
    let clone = |file: &File| file.try_clone().expect("descriptors can be copied");
    let program = std::env::current_exe().expect("the test program knows its path");
    let mut child = Command::new(program)
        .args(["--child", name])
        .stdout(clone(&output))
        .stderr(clone(&output))
        .spawn()
        .expect("the test program can be run again");
    let status = wait(&mut child);
    std::io::Seek::rewind(&mut output).expect("a file can be read from its begin");
    let mut text = Vec::new();
    output
        .read_to_end(&mut text)
        .expect("the output can be read");
    let text = String::from_utf8_lossy(&text).into_owned();
    match status {
        Some(status) if status.success() => Ok(None),
        Some(status) if status.code() == Some(NOT_APPLICABLE) => Ok(Some(text)),
        Some(status) => Err(format!("{text}{status}")),
        None => Err(format!("{text}killed after {DEADLINE:?}")),
    }
}

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() > deadline {
            child.kill().expect("an own child can be killed");
            child.wait().expect("a killed child ends");
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

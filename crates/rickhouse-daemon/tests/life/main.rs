//! Daemon processes over real sockets: what comes back, what is logged, how they end.

mod answers;
mod client;
mod daemon;
mod ends;
mod fake;
mod starts;

use std::process::ExitCode;

/// A scene's name and what happens in it; it panics when something is wrong.
type Scene = (&'static str, fn());

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("--daemon") => return fake::main(arguments),
        // Filters and flags of the test harness that this program is not: a filter is part of a name.
        Some(filter) if !filter.starts_with('-') => return run(filter),
        _ => {}
    }
    run("")
}

fn run(filter: &str) -> ExitCode {
    let scenes = [answers::SCENES, starts::SCENES, ends::SCENES].concat();
    let chosen = scenes.iter().filter(|(name, _)| name.contains(filter));
    let failed: Vec<_> = chosen
        .filter_map(|(name, scene)| {
            let outcome = std::panic::catch_unwind(scene);
            println!(
                "test {name} ... {}",
                if outcome.is_ok() { "ok" } else { "FAILED" }
            );
            outcome.is_err().then_some(name)
        })
        .collect();
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("failed: {failed:?}");
    ExitCode::FAILURE
}

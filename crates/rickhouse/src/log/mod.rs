//! The error log: what an operator reads, one record a line, through `tracing`.

mod line;
mod output;

use std::sync::Arc;

use rickhouse_config::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::Subscriber;

pub(crate) use output::Output;

/// Sends every record of `level` and above to `output` from now on, from all threads, panics included.
///
/// # Errors
/// When the process logs already.
pub(crate) fn start(output: Arc<Output>, level: LogLevel) -> anyhow::Result<()> {
    let subscriber = Subscriber::builder()
        .event_format(line::OneLine)
        .fmt_fields(line::OneLine)
        .with_max_level(filter(level))
        .with_writer(output)
        .finish();
    tracing::subscriber::set_global_default(subscriber)?;
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let backtrace = std::backtrace::Backtrace::capture().to_string();
        tracing::error!(
            code = "RH0107",
            thread = thread.name(),
            detail = backtrace,
            "a bug in rickhouse: {panic}"
        );
    }));
    Ok(())
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

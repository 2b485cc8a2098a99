//! From what was said to what it means: the second step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Config, GilMode, LogLevel};
use crate::mistakes::Mistake;
use crate::options::Options;
use crate::origin::Origin;
use crate::reader::Reader;
use crate::surroundings::Surroundings;
use crate::table;
use crate::values::{Bind, LogFile, Target, check_header_text, check_root_path, check_url_path};

/// How long a thread keeps the GIL while others wait, where there are several: a short request beside a long one then waits a
/// quarter of what it would with CPython's own 5 ms, and the long one loses nothing measurable.
const SWITCH_INTERVAL_OF_SEVERAL: Duration = Duration::from_millis(1);

/// Gives the options their meaning, which is good only where there are no mistakes.
pub(crate) fn resolve(
    options: &Options,
    surroundings: &Surroundings<'_>,
    needs_target: bool,
) -> (Config, Vec<Mistake>) {
    let (config, mut mistakes) = read(options, surroundings);
    if needs_target && options.said(&table::TARGET).is_none() {
        let message = "there is no application to serve";
        mistakes.push(
            Mistake::of_option(table::TARGET.name, Origin::Default, message).hint(
                "name it on the command line, as in: rickhouse serve package.module:application",
            ),
        );
    }
    (config, mistakes)
}

/// The configuration, good only where there are no mistakes.
fn read(options: &Options, surroundings: &Surroundings<'_>) -> (Config, Vec<Mistake>) {
    let directory = surroundings.directory.as_path();
    let mut read = Reader::new(options);
    let chdir = read.path(&table::CHDIR, directory);
    let application_directory = chdir.clone().unwrap_or_else(|| directory.to_owned());
    let threads = read.count(&table::THREADS);
    let config = Config {
        target: target(&mut read, &application_directory, surroundings.is_file),
        bind: read.addresses(&table::BIND),
        workers: read.count(&table::WORKERS),
        threads,
        interpreters: read.optional_count(&table::INTERPRETERS),
        gil: read.choice(&table::GIL, gil_mode).unwrap_or(GilMode::Auto),
        switch_interval: read
            .duration(&table::SWITCH_INTERVAL)
            .or((threads > 1).then_some(SWITCH_INTERVAL_OF_SEVERAL)),
        chdir,
        pythonpath: read.paths(&table::PYTHONPATH, &application_directory),
        root_path: read
            .checked(&table::ROOT_PATH, check_root_path)
            .unwrap_or_default(),
        request_timeout: read.duration_or_never(&table::REQUEST_TIMEOUT),
        interrupt_timeout: read.wait(&table::INTERRUPT_TIMEOUT),
        graceful_timeout: read.wait(&table::GRACEFUL_TIMEOUT),
        startup_timeout: read.wait(&table::STARTUP_TIMEOUT),
        timeout: read.duration_or_never(&table::TIMEOUT),
        keep_alive: read.wait(&table::KEEP_ALIVE),
        header_timeout: read.wait(&table::HEADER_TIMEOUT),
        body_timeout: read.wait(&table::BODY_TIMEOUT),
        write_timeout: read.wait(&table::WRITE_TIMEOUT),
        backlog: read
            .whole(&table::BACKLOG)
            .and_then(|number| number.try_into().ok())
            .unwrap_or_default(),
        queue_limit: read.count(&table::QUEUE_LIMIT),
        queue_timeout: read.wait(&table::QUEUE_TIMEOUT),
        max_connections: read.count(&table::MAX_CONNECTIONS),
        limit_request_line: read.memory(&table::LIMIT_REQUEST_LINE),
        limit_request_fields: read.count(&table::LIMIT_REQUEST_FIELDS),
        limit_request_header_size: read.memory(&table::LIMIT_REQUEST_HEADER_SIZE),
        limit_request_field_size: read.memory(&table::LIMIT_REQUEST_FIELD_SIZE),
        limit_request_body: Some(read.size(&table::LIMIT_REQUEST_BODY)).filter(|size| *size > 0),
        request_buffer: read.memory(&table::REQUEST_BUFFER),
        response_buffer: read.memory(&table::RESPONSE_BUFFER),
        max_requests: read
            .whole(&table::MAX_REQUESTS)
            .filter(|number| *number > 0),
        max_requests_jitter: read.whole(&table::MAX_REQUESTS_JITTER).unwrap_or_default(),
        proxy_protocol: read.switch(&table::PROXY_PROTOCOL),
        forwarded_allow_ips: read.networks(&table::FORWARDED_ALLOW_IPS),
        access_logfile: read.log_file(&table::ACCESS_LOGFILE, directory),
        access_logformat: read.text(&table::ACCESS_LOGFORMAT).unwrap_or_default(),
        error_logfile: read
            .log_file(&table::ERROR_LOGFILE, directory)
            .unwrap_or(LogFile::Standard),
        log_level: read
            .choice(&table::LOG_LEVEL, log_level)
            .unwrap_or(LogLevel::Info),
        health_path: read.checked(&table::HEALTH_PATH, check_url_path),
        ready_path: read.checked(&table::READY_PATH, check_url_path),
        health_bind: read.address(&table::HEALTH_BIND),
        reload: read.switch(&table::RELOAD),
        reload_extra_file: read.paths(&table::RELOAD_EXTRA_FILE, directory),
        pid: read.path(&table::PID, directory),
        user: read.text(&table::USER),
        group: read.text(&table::GROUP),
        umask: read.mode(&table::UMASK),
        server_header: read
            .checked(&table::SERVER_HEADER, check_header_text)
            .filter(|text| !text.is_empty()),
    };
    check_together(&mut read, &config);
    (config, read.mistakes)
}

fn target(read: &mut Reader<'_>, directory: &Path, is_file: &dyn Fn(&Path) -> bool) -> Target {
    match read.value(&table::TARGET, Target::parse) {
        Some(Target::File { path, attr, call }) => Target::File {
            path: directory.join(path),
            attr,
            call,
        },
        // `mysite.wsgi` is a Django project's module as well as a mod_wsgi script's name.
        Some(Target::Module { module, attr, call })
            if module.ends_with(".wsgi") && is_file(&directory.join(&module)) =>
        {
            Target::File {
                path: directory.join(module),
                attr,
                call,
            }
        }
        Some(module) => module,
        // Either noted as a mistake already, or about to be.
        None => Target::File {
            path: PathBuf::new(),
            attr: None,
            call: false,
        },
    }
}

/// What is wrong only in company.
fn check_together(read: &mut Reader<'_>, config: &Config) {
    if config.bind.is_empty()
        && read
            .mistakes
            .iter()
            .all(|mistake| mistake.place.option != Some(table::BIND.name))
    {
        read.mistake(
            &table::BIND,
            "the list is empty, so nothing would be listened on",
        );
    }
    for (at, address) in config.bind.iter().enumerate() {
        let any_port = matches!(address, Bind::Tcp { port: 0, .. });
        if !any_port && config.bind[..at].contains(address) {
            read.mistake(&table::BIND, format!("{address} is given twice"));
        }
    }
    match &config.health_bind {
        Some(Bind::Systemd) => read.mistake(
            &table::HEALTH_BIND,
            "sockets of systemd are the application's; give an address",
        ),
        Some(Bind::Tcp { port: 0, .. }) | None => {}
        Some(address) if config.bind.contains(address) => {
            read.mistake(&table::HEALTH_BIND, format!("{address} is one of --bind"));
        }
        Some(_) => {}
    }
    if config.health_path.is_some() && config.health_path == config.ready_path {
        read.mistake(
            &table::READY_PATH,
            "the same path as --health-path, and their answers differ",
        );
    }
    // A second option is a mistake where the first was never thought of, not where a stronger source turned the first off.
    if read.is_said(&table::MAX_REQUESTS_JITTER) && !read.is_said(&table::MAX_REQUESTS) {
        read.mistake(
            &table::MAX_REQUESTS_JITTER,
            "does nothing without --max-requests",
        );
    }
    if read.is_said(&table::INTERRUPT_TIMEOUT) && !read.is_said(&table::REQUEST_TIMEOUT) {
        read.mistake(
            &table::INTERRUPT_TIMEOUT,
            "does nothing without --request-timeout",
        );
    }
}

fn gil_mode(word: &str) -> Option<GilMode> {
    match word {
        "auto" => Some(GilMode::Auto),
        "shared" => Some(GilMode::Shared),
        "own" => Some(GilMode::Own),
        "off" => Some(GilMode::Off),
        _ => None,
    }
}

fn log_level(word: &str) -> Option<LogLevel> {
    match word {
        "error" | "critical" => Some(LogLevel::Error),
        "warn" | "warning" => Some(LogLevel::Warn),
        "info" => Some(LogLevel::Info),
        "debug" => Some(LogLevel::Debug),
        "trace" => Some(LogLevel::Trace),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

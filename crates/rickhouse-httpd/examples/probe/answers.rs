//! Responses: the last part of the path says which.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::time::Duration;

use rickhouse_httpd::log::{self, Level, Scope};
use rickhouse_httpd::{Outcome, Request, Status, at, mpm};

use crate::Probe;

pub(crate) fn handler(request: &mut Request<'_>) -> Outcome {
    if request.handler() != Some(b"probe") {
        return Outcome::Declined;
    }
    let uri = request.uri().unwrap_or_default().to_vec();
    let name = uri.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    match name {
        b"panic" => panic!("asked to panic in the handler"),
        b"options" => return request.send_options(),
        b"discard" => return request.discard_body(),
        _ => {}
    }
    match answer(request, name) {
        Ok(outcome) => outcome,
        Err(error) => {
            let status = Status::of(&error);
            let text = format_args!("WSGI9999: {error} ({:?}, {status:?})", error.kind());
            log::write(request.log_scope(), Level::Error, at!(), text);
            let answer = status.map_or(Outcome::INTERNAL_ERROR, |status| status.to_outcome(400));
            if answer != Outcome::Answered && request.has_begun() {
                return request
                    .end_truncated()
                    .map_or(Outcome::Answered, |()| Outcome::Ok);
            }
            answer
        }
    }
}

fn answer(request: &mut Request<'_>, name: &[u8]) -> io::Result<Outcome> {
    request.set_content_type(b"text/plain; charset=utf-8")?;
    match name {
        b"facts" | b"translated" => {
            let text = facts(request);
            request.send(text.as_bytes())?;
        }
        b"echo" => echo(request)?,
        b"copied" => {
            for _ in 0..1000 {
                request.send_copied(&[b'x'; 1000])?;
            }
            request.flush()?;
        }
        b"big" => {
            for _ in 0..16 {
                request.send(&[b'y'; 65536])?;
            }
        }
        b"file" => {
            let file = File::open("/usr/lib/apache2/modules/mod_ssl.so")?;
            let length = file.metadata()?.len();
            let options = request.file_options();
            request.send_file(file.into(), 0, length, options)?;
        }
        b"range" => {
            let file = File::open("/etc/passwd")?;
            request.set_content_length(4);
            let options = request.file_options();
            request.send_file(file.into(), 5, 4, options)?;
        }
        b"truncated" => {
            request.send(b"half of it")?;
            request.end_truncated()?;
            return Ok(Outcome::Ok);
        }
        b"truncated-early" => {
            return Ok(request
                .end_truncated()
                .map_or(Outcome::Answered, |()| Outcome::Ok));
        }
        b"late-panic" => {
            request.send(b"half of it")?;
            panic!("asked to panic after the response has begun");
        }
        b"redirect" => {
            request.redirect_internally(b"/probe/facts?redirected", true)?;
            return Ok(Outcome::Ok);
        }
        b"status" => {
            request.set_status(418);
            request.set_status_line(b"418 Short and stout")?;
            request.headers_out().set(b"X-Probe", b"yes")?;
            request.headers_out().add(b"X-Probe", b"again")?;
            request.err_headers_out().set(b"X-Kept", b"kept")?;
            request.send(b"teapot")?;
        }
        b"patience" => {
            let connection = request.connection();
            let before = connection.timeout()?;
            connection.set_timeout(Some(Duration::from_millis(300)))?;
            let read = request.read_body(&mut [0; 10]);
            request.connection().set_timeout(before)?;
            read?;
        }
        _ => return Ok(Outcome::Http(404)),
    }
    request.end()?;
    Ok(Outcome::Ok)
}

fn echo(request: &mut Request<'_>) -> io::Result<()> {
    let mut buffer = [0; 8192];
    loop {
        match request.read_body(&mut buffer)? {
            0 => return Ok(()),
            read => request.send(&buffer[..read])?,
        }
    }
}

fn facts(request: &mut Request<'_>) -> String {
    let mut text = String::new();
    let mut say = |name: &str, value: &dyn std::fmt::Debug| {
        writeln!(text, "{name}: {value:?}").expect("writing to a string cannot fail");
    };
    let shown =
        |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
    say("the_request", &shown(request.the_request()));
    say(
        "method",
        &(
            shown(request.method()),
            request.method_number(),
            request.is_head(),
        ),
    );
    say(
        "protocol",
        &(shown(request.protocol()), request.protocol_number()),
    );
    say("hostname", &shown(request.hostname()));
    say(
        "uri",
        &(
            shown(request.unparsed_uri()),
            shown(request.uri()),
            shown(request.args()),
        ),
    );
    say(
        "file",
        &(
            shown(request.filename()),
            shown(request.path_info()),
            request.file_info(),
        ),
    );
    say("user", &(shown(request.user()), shown(request.auth_type())));
    say(
        "client",
        &(shown(request.useragent_ip()), shown(request.remote_host())),
    );
    say(
        "server",
        &(
            shown(request.server_name()),
            request.server_port(),
            shown(request.scheme()),
        ),
    );
    say("main", &(request.is_subrequest(), request.is_redirected()));
    say("prev", &request.prev().map(|prev| shown(prev.uri())));
    let connection = request.connection();
    say(
        "connection",
        &(
            connection.id() >= 0,
            shown(connection.client_ip()),
            connection.keepalives(),
        ),
    );
    say(
        "timeout",
        &(
            connection.timeout(),
            request.server().timeout(),
            connection.is_https(),
        ),
    );
    say("tls", &shown(request.tls_variable(c"SSL_PROTOCOL")));
    let server = request.server();
    say(
        "vhost",
        &(
            shown(server.hostname()),
            server.port(),
            server.is_virtual(),
            shown(server.admin()),
        ),
    );
    say(
        "limits",
        &(
            server.request_limits(),
            request.body_limit(),
            request.file_options(),
        ),
    );
    say(
        "definition",
        &(
            shown(server.definition().0),
            server.definition().1,
            shown(server.error_log_name()),
        ),
    );
    say(
        "mpm",
        &(
            mpm::name().escape_ascii().to_string(),
            mpm::is_threaded(),
            mpm::is_forked(),
            mpm::max_children(),
        ),
    );
    say(
        "generation",
        &(
            mpm::generation(),
            mpm::scoreboard().map(|found| found.generation),
            mpm::state(),
        ),
    );
    say(
        "banner",
        &(
            shown(Some(&mpm::banner())),
            shown(Some(&mpm::built())),
            mpm::is_defined(c"FOREGROUND"),
        ),
    );
    say("document_root", &shown(request.document_root()));
    say(
        "directory",
        &request
            .dir_config::<Probe>()
            .text
            .as_deref()
            .map(String::from_utf8_lossy),
    );
    say(
        "server text",
        &server
            .config::<Probe>()
            .text
            .as_deref()
            .map(String::from_utf8_lossy),
    );
    say(
        "options",
        &server
            .config::<Probe>()
            .options
            .iter()
            .map(|found| (&found.name, &found.inside))
            .collect::<Vec<_>>(),
    );
    request.add_cgi_environment();
    let environment = request.subprocess_env();
    say("SCRIPT_NAME", &shown(environment.get(b"SCRIPT_NAME")));
    say(
        "entries",
        &(
            environment.len() > 10,
            environment.is_empty(),
            environment.iter().count() == environment.len(),
        ),
    );
    environment.set(b"probe", b"1").expect("no NUL");
    environment.unset(b"PROBE");
    say(
        "unset, NUL",
        &(
            shown(environment.get(b"probe")),
            environment.set(b"a", b"b\0c"),
        ),
    );
    log_everywhere(request);
    say(
        "log_id",
        &(
            request.log_id().is_some(),
            request.connection().log_id().is_some(),
        ),
    );
    say("begun", &request.has_begun());
    text
}

fn log_everywhere(request: &mut Request<'_>) {
    log::write(
        request.log_scope(),
        Level::Info,
        at!(),
        format_args!("of the request: %s %n is no format"),
    );
    log::write(
        Scope::Server(request.server()),
        Level::Info,
        at!(),
        format_args!("of the server"),
    );
    log::write(
        Scope::Connection(request.connection()),
        Level::Info,
        at!(),
        format_args!("of the connection"),
    );
    log::write(
        Scope::Current,
        Level::Info,
        at!(),
        format_args!("of the current request"),
    );
    let expensive = Expensive;
    log::write(
        request.log_scope(),
        Level::Trace8,
        at!(),
        format_args!("{expensive}"),
    );
}

/// Must never be formatted: its level is off.
struct Expensive;

impl std::fmt::Display for Expensive {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("formatted for a level that is off");
    }
}

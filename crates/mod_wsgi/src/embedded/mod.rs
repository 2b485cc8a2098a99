//! Embedded mode: the application runs in httpd's child, on the thread of the request.

mod dispatch;
mod exchange;
mod head;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rickhouse_directives::messages;
use rickhouse_host::scripts::{Call, Reload, Scripts};
use rickhouse_httpd::{Outcome, Request};

pub(crate) use dispatch::dispatch;

use crate::child::Child;
use crate::embedded::exchange::EmbeddedExchange;
use crate::handler::Admission;
use crate::{log, seats};

/// Runs the request here, if that is allowed and possible (DD §5.3, steps 14 to 16).
pub(crate) fn serve(request: &mut Request<'_>, child: &Child, admission: Admission) -> Outcome {
    let refusal = if child.config.restrict_embedded {
        messages::embedded_restricted()
    } else if let Some(scripts) = child.scripts() {
        return run(request, scripts, admission);
    } else {
        messages::python_not_initialised()
    };
    log::request(request, &refusal);
    Outcome::INTERNAL_ERROR
}

fn run(request: &mut Request<'_>, scripts: &Arc<Scripts>, mut admission: Admission) -> Outcome {
    admission.identify(request);
    let https = admission.environ.take_https();
    let mtime = request.file_info().mtime;
    let age = age(request.time());
    // The handler has looked.
    let Ok((application_group, callable)) = admission.names() else {
        return Outcome::INTERNAL_ERROR;
    };
    let call = Call {
        script: path(admission.script()),
        application_group,
        callable,
        resource: path(&admission.resource),
        // What httpd knows of the request's file says nothing about a handler script.
        mtime: admission.handler_script.is_none().then_some(mtime),
        reload: reload(&admission),
        age,
    };
    request.lend(|request| {
        let mut exchange = EmbeddedExchange::new(request, &admission, https);
        log::during(&admission.resource, || {
            seats::with(scripts, |seat| {
                // What it came to, the exchange knows.
                let _ended = seat.handle(&call, &mut exchange);
            });
        });
        exchange.finish()
    })
}

fn reload(admission: &Admission) -> Reload {
    if admission.switches.script_reloading {
        Reload::InPlace
    } else {
        Reload::Off
    }
}

/// How long ago a time in microseconds since 1970 was.
fn age(time: i64) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_micros(
        u64::try_from(time).unwrap_or_default(),
    ))
}

fn path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

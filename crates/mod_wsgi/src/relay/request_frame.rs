//! The request as a daemon gets it.

use std::time::{SystemTime, UNIX_EPOCH};

use rickhouse_httpd::Request;
use rickhouse_wire::{Body, Flags, Reload, RequestHead, RequestWriter, Value, WireError};

use crate::groups::Running;
use crate::handler::Admission;

/// Most requests with their environ are shorter.
const USUAL_LENGTH: usize = 4 << 10;

/// Writes the request frame. The entries of the environ go from where they were collected straight into it.
pub(super) fn write(
    request: &Request<'_>,
    admission: &mut Admission,
    running: &Running,
    body: Body,
) -> Result<Vec<u8>, WireError> {
    let https = admission.environ.take_https();
    let head = RequestHead {
        token: *running.token.bytes(),
        server: running.server_index(request.server()),
        body,
        reload: match admission.switches.script_reloading {
            true => Reload::Reject,
            false => Reload::Off,
        },
        flags: Flags {
            https,
            ignore_activity: admission.switches.ignore_activity,
            accepts_files: true,
        },
        received: request.time(),
        queued: now(),
        // Noted by the relay, which connects.
        connects: 0,
        restarts: 0,
        script: &admission.resource,
        handler_script: admission.handler_script.as_deref().unwrap_or_default(),
        application_group: text(&admission.application_group)?,
        callable: text(&admission.callable)?,
        request_id: request.log_id().unwrap_or_default(),
        connection_id: request.connection().log_id().unwrap_or_default(),
        method: request.method().unwrap_or_default(),
        target: request.unparsed_uri().unwrap_or_default(),
    };
    let mut frame = Vec::with_capacity(USUAL_LENGTH);
    let mut writer = RequestWriter::new(&mut frame, &head);
    for (name, value) in admission.environ.iter() {
        // A variable that was set to nothing is an empty text in a daemon (DD §6.1).
        let value = value.unwrap_or_default();
        writer.environ(
            name,
            match name {
                b"DOCUMENT_ROOT" | b"SCRIPT_FILENAME" => Value::FileSystem(value),
                _ => Value::Text(value),
            },
        );
    }
    writer.finish()?;
    Ok(frame)
}

/// Names of groups and callables are Python's `str`.
fn text(name: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(name).map_err(|_| WireError::Text("a name"))
}

/// Microseconds since the Unix epoch.
fn now() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
}

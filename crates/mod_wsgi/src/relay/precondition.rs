//! Whether the request may use the process group it names (DD §8.1).

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::ownership::{self, Facts, Names, Script};
use rickhouse_directives::{Shown, Text, messages};
use rickhouse_httpd::Request;
use rickhouse_os::accounts;
use rickhouse_os::error::OsError;

use crate::handler::Admission;
use crate::paths::as_path;
use crate::relay::{Found, Refusal, running};

/// Finds the group, which `WSGIRestrictProcess` admits.
pub(super) fn check<'a>(
    request: &Request<'_>,
    config: &'a GlobalConfig,
    admission: &Admission,
) -> Result<Found<'a>, Refusal> {
    let name = &admission.process_group;
    let server = request.server();
    let group = DaemonProcess::visible(&config.daemons, name, server.id(), server.hostname())
        .map_err(|hidden| Refusal {
            status: 500,
            message: hidden.message(name),
        })?;
    check_owner(group, &admission.resource)?;
    // Every configured group has an entry, whether it could be started or not.
    let running = running(group).ok_or_else(|| Refusal {
        status: 500,
        message: messages::unknown_daemon_group(Shown(name)),
    })?;
    Ok((group, running))
}

/// `script-user=` and `script-group=` speak of the file that the request was mapped to.
fn check_owner(group: &DaemonProcess, resource: &[u8]) -> Result<(), Refusal> {
    if group.script_user.is_none() && group.script_group.is_none() {
        return Ok(());
    }
    let folder = as_path(resource).parent().unwrap_or(Path::new("/"));
    let script = Script {
        file: facts(as_path(resource)).unwrap_or_default(),
        folder_path: folder.as_os_str().as_encoded_bytes(),
        folder: facts(folder),
    };
    ownership::check(group, &script, &Accounts).map_err(|message| Refusal {
        status: 403,
        message,
    })
}

fn facts(path: &Path) -> Option<Facts> {
    let found = fs::metadata(path).ok()?;
    Some(Facts::known(found.uid(), found.gid(), found.mode()))
}

struct Accounts;

impl Names for Accounts {
    fn user(&self, id: u32) -> Option<Text> {
        name(accounts::user_name(id))
    }

    fn group(&self, id: u32) -> Option<Text> {
        name(accounts::group_name(id))
    }
}

/// A database that cannot be read knows nobody.
fn name(found: Result<Option<CString>, OsError>) -> Option<Text> {
    found
        .ok()
        .flatten()
        .map(|name| Text::from(name.into_bytes()))
}

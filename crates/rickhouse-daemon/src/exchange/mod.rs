//! One request and its response, over the wire.

mod input;
mod output;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rickhouse_host::{Exchange, Failure, ResponseHead};
use rickhouse_os::stream::Stream;
use rickhouse_wire::{RequestFrame, Value};

use crate::activity::Activity;
use input::Input;
use output::Output;
pub(crate) use output::write_all;

/// What a thread keeps for its exchanges.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    out: Vec<u8>,
    spill: Vec<u8>,
}

/// What is the same for all exchanges of a process.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) socket_timeout: Option<Duration>,
    pub(crate) send_buffer: usize,
    pub(crate) chroot: Option<&'a Path>,
    pub(crate) activity: &'a Activity,
}

/// One request and its response. It lives for the duration of [`crate::Handler::handle`].
///
/// It adds four entries to what the child sent as environ: `mod_wsgi.request_start`, `mod_wsgi.queue_start`,
/// `mod_wsgi.daemon_start` and `mod_wsgi.application_start`, as `float` seconds since the epoch.
pub struct WireExchange<'a> {
    frame: &'a RequestFrame<'a>,
    rules: &'a Rules<'a>,
    input: Input<'a>,
    output: Output<'a>,
    accepted: Instant,
}

impl<'a> WireExchange<'a> {
    pub(crate) fn new(
        stream: &'a Stream,
        frame: &'a RequestFrame<'a>,
        attached: &'a [u8],
        buffers: &'a mut Buffers,
        rules: &'a Rules<'a>,
        accepted: Instant,
    ) -> Self {
        let input = Input::new(stream, frame.head.body, attached, &mut buffers.spill, rules);
        WireExchange {
            frame,
            rules,
            input,
            output: Output::new(stream, &mut buffers.out, frame, rules),
            accepted,
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &RequestFrame<'a> {
        self.frame
    }

    /// How long ago the connection was accepted, whatever happens to the time of day. This is the age that
    /// `request-timeout` is about (DD §4.5.1): a request that waited for its turn is not late for that.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.accepted.elapsed()
    }

    /// The handler is done.
    pub(crate) fn finish(&mut self) {
        self.touch();
        self.output.finish();
    }

    /// Rejects the request, unless something of the response was sent already. A body that was asked for cannot be sent
    /// again: the request fails then.
    pub(crate) fn reject(&mut self) {
        if self.input.is_asked_for() {
            return self.output.fail(503);
        }
        self.output.reject();
    }

    fn touch(&self) {
        if !self.frame.head.flags.ignore_activity {
            self.rules.activity.touch();
        }
    }

    /// The environ as seen inside of a chroot: `SCRIPT_FILENAME` begins there, and so does `DOCUMENT_ROOT` or it is
    /// left out (DD §4.7).
    fn entries(&self, sink: &mut dyn FnMut(&[u8], Value<'_>)) {
        for (name, value) in self.frame.environ {
            let inside = match (self.rules.chroot, name, value) {
                (Some(root), b"SCRIPT_FILENAME" | b"DOCUMENT_ROOT", Value::Text(path)) => {
                    inside(root, path).map(Value::Text)
                }
                (Some(root), b"SCRIPT_FILENAME" | b"DOCUMENT_ROOT", Value::FileSystem(path)) => {
                    inside(root, path).map(Value::FileSystem)
                }
                _ => Some(value),
            };
            if let Some(value) = inside {
                sink(name, value);
            }
        }
    }
}

impl Exchange for WireExchange<'_> {
    /// The entries that are plain texts.
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        self.touch();
        self.entries(&mut |name, value| {
            if let Value::Text(text) = value {
                sink(name, text);
            }
        });
    }

    fn extras(&self, sink: &mut dyn FnMut(&[u8], rickhouse_host::Value<'_>)) {
        self.entries(&mut |name, value| {
            if !matches!(value, Value::Text(_)) {
                sink(name, for_host(value));
            }
        });
        let head = &self.frame.head;
        let now = SystemTime::now();
        let since_epoch = |time: SystemTime| {
            time.duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64()
        };
        for (name, time) in [
            (&b"mod_wsgi.request_start"[..], seconds(head.received)),
            (b"mod_wsgi.queue_start", seconds(head.queued)),
            (b"mod_wsgi.daemon_start", since_epoch(now - self.age())),
            // The environ is made when the adapter is entered.
            (b"mod_wsgi.application_start", since_epoch(now)),
        ] {
            sink(name, rickhouse_host::Value::Float(time));
        }
    }

    fn admit(&mut self) -> io::Result<()> {
        self.input.admit()
    }

    /// The startup timer ends.
    fn loaded(&mut self) {
        self.rules.activity.script_obtained();
    }

    fn is_https(&self) -> bool {
        self.frame.head.flags.https
    }

    fn body_in_memory(&self) -> bool {
        self.input.is_in_memory()
    }

    fn body_left(&self) -> Option<u64> {
        self.input.left()
    }

    /// Fails when the rest of the body will not come (`UnexpectedEof`) or did not come in time (`TimedOut`), and then
    /// every time.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.touch();
        self.input.read(buffer)
    }

    /// `InvalidInput` for a head that is too large for any child, or when one was sent already.
    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        self.touch();
        self.output.start(head)
    }

    fn room(&self) -> usize {
        self.output.room()
    }

    fn push(&mut self, data: &[u8]) {
        self.output.push(data);
    }

    /// What exceeds the declared length is dropped.
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.touch();
        self.output.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.touch();
        self.output.flush()
    }

    /// A large part of a regular file goes by handing over the descriptor.
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        self.touch();
        self.output.send_file(file, offset, length)
    }

    fn fail(&mut self, failure: Failure) {
        self.output.fail(match failure {
            Failure::Application => 500,
            Failure::Timeout => 504,
        });
    }

    fn started(&self) -> bool {
        self.output.is_started()
    }

    fn request_line(&self) -> (&[u8], &[u8]) {
        (self.frame.head.method, self.frame.head.target)
    }
}

/// The value under the name that the engine knows it by.
fn for_host(value: Value<'_>) -> rickhouse_host::Value<'_> {
    use rickhouse_host::Value as Host;
    match value {
        Value::Text(text) => Host::Text(text),
        Value::FileSystem(path) => Host::FileSystem(path),
        Value::Float(number) => Host::Float(number),
        Value::Int(number) => Host::Int(number),
        Value::Version(major, minor, patch) => Host::Version(major, minor, patch),
        Value::None => Host::None,
    }
}

/// A path as seen inside of `root`; `None` for one that is not below it.
pub(crate) fn inside<'p>(root: &Path, path: &'p [u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(root.as_os_str().as_encoded_bytes())?;
    rest.starts_with(b"/").then_some(rest)
}

fn seconds(micros: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let micros = micros as f64;
    micros / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_the_root_is_inside_of_it() {
        let root = Path::new("/srv/jail");
        for (path, expected) in [
            (&b"/srv/jail/app.wsgi"[..], Some(&b"/app.wsgi"[..])),
            (b"/srv/jail/", Some(b"/")),
            (b"/srv/jail", None),
            (b"/srv/jailer/app.wsgi", None),
            (b"/srv", None),
        ] {
            assert_eq!(inside(root, path), expected);
        }
    }
}

//! A request of httpd as the relay sees it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rickhouse_directives::Shown;
use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::messages;
use rickhouse_directives::response::Outcome;
use rickhouse_httpd::log::{self as httpd_log, Level};
use rickhouse_httpd::{FileOptions, Part, Request, at};
use rickhouse_os::file;
use rickhouse_relay::scratch::Scratch;
use rickhouse_relay::{Before, Body, Client, Piece, Then};
use rickhouse_wire::Headers;
use rickhouse_wire::response::Head;

use crate::handler::Switches;
use crate::log;
use crate::ranges;
use crate::relay::body::Begun;
use crate::relay::head;

/// What a request ends with instead of the daemon's response.
pub(super) enum Instead {
    /// httpd's page for this status (`WSGIErrorOverride`).
    Page(u16),
    /// What a GET of this path gets.
    Redirect(Vec<u8>),
}

/// See the module. Dropped, it puts back the time limit of the client's connection.
pub(super) struct HttpdClient<'a, 'r> {
    request: &'a mut Request<'r>,
    group: &'a DaemonProcess,
    switches: Switches,
    /// What was read of the body before, and is to be read first.
    begun: Begun,
    /// The time limit that was in force before the response, once it has been changed.
    timeout: Option<Option<Duration>>,
}

impl<'a, 'r> HttpdClient<'a, 'r> {
    pub(super) fn new(
        request: &'a mut Request<'r>,
        group: &'a DaemonProcess,
        switches: Switches,
        begun: Begun,
    ) -> Self {
        HttpdClient {
            request,
            group,
            switches,
            begun,
            timeout: None,
        }
    }

    /// Sends a part of a file by reading it, as `EnableSendfile Off` wants, in larger pieces than httpd would.
    fn send_read(&mut self, file: &OwnedFd, offset: u64, length: u64) -> io::Result<()> {
        let mut scratch = Scratch::take();
        let (mut offset, end) = (offset, offset.saturating_add(length));
        while offset < end {
            let room =
                usize::try_from(end - offset).map_or(scratch.len(), |left| left.min(scratch.len()));
            let count = file::read_at(file.as_fd(), &mut scratch[..room], offset)?;
            if count == 0 {
                // It was cut short meanwhile, and so the response is.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.request.pass_parts([Part::Data(&scratch[..count])])?;
            offset += count as u64;
        }
        Ok(())
    }

    /// `response-socket-timeout`: how long the client may take for a part of the response. A stream of HTTP/2 has no
    /// socket of its own to set it for.
    fn limit_response(&mut self) {
        let Some(limit) = self.group.response_socket_timeout() else {
            return;
        };
        let connection = self.request.connection();
        if let Ok(before) = connection.timeout()
            && connection.set_timeout(Some(limit)).is_ok()
        {
            self.timeout = Some(before);
        }
    }
}

impl Drop for HttpdClient<'_, '_> {
    fn drop(&mut self) {
        if let Some(before) = self.timeout {
            // It could be set before.
            let _set = self.request.connection().set_timeout(before);
        }
    }
}

impl Client for HttpdClient<'_, '_> {
    type Instead = Instead;

    fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<Body> {
        if !self.begun.bytes.is_empty() {
            let count = self.begun.bytes.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.begun.bytes[..count]);
            self.begun.bytes.drain(..count);
            return Ok(Body::Some(count));
        }
        if let Some(error) = self.begun.error.take() {
            return Err(error);
        }
        Ok(match self.request.read_body_now(buffer)? {
            None => {
                // The daemon wants the body, and the client waits to be told so. httpd tells it when somebody waits for
                // the body, which nobody is to do here: the answer may come first.
                self.request.send_continue();
                Body::None
            }
            Some(0) => Body::End,
            Some(count) => Body::Some(count),
        })
    }

    fn body_source(&self) -> Option<BorrowedFd<'_>> {
        self.request.connection().descriptor()
    }

    fn leave_body(&mut self) {
        self.request.connection().close_afterwards();
    }

    fn head(&mut self, head: &Head<'_, Headers<'_>>) -> Then<Instead> {
        match head::outcome(head, self.switches.error_override) {
            Outcome::Redirect(path) => return Then::Discard(Instead::Redirect(path.to_vec())),
            Outcome::ErrorPage(status) => {
                // What goes with every page (WWW-Authenticate) is kept; a header that cannot be taken is no loss here.
                let _lost = head::place(self.request, head);
                return Then::Discard(Instead::Page(status));
            }
            Outcome::Send => {}
        }
        if head::place(self.request, head).is_err() {
            return Then::Discard(Instead::Page(500));
        }
        self.request.expect_no_continue();
        self.limit_response();
        Then::PassOn
    }

    fn send(&mut self, pieces: &mut Vec<Piece<'_>>) -> io::Result<()> {
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces.drain(..) {
            parts.push(match piece {
                Piece::Data(data) => Part::Data(data),
                Piece::File {
                    file,
                    offset,
                    length,
                } if self.switches.enable_sendfile => Part::File {
                    file,
                    offset,
                    length,
                    options: FileOptions {
                        sendfile: true,
                        // Where a filter has to see it: the file is another user's, and one that is cut short while it is
                        // mapped would end this process.
                        mmap: false,
                    },
                },
                Piece::File {
                    file,
                    offset,
                    length,
                } => {
                    self.request.pass_parts(parts.drain(..))?;
                    self.send_read(&file, offset, length)?;
                    continue;
                }
                Piece::Flush => Part::Flush,
                Piece::End => {
                    if ranges::asked_for(self.request) {
                        let before = std::mem::take(&mut parts);
                        self.request.pass_parts(before)?;
                    }
                    parts.push(Part::End);
                    continue;
                }
                Piece::Truncated => Part::Truncated,
            });
        }
        self.request.pass_parts(parts)
    }

    fn note(&mut self, before: Before<'_>) {
        let name = Shown(&self.group.name);
        match before {
            Before::Reconnecting(attempt) => {
                let script = Shown(self.request.filename().unwrap_or_default());
                let text = format_args!(
                    "[script {script}] Reconnecting after WSGI daemon process '{name}' restart, attempt #{attempt}."
                );
                httpd_log::write(self.request.log_scope(), Level::Info, at!(), text);
            }
            Before::BodyRefused(why) => {
                log::request(self.request, &messages::body_write_failed(why))
            }
            Before::EndRefused(why) => log::request(self.request, &messages::body_end_failed(why)),
        }
    }
}

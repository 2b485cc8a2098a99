//! A request of httpd as the engine sees it.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rickhouse_directives::gate::Body;
use rickhouse_host::{Exchange, Failure, ResponseHead, Value};
use rickhouse_httpd::{FileOptions, Lent, Outcome, Part, Status};
use rickhouse_os::file;

use crate::embedded::head;
use crate::handler::Admission;
use crate::ranges;
use crate::values;

/// Body bytes that are kept until there is reason to send them: a whole small response passes httpd's filters once, head, body
/// and end together.
const BUFFER: usize = 64 * 1024;

/// The request and its response. It is lent to Python's objects, and the application's threads use it in turns.
pub(super) struct EmbeddedExchange<'a, 'r> {
    request: Lent<'a, 'r>,
    /// `apache.request_rec`, if the application gets it.
    capsule: Option<Value<'static>>,
    /// Method and target.
    line: (Box<[u8]>, Box<[u8]>),
    admission: &'a Admission,
    https: bool,
    buffer: Vec<u8>,
    state: State,
    /// The application's status.
    status: u16,
    /// The length of the body that the client is told.
    promised: Option<u64>,
    /// How many bytes of the request's body are still to be read, as far as anybody knows; 0 is its end.
    unread: u64,
    /// Why the body could not be read: decides the status if the application gives up.
    unreadable: Option<Status>,
}

/// How far the response has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was given.
    Nothing,
    /// The head is in the request, and nothing was sent.
    Head,
    /// The head was sent, the body has begun.
    Sending,
    /// All of it was sent.
    Ended,
    /// A part of the response could not be sent; with httpd's number, where it has one.
    Broken(Option<Status>),
    /// The response ends before it is complete.
    Truncated,
    /// There is none of the application: httpd answers.
    Failed(Failure),
}

impl<'a, 'r> EmbeddedExchange<'a, 'r> {
    pub(super) fn new(mut lent: Lent<'a, 'r>, admission: &'a Admission, https: bool) -> Self {
        let request = lent.turn();
        let capsule = match admission.switches.pass_apache_request {
            true => values::request_rec(&request),
            false => None,
        };
        let text = |text: Option<&[u8]>| text.unwrap_or_default().into();
        let line = (text(request.method()), text(request.unparsed_uri()));
        drop(request);
        Self {
            request: lent,
            capsule,
            line,
            admission,
            https,
            buffer: Vec::new(),
            state: State::Nothing,
            status: 0,
            promised: None,
            unread: match admission.body {
                Body::None => 0,
                Body::Length(length) => length,
                Body::Chunked => u64::MAX,
            },
            unreadable: None,
        }
    }

    /// Sends what is left, and says what the handler answers.
    pub(super) fn finish(mut self) -> Outcome {
        if let Some(answered) = self.answered() {
            return answered.to_outcome(500);
        }
        match self.state {
            State::Head | State::Sending => self.end(),
            State::Ended => self.ended(Ok(())),
            State::Truncated => {
                // What the application gave is sent first: an error in the same pass would be answered instead of it.
                let mut request = self.request.turn();
                let _gone = request
                    .send(&self.buffer)
                    .and_then(|()| request.end_truncated());
                Outcome::Ok
            }
            State::Broken(why) => self.lost(why),
            State::Failed(failure) => self.error(failure),
            State::Nothing => Outcome::INTERNAL_ERROR,
        }
    }

    /// A filter that refused the body has answered the client itself (413): nothing may follow.
    fn answered(&self) -> Option<Status> {
        self.unreadable.filter(|status| status.is_answered())
    }

    fn end(&mut self) -> Outcome {
        let mut request = self.request.turn();
        let in_two = !self.buffer.is_empty() && ranges::asked_for(&request);
        let sent = match in_two {
            true => request
                .send(&self.buffer)
                .and_then(|()| request.send_last(b"")),
            false => request.send_last(&self.buffer),
        };
        drop(request);
        self.ended(sent)
    }

    /// The end was sent, or could not be.
    fn ended(&mut self, sent: io::Result<()>) -> Outcome {
        let sent = sent.and_then(|()| match self.unread {
            0 => Ok(()),
            // The client may wait for its answer before it sends the rest of its body, or never send it.
            _ => self.request.turn().flush_ended(),
        });
        match sent {
            Ok(()) => Outcome::Ok,
            Err(error) => self.lost(Status::of(&error)),
        }
    }

    /// What becomes of a response that could not be sent.
    fn lost(&mut self, why: Option<Status>) -> Outcome {
        if let Some(status) = why.filter(|status| status.is_answered()) {
            return status.to_outcome(500);
        }
        // A client that is gone is nobody's failure.
        if self.request.turn().connection().is_aborted() {
            return Outcome::Ok;
        }
        if !self.request.turn().has_begun() {
            head::take_back(&mut self.request.turn());
            return Outcome::INTERNAL_ERROR;
        }
        // A filter failed: the client must not take a part of the response for all of it.
        let _gone = self.request.turn().end_truncated();
        Outcome::Ok
    }

    /// Answers instead of the application.
    fn error(&mut self, failure: Failure) -> Outcome {
        match (self.unreadable, failure) {
            (Some(status), _) => status.to_outcome(500),
            (None, Failure::Application) => Outcome::INTERNAL_ERROR,
            (None, Failure::Timeout) => {
                let placed = head::place_timeout(&mut self.request.turn());
                placed.map_or(Outcome::Http(504), |()| self.end())
            }
        }
    }

    /// Nobody knows any more where the body ends, and the client's next request begins (DD §7.10).
    fn lose_body(&mut self, why: Option<Status>) {
        self.unreadable = why;
        self.request.turn().connection().close_afterwards();
    }

    /// Sends what is buffered and `data`.
    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        // Without a head httpd would make one up, of status 200.
        if self.state == State::Nothing {
            return Err(io::Error::other("the response has no head"));
        }
        // What is longer than promised is not given here: this is an empty flush.
        if self.state == State::Ended {
            return Ok(());
        }
        let buffered = std::mem::take(&mut self.buffer);
        let sent = self.request.turn().send_parts(&[&buffered, data]);
        self.sent(sent)
    }

    /// Sends a part of a file that nobody but its owner can open.
    fn copy_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        let mut block = vec![0; BUFFER];
        let mut done = 0;
        while done < length {
            let wanted = usize::try_from(length - done).map_or(BUFFER, |left| left.min(BUFFER));
            let count = file::read_at(file, &mut block[..wanted], offset + done)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.send(&block[..count])?;
            done += count as u64;
        }
        Ok(())
    }

    fn sent(&mut self, sent: io::Result<()>) -> io::Result<()> {
        self.state = match &sent {
            Ok(()) => State::Sending,
            Err(error) => State::Broken(Status::of(error)),
        };
        sent
    }
}

impl Exchange for EmbeddedExchange<'_, '_> {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        for (key, value) in self.admission.environ.iter() {
            if let Value::Text(text) = values::of(key, value) {
                sink(key, text);
            }
        }
    }

    fn extras(&self, sink: &mut dyn FnMut(&[u8], Value<'_>)) {
        for (key, value) in self.admission.environ.iter() {
            match values::of(key, value) {
                Value::Text(_) => {}
                other => sink(key, other),
            }
        }
        sink(
            b"mod_wsgi.request_start",
            Value::Float(self.admission.request_start),
        );
        // There is no queue in front of embedded mode, and no daemon behind it.
        sink(b"mod_wsgi.queue_start", Value::Float(0.0));
        sink(b"mod_wsgi.daemon_start", Value::Float(0.0));
        sink(b"mod_wsgi.application_start", Value::Float(now()));
        if let Some(capsule) = self.capsule {
            sink(b"apache.request_rec", capsule);
        }
    }

    fn is_https(&self) -> bool {
        self.https
    }

    fn body_in_memory(&self) -> bool {
        false
    }

    fn body_left(&self) -> Option<u64> {
        Some(self.unread).filter(|_| self.admission.body != Body::Chunked)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            // Asks the client for its body without waiting for it (DD §7.10).
            self.request.turn().send_continue();
            return Ok(0);
        }
        let read = self.request.turn().read_body(buffer);
        match &read {
            Ok(0) => self.unread = 0,
            Ok(count) => self.unread = self.unread.saturating_sub(*count as u64),
            Err(error) => self.lose_body(Status::of(error)),
        }
        read
    }

    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        if self.answered().is_some() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        head::place(&mut self.request.turn(), head)?;
        self.status = head.status;
        self.promised = head.length;
        self.state = State::Head;
        Ok(())
    }

    fn room(&self) -> usize {
        BUFFER - self.buffer.len().min(BUFFER)
    }

    fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.send(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send(b"")
    }

    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.send(b"")?;
        }
        // httpd may send it when the application has its file back, and both would move one position.
        let Ok(file) = file::reopen(file) else {
            return self.copy_file(file, offset, length);
        };
        let sendfile = self.admission.switches.enable_sendfile;
        // The file is the whole body: with the end right behind it httpd can answer a request for a part.
        let whole = self.state == State::Head && self.promised == Some(length);
        let mut request = self.request.turn();
        let options = FileOptions {
            sendfile,
            ..request.file_options()
        };
        let file = Part::File {
            file,
            offset,
            length,
            options,
        };
        let sent = request.pass_parts([file].into_iter().chain(whole.then_some(Part::End)));
        drop(request);
        self.sent(sent)?;
        if whole {
            self.state = State::Ended;
        }
        Ok(())
    }

    fn fail(&mut self, failure: Failure) {
        self.state = match self.state {
            State::Nothing | State::Failed(_) => State::Failed(failure),
            State::Head => {
                self.buffer.clear();
                head::take_back(&mut self.request.turn());
                State::Failed(failure)
            }
            State::Sending | State::Truncated => State::Truncated,
            State::Ended => State::Ended,
            State::Broken(why) => State::Broken(why),
        };
    }

    fn fell_short(&mut self) {
        let has_body = !self.request.turn().is_head() && !matches!(self.status, 204 | 304);
        if has_body && !matches!(self.state, State::Broken(_)) {
            self.state = State::Truncated;
        }
    }

    fn started(&self) -> bool {
        self.state != State::Nothing
    }

    fn request_line(&self) -> (&[u8], &[u8]) {
        (&self.line.0, &self.line.1)
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

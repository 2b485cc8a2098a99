//! One connection: the request to the daemon and the response to the client, at the same time.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rickhouse_os::file;
use rickhouse_os::stream::{Readiness, Stream};
use rickhouse_wire::Headers;
use rickhouse_wire::response::{Decoder, Event, Head};

use crate::attempts::{Limits, Outgoing};
use crate::client::{Before, Client, Piece, Then};
use crate::failure::{Answer, Failure, Nonsense};
use crate::head;
use crate::held::Held;
use crate::scratch::Scratch;
use crate::upload::{Broken, Upload, Wait};

/// How long a client's body is waited for before it is asked for again: filters with clocks of their own
/// (mod_reqtimeout) look at them only when asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same where nothing tells that there is more.
const ASK_BLINDLY: Duration = Duration::from_millis(10);

/// How an exchange ended.
pub(crate) enum Outcome<I> {
    Answered(Answer<I>),
    /// The daemon restarts; nothing was lost.
    Rejected,
}

/// Why the loop ends.
enum Stop<I> {
    Outcome(Outcome<I>),
    Failed(Failure),
    /// The daemon gave up the response.
    Aborted,
    ClientLost {
        flushing: bool,
        error: io::Error,
    },
}

/// How far the response has come.
enum Stage<I> {
    /// Nothing of it is there.
    Awaited,
    /// The head is the client's, the body is being passed on.
    Passing,
    /// The body is being dropped.
    Dropping(Option<I>),
}

/// A connection to a daemon with a request to be answered.
pub(crate) struct Exchange<'e, C: Client> {
    client: &'e mut C,
    stream: &'e Stream,
    limits: &'e Limits,
    upload: Upload<'e>,
    /// Whether the request had been sent to another daemon before.
    again: bool,
    /// The request frame could not be sent. The daemon may have answered all the same.
    unsent: Option<io::Error>,
    decoder: Decoder,
    scratch: Scratch,
    /// Came with bytes whose file frame has not been seen yet.
    descriptor: Option<OwnedFd>,
    stage: Stage<C::Instead>,
    /// What stopped the upload when it was pushed last.
    waits: Wait,
    held: Held,
    /// Bytes that were passed on since the last flush.
    unflushed: usize,
    /// When the daemon, and the client, showed life last, or began to be waited for.
    daemon_alive: Instant,
    client_alive: Instant,
}

impl<'e, C: Client> Exchange<'e, C> {
    pub(crate) fn new(
        client: &'e mut C,
        stream: &'e Stream,
        limits: &'e Limits,
        outgoing: &'e Outgoing<'e>,
        again: bool,
    ) -> Self {
        let now = Instant::now();
        Exchange {
            client,
            stream,
            limits,
            upload: Upload::new(outgoing),
            again,
            unsent: None,
            decoder: Decoder::up_to(head::bound(limits.header)),
            scratch: Scratch::take(),
            descriptor: None,
            stage: Stage::Awaited,
            waits: Wait::Nothing,
            held: Held::default(),
            unflushed: 0,
            daemon_alive: now,
            client_alive: now,
        }
    }

    /// Relays until there is nothing left to relay.
    pub(crate) fn run(mut self) -> Result<Outcome<C::Instead>, Failure> {
        let Err(stop) = self.steps();
        let answer = match stop {
            Stop::Outcome(outcome) => return Ok(outcome),
            Stop::ClientLost { flushing, error } => Answer::ClientLost { flushing, error },
            Stop::Failed(failure) => self.cut_short(Some(failure))?,
            Stop::Aborted => self.cut_short(None)?,
        };
        Ok(Outcome::Answered(answer))
    }

    /// The response will not be complete.
    fn cut_short(mut self, why: Option<Failure>) -> Result<Answer<C::Instead>, Failure> {
        self.upload.abort(self.stream);
        match (self.stage, why) {
            (Stage::Awaited, Some(failure)) => Err(better(failure, self.unsent, self.again)),
            // An order that nobody keeps: reported as what it is.
            (Stage::Awaited, None) => Err(Failure::Malformed(Nonsense::Order("ABORT"))),
            (Stage::Dropping(Some(instead)), _) => Ok(Answer::Instead(instead)),
            (Stage::Passing | Stage::Dropping(None), why) => {
                let mut pieces = self.held.pieces();
                pieces.push(Piece::Truncated);
                // A client that is gone as well needs not be shown anything.
                let _gone = self.client.send(&mut pieces);
                Ok(Answer::Truncated(why))
            }
        }
    }

    fn steps(&mut self) -> Result<Infallible, Stop<C::Instead>> {
        loop {
            let waits = self.push()?;
            self.begin_wait(waits);
            if !self.is_holding() {
                self.release()?;
            }
            if self.wait(waits)? {
                self.daemon_alive = Instant::now();
                while self.receive()? {}
            }
        }
    }

    /// Sends what there is of the request.
    fn push(&mut self) -> Result<Wait, Stop<C::Instead>> {
        let (taken, delivered) = (self.upload.taken(), self.upload.delivered());
        let pushed = self.upload.push(self.stream, self.client);
        if taken != self.upload.taken() {
            self.client_alive = Instant::now();
        }
        if delivered != self.upload.delivered() {
            self.daemon_alive = Instant::now();
        }
        let broken = match pushed {
            Ok(waits) => return Ok(waits),
            Err(broken) => broken,
        };
        match broken {
            Broken::Client(error) => return Err(Stop::Failed(Failure::Body(error))),
            Broken::Request(error) => self.unsent = Some(error),
            // A daemon that needs no more of the body closes its end when it has answered.
            Broken::Body(error) | Broken::End(error) if is_closed(&error) => {}
            Broken::Body(error) => self.client.note(Before::BodyRefused(&error)),
            Broken::End(error) => self.client.note(Before::EndRefused(&error)),
        }
        self.upload.cancel();
        Ok(Wait::Nothing)
    }

    /// Takes note of what is waited for from now on. A silence begins with the wait for its end: who was not waited for has
    /// had no reason to speak.
    fn begin_wait(&mut self, waits: Wait) {
        if std::mem::replace(&mut self.waits, waits) == waits {
            return;
        }
        match waits {
            Wait::Client => self.client_alive = Instant::now(),
            Wait::Room | Wait::Nothing => self.daemon_alive = Instant::now(),
        }
    }

    /// Wait for something to do; whether the daemon has sent something.
    fn wait(&mut self, waits: Wait) -> Result<bool, Stop<C::Instead>> {
        if self.unflushed > 0 {
            let delay = self.limits.flush_delay;
            if !delay.is_zero() {
                let (daemon, client) = self.poll(waits, delay)?;
                if daemon.readable || daemon.writable || client {
                    return Ok(daemon.readable);
                }
            }
            self.pass(vec![Piece::Flush])?;
        }
        let (silence, limit) = match waits {
            Wait::Client => (self.client_alive.elapsed(), self.limits.client),
            Wait::Room | Wait::Nothing => (self.daemon_alive.elapsed(), self.limits.daemon),
        };
        let Some(left) = limit.checked_sub(silence).filter(|left| !left.is_zero()) else {
            // It may have spoken while nobody listened, because the client took its time.
            let (daemon, _) = self.poll(waits, Duration::ZERO)?;
            if daemon.writable {
                self.daemon_alive = Instant::now();
            } else if !daemon.readable {
                self.silent(waits)?;
            }
            return Ok(daemon.readable);
        };
        let timeout = match (waits, self.client.body_source()) {
            (Wait::Client, None) => left.min(ASK_BLINDLY),
            (Wait::Client, Some(_)) => left.min(ASK_AGAIN),
            _ => left,
        };
        let (daemon, _) = self.poll(waits, timeout)?;
        if daemon.writable {
            self.daemon_alive = Instant::now();
        }
        Ok(daemon.readable)
    }

    fn poll(
        &mut self,
        waits: Wait,
        timeout: Duration,
    ) -> Result<(Readiness, bool), Stop<C::Instead>> {
        let writing = waits == Wait::Room;
        let source = (waits == Wait::Client).then(|| self.client.body_source());
        let ready = match source.flatten() {
            Some(source) => self.stream.wait_or(writing, source, Some(timeout)),
            None => {
                let ready = self.stream.wait(writing, Some(timeout));
                ready.map(|ready| (ready, false))
            }
        };
        ready.map_err(|error| Stop::Failed(Failure::Read(error)))
    }

    /// Whoever is waited for has been silent for too long.
    fn silent(&mut self, waits: Wait) -> Result<(), Stop<C::Instead>> {
        match waits {
            Wait::Nothing => Err(Stop::Failed(Failure::Timeout)),
            Wait::Client => Err(Stop::Failed(Failure::Body(io::ErrorKind::TimedOut.into()))),
            Wait::Room => {
                // It may still answer.
                let error = io::ErrorKind::TimedOut.into();
                self.client.note(Before::BodyRefused(&error));
                self.upload.cancel();
                self.daemon_alive = Instant::now();
                Ok(())
            }
        }
    }

    /// Takes what the daemon has sent, as much as fits; whether there was anything.
    fn receive(&mut self) -> Result<bool, Stop<C::Instead>> {
        let count = match self.stream.recv_descriptor_now(&mut self.scratch) {
            Ok((0, _)) => return Err(Stop::Failed(Failure::Closed)),
            Ok((count, descriptor)) => {
                self.descriptor = descriptor.or(self.descriptor.take());
                count
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(Stop::Failed(Failure::Read(error))),
        };
        let scratch = std::mem::replace(&mut self.scratch, Scratch::none());
        let taken = self.take(&scratch[..count]);
        self.scratch = scratch;
        taken.map(|()| true)
    }

    /// Takes bytes of the response.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Stop<C::Instead>> {
        let mut decoder = std::mem::take(&mut self.decoder);
        let mut input = bytes;
        let mut pieces = Vec::new();
        let end = loop {
            match decoder.next(&mut input) {
                Err(error) => break Some(malformed(error)),
                Ok(None) => break None,
                // The data are those consumed last. Taken from `bytes`, they do not keep the decoder borrowed.
                Ok(Some(Event::Data(data))) if self.has_head() => {
                    let end = bytes.len() - input.len();
                    pieces.push(Piece::Data(&bytes[end - data.len()..end]));
                }
                Ok(Some(event)) => match self.event(event, &mut pieces) {
                    Ok(()) => {}
                    Err(stop) => break Some(stop),
                },
            }
        };
        self.decoder = decoder;
        self.pass(pieces)?;
        end.map_or(Ok(()), Err)
    }

    /// Takes a frame. What it adds to the response's body is added to `pieces`.
    fn event(
        &mut self,
        event: Event<'_>,
        pieces: &mut Vec<Piece<'_>>,
    ) -> Result<(), Stop<C::Instead>> {
        let has_head = self.has_head();
        match event {
            Event::Continue if !has_head && self.upload.wanted() => Ok(()),
            Event::Rejected if !has_head => Err(Stop::Outcome(Outcome::Rejected)),
            Event::Timeout if !has_head => Err(answered(Answer::QueueTimeout)),
            Event::Fail(status) if !has_head => Err(answered(Answer::Status(status))),
            Event::Head(head) if !has_head => self.head(&head),
            Event::File { offset, length } if has_head => {
                let file = self.file()?;
                pieces.push(Piece::File {
                    file,
                    offset,
                    length,
                });
                Ok(())
            }
            Event::End if has_head => {
                pieces.push(Piece::End);
                Err(answered(match &mut self.stage {
                    Stage::Dropping(instead) => {
                        instead.take().map_or(Answer::Complete, Answer::Instead)
                    }
                    Stage::Awaited | Stage::Passing => Answer::Complete,
                }))
            }
            Event::Abort if has_head => Err(Stop::Aborted),
            misplaced => Err(malformed(Nonsense::Order(name(&misplaced)))),
        }
    }

    fn head(&mut self, head: &Head<'_, Headers<'_>>) -> Result<(), Stop<C::Instead>> {
        head::check(head, self.limits.header).map_err(Stop::Failed)?;
        self.stage = match self.client.head(head) {
            Then::PassOn => Stage::Passing,
            Then::Discard(instead) => Stage::Dropping(Some(instead)),
        };
        Ok(())
    }

    fn file(&mut self) -> Result<OwnedFd, Stop<C::Instead>> {
        let file = self.descriptor.take();
        // The daemon runs as another user: what it sends must be what it says.
        let is_regular = |file: &OwnedFd| matches!(file::regular_size(file.as_fd()), Ok(Some(_)));
        file.filter(is_regular)
            .ok_or_else(|| malformed(Nonsense::File))
    }

    /// Passes pieces on to the client.
    fn pass(&mut self, mut pieces: Vec<Piece<'_>>) -> Result<(), Stop<C::Instead>> {
        if pieces.is_empty() || !matches!(self.stage, Stage::Passing) {
            return Ok(());
        }
        let flushing = matches!(pieces[..], [Piece::Flush]);
        if self.is_holding() && !matches!(pieces.last(), Some(Piece::End | Piece::Truncated)) {
            pieces.drain(..).for_each(|piece| self.held.keep(piece));
            if self.held.size() <= self.limits.flush_after {
                return Ok(());
            }
        }
        self.release()?;
        if pieces.is_empty() {
            return Ok(());
        }
        self.unflushed += pieces.iter().map(Piece::size).sum::<usize>();
        if flushing {
            self.unflushed = 0;
        } else if self.unflushed > self.limits.flush_after {
            pieces.push(Piece::Flush);
            self.unflushed = 0;
        }
        self.send(&mut pieces, flushing)
    }

    /// Has the client take pieces, which shows that it lives.
    fn send(
        &mut self,
        pieces: &mut Vec<Piece<'_>>,
        flushing: bool,
    ) -> Result<(), Stop<C::Instead>> {
        match self.client.send(pieces) {
            Ok(()) => {
                self.client_alive = Instant::now();
                Ok(())
            }
            Err(error) => Err(Stop::ClientLost { flushing, error }),
        }
    }

    /// Whether the response is kept for the moment: the daemon takes no more of the request's body before it has written
    /// more of its response, and the client may be one that reads nothing before it has sent everything (DD §14 row 30).
    fn is_holding(&self) -> bool {
        self.waits == Wait::Room
    }

    /// Passes on what was kept.
    fn release(&mut self) -> Result<(), Stop<C::Instead>> {
        if self.held.is_empty() {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        self.unflushed += held.size();
        self.send(&mut held.pieces(), false)
    }

    fn has_head(&self) -> bool {
        !matches!(self.stage, Stage::Awaited)
    }
}

impl Piece<'_> {
    /// What it adds to what waits for a flush. Files leave by themselves.
    fn size(&self) -> usize {
        match self {
            Piece::Data(data) => data.len(),
            _ => 0,
        }
    }
}

/// The failure to report when the daemon hung up: that the request could not be sent comes first.
fn better(failure: Failure, unsent: Option<io::Error>, again: bool) -> Failure {
    match (failure, unsent) {
        (Failure::Closed | Failure::Read(_), Some(source)) => Failure::Send { again, source },
        (failure, _) => failure,
    }
}

fn answered<I>(answer: Answer<I>) -> Stop<I> {
    Stop::Outcome(Outcome::Answered(answer))
}

fn malformed<I>(nonsense: impl Into<Nonsense>) -> Stop<I> {
    Stop::Failed(Failure::Malformed(nonsense.into()))
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

fn name(event: &Event<'_>) -> &'static str {
    match event {
        Event::Continue => "CONTINUE",
        Event::Rejected => "REJECTED",
        Event::Timeout => "TIMEOUT",
        Event::Head(_) => "HEAD",
        Event::Data(_) => "DATA",
        Event::File { .. } => "FILE",
        Event::End => "END",
        Event::Abort => "ABORT",
        Event::Fail(_) => "FAIL",
    }
}

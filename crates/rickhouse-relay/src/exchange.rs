//! One connection: the request to the daemon and the response to the client, at the same time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rickhouse_os::stream::{Readiness, Stream};
use rickhouse_wire::Headers;
use rickhouse_wire::response::{Decoder, Event, Head};

use crate::attempts::{Limits, Outgoing};
use crate::client::{Before, Client, Piece, Then};
use crate::failure::{Answer, Failure, Nonsense};
use crate::head;
use crate::held::Held;
use crate::scratch::Scratch;
use crate::stop::{Outcome, Stage, Stop, answered, better, has_part, is_closed, malformed, name};
use crate::upload::{Broken, Upload, Wait};

/// How long a client's body is waited for before it is asked for again: filters with clocks of their own
/// (mod_reqtimeout) look at them only when asked.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// The same where nothing tells that there is more.
const ASK_BLINDLY: Duration = Duration::from_millis(10);

/// A descriptor may come before its frame is complete, and meanwhile the one of the next frame.
const MAX_DESCRIPTORS: usize = 2;

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
    /// Came with bytes whose file frame has not been seen yet; the oldest first.
    descriptors: VecDeque<OwnedFd>,
    stage: Stage<C::Instead>,
    /// Bytes of the body that may still come, where the head tells its length; it tells it without any coming, too, where
    /// the response has no body.
    left: Option<u64>,
    is_bodyless: bool,
    /// What stopped the upload when it was pushed last.
    waits: Wait,
    held: Held,
    /// Bytes that were passed on since the last flush, and when the last of what is to be flushed was: a head counts for
    /// no bytes.
    unflushed: usize,
    passed_on: Option<Instant>,
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
            descriptors: VecDeque::new(),
            stage: Stage::Awaited,
            left: None,
            is_bodyless: outgoing.head_only,
            waits: Wait::Nothing,
            held: Held::default(),
            unflushed: 0,
            passed_on: None,
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
        if let Some(passed_on) = self.passed_on {
            // From when the daemon fell silent: a client that sends all the time is to get its response, too.
            let delay = self.limits.flush_delay.saturating_sub(passed_on.elapsed());
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
            // Without a whole request there is nothing to answer.
            Wait::Room if self.upload.is_request_unsent() => {
                let (again, source) = (self.again, io::ErrorKind::TimedOut.into());
                Err(Stop::Failed(Failure::Send { again, source }))
            }
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
                self.descriptors.extend(descriptor);
                if self.descriptors.len() > MAX_DESCRIPTORS {
                    return Err(malformed(Nonsense::File));
                }
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
                    let begin = bytes.len() - input.len() - data.len();
                    // No more than what is there.
                    let count = self.admitted(data.len() as u64) as usize;
                    pieces.push(Piece::Data(&bytes[begin..begin + count]));
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
            Event::Rejected if !has_head && self.upload.is_repeatable() => {
                Err(Stop::Outcome(Outcome::Rejected))
            }
            Event::Timeout if !has_head => Err(answered(Answer::QueueTimeout)),
            Event::Fail(status) if !has_head => Err(answered(Answer::Status(status))),
            Event::Head(head) if !has_head => self.head(&head),
            Event::File { offset, length } if has_head => {
                let file = self.file(offset, length)?;
                pieces.push(Piece::File {
                    file,
                    offset,
                    length: self.admitted(length),
                });
                Ok(())
            }
            Event::End if self.left > Some(0) && !self.is_bodyless => {
                Err(malformed(Nonsense::Short))
            }
            Event::End if has_head => {
                let is_early = !self.upload.is_over();
                if is_early {
                    // While it is still the client's turn, what comes of the body must not keep the response back.
                    self.client.leave_body();
                }
                pieces.push(Piece::End);
                pieces.extend(is_early.then_some(Piece::Flush));
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
        self.left = head.length;
        self.is_bodyless |= matches!(head.status, 204 | 304);
        self.stage = match self.client.head(head) {
            Then::PassOn => {
                self.passed_on = Some(Instant::now());
                Stage::Passing
            }
            Then::Discard(instead) => Stage::Dropping(Some(instead)),
        };
        Ok(())
    }

    /// The oldest descriptor, which must be that of a regular file with such a part.
    fn file(&mut self, offset: u64, length: u64) -> Result<OwnedFd, Stop<C::Instead>> {
        let file = self.descriptors.pop_front();
        // The daemon runs as another user: what it sends must be what it says.
        file.filter(|file| has_part(file, offset, length))
            .ok_or_else(|| malformed(Nonsense::File))
    }

    /// Passes pieces on to the client.
    fn pass(&mut self, mut pieces: Vec<Piece<'_>>) -> Result<(), Stop<C::Instead>> {
        if pieces.is_empty() || !matches!(self.stage, Stage::Passing) {
            return Ok(());
        }
        let flushing = matches!(pieces[..], [Piece::Flush]);
        if self.is_holding() && !pieces.iter().any(Piece::is_last) {
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
        let is_much = !flushing && self.unflushed > self.limits.flush_after;
        pieces.extend(is_much.then_some(Piece::Flush));
        self.send(&mut pieces, flushing)?;
        if flushing || is_much {
            (self.unflushed, self.passed_on) = (0, None);
        }
        Ok(())
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
                self.passed_on = Some(self.client_alive);
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
        let mut held = std::mem::take(&mut self.held);
        self.unflushed += held.size();
        self.send(&mut held.pieces(), false)
    }

    /// How many of `count` bytes of the body the length in the head admits, which is used up by them. What is beyond it
    /// would be taken for the next response.
    fn admitted(&mut self, count: u64) -> u64 {
        let Some(left) = &mut self.left else {
            return count;
        };
        let count = count.min(*left);
        *left -= count;
        count
    }

    fn has_head(&self) -> bool {
        !matches!(self.stage, Stage::Awaited)
    }
}

impl Piece<'_> {
    /// Whether no more of the response comes behind it.
    fn is_last(&self) -> bool {
        matches!(self, Piece::End | Piece::Truncated)
    }

    /// What it adds to what waits for a flush. Files leave by themselves.
    fn size(&self) -> usize {
        match self {
            Piece::Data(data) => data.len(),
            _ => 0,
        }
    }
}

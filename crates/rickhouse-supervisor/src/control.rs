//! The channel between supervisor and worker: one JSON object a line over a socket pair.
//!
//! The supervisor never waits for a worker: its end is non-blocking, and a worker that does not read (stopped, stuck)
//! is dealt with by deadlines. A worker learns of the supervisor's death by the end of the stream.

use std::io::{self, ErrorKind, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::{BootFailure, RetireReason};

/// Longest line that is read, in bytes. Texts are cut to fit before they are sent.
const LINE_LIMIT: usize = 256 * 1024;
/// Longest text in a message, in bytes; JSON makes of a byte six at most.
const TEXT_LIMIT: usize = LINE_LIMIT / 8;

/// What a worker tells its supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToSupervisor {
    /// It is set up and begins to load the application.
    Loading,
    /// It serves.
    Ready,
    /// It cannot serve, and exits.
    BootFailed(BootFailure),
    /// It wants to be replaced.
    Retire(RetireReason),
    /// Source files its application consists of.
    Loaded(Vec<String>),
}

/// What a supervisor tells a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// Take no new requests, finish the running ones, exit.
    Drain {
        /// The time for it.
        within: Duration,
    },
    /// Run the exit handlers and exit.
    Stop,
    /// Open the log files again.
    ReopenLogs,
}

/// The supervisor's end of a channel.
pub type SupervisorEnd = Channel<ToWorker, ToSupervisor>;
/// A worker's end of a channel.
pub type WorkerEnd = Channel<ToSupervisor, ToWorker>;

/// What arrived since the last look.
#[derive(Debug)]
pub struct Arrived<M> {
    /// The messages, in order.
    pub messages: Vec<M>,
    /// Further messages are here already: ask again without waiting.
    pub more: bool,
    /// The other side is gone (or speaks nonsense); nothing will follow.
    pub closed: bool,
}

/// One end: sends `S`, receives `R`.
#[derive(Debug)]
pub struct Channel<S, R> {
    stream: Arc<UnixStream>,
    /// Held while a line is sent: the lines of several handles must not mix.
    sending: Arc<Mutex<()>>,
    unread: Vec<u8>,
    types: PhantomData<fn(S) -> R>,
}

/// Makes both ends: the supervisor's, and the descriptor to pass to the worker.
///
/// # Errors
/// When the process has no descriptors left.
pub fn pair() -> io::Result<(SupervisorEnd, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((Channel::over(ours), theirs.into()))
}

impl WorkerEnd {
    /// The worker's end over the descriptor it inherited. Sending waits for room, receiving does not wait.
    #[must_use]
    pub fn open(descriptor: OwnedFd) -> Self {
        Self::over(UnixStream::from(descriptor))
    }

    /// A second handle, for another thread to send by.
    #[must_use]
    pub fn sender(&self) -> Self {
        Self {
            stream: Arc::clone(&self.stream),
            sending: Arc::clone(&self.sending),
            unread: Vec::new(),
            types: PhantomData,
        }
    }
}

impl<S: Serialize, R: DeserializeOwned> Channel<S, R> {
    fn over(stream: UnixStream) -> Self {
        Self {
            stream: Arc::new(stream),
            sending: Arc::default(),
            unread: Vec::new(),
            types: PhantomData,
        }
    }

    /// Sends one message.
    ///
    /// # Errors
    /// `BrokenPipe` when the other side is gone, `WouldBlock` at the supervisor's end when it does not read.
    pub fn send(&self, message: &S) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        let _one_at_a_time = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        (&*self.stream).write_all(&line)
    }

    /// Takes up to `limit` messages of what has arrived, without waiting. Nonsense ends the channel: what follows it is
    /// not looked at.
    pub fn receive(&mut self, limit: usize) -> Arrived<R> {
        let mut closed = !self.fill();
        let mut messages = Vec::new();
        let mut taken = 0;
        while messages.len() < limit {
            let Some(length) = line_length(&self.unread[taken..]) else {
                break;
            };
            match serde_json::from_slice(&self.unread[taken..taken + length]) {
                Ok(message) => messages.push(message),
                Err(_) => {
                    self.unread.clear();
                    return Arrived {
                        messages,
                        more: false,
                        closed: true,
                    };
                }
            }
            taken += length;
        }
        self.unread.drain(..taken);
        let more = line_length(&self.unread).is_some();
        closed |= self.unread.len() > LINE_LIMIT;
        Arrived {
            messages,
            more,
            // The last words come before the end.
            closed: closed && !more,
        }
    }

    /// Ends the channel in both directions; the other side sees its end.
    pub fn hang_up(&self) {
        // Ended already: what was wanted.
        let _ended = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Reads into `unread` until nothing is left; `false` at the end of the stream.
    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        while self.unread.len() <= LINE_LIMIT {
            match self.read_now(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        if rickhouse_os::poll::readable(&[self.stream.as_fd()], Some(Duration::ZERO))
            .is_ok_and(|ready| ready[0])
        {
            return (&*self.stream).read(buffer);
        }
        Err(ErrorKind::WouldBlock.into())
    }
}

/// Length of the first line with its end, if that has arrived.
fn line_length(text: &[u8]) -> Option<usize> {
    text.iter()
        .position(|byte| *byte == b'\n')
        .map(|end| end + 1)
}

impl<S, R> AsFd for Channel<S, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Cuts a text so that its message can be received, at a character boundary, and says so. The end of a traceback names
/// the error, so it is the middle that goes.
#[must_use]
pub fn shorten(text: String) -> String {
    if text.len() <= TEXT_LIMIT {
        return text;
    }
    let half = TEXT_LIMIT / 2;
    let boundary = |index: &usize| text.is_char_boundary(*index);
    let head = (0..=half).rev().find(boundary).unwrap_or(0);
    let tail = (text.len() - half..text.len())
        .find(boundary)
        .unwrap_or(text.len());
    format!(
        "{}\n[… {} bytes left out …]\n{}",
        &text[..head],
        tail - head,
        &text[tail..]
    )
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::event::FailureKind;

    fn ends() -> (SupervisorEnd, WorkerEnd) {
        let (supervisor, descriptor) = pair().expect("a socket pair");
        (supervisor, WorkerEnd::open(descriptor))
    }

    #[test]
    fn messages_arrive_in_order_and_the_end_is_seen() {
        let (mut supervisor, worker) = ends();
        let failure = BootFailure {
            kind: FailureKind::Application,
            text: "line\nline".to_owned(),
        };
        let sent = [ToSupervisor::Ready, ToSupervisor::BootFailed(failure)];
        for message in &sent {
            worker.send(message).expect("room");
        }
        let arrived = supervisor.receive(64);
        assert_eq!(arrived.messages, sent);
        assert!(!arrived.closed);
        drop(worker);
        assert!(supervisor.receive(64).closed);
    }

    #[test]
    fn a_worker_that_does_not_read_does_not_hold_its_supervisor() {
        let (supervisor, _worker) = ends();
        let full = (0..1_000_000)
            .find_map(|_| supervisor.send(&ToWorker::ReopenLogs).err())
            .expect("a full buffer");
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn nonsense_closes_the_channel() {
        let (mut supervisor, worker) = ends();
        (&*worker.stream)
            .write_all(b"{\"unheard\":1}\n")
            .expect("room");
        let arrived = supervisor.receive(64);
        assert!(arrived.messages.is_empty() && arrived.closed);
    }

    #[test]
    fn a_flood_is_taken_in_portions_and_the_end_comes_last() {
        let (mut supervisor, worker) = ends();
        for _ in 0..5 {
            worker.send(&ToSupervisor::Ready).expect("room");
        }
        drop(worker);
        let seen: Vec<_> = (0..3)
            .map(|_| supervisor.receive(2))
            .map(|arrived| (arrived.messages.len(), arrived.more, arrived.closed))
            .collect();
        assert_eq!(seen, [(2, true, false), (2, true, false), (1, false, true)]);
    }

    #[test]
    fn a_line_without_end_closes_the_channel() {
        let (mut supervisor, worker) = ends();
        let flood = thread::spawn(move || {
            // Ends when the supervisor has had enough and hangs up.
            while (&*worker.stream).write_all(&[b'x'; 4096]).is_ok() {}
        });
        while !supervisor.receive(64).closed {}
        drop(supervisor);
        flood.join().expect("no panic");
    }

    #[test]
    fn a_long_text_keeps_both_ends() {
        let text = shorten(format!("first {} last", "é".repeat(TEXT_LIMIT)));
        assert!(
            text.starts_with("first") && text.ends_with("last") && text.len() < TEXT_LIMIT + 100
        );
        assert_eq!(shorten("short".to_owned()), "short");
    }
}

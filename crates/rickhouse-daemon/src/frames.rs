//! Reading a request frame, and a body that rides along, from a connection.

use std::io;
use std::time::{Duration, Instant};

use rickhouse_os::stream::Stream;
use rickhouse_wire::{Body, RequestFrame, Token, WireError, frame_length, frame_token};

/// Room that a thread keeps for requests: a usual one, with the largest attached body, is received in one call.
const KEPT: usize = 192 << 10;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The connection failed or was silent for too long.
    Read(io::Error),
    /// It ended in the middle.
    Ended,
    /// These bytes are no request.
    Wire(WireError),
    /// It does not come from a child of our own httpd (DD §8.2).
    Stranger(Stranger),
}

/// What is wrong with the token that a request shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stranger {
    NoToken,
    WrongToken,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unreadable::Read(error) => error.fmt(f),
            Unreadable::Ended => f.write_str("the connection ended"),
            Unreadable::Wire(error) => error.fmt(f),
            Unreadable::Stranger(_) => f.write_str("the token is not ours"),
        }
    }
}

impl From<WireError> for Unreadable {
    fn from(error: WireError) -> Self {
        Unreadable::Wire(error)
    }
}

/// Bytes received from one connection.
#[derive(Debug)]
pub(crate) struct Incoming {
    buffer: Vec<u8>,
    filled: usize,
}

/// A request that was received.
pub(crate) struct Received<'a> {
    pub(crate) frame: RequestFrame<'a>,
    /// The attached body.
    pub(crate) attached: &'a [u8],
}

impl Incoming {
    pub(crate) fn new() -> Self {
        // Zeroed pages come from the kernel when they are first touched.
        Incoming {
            buffer: vec![0; KEPT],
            filled: 0,
        }
    }

    /// Reads the request of a connection that was just accepted. All of it has to be there within `timeout`.
    ///
    /// The token comes first: who cannot show it makes nobody wait for the rest of a frame, or find room for it.
    pub(crate) fn receive(
        &mut self,
        stream: &Stream,
        token: &Token,
        timeout: Option<Duration>,
    ) -> Result<Received<'_>, Unreadable> {
        self.filled = 0;
        if self.buffer.len() > KEPT {
            self.buffer = vec![0; KEPT];
        }
        let mut source = Source {
            stream,
            timeout,
            wait: Wait::None,
        };
        let length = self.beginning(&mut source, token)?;
        self.fill(&mut source, length)?;
        let body = RequestFrame::parse(&self.buffer[..length])?.head.body;
        let total = match body {
            Body::Attached(attached) => length + attached as usize,
            Body::None | Body::Framed(_) => length,
        };
        self.fill(&mut source, total)?;
        if self.filled > total {
            // Nothing may follow before it was asked for.
            return Err(WireError::Trailing(self.filled - total).into());
        }
        let (frame, attached) = self.buffer[..total].split_at(length);
        Ok(Received {
            frame: RequestFrame::parse(frame)?,
            attached,
        })
    }

    /// Reads as much as it takes to tell the length of a frame and whose it is.
    fn beginning(&mut self, source: &mut Source<'_>, token: &Token) -> Result<usize, Unreadable> {
        loop {
            let there = &self.buffer[..self.filled];
            if let (Some(length), Some(presented)) = (frame_length(there)?, frame_token(there)) {
                check(token, presented).map_err(Unreadable::Stranger)?;
                return Ok(length);
            }
            self.more(source)?;
        }
    }

    /// Reads until `total` bytes are there.
    fn fill(&mut self, source: &mut Source<'_>, total: usize) -> Result<(), Unreadable> {
        if self.buffer.len() < total {
            self.buffer.resize(total, 0);
        }
        while self.filled < total {
            self.more(source)?;
        }
        Ok(())
    }

    fn more(&mut self, source: &mut Source<'_>) -> Result<(), Unreadable> {
        match source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err(Unreadable::Ended),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) => Err(Unreadable::Read(error)),
        }
    }
}

fn check(token: &Token, presented: &[u8; Token::SIZE]) -> Result<(), Stranger> {
    if Token::is_missing(presented) {
        Err(Stranger::NoToken)
    } else if token.admits(presented) {
        Ok(())
    } else {
        Err(Stranger::WrongToken)
    }
}

/// A connection that is not made to wait before the first read has to: most never do.
struct Source<'a> {
    stream: &'a Stream,
    timeout: Option<Duration>,
    wait: Wait,
}

#[derive(Clone, Copy)]
enum Wait {
    /// There was none yet.
    None,
    /// All waits end at this time.
    Until(Instant),
    Forever,
}

impl Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.wait, Wait::None) {
            match self.stream.recv_now(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            let deadline = self
                .timeout
                .and_then(|timeout| Instant::now().checked_add(timeout));
            self.wait = deadline.map_or(Wait::Forever, Wait::Until);
        }
        if let Wait::Until(deadline) = self.wait {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left))?;
        }
        self.stream.recv(buffer).map_err(timed_out)
    }
}

/// A wait that ended by its timeout, named so.
pub(crate) fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::ErrorKind::TimedOut.into();
    }
    error
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use rickhouse_wire::MAX_REQUEST;

    use super::*;

    const TOKEN: [u8; 32] = [7; 32];

    /// What becomes of these bytes, and how much room was made for them.
    fn receive(bytes: Vec<u8>) -> (Result<usize, Unreadable>, usize) {
        let (mut child, daemon) = UnixStream::pair().expect("a pair");
        // The rest is refused when the daemon has seen enough.
        let sending = thread::spawn(move || child.write_all(&bytes).is_ok());
        let stream = Stream::from_fd(daemon.into());
        let mut incoming = Incoming::new();
        let received = incoming.receive(&stream, &Token::new(TOKEN), None);
        let received = received.map(|received| received.attached.len());
        drop(stream);
        sending.join().expect("no panic");
        (received, incoming.buffer.len())
    }

    /// The beginning of a request of `length` bytes.
    fn beginning(length: u32, token: [u8; 32]) -> Vec<u8> {
        [&b"RKW1"[..], &length.to_le_bytes(), &token].concat()
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_request_or_refused(
            rest in vec(any::<u8>(), 0..300),
            length in prop_oneof![Just(None), any::<u32>().prop_map(Some), (0..300_u32).prop_map(Some)],
            is_ours in any::<bool>(),
            attached in 0..400_u64,
        ) {
            let bytes = match length {
                None => rest,
                Some(length) => {
                    let token = if is_ours { TOKEN } else { [8; 32] };
                    let mut bytes = [beginning(length, token), rest].concat();
                    if let Some(body) = bytes.get_mut(44..80) {
                        // A body that rides along, and numbers that may be anything.
                        body[..4].copy_from_slice(&[1, 0, 0, 0]);
                        body[4..12].copy_from_slice(&attached.to_le_bytes());
                    }
                    bytes
                }
            };
            let all = bytes.len();
            let (received, room) = receive(bytes);
            match received {
                Ok(count) => prop_assert!(count <= all && is_ours),
                Err(Unreadable::Stranger(_)) => prop_assert!(!is_ours),
                Err(_) => {}
            }
            let most = if is_ours { MAX_REQUEST } else { KEPT };
            prop_assert!(room <= most);
        }
    }

    #[test]
    fn no_room_is_made_for_strangers() {
        let most = u32::try_from(MAX_REQUEST).expect("fits");
        for (token, expected) in [
            ([8; 32], Stranger::WrongToken),
            ([0; 32], Stranger::NoToken),
        ] {
            let (received, room) = receive(beginning(most, token));
            assert!(
                matches!(received, Err(Unreadable::Stranger(found)) if found == expected),
                "{received:?}"
            );
            assert_eq!(room, KEPT);
        }
        let (received, room) = receive(beginning(most, TOKEN));
        assert!(matches!(received, Err(Unreadable::Ended)), "{received:?}");
        assert_eq!(room, MAX_REQUEST);
    }
}

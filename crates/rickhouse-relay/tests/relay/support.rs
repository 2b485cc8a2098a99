//! A daemon that follows a script, and a client that keeps what it is given.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rickhouse_os::file;
use rickhouse_os::group_socket::{GroupSocket, Options};
use rickhouse_os::stream::Stream;
use rickhouse_relay::{
    Answer, Before, Body, Client, Daemon, Failure, Limits, Outgoing, Piece, Then,
};
use rickhouse_wire::response::{self, Head};
use rickhouse_wire::{Flags, Headers, Reload, RequestHead, RequestWriter, body, frame_length};

/// Long enough not to matter.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) const LIMITS: Limits = Limits {
    daemon: LONG,
    client: LONG,
    flush_delay: Duration::ZERO,
    flush_after: 1 << 20,
    header: 8192,
};

/// A listening daemon that gives each connection to the next of its scripts.
pub(crate) struct Stub {
    folder: tempfile::TempDir,
    thread: JoinHandle<()>,
}

/// Is shown a response's body as it grows.
pub(crate) type Watch = Box<dyn FnMut(&[u8])>;

type Script = Box<dyn FnOnce(Connection) + Send>;

impl Stub {
    pub(crate) fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options {
            backlog: 10,
            owner: None,
            send_buffer: None,
            receive_buffer: None,
        };
        let made = GroupSocket::create(&folder.path().join("s"), &options).expect("a new file");
        let scripts: Vec<Script> = scripts.into_iter().collect();
        let thread = thread::spawn(move || {
            for script in scripts {
                script(Connection(made.socket.accept().expect("a client")));
            }
        });
        Stub { folder, thread }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    /// Waits for the end of the last script.
    pub(crate) fn finish(self) {
        self.thread.join().expect("the daemon's part holds");
    }
}

pub(crate) fn script(script: impl FnOnce(Connection) + Send + 'static) -> Script {
    Box::new(script)
}

/// The daemon's end.
pub(crate) struct Connection(pub Stream);

impl Connection {
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.send_with(bytes, None);
    }

    pub(crate) fn send_with(&self, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) {
        let sent = self
            .0
            .send(&[IoSlice::new(bytes)], descriptor)
            .expect("a child");
        assert_eq!(sent, bytes.len());
    }

    pub(crate) fn read_exact(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let mut have = 0;
        while have < count {
            let more = self.0.recv(&mut bytes[have..]).expect("a child");
            assert_ne!(more, 0, "the child hung up");
            have += more;
        }
        bytes
    }

    /// Reads a request frame.
    pub(crate) fn request(&self) -> Vec<u8> {
        let mut frame = self.read_exact(8);
        let length = frame_length(&frame)
            .expect("a frame")
            .expect("enough to tell");
        frame.extend(self.read_exact(length - frame.len()));
        frame
    }

    /// Reads body frames to their end; whether that was an orderly one.
    pub(crate) fn body(&self) -> (Vec<u8>, bool) {
        let (mut decoder, mut whole, mut buffer) =
            (body::Decoder::default(), Vec::new(), [0; 9999]);
        loop {
            let count = self.0.recv(&mut buffer).expect("a child");
            if count == 0 {
                return (whole, false);
            }
            let mut input = &buffer[..count];
            while let Some(event) = decoder.next(&mut input).expect("frames") {
                match event {
                    body::Event::Data(data) => whole.extend_from_slice(data),
                    body::Event::End => return (whole, true),
                    body::Event::Abort => return (whole, false),
                }
            }
        }
    }

    /// Whether the child has hung up, once it has.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.0.recv(&mut [0; 1]), Ok(0) | Err(_))
    }
}

pub(crate) fn head(status: u16, headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = Head {
        status,
        reason: b"Why",
        length: None,
        length_declared: false,
        headers: headers.iter().copied(),
    };
    response::write_head(&mut bytes, head).expect("a short head");
    bytes
}

/// A head that tells the length of the body.
pub(crate) fn head_of(length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let head = Head {
        status: 200,
        reason: b"",
        length: Some(length),
        length_declared: false,
        headers: [],
    };
    response::write_head(&mut bytes, head).expect("a short head");
    bytes
}

pub(crate) fn data(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("short");
    [&response::data(length)[..], bytes].concat()
}

pub(crate) fn frame(kind: fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    kind(&mut bytes);
    bytes
}

/// A request frame for a body of `body`.
pub(crate) fn request(body: rickhouse_wire::Body) -> Vec<u8> {
    let mut frame = Vec::new();
    let head = RequestHead {
        token: [1; 32],
        server: 0,
        body,
        reload: Reload::Off,
        flags: Flags::default(),
        received: 0,
        queued: 0,
        connects: 0,
        restarts: 0,
        script: b"/a.wsgi",
        handler_script: b"",
        application_group: "",
        callable: "application",
        request_id: b"",
        connection_id: b"",
        method: b"GET",
        target: b"/",
    };
    RequestWriter::new(&mut frame, &head)
        .finish()
        .expect("short");
    frame
}

/// A client that sends a body through a socket, and keeps what it gets.
#[derive(Default)]
pub(crate) struct Recorder {
    /// Where the body comes from; its end is the end of the body.
    pub(crate) source: Option<UnixStream>,
    /// Whether the relay may wait for the source.
    pub(crate) blind: bool,
    pub(crate) body_error: Option<io::Error>,
    pub(crate) status: u16,
    pub(crate) length: Option<u64>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) ended: bool,
    pub(crate) left_body: bool,
    pub(crate) truncated: bool,
    pub(crate) sends: usize,
    pub(crate) flushes: usize,
    pub(crate) notes: Vec<String>,
    /// Is told when a note was taken.
    pub(crate) noted: Option<mpsc::Sender<()>>,
    /// What to do with the body instead.
    pub(crate) instead: Option<u16>,
    /// Takes no more than so many bytes.
    pub(crate) takes: Option<usize>,
    /// Is set by a flush.
    pub(crate) flushed: Arc<AtomicBool>,
    /// Called with the body so far whenever there is more of it.
    pub(crate) watch: Option<Watch>,
}

impl Client for Recorder {
    type Instead = u16;

    fn read_body(&mut self, buffer: &mut [u8]) -> io::Result<Body> {
        use std::io::Read as _;
        if let Some(error) = self.body_error.take() {
            return Err(error);
        }
        let source = self
            .source
            .as_mut()
            .expect("only asked when there is a body");
        source.set_nonblocking(true)?;
        match source.read(buffer) {
            Ok(0) => Ok(Body::End),
            Ok(count) => Ok(Body::Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Body::None),
            Err(error) => Err(error),
        }
    }

    fn body_source(&self) -> Option<BorrowedFd<'_>> {
        let source = self.source.as_ref().filter(|_| !self.blind);
        source.map(|source| source.as_fd())
    }

    fn leave_body(&mut self) {
        assert!(!self.ended, "said before the end");
        self.left_body = true;
    }

    fn head(&mut self, head: &Head<'_, Headers<'_>>) -> Then<u16> {
        (self.status, self.length) = (head.status, head.length);
        let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
        self.headers = head.headers.map(owned).collect();
        self.instead.map_or(Then::PassOn, Then::Discard)
    }

    fn send(&mut self, pieces: &mut Vec<Piece<'_>>) -> io::Result<()> {
        self.sends += 1;
        for piece in pieces.drain(..) {
            match piece {
                Piece::Data(data) => self.body.extend_from_slice(data),
                Piece::File {
                    file,
                    offset,
                    length,
                } => {
                    let mut part = vec![0; usize::try_from(length).expect("short")];
                    let count = file::read_at(file.as_fd(), &mut part, offset)?;
                    self.body.extend_from_slice(&part[..count]);
                }
                Piece::Flush => {
                    self.flushes += 1;
                    self.flushed.store(true, SeqCst);
                }
                Piece::End => self.ended = true,
                Piece::Truncated => self.truncated = true,
            }
        }
        if let Some(watch) = &mut self.watch {
            watch(&self.body);
        }
        match self.takes {
            Some(takes) if self.body.len() > takes => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(()),
        }
    }

    fn note(&mut self, before: Before<'_>) {
        self.notes.push(format!("{before:?}"));
        if let Some(noted) = &self.noted {
            let _over = noted.send(());
        }
    }
}

impl Recorder {
    pub(crate) fn relay(
        &mut self,
        stub: &Stub,
        outgoing: &mut Outgoing<'_>,
        limits: &Limits,
    ) -> Result<Answer<u16>, Failure> {
        let path = stub.path();
        let daemon = Daemon {
            socket: &path,
            connect_timeout: Duration::ZERO,
            rejections: 3,
        };
        rickhouse_relay::relay(self, &daemon, outgoing, limits)
    }

    /// Relays a request whose body has no known length and follows in frames.
    pub(crate) fn relay_framed(
        &mut self,
        stub: &Stub,
        limits: &Limits,
    ) -> Result<Answer<u16>, Failure> {
        let mut frame = request(rickhouse_wire::Body::Framed(None));
        self.relay(stub, &mut framed(&mut frame), limits)
    }
}

/// A request without a body.
pub(crate) fn plain(frame: &mut [u8]) -> Outgoing<'_> {
    Outgoing {
        frame,
        attached: b"",
        framed: false,
        head_only: false,
    }
}

/// A request whose body follows in frames.
pub(crate) fn framed(frame: &mut [u8]) -> Outgoing<'_> {
    Outgoing {
        frame,
        attached: b"",
        framed: true,
        head_only: false,
    }
}

/// A client whose body is what is written to the other end.
pub(crate) fn with_body() -> (Recorder, UnixStream) {
    let (source, writer) = UnixStream::pair().expect("a pair");
    let client = Recorder {
        source: Some(source),
        ..Recorder::default()
    };
    (client, writer)
}

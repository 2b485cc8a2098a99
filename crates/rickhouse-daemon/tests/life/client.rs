//! The child's end of the wire.

use std::fs::File;
use std::io::{self, IoSlice};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rickhouse_os::stream::Stream;
use rickhouse_wire::response::{Decoder, Event};
use rickhouse_wire::{Body, Flags, Reload, RequestHead, RequestWriter, Value};

pub(crate) const TOKEN: [u8; 32] = [7; 32];
const PATIENCE: Duration = Duration::from_secs(60);

/// A response as it came.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The frames but for data, in short.
    pub(crate) frames: Vec<String>,
    pub(crate) data: Vec<u8>,
    pub(crate) files: Vec<(File, u64, u64)>,
    /// How many reads it took.
    pub(crate) reads: usize,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.data).into_owned()
    }

    /// Checks the frames; data is left to be looked at.
    #[track_caller]
    pub(crate) fn expect(self, frames: &[&str]) -> Self {
        assert_eq!(self.frames, frames, "{}", self.text());
        self
    }
}

/// One request on a connection of its own.
pub(crate) struct Request<'a> {
    pub(crate) target: &'a str,
    pub(crate) method: &'a str,
    pub(crate) token: [u8; 32],
    pub(crate) body: Body,
    pub(crate) script: &'a str,
    pub(crate) handler_script: &'a str,
    pub(crate) accepts_files: bool,
    pub(crate) age: Duration,
    pub(crate) environ: &'a [(&'a str, Value<'a>)],
}

impl<'a> Request<'a> {
    pub(crate) fn to(target: &'a str) -> Self {
        Request {
            target,
            method: "GET",
            token: TOKEN,
            body: Body::None,
            script: "/srv/app.wsgi",
            handler_script: "",
            accepts_files: true,
            age: Duration::ZERO,
            environ: &[],
        }
    }

    pub(crate) fn frame(&self) -> Vec<u8> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let micros = i64::try_from((now - self.age).as_micros()).expect("fits");
        let mut frame = Vec::new();
        let mut writer = RequestWriter::new(
            &mut frame,
            &RequestHead {
                token: self.token,
                server: 0,
                body: self.body,
                reload: Reload::Off,
                flags: Flags {
                    accepts_files: self.accepts_files,
                    ..Flags::default()
                },
                received: micros,
                queued: micros,
                connects: 1,
                restarts: 0,
                script: self.script.as_bytes(),
                handler_script: self.handler_script.as_bytes(),
                application_group: "",
                callable: "application",
                request_id: b"",
                connection_id: b"",
                method: self.method.as_bytes(),
                target: self.target.as_bytes(),
            },
        );
        self.environ
            .iter()
            .for_each(|(name, value)| writer.environ(name.as_bytes(), *value));
        writer.finish().expect("small");
        frame
    }

    /// Connects and sends the request with `attached` behind it.
    pub(crate) fn send(&self, path: &Path, attached: &[u8]) -> Stream {
        let stream = Stream::connect(path, Some(PATIENCE)).expect("a listener");
        // In one write: the daemon may answer, and leave, as soon as it has read enough.
        let request = [&self.frame()[..], attached].concat();
        send(&stream, &[&request]).expect("room for a request");
        stream
    }

    pub(crate) fn answer(&self, path: &Path, attached: &[u8]) -> Answer {
        read(&self.send(path, attached))
    }
}

/// A request without a body.
pub(crate) fn get(path: &Path, target: &str) -> Answer {
    Request::to(target).answer(path, b"")
}

pub(crate) fn send(stream: &Stream, pieces: &[&[u8]]) -> io::Result<()> {
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let count = stream.send(&[IoSlice::new(rest)], None)?;
            rest = &rest[count..];
        }
    }
    Ok(())
}

/// Reads to the end of the stream.
#[track_caller]
pub(crate) fn read(stream: &Stream) -> Answer {
    read_until(stream, "nothing else")
}

/// Reads until a frame of this name, or the end of the stream.
#[track_caller]
pub(crate) fn read_until(stream: &Stream, last: &str) -> Answer {
    let (mut answer, mut decoder) = (Answer::default(), Decoder::default());
    let (mut buffer, mut descriptors) = (vec![0; 256 << 10], Vec::new());
    while answer.frames.last().is_none_or(|frame| frame != last) {
        let ready = stream.wait(false, Some(PATIENCE)).expect("poll works");
        assert!(ready.readable, "an answer within {PATIENCE:?}");
        let (count, descriptor) = match stream.recv_descriptor_now(&mut buffer) {
            Ok(received) => received,
            // Ended with something unread on the other side.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}"),
        };
        if count == 0 {
            assert!(decoder.is_between_frames(), "ended within a frame");
            break;
        }
        answer.reads += 1;
        descriptors.extend(descriptor);
        let mut rest = &buffer[..count];
        while let Some(event) = decoder.next(&mut rest).expect("well-formed") {
            let frame = match event {
                Event::Data(data) => {
                    answer.data.extend_from_slice(data);
                    continue;
                }
                Event::Head(head) => {
                    let headers: Vec<_> = head
                        .headers
                        .map(|(name, value)| {
                            format!("{}: {}", name.escape_ascii(), value.escape_ascii())
                        })
                        .collect();
                    let reason = head.reason.escape_ascii();
                    format!(
                        "Head {} {reason} {:?} {headers:?}",
                        head.status, head.length
                    )
                }
                Event::File { offset, length } => {
                    let file = File::from(descriptors.remove(0));
                    answer.files.push((file, offset, length));
                    "File".to_owned()
                }
                other => format!("{other:?}"),
            };
            answer.frames.push(frame);
        }
    }
    answer
}

/// The head that the fake engine sends.
pub(crate) fn head(length: Option<u64>) -> String {
    format!("Head 200 Fine {length:?} [\"Content-Type: text/plain\", \"X-Two: \"]")
}

//! The response.

use std::io::{self, ErrorKind, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rickhouse_host::ResponseHead;
use rickhouse_os::file;
use rickhouse_os::stream::Stream;
use rickhouse_wire::RequestFrame;
use rickhouse_wire::response::{self, HEADER, Head};

use super::Rules;
use crate::frames::timed_out;

/// Data that is kept at most, to be sent with the head and the end in one call.
const ROOM: usize = 64 << 10;
/// A response buffer that grew beyond this is not kept for the next request.
const KEPT: usize = 4 * ROOM;
/// A smaller part of a file is cheaper to send than its descriptor.
const SMALL_FILE: u64 = 16 << 10;
/// More than this at once may not fit the kernel's usual buffer: worth asking for a larger one.
const LARGE: usize = 128 << 10;
/// The most data of one frame.
const LARGEST_FRAME: usize = 1 << 30;

/// See the [module documentation](self).
pub(super) struct Output<'a> {
    stream: &'a Stream,
    rules: &'a Rules<'a>,
    /// Frames that are complete but for the last one, if it is open.
    kept: &'a mut Vec<u8>,
    /// Where the open data frame begins.
    open: Option<usize>,
    /// Bytes of the body that may still come, if the length is known.
    left: Option<u64>,
    accepts_files: bool,
    /// A response to this request has no body, whatever its head says.
    is_head: bool,
    bodyless: bool,
    stage: Stage,
    prepared: bool,
    patient: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There is no head.
    Fresh,
    /// There is one, and nothing of it was sent.
    Started,
    /// Something was sent.
    Sent,
    /// Everything that the declared length admits was sent, and the end. What else the application gives is dropped.
    Complete,
    /// The request ended without that.
    Over,
    /// A write failed.
    Broken(ErrorKind),
}

impl<'a> Output<'a> {
    pub(super) fn new(
        stream: &'a Stream,
        kept: &'a mut Vec<u8>,
        frame: &RequestFrame<'_>,
        rules: &'a Rules<'a>,
    ) -> Self {
        kept.clear();
        kept.shrink_to(KEPT);
        Output {
            stream,
            rules,
            kept,
            open: None,
            left: None,
            accepts_files: frame.head.flags.accepts_files,
            is_head: frame.head.method == b"HEAD",
            bodyless: false,
            stage: Stage::Fresh,
            prepared: false,
            patient: false,
        }
    }

    pub(super) fn is_started(&self) -> bool {
        self.stage != Stage::Fresh
    }

    pub(super) fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        match self.stage {
            Stage::Fresh | Stage::Started => {}
            Stage::Broken(kind) => return Err(kind.into()),
            Stage::Sent | Stage::Complete | Stage::Over => {
                let text = "the response head was sent already";
                return Err(io::Error::new(ErrorKind::InvalidInput, text));
            }
        }
        (self.open, self.stage) = (None, Stage::Fresh);
        self.kept.clear();
        let written = response::write_head(
            self.kept,
            Head {
                status: head.status,
                reason: head.reason,
                length: head.length,
                length_declared: head.length_declared,
                headers: head.headers.iter().copied(),
            },
        );
        written.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
        self.left = head.length;
        self.bodyless = self.is_head || matches!(head.status, 204 | 304);
        self.stage = Stage::Started;
        Ok(())
    }

    pub(super) fn room(&self) -> usize {
        ROOM.saturating_sub(self.kept.len())
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if matches!(self.stage, Stage::Started | Stage::Sent) {
            let data = self.admitted(data);
            self.keep(data);
        }
    }

    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.check_writable()?;
        let data = self.admitted(data);
        if data.len() <= self.room() {
            self.keep(data);
            return self.send_kept(None);
        }
        let mut pieces = data.chunks(LARGEST_FRAME).peekable();
        while let Some(piece) = pieces.next() {
            self.close();
            let length = u32::try_from(piece.len()).expect("a chunk is no larger than a frame");
            self.kept.extend_from_slice(&response::data(length));
            let is_last = pieces.peek().is_none() && self.left == Some(0);
            self.send(piece, None, is_last.then_some(Stage::Complete))?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.check_writable()?;
        self.send_kept(None)
    }

    pub(super) fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        length: u64,
    ) -> io::Result<()> {
        self.check_writable()?;
        let length = self.left.map_or(length, |left| length.min(left));
        let size = file::regular_size(file)?;
        let end = offset.checked_add(length);
        let is_there = size.zip(end).is_some_and(|(size, end)| end <= size);
        if !self.accepts_files || length <= SMALL_FILE || !is_there {
            return self.copy_file(file, offset, length);
        }
        // httpd may read it where the application does, too, and both would move one position. It cannot do this itself: it may
        // not be allowed to open the file.
        let Ok(private) = file::reopen(file) else {
            return self.copy_file(file, offset, length);
        };
        self.left = self.left.map(|left| left - length);
        self.close();
        response::write_file(self.kept, offset, length);
        self.send_kept(Some(private.as_fd()))
    }

    fn copy_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        let block = usize::try_from(length).unwrap_or(ROOM).min(ROOM);
        let mut block = vec![0; block];
        let mut done = 0;
        while done < length {
            let wanted = usize::try_from(length - done).unwrap_or(block.len());
            let wanted = wanted.min(block.len());
            let count = file::read_at(file, &mut block[..wanted], offset + done)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.write(&block[..count])?;
            done += count as u64;
        }
        // A head without a body is still to be sent.
        self.flush()
    }

    pub(super) fn fail(&mut self, status: u16) {
        match self.stage {
            Stage::Fresh | Stage::Started => {
                self.discard();
                response::write_fail(self.kept, status);
            }
            Stage::Sent => {
                self.close();
                self.kept.extend_from_slice(&response::abort());
            }
            Stage::Complete | Stage::Over | Stage::Broken(_) => return,
        }
        self.send_last(Stage::Over);
    }

    pub(super) fn reject(&mut self) {
        if matches!(self.stage, Stage::Fresh | Stage::Started) {
            self.discard();
            response::write_rejected(self.kept);
            self.send_last(Stage::Over);
        }
    }

    pub(super) fn finish(&mut self) {
        match self.stage {
            Stage::Fresh => return self.fail(500),
            Stage::Started | Stage::Sent => {}
            Stage::Complete | Stage::Over | Stage::Broken(_) => return,
        }
        self.close();
        if self.left.is_some_and(|left| left > 0) && !self.bodyless {
            self.kept.extend_from_slice(&response::abort());
            return self.send_last(Stage::Over);
        }
        self.send_last(Stage::Complete);
    }

    /// Forgets what was kept: nothing of it was sent.
    fn discard(&mut self) {
        self.open = None;
        self.kept.clear();
    }

    fn keep(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        if self.open.is_none() {
            self.open = Some(self.kept.len());
            self.kept.extend_from_slice(&response::data(0));
        }
        self.kept.extend_from_slice(data);
    }

    /// The part of `data` that the declared length admits, which is used up by it.
    fn admitted<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let Some(left) = &mut self.left else {
            return data;
        };
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        *left -= count as u64;
        &data[..count]
    }

    /// Completes the open data frame.
    fn close(&mut self) {
        if let Some(begin) = self.open.take() {
            let length = self.kept.len() - begin - HEADER;
            let length = u32::try_from(length).expect("no more than ROOM is pushed");
            self.kept[begin..begin + HEADER].copy_from_slice(&response::data(length));
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        match self.stage {
            Stage::Started | Stage::Sent | Stage::Complete => Ok(()),
            Stage::Broken(kind) => Err(kind.into()),
            Stage::Fresh | Stage::Over => Err(io::Error::other("there is no response to write to")),
        }
    }

    /// Sends what is kept, and the end with it when the declared length is reached by it.
    fn send_kept(&mut self, descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
        self.close();
        if self.kept.is_empty() {
            return Ok(());
        }
        let is_last = self.left == Some(0);
        self.send(b"", descriptor, is_last.then_some(Stage::Complete))
    }

    fn send_last(&mut self, stage: Stage) {
        // The child is gone: nobody is left to tell.
        let _gone = self.send(b"", None, Some(stage));
    }

    /// Sends what is kept and `data`, and then is in the stage `last`, which a complete response enters by its end.
    fn send(
        &mut self,
        data: &[u8],
        descriptor: Option<BorrowedFd<'_>>,
        last: Option<Stage>,
    ) -> io::Result<()> {
        let end = response::end();
        let end = if last == Some(Stage::Complete) {
            &end[..]
        } else {
            b""
        };
        if self.kept.len() + data.len() > LARGE && !std::mem::replace(&mut self.prepared, true) {
            // What the kernel grants is enough to go on with.
            let _refused = self.stream.set_send_buffer(self.rules.send_buffer);
        }
        let sender = Sender {
            stream: self.stream,
            timeout: self.rules.socket_timeout,
            patient: &mut self.patient,
        };
        let mut pieces = [
            IoSlice::new(self.kept),
            IoSlice::new(data),
            IoSlice::new(end),
        ];
        let sent = sender.send(&mut pieces, descriptor);
        self.kept.clear();
        self.stage = match &sent {
            Ok(()) => last.unwrap_or(Stage::Sent),
            Err(error) => Stage::Broken(error.kind()),
        };
        sent
    }
}

/// Writes whole frames, waiting for the child up to `timeout` at a time.
pub(crate) fn write_all(
    stream: &Stream,
    bytes: &[u8],
    timeout: Option<Duration>,
) -> io::Result<()> {
    Sender {
        stream,
        timeout,
        patient: &mut false,
    }
    .send(&mut [IoSlice::new(bytes)], None)
}

/// A connection whose write timeout is set when the first write has to wait: most never do.
struct Sender<'a> {
    stream: &'a Stream,
    timeout: Option<Duration>,
    patient: &'a mut bool,
}

impl Sender<'_> {
    fn send(
        mut self,
        mut pieces: &mut [IoSlice<'_>],
        mut descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<()> {
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            match self.some(pieces, descriptor) {
                Ok(count) => {
                    // It went with the first byte.
                    descriptor = None;
                    IoSlice::advance_slices(&mut pieces, count);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn some(
        &mut self,
        pieces: &[IoSlice<'_>],
        descriptor: Option<BorrowedFd<'_>>,
    ) -> io::Result<usize> {
        if !*self.patient {
            match self.stream.send_now(pieces, descriptor) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            if self.timeout.is_some() {
                self.stream.set_write_timeout(self.timeout)?;
            }
            *self.patient = true;
        }
        self.stream.send(pieces, descriptor).map_err(timed_out)
    }
}

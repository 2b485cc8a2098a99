//! A front end in memory, and an application in a temporary file.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use rickhouse_host::{Exchange, Failure, ResponseHead, Settings, Source, Target};

/// One request and what became of it.
#[derive(Default)]
pub struct MemoryExchange {
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: io::Cursor<Vec<u8>>,
    pub status: Option<u16>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub length: Option<u64>,
    /// Body blocks as they were handed over.
    pub blocks: Vec<Vec<u8>>,
    pub failure: Option<Failure>,
}

impl MemoryExchange {
    pub fn get(path: &str) -> Self {
        let entries = [
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", path),
            ("QUERY_STRING", ""),
        ];
        let entries =
            entries.map(|(key, value)| (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
        MemoryExchange {
            entries: entries.to_vec(),
            ..Self::default()
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.blocks.concat()).into_owned()
    }
}

impl Exchange for MemoryExchange {
    fn environ(&self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        self.entries
            .iter()
            .for_each(|(key, value)| sink(key, value));
    }
    fn is_https(&self) -> bool {
        false
    }
    fn body_in_memory(&self) -> bool {
        true
    }
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.body.read(buffer)
    }
    fn start(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        self.status = Some(head.status);
        self.headers = head
            .headers
            .iter()
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        self.length = head.length;
        Ok(())
    }
    fn room(&self) -> usize {
        1024
    }
    fn push(&mut self, data: &[u8]) {
        self.blocks.push(data.to_vec());
    }
    fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.blocks.push(data.to_vec());
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn send_file(&mut self, file: BorrowedFd<'_>, offset: u64, length: u64) -> io::Result<()> {
        let mut file = std::fs::File::from(file.as_fd().try_clone_to_owned()?);
        io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
        let mut data = Vec::new();
        file.take(length).read_to_end(&mut data)?;
        self.blocks.push(data);
        Ok(())
    }
    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
    }
    fn started(&self) -> bool {
        self.status.is_some()
    }
    fn request_line(&self) -> (&[u8], &[u8]) {
        (b"GET", b"/")
    }
}

/// The application `source` in a file of its own; the folder lives as long as the guard.
pub fn application(source: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("site_under_test.py");
    std::fs::write(&path, source).expect("the temporary folder can be written to");
    (folder, path)
}

/// Settings for one thread in the main interpreter.
pub fn settings(path: PathBuf) -> Settings {
    Settings {
        target: Target {
            source: Source::File(path),
            attribute: None,
            call: false,
        },
        python_path: Vec::new(),
        interpreters: rickhouse_host::Interpreters::Main,
        threads: 1,
        switch_interval: None,
        request_timeout: None,
        interrupt_timeout: std::time::Duration::from_secs(5),
        multiprocess: false,
        run_once: false,
    }
}

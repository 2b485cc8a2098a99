//! The same hello as `hello_handler`, with `hyper`'s HTTP/1 connection in place of our parser and state machine: one
//! thread, one readiness set, each connection polled by the thread that owns it. It exists for the comparison in
//! docs/notes-http-parser.md and has none of the server's limits and timeouts.

use std::cell::RefCell;
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use rickhouse_os::readiness::{Events, Interest, Readiness};
use rickhouse_os::socket::Socket;
use rickhouse_server::{BindAddress, Listener};

/// A socket as hyper wants it. Nobody is woken: a connection is polled again when the readiness set names it.
struct Transport {
    socket: Socket,
}

thread_local! {
    /// Room to read into: hyper's own is uninitialised, which safe code cannot hand to the kernel.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 16 * 1024]);
}

impl Read for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut room: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let size = room.remaining().min(scratch.len());
            match self.socket.recv(&mut scratch[..size]) {
                Ok(count) => {
                    room.put_slice(&scratch[..count]);
                    Poll::Ready(Ok(()))
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        })
    }
}

impl Write for Transport {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.socket.send(data) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.socket.shutdown_write();
        Poll::Ready(Ok(()))
    }
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let seen: usize = request
        .headers()
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    std::hint::black_box((seen, request.method(), request.uri().path()));
    let response = Response::new(Full::new(Bytes::from_static(b"Hello, world!\n")));
    let (mut parts, body) = response.into_parts();
    parts.headers.insert(
        "content-type",
        hyper::header::HeaderValue::from_static("text/plain"),
    );
    parts.headers.insert(
        "server",
        hyper::header::HeaderValue::from_static("rickhouse"),
    );
    Ok(Response::from_parts(parts, body))
}

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const LISTENER: u64 = 0;
    let port = std::env::var("BIND_PORT").map_or(Ok(8000), |port| port.parse())?;
    let listener = Listener::bind(
        &BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port,
        },
        2048,
    )?;
    let set = Readiness::new()?;
    set.add(&listener, LISTENER, Interest::Accept)?;
    let mut connections: HashMap<u64, Connection> = HashMap::new();
    let (mut events, mut next) = (Events::with_capacity(32), 1);
    loop {
        set.wait(&mut events, 32, None)?;
        for event in events.iter() {
            if event.token == LISTENER {
                while let Ok((socket, _)) = listener.accept() {
                    socket.set_nodelay();
                    set.add(&socket, next, Interest::Read)?;
                    let transport = Transport { socket };
                    let connection =
                        http1::Builder::new().serve_connection(transport, service_fn(hello));
                    connections.insert(next, Box::pin(connection));
                    next += 1;
                }
            } else if let Some(connection) = connections.get_mut(&event.token) {
                let mut context = Context::from_waker(Waker::noop());
                if pin!(connection).as_mut().poll(&mut context).is_ready() {
                    connections.remove(&event.token);
                }
            }
        }
    }
}

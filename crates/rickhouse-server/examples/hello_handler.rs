//! A server whose handler is Rust: what the front end costs without Python.
//!
//! `hello_handler [LANES] [THREADS per lane] [SLEEP in ms]` listens on 127.0.0.1:8000 (or `$BIND_PORT`) until it is killed.

use std::time::Duration;

use rickhouse_server::{BindAddress, Exchange, Listener, Server, Settings};

const BODY: &[u8] = b"Hello, world!\n";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<u64>());
    let mut next = |default| arguments.next().unwrap_or(Ok(default));
    let (lanes, threads, sleep) = (next(1)?, next(1)?, next(0)?);
    let port = std::env::var("BIND_PORT").map_or(Ok(8000), |port| port.parse())?;
    let listener = Listener::bind(
        &BindAddress::Tcp {
            host: "127.0.0.1".into(),
            port,
        },
        2048,
    )?;
    println!("{listener}: {lanes} lane(s) with {threads} thread(s)");
    let server = Server::new(Settings::default(), vec![listener], None)?;
    server.set_ready(true);
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            let lane = server.lane();
            for _ in 0..threads {
                let (server, lane) = (&server, lane.clone());
                scope.spawn(move || {
                    server.run(&lane, &mut move |exchange: &mut Exchange<'_>| {
                        hello(exchange, sleep)
                    })
                });
            }
        }
        server.run_concierge();
    });
    Ok(())
}

fn hello(exchange: &mut Exchange<'_>, sleep: u64) {
    // As a WSGI adapter would: look at every variable, then answer.
    let mut seen = 0;
    exchange.environ(&mut |name, value| seen += name.len() + value.len());
    std::hint::black_box(seen);
    if sleep > 0 {
        std::thread::sleep(Duration::from_millis(sleep));
    }
    let fields: [(&[u8], &[u8]); 1] = [(b"Content-Type", b"text/plain")];
    if exchange
        .start(200, b"OK", &mut fields.into_iter(), Some(BODY.len() as u64))
        .is_ok()
    {
        exchange.push(BODY);
    }
}

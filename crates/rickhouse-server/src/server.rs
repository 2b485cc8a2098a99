//! The server as its owner sees it: made once, entered by threads, drained or stopped.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rickhouse_lane::Lane;
use rickhouse_os::listen::Listener;

use crate::access::{AccessLog, AccessSink};
use crate::concierge::Concierge;
use crate::engine::{Context, Engine, Life, OnThisThread, Work, doors};
use crate::error::ServerError;
use crate::exchange::Handler;
use crate::settings::Settings;
use crate::stats::Stats;

/// An HTTP/1 server over listeners that somebody else bound.
///
/// It makes no threads: its owner enters [`Server::run`] from each thread that answers requests and
/// [`Server::run_concierge`] from one more.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    lanes: Mutex<Vec<Lane>>,
}

/// What a server listens on.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Requests for the handler.
    pub traffic: Vec<Listener>,
    /// Health checks only: `/healthz` and `/readyz`, also while draining.
    pub health: Vec<Listener>,
}

impl From<Vec<Listener>> for Listeners {
    fn from(traffic: Vec<Listener>) -> Listeners {
        Listeners {
            traffic,
            health: Vec::new(),
        }
    }
}

impl Server {
    /// Makes a server. It is not ready (see [`Server::set_ready`]), but answers requests once threads enter it.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(
        settings: Settings,
        listeners: impl Into<Listeners>,
        access: Option<Box<dyn AccessSink>>,
    ) -> Result<Arc<Server>, ServerError> {
        let Listeners { traffic, health } = listeners.into();
        let access = access.map(|sink| AccessLog::new(settings.access_format.clone(), sink));
        let engine = Engine::new(settings, doors(traffic, health), access)?;
        Ok(Arc::new(Server {
            engine,
            lanes: Mutex::default(),
        }))
    }

    /// A new lane: one per GIL; on a free-threaded build, one per thread.
    #[must_use]
    pub fn lane(&self) -> Lane {
        let lane = Lane::default();
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lane.clone());
        if self.engine.life() == Life::Stopped {
            lane.close();
        }
        lane
    }

    /// Answers requests on the calling thread with `handler`. Returns when the server has drained or was stopped, after
    /// the request that runs then.
    pub fn run(&self, lane: &Lane, handler: &mut dyn Handler) {
        let mut member = lane.join();
        let mut context = Context::new();
        loop {
            // A closed lane lets everybody go on: the engine tells what is left to do.
            let _closed = member.wait_for_turn();
            match self.engine.next_work(&mut context) {
                Work::Connection(claimed) => {
                    let mut runner = OnThisThread {
                        handler: &mut *handler,
                        member: &mut member,
                    };
                    self.engine.drive(claimed, &mut context, &mut runner);
                }
                Work::Stop => break,
            }
        }
        drop(member);
        self.close_lanes();
    }

    /// The concierge's life, for a thread that never enters Python. Returns when the server has drained, at the drain's
    /// deadline, or when it was stopped.
    pub fn run_concierge(&self) {
        Concierge::new(&self.engine).run();
        self.close_lanes();
    }

    /// Whether the readiness check answers 200.
    pub fn set_ready(&self, ready: bool) {
        self.engine.ready.store(ready, SeqCst);
    }

    /// Stops accepting, finishes what was accepted, closes idle connections, and then lets all threads go: at `deadline`
    /// at the latest. An earlier deadline may be set later. Needs the concierge to run.
    pub fn drain(&self, deadline: Instant) {
        self.engine.begin_drain(deadline);
    }

    /// Lets all threads go; each finishes the request it runs.
    pub fn stop(&self) {
        self.engine.stop();
        self.close_lanes();
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.engine.counters.snapshot(self.engine.queued())
    }

    fn close_lanes(&self) {
        self.lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .for_each(Lane::close);
    }
}

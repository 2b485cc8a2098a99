//! The front end of a worker and the threads that serve in it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use anyhow::Context;
use rickhouse_config::{Config, ResolvedGil};
use rickhouse_host::{Application, Host, Worker};
use rickhouse_os::listen::Listener;
use rickhouse_server::{AccessSink, Exchange, Handler, Lane, Listeners, Server};

use super::access::AccessFile;
use super::course::{Course, FrontEnd, Serving};
use super::exchange::Bridge;
use super::settings;
use crate::log::Output;
use crate::plan::Plan;

/// Where a worker's requests come in.
pub(super) struct Service {
    server: Arc<Server>,
    gil: ResolvedGil,
    threads: usize,
}

impl Service {
    /// Makes the front end; nothing is accepted before its threads run.
    pub(super) fn open(
        plan: &Plan,
        traffic: Vec<Listener>,
        health: Option<Listener>,
        access: Option<Arc<Output>>,
    ) -> anyhow::Result<Self> {
        let config: &Config = &plan.config;
        let format = config
            .access_logformat
            .parse()
            .context("--access-logformat")?;
        let access = access.map(|output| Box::new(AccessFile::new(output)) as Box<dyn AccessSink>);
        let listeners = Listeners {
            traffic,
            health: health.into_iter().collect(),
        };
        let server = Server::new(settings::of_server(config, format), listeners, access)?;
        Ok(Self {
            server,
            gil: plan.gil,
            threads: config.threads,
        })
    }

    /// Starts the Python threads of every interpreter, and the concierge; the service is ready then.
    pub(super) fn start_threads(&self, host: &Host, course: &Arc<Course>) -> io::Result<()> {
        let common = self.server.lane();
        for (number, application) in host.applications().enumerate() {
            let own = self.server.lane();
            for thread in 0..self.threads {
                let lane = match self.gil {
                    ResolvedGil::Shared => common.clone(),
                    ResolvedGil::Own => own.clone(),
                    // Without a GIL there is nothing that two threads would wait for.
                    ResolvedGil::Off => self.server.lane(),
                };
                self.start_thread(application, (number, thread), lane, course.count_thread())?;
            }
        }
        let server = Arc::clone(&self.server);
        thread::Builder::new()
            .name("concierge".to_owned())
            .spawn(move || server.run_concierge())?;
        self.server.set_ready(true);
        Ok(())
    }

    /// What the end of the worker is told to.
    pub(super) fn handle(&self) -> Arc<dyn FrontEnd> {
        Arc::new(Handle(Arc::clone(&self.server)))
    }

    fn start_thread(
        &self,
        application: &Arc<Application>,
        (interpreter, thread): (usize, usize),
        lane: Lane,
        serving: Serving,
    ) -> io::Result<()> {
        let (server, application) = (Arc::clone(&self.server), Arc::clone(application));
        thread::Builder::new()
            .name(format!("python-{interpreter}-{thread}"))
            .spawn(move || {
                let _counted = serving;
                server.run(&lane, &mut PythonThread(Worker::new(&application, thread)));
            })?;
        Ok(())
    }
}

/// A thread's way from the front end into Python.
struct PythonThread(Worker);

impl Handler for PythonThread {
    fn handle(&mut self, exchange: &mut Exchange<'_>) {
        self.0.handle(&mut Bridge(exchange));
    }
}

struct Handle(Arc<Server>);

impl FrontEnd for Handle {
    fn drain(&self, deadline: Instant) {
        self.0.set_ready(false);
        self.0.drain(deadline);
    }

    fn stop(&self) {
        self.0.set_ready(false);
        self.0.stop();
    }

    fn unfinished(&self) -> u64 {
        let stats = self.0.stats();
        stats.running + stats.queued
    }
}

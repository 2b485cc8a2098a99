//! The sockets of the server, bound once and inherited by every worker.

use std::os::fd::{AsFd, BorrowedFd};

use anyhow::Context;
use rickhouse_config::{Bind, Config};
use rickhouse_os::credentials::Identity;
use rickhouse_os::listen::{BindAddress, Listener};
use rickhouse_os::socket_file::SocketFile;
use rickhouse_os::{activation, inherit, process};

use crate::plan;

/// All listeners.
#[derive(Debug)]
pub(super) struct Listeners {
    application: Vec<Listener>,
    health: Option<Listener>,
    /// Socket files, removed at the end; those of inherited sockets belong to whoever made them.
    files: Vec<SocketFile>,
}

impl Listeners {
    /// Binds or adopts everything the configuration names. Socket files are given to `owner`, as whom the workers run.
    pub(super) fn bind(config: &Config, owner: Option<&Identity>) -> anyhow::Result<Self> {
        let mut made = Self {
            application: Vec::new(),
            health: None,
            files: Vec::new(),
        };
        let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
        for bind in &config.bind {
            let listeners = made.open(bind, backlog, owner)?;
            made.application.extend(listeners);
        }
        if let Some(bind) = &config.health_bind {
            made.health = made.open(bind, backlog, owner)?.pop();
        }
        anyhow::ensure!(
            !made.application.is_empty(),
            "systemd passed no socket (LISTEN_FDS) and no other --bind is given"
        );
        Ok(made)
    }

    /// What to tell clients, one for each listener of the application.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        self.application.iter().map(ToString::to_string)
    }

    /// What to tell who checks the health.
    pub(super) fn health_address(&self) -> Option<String> {
        self.health.as_ref().map(ToString::to_string)
    }

    /// How many listeners serve the application.
    pub(super) fn count(&self) -> usize {
        self.application.len()
    }

    /// The descriptors for a worker, by name.
    pub(super) fn descriptors(&self) -> Vec<(String, BorrowedFd<'_>)> {
        let application = self
            .application
            .iter()
            .enumerate()
            .map(|(at, listener)| (plan::listener(at), listener.as_fd()));
        let health = self
            .health
            .iter()
            .map(|listener| (plan::HEALTH.to_owned(), listener.as_fd()));
        application.chain(health).collect()
    }

    fn open(
        &mut self,
        bind: &Bind,
        backlog: i32,
        owner: Option<&Identity>,
    ) -> anyhow::Result<Vec<Listener>> {
        let address = match bind {
            Bind::Tcp { host, port } => BindAddress::Tcp {
                host: host.clone(),
                port: *port,
            },
            Bind::Unix { path, mode } => BindAddress::Unix {
                path: path.clone(),
                mode: *mode,
            },
            Bind::Fd(number) => {
                let adopted = inherit::descriptor(*number)?;
                return Ok(vec![
                    Listener::from_fd(adopted).with_context(|| bind.to_string())?,
                ]);
            }
            Bind::Systemd => {
                let adopted = activation::sockets()?.into_iter();
                let listeners = adopted.map(Listener::from_fd).collect::<Result<_, _>>();
                return listeners.context("a socket from systemd");
            }
        };
        let listener = Listener::bind(&address, backlog)?;
        if let BindAddress::Unix { path, .. } = address {
            let file = SocketFile::made_at(&path).with_context(|| bind.to_string())?;
            if let Some(owner) = owner.filter(|_| process::is_root()) {
                file.give_to(owner)
                    .with_context(|| format!("cannot give {bind} to {owner}"))?;
            }
            self.files.push(file);
        }
        Ok(vec![listener])
    }
}

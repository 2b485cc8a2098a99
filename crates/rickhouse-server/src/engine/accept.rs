//! Accepting connections, and not accepting them while there are too many.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rickhouse_os::clock;
use rickhouse_os::listen::Listener;
use rickhouse_os::readiness::{Interest, Readiness};
use rickhouse_os::socket::Socket;

use super::queue::Ready;
use super::{Engine, Life, deadline};
use crate::connection::{Connection, LocalName, Phase, Role};
use crate::error::ServerError;
use crate::request::environ::{PeerText, trusts};

/// Connections accepted in one go; then the listener waits its turn again.
const AT_ONCE: usize = 16;

/// A listener and what it is for.
#[derive(Debug)]
pub(crate) struct Door {
    /// `None` once it is shut for good: the descriptor is closed as soon as no thread accepts from it any more.
    listener: Mutex<Option<Arc<Listener>>>,
    /// How it is called in the log.
    name: String,
    role: Role,
    local: Arc<LocalName>,
    /// The listener stands for every address of the machine: each connection has its own.
    is_wildcard: bool,
}

impl Door {
    pub(crate) fn new(listener: Listener, role: Role) -> Door {
        let address = listener.local_addr();
        let is_wildcard = address.is_some_and(|address| address.ip().is_unspecified());
        Door {
            local: Arc::new(LocalName::from(address)),
            name: listener.to_string(),
            listener: Mutex::new(Some(Arc::new(listener))),
            role,
            is_wildcard,
        }
    }

    /// Begins to report connections as events of door number `index`; nothing, where the door is shut.
    pub(super) fn watch(&self, readiness: &Readiness, index: usize) -> Result<(), ServerError> {
        let listener = self.lock();
        let watched = listener.as_deref().map_or(Ok(()), |listener| {
            readiness.add(listener, index as u64, Interest::Accept)
        });
        watched.map_err(|source| ServerError::Watch {
            listener: self.name.clone(),
            source,
        })
    }

    fn forget(&self, readiness: &Readiness) {
        if let Some(listener) = self.lock().as_deref() {
            // Not watched now (the other reason to forget it came first): as wanted.
            let _ = readiness.remove(listener);
        }
    }

    /// Takes the listener out for good. Other processes may hold theirs, so the readiness set has to be told to forget
    /// ours: else it would go on taking wake-ups that are theirs.
    fn shut(&self, readiness: &Readiness) -> Option<Arc<Listener>> {
        let listener = self.lock().take()?;
        let _ = readiness.remove(&*listener);
        Some(listener)
    }

    fn listener(&self) -> Option<Arc<Listener>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Listener>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn local_name(&self, socket: &Socket) -> Arc<LocalName> {
        if self.is_wildcard {
            Arc::new(LocalName::from(socket.local_addr()))
        } else {
            Arc::clone(&self.local)
        }
    }
}

impl Engine {
    /// Accepts what waits at a door.
    pub(super) fn accept(&self, index: usize) {
        let Some(door) = self.doors.get(index) else {
            return;
        };
        let Some(listener) = door.listener() else {
            return;
        };
        for _ in 0..AT_ONCE {
            // Counted before it is accepted: a drain that sees nothing open has seen the last connection, and one that
            // begins now is seen here.
            self.open.fetch_add(1, SeqCst);
            let accepted = if self.lets_in(door) {
                listener.accept()
            } else {
                Err(ErrorKind::WouldBlock.into())
            };
            match accepted {
                Ok((socket, peer)) => self.admit(door, socket, peer),
                Err(error) => {
                    self.open.fetch_sub(1, SeqCst);
                    if error.kind() != ErrorKind::WouldBlock {
                        tracing::warn!(listener = %door.name, %error, "cannot accept connections for now");
                        self.close_when_full();
                    }
                    return;
                }
            }
        }
        self.queues.push_ready(Ready::door(index));
    }

    pub(super) fn is_health_door(&self, index: usize) -> bool {
        self.doors
            .get(index)
            .is_some_and(|door| door.role == Role::Health)
    }

    fn lets_in(&self, door: &Door) -> bool {
        let open = self.life() == Life::Serving || door.role == Role::Health;
        open && !self.full.load(SeqCst)
    }

    /// Takes in a connection that is counted as open already.
    fn admit(&self, door: &Door, socket: Socket, peer: Option<SocketAddr>) {
        if peer.is_some() {
            socket.set_nodelay();
        }
        let connection = Box::new(Connection {
            local: door.local_name(&socket),
            socket,
            role: door.role,
            peer,
            peer_text: PeerText::from(peer),
            peer_is_trusted: trusts(&self.settings.trusted_peers, peer),
            phase: if self.settings.proxy_protocol && door.role == Role::Traffic {
                Phase::Proxy
            } else {
                Phase::Head
            },
            readable: false,
            peer_closed: false,
            watches_writes: false,
            served: 0,
            deadline: deadline(clock::monotonic_millis(), self.settings.timeouts.header),
            complete_at: 0,
            discarded: 0,
            buffers: None,
        });
        self.counters.mine().accepted.add_one();
        let claimed = match self.slab.insert(connection) {
            Ok(claimed) => claimed,
            Err(_too_many) => {
                self.counters.mine().closed.add_one();
                self.open.fetch_sub(1, SeqCst);
                return;
            }
        };
        if self.open_connections() >= self.settings.limits.connections {
            self.close_when_full();
        }
        if let Err(error) =
            self.readiness
                .add(&claimed.connection.socket, claimed.token.0, Interest::Read)
        {
            tracing::warn!(%error, "cannot watch a connection");
            return self.close(claimed);
        }
        let overdue = claimed.connection.deadline;
        if let Some(claimed) = self.slab.release(claimed, overdue) {
            self.put_back(claimed);
        }
        self.bell.ring_if_asleep();
    }

    /// Closes a connection.
    pub(super) fn close(&self, claimed: crate::slab::Claimed) {
        self.slab.remove(claimed);
        self.counters.mine().closed.add_one();
        self.open.fetch_sub(1, SeqCst);
        if self.full.load(SeqCst) {
            self.reopen_doors();
        }
        self.stop_if_drained();
    }

    /// Stops listening until a connection closes, so that other processes get what comes.
    fn close_when_full(&self) {
        if !self.full.swap(true, SeqCst) {
            for door in &self.doors {
                door.forget(&self.readiness);
            }
            self.bell.ring_if_asleep();
        }
    }

    /// Accepts again, after there were too many connections or no descriptors.
    pub(crate) fn reopen_doors(&self) {
        let room = self.open_connections() < self.settings.limits.connections;
        if !room || !self.full.swap(false, SeqCst) {
            return;
        }
        for (index, door) in self.doors.iter().enumerate() {
            if let Err(error) = door.watch(&self.readiness, index) {
                tracing::error!(listener = %door.name, %error, "cannot listen again");
            }
        }
    }

    /// Whether accepting is suspended.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(SeqCst)
    }

    /// Stops accepting traffic, for good, and closes the descriptors. Health checks are still answered.
    ///
    /// The kernel told one process of each connection that waits, and that may have been this one: what waits now is taken
    /// in a last time, or it would wait until the next client comes.
    pub(super) fn shut_doors(&self) {
        for door in self.doors.iter().filter(|door| door.role == Role::Traffic) {
            let Some(listener) = door.shut(&self.readiness) else {
                continue;
            };
            while !self.full.load(SeqCst) {
                let Ok((socket, peer)) = listener.accept() else {
                    break;
                };
                self.open.fetch_add(1, SeqCst);
                self.admit(door, socket, peer);
            }
        }
    }
}

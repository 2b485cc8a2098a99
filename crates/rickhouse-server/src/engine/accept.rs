//! Accepting connections, and not accepting them while there are too many.
//!
//! At the limit nothing is accepted and the doors are not watched: what comes goes to other processes, or waits in the
//! kernel until a connection closes. Health checks have places of their own.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rickhouse_os::clock;
use rickhouse_os::listen::Listener;
use rickhouse_os::readiness::{Interest, Readiness};
use rickhouse_os::socket::Socket;

use super::gate::{Gate, Reason};
use super::queue::Ready;
use super::{Engine, Life, deadline};
use crate::connection::{Connection, LocalName, Phase, Role};
use crate::error::ServerError;
use crate::request::environ::{PeerText, trusts};

/// Connections accepted in one go; then the listener waits its turn again.
const AT_ONCE: usize = 16;
/// Connections accepted when a door is shut for good: the longest queue that Linux keeps by default
/// (`net.core.somaxconn`), so all that waited then are taken, however many more come.
const LAST_CALL: usize = 4096;

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
            // It fails for one that could not be watched just now: as wanted.
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
            if !self.accept_one(door, &listener) {
                return;
            }
        }
        self.queues.push_ready(Ready::door(index));
        self.pass_on_wake();
    }

    pub(super) fn is_health_door(&self, index: usize) -> bool {
        self.doors
            .get(index)
            .is_some_and(|door| door.role == Role::Health)
    }

    /// Accepts one connection; `false` when no more can be accepted now.
    fn accept_one(&self, door: &Door, listener: &Listener) -> bool {
        let gate = self.gate(door.role);
        while !gate.enter() {
            if self.suspend(door.role, Reason::Limit) {
                return false;
            }
        }
        // Looked at after the place is taken: a drain that begins now sees that.
        if self.life() != Life::Serving && door.role == Role::Traffic {
            self.leave(door.role);
            return false;
        }
        self.take_in(door, listener)
    }

    /// Accepts one connection whose place is taken.
    fn take_in(&self, door: &Door, listener: &Listener) -> bool {
        let error = match listener.accept() {
            Ok((socket, peer)) => {
                self.admit(door, socket, peer);
                return true;
            }
            Err(error) => error,
        };
        self.leave(door.role);
        match error.kind() {
            ErrorKind::WouldBlock => false,
            // The client left before we came.
            ErrorKind::ConnectionAborted => true,
            _ => {
                tracing::warn!(listener = %door.name, %error, "cannot accept connections for now");
                !self.suspend(door.role, Reason::Failed)
            }
        }
    }

    /// Takes in a connection that has its place.
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
            resets: false,
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
            // There is a slot for each place; were there none, the connection would be dropped here.
            Err(_too_many) => {
                self.counters.mine().closed.add_one();
                return self.leave(door.role);
            }
        };
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
        let role = claimed.connection.role;
        self.slab.remove(claimed);
        self.counters.mine().closed.add_one();
        self.leave(role);
        self.stop_if_drained();
    }

    pub(super) fn gate(&self, role: Role) -> &Gate {
        match role {
            Role::Traffic => &self.traffic,
            Role::Health => &self.health,
        }
    }

    /// Gives up a place, and listens again if there was none before.
    fn leave(&self, role: Role) {
        self.gate(role).leave();
        self.resume(role);
    }

    /// Stops listening for a while, so that other processes get what comes; `false` when that is over already.
    fn suspend(&self, role: Role, reason: Reason) -> bool {
        let suspended = self.gate(role).suspend(reason, || self.forget_doors(role));
        // The concierge looks now and then whether it can go on.
        self.bell.ring_if_asleep();
        suspended
    }

    fn resume(&self, role: Role) {
        let gate = self.gate(role);
        if gate.is_suspended() {
            gate.resume(|| self.watch_doors(role));
        }
    }

    fn forget_doors(&self, role: Role) {
        for (_, door) in self.doors_of(role) {
            door.forget(&self.readiness);
        }
    }

    /// Watches all doors of a role, or none.
    fn watch_doors(&self, role: Role) -> bool {
        for (index, door) in self.doors_of(role) {
            if let Err(error) = door.watch(&self.readiness, index) {
                tracing::error!(listener = %door.name, %error, "cannot listen again yet");
                self.forget_doors(role);
                return false;
            }
        }
        true
    }

    fn doors_of(&self, role: Role) -> impl Iterator<Item = (usize, &Door)> {
        let doors = self.doors.iter().enumerate();
        doors.filter(move |(_, door)| door.role == role)
    }

    /// Listens again where there were too many connections or no descriptors, if that is over.
    pub(crate) fn reopen_doors(&self) {
        self.resume(Role::Traffic);
        self.resume(Role::Health);
    }

    /// Whether accepting is suspended.
    pub(crate) fn is_full(&self) -> bool {
        self.traffic.is_suspended() || self.health.is_suspended()
    }

    /// Stops accepting traffic, for good, and closes the descriptors. Health checks are still answered.
    ///
    /// The kernel told one process of each connection that waits, and that may have been this one: what waits now is taken
    /// in a last time, or it would wait until the next client comes.
    pub(super) fn shut_doors(&self) {
        for (_, door) in self.doors_of(Role::Traffic) {
            let Some(listener) = door.shut(&self.readiness) else {
                continue;
            };
            for _ in 0..LAST_CALL {
                if !self.traffic.enter() || !self.take_in(door, &listener) {
                    break;
                }
            }
        }
    }
}

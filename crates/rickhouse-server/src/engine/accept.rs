//! Accepting connections, and not accepting them while there are too many.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use rickhouse_os::clock;
use rickhouse_os::listen::Listener;
use rickhouse_os::readiness::Interest;
use rickhouse_os::socket::Socket;

use super::queue::Ready;
use super::{Engine, Life, deadline};
use crate::connection::{Connection, LocalName, Phase, Role};
use crate::request::environ::PeerText;

/// Connections accepted in one go; then the listener waits its turn again.
const AT_ONCE: usize = 16;

/// A listener and what it is for.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) listener: Listener,
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
            listener,
            role,
            is_wildcard,
        }
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
        for _ in 0..AT_ONCE {
            if self.life() != Life::Serving && door.role == Role::Traffic || self.full.load(SeqCst)
            {
                return;
            }
            match door.listener.accept() {
                Ok((socket, peer)) => self.admit(door, socket, peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    tracing::warn!(listener = %door.listener, %error, "cannot accept connections for now");
                    self.close_when_full();
                    return;
                }
            }
        }
        self.queues.push_ready(Ready::Door(index));
    }

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
            peer_is_trusted: self.settings.trusted_peers.contains_peer(peer),
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
        self.counters.accepted.add_one();
        let claimed = match self.slab.insert(connection) {
            Ok(claimed) => claimed,
            Err(_too_many) => {
                self.counters.closed.add_one();
                return;
            }
        };
        if self.open.fetch_add(1, SeqCst) + 1 >= self.settings.limits.connections {
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
        self.counters.closed.add_one();
        self.open.fetch_sub(1, SeqCst);
        if self.full.load(SeqCst) {
            self.reopen_doors();
        }
        self.stop_if_drained();
    }

    /// Stops listening until a connection closes, so that other processes get what comes.
    fn close_when_full(&self) {
        if !self.full.swap(true, SeqCst) {
            self.forget_doors(|_| true);
        }
    }

    /// Accepts again, after there were too many connections or no descriptors.
    pub(crate) fn reopen_doors(&self) {
        let room = self.open_connections() < self.settings.limits.connections;
        if self.life() != Life::Serving || !room || !self.full.swap(false, SeqCst) {
            return;
        }
        for (index, door) in self.doors.iter().enumerate() {
            if let Err(error) = self
                .readiness
                .add(&door.listener, index as u64, Interest::Accept)
            {
                tracing::error!(listener = %door.listener, %error, "cannot listen again");
            }
        }
    }

    /// Whether accepting is suspended.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(SeqCst)
    }

    /// Stops accepting traffic, for good. Health checks are still answered.
    pub(super) fn shut_doors(&self) {
        self.forget_doors(|door| door.role == Role::Traffic);
    }

    fn forget_doors(&self, which: impl Fn(&Door) -> bool) {
        for door in self.doors.iter().filter(|door| which(door)) {
            // Not watched now (the other reason to forget it came first): as wanted.
            let _ = self.readiness.remove(&door.listener);
        }
    }
}

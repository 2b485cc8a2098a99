//! The open connections, and who may touch each one.
//!
//! Rules of sharing. A slot's `state` word decides: a thread owns a connection from the moment it sets `BUSY` until it
//! clears it, and only the owner touches the connection itself. Readiness that is reported for a busy connection is noted
//! in the word and handed to the owner when it lets go: no event is lost, and two threads never own one connection. The
//! upper half of the word is a generation: an event that was reported for an earlier connection in the same slot does not
//! match and is dropped. (The mutex around the connection is never contended; it is how safe Rust moves the box.)

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::connection::Connection;

/// Slots are allocated in blocks, so that a high connection limit costs nothing until it is used.
const BLOCK: usize = 256;

const OPEN: u64 = 1;
const BUSY: u64 = 2;
/// Something to read was reported.
pub(crate) const READABLE: u64 = 4;
/// Room to write was reported.
pub(crate) const WRITABLE: u64 = 8;
/// The peer's end of stream was reported.
pub(crate) const PEER_CLOSED: u64 = 16;
/// News for the owner; taken when it is told.
const NEWS: u64 = READABLE | WRITABLE | PEER_CLOSED;
const GENERATION_SHIFT: u32 = 32;

/// Names one connection for ever: slot and generation. Its number is what the readiness set reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) u64);

impl Token {
    fn new(index: u32, generation: u64) -> Token {
        Token(generation << GENERATION_SHIFT | u64::from(index))
    }

    fn index(self) -> usize {
        (self.0 & u64::from(u32::MAX)) as usize
    }

    fn generation(self) -> u64 {
        self.0 >> GENERATION_SHIFT
    }
}

/// A connection in the hands of its owner, with the news of it.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) token: Token,
    pub(crate) connection: Box<Connection>,
    /// [`READABLE`], [`WRITABLE`], [`PEER_CLOSED`].
    pub(crate) news: u64,
}

/// One cache line each: neighbours are owned by different threads.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Slot {
    state: AtomicU64,
    /// Milliseconds of the monotonic clock after which the connection is overdue; 0 is never.
    deadline: AtomicU64,
    connection: Mutex<Option<Box<Connection>>>,
}

#[derive(Debug)]
pub(crate) struct Slab {
    blocks: Box<[OnceLock<Box<[Slot]>>]>,
    free: Mutex<Free>,
    limit: usize,
}

#[derive(Debug, Default)]
struct Free {
    indices: Vec<u32>,
    /// Slots that were ever used.
    used: usize,
}

impl Slab {
    pub(crate) fn new(limit: usize) -> Slab {
        let limit = limit.clamp(1, u32::MAX as usize);
        let blocks = (0..limit.div_ceil(BLOCK))
            .map(|_| OnceLock::new())
            .collect();
        Slab {
            blocks,
            free: Mutex::default(),
            limit,
        }
    }

    /// Takes a connection in; the caller owns it. Gives it back when the slab is full.
    pub(crate) fn insert(&self, connection: Box<Connection>) -> Result<Claimed, Box<Connection>> {
        let index = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            match free.indices.pop() {
                Some(index) => index,
                None if free.used == self.limit => return Err(connection),
                None => {
                    free.used += 1;
                    (free.used - 1) as u32
                }
            }
        };
        let slot = self.slot(index as usize);
        // Generation 0 is left to the tokens that are not connections.
        let generation = (slot.state.load(Ordering::Relaxed) >> GENERATION_SHIFT).max(1);
        slot.state.store(
            generation << GENERATION_SHIFT | OPEN | BUSY,
            Ordering::SeqCst,
        );
        Ok(Claimed {
            token: Token::new(index, generation),
            connection,
            news: 0,
        })
    }

    /// Notes news of a connection; `Some` when nobody owned it, and now the caller does.
    pub(crate) fn tell(&self, token: Token, news: u64) -> Option<Claimed> {
        let slot = self.known_slot(token)?;
        let mut state = slot.state.load(Ordering::SeqCst);
        loop {
            if state >> GENERATION_SHIFT != token.generation() || state & OPEN == 0 {
                return None;
            }
            let idle = state & BUSY == 0;
            let next = if idle {
                (state | BUSY) & !NEWS
            } else {
                state | news
            };
            match slot
                .state
                .compare_exchange_weak(state, next, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) if idle => return self.take(token, news | state & NEWS),
                Ok(_) => return None,
                Err(now) => state = now,
            }
        }
    }

    /// Takes an idle connection that is overdue at `now`.
    pub(crate) fn claim_overdue(&self, index: usize, now: u64) -> Option<Claimed> {
        let slot = self.blocks.get(index / BLOCK)?.get()?.get(index % BLOCK)?;
        let deadline = slot.deadline.load(Ordering::Relaxed);
        if deadline == 0 || deadline > now {
            return None;
        }
        self.claim_idle(index)
    }

    /// Takes a connection that nobody owns.
    pub(crate) fn claim_idle(&self, index: usize) -> Option<Claimed> {
        let slot = self.blocks.get(index / BLOCK)?.get()?.get(index % BLOCK)?;
        let state = slot.state.load(Ordering::SeqCst);
        if state & OPEN == 0 || state & BUSY != 0 {
            return None;
        }
        self.tell(
            Token::new(u32::try_from(index).ok()?, state >> GENERATION_SHIFT),
            0,
        )
    }

    /// Lets go of a connection that is waited on with `deadline`. `Some` gives it back: there was news meanwhile.
    pub(crate) fn release(&self, claimed: Claimed, deadline: u64) -> Option<Claimed> {
        let slot = self.slot(claimed.token.index());
        let token = claimed.token;
        slot.deadline.store(deadline, Ordering::Relaxed);
        *slot
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(claimed.connection);
        let mut state = slot.state.load(Ordering::SeqCst);
        loop {
            let news = state & NEWS;
            let next = if news == 0 {
                state & !BUSY
            } else {
                state & !NEWS
            };
            match slot
                .state
                .compare_exchange_weak(state, next, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) if news == 0 => return None,
                Ok(_) => return self.take(token, news),
                Err(now) => state = now,
            }
        }
    }

    /// Leaves a connection in its slot while it stays owned: by the queue, whose taker calls [`Slab::resume`].
    pub(crate) fn park(&self, claimed: Claimed) {
        let slot = self.slot(claimed.token.index());
        *slot
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(claimed.connection);
    }

    /// Takes up a parked connection, with the news that came meanwhile.
    pub(crate) fn resume(&self, token: Token) -> Option<Claimed> {
        let news = self
            .slot(token.index())
            .state
            .fetch_and(!NEWS, Ordering::SeqCst)
            & NEWS;
        self.take(token, news)
    }

    /// Whether the peer's end was reported to an owned connection since its last news.
    pub(crate) fn heard_peer_closed(&self, token: Token) -> bool {
        self.slot(token.index()).state.load(Ordering::Relaxed) & PEER_CLOSED != 0
    }

    /// Whether something to read was reported to an owned connection since its last news.
    pub(crate) fn heard_readable(&self, token: Token) -> bool {
        self.slot(token.index()).state.load(Ordering::Relaxed) & READABLE != 0
    }

    /// Closes a connection and frees its slot.
    pub(crate) fn remove(&self, claimed: Claimed) {
        let Claimed {
            token, connection, ..
        } = claimed;
        // The descriptor is closed first: no event of it can come after, and the slot's next one has another generation.
        drop(connection);
        let slot = self.slot(token.index());
        slot.deadline.store(0, Ordering::Relaxed);
        let next = (token.generation() + 1) & u64::from(u32::MAX);
        slot.state
            .store(next.max(1) << GENERATION_SHIFT, Ordering::SeqCst);
        let index = token.index() as u32;
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .indices
            .push(index);
    }

    /// Slots that were ever used: what a scan must look at.
    pub(crate) fn used(&self) -> usize {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .used
    }

    fn take(&self, token: Token, news: u64) -> Option<Claimed> {
        let slot = self.slot(token.index());
        let connection = slot
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        Some(Claimed {
            token,
            connection,
            news,
        })
    }

    fn known_slot(&self, token: Token) -> Option<&Slot> {
        self.blocks
            .get(token.index() / BLOCK)?
            .get()?
            .get(token.index() % BLOCK)
    }

    fn slot(&self, index: usize) -> &Slot {
        let block = self.blocks[index / BLOCK]
            .get_or_init(|| (0..BLOCK).map(|_| Slot::default()).collect());
        &block[index % BLOCK]
    }
}

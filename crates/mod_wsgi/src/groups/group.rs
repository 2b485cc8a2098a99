//! What the parent knows of its groups.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rickhouse_directives::daemon::DaemonProcess;
use rickhouse_directives::global::GlobalConfig;
use rickhouse_directives::messages::{self, Message};
use rickhouse_directives::socket::{PATH_MAX, Rotation, SocketNames};
use rickhouse_httpd::{Server, Startup, mpm};
use rickhouse_os::group_socket::GroupSocket;
use rickhouse_os::random;
use rickhouse_supervisor::places::Places;
use rickhouse_wire::Token;

use crate::paths::to_path;

/// The groups of one generation, and the process that they belong to.
pub(super) struct Parent {
    /// httpd's parent.
    pub(super) pid: u32,
    /// The directives.
    pub(super) config: Arc<GlobalConfig>,
    /// In the order of definition.
    pub(super) groups: Vec<Arc<Group>>,
    /// What tells the servers apart, in httpd's order.
    pub(super) servers: Vec<usize>,
    begun: AtomicBool,
}

/// One group.
pub(super) struct Group {
    /// As configured.
    pub(super) process: DaemonProcess,
    /// Where its socket is.
    pub(super) socket: PathBuf,
    /// `None` before it was opened, and in processes that have no use for it.
    listener: Mutex<Option<GroupSocket>>,
    token: Mutex<Token>,
    /// In the parent: its processes, by number.
    places: Mutex<Places>,
}

/// What a child's requests have to know of a group. It need not run.
pub(crate) struct Running {
    /// The group's number.
    pub(crate) group: u32,
    /// Where its socket is.
    pub(crate) socket: PathBuf,
    /// What shows its daemons that a request comes from here.
    pub(crate) token: Token,
    servers: Vec<usize>,
}

impl Running {
    /// The place of a server in httpd's list.
    pub(crate) fn server_index(&self, server: Server<'_>) -> u32 {
        let place = self.servers.iter().position(|id| *id == server.id());
        place
            .and_then(|place| u32::try_from(place).ok())
            .unwrap_or_default()
    }
}

impl Parent {
    /// Names everything and makes the secrets; opens nothing.
    ///
    /// # Errors
    /// The record about a socket whose name would be too long (DD §14 row 81), or about missing random numbers.
    pub(super) fn new(config: Arc<GlobalConfig>, startup: &Startup<'_>) -> Result<Self, Message> {
        let pid = std::process::id();
        let prefix = match &config.socket_prefix {
            Some(prefix) => prefix.to_vec(),
            None => mpm::runtime_path(startup.temporary(), c"wsgi").unwrap_or_default(),
        };
        let groups = config.daemons.iter().map(|process| {
            let socket = socket_path(&config, process, &prefix, pid)?;
            let secret = random::bytes().map_err(|_| messages::socket_failed(&process.name))?;
            Ok(Arc::new(Group {
                process: process.clone(),
                socket,
                listener: Mutex::new(None),
                token: Mutex::new(Token::new(secret)),
                places: Mutex::default(),
            }))
        });
        let groups = groups.collect::<Result<_, Message>>()?;
        Ok(Parent {
            pid,
            config,
            groups,
            servers: startup.server().and_following().map(Server::id).collect(),
            begun: AtomicBool::new(false),
        })
    }

    /// `WSGISocketRotation Off`: sockets have the same names in all generations.
    pub(super) fn keeps_sockets(&self) -> bool {
        self.config.socket_rotation == Some(false)
    }

    /// Whether the groups are to be started: once.
    pub(super) fn begin(&self) -> bool {
        !self.begun.swap(true, Ordering::Relaxed)
    }
}

impl Group {
    /// What a child is told.
    pub(super) fn running(&self, parent: &Parent) -> Running {
        Running {
            group: self.process.id,
            socket: self.socket.clone(),
            token: self.token(),
            servers: parent.servers.clone(),
        }
    }

    /// The secret of its requests.
    pub(super) fn token(&self) -> Token {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Goes on with the secret of the last generation, whose requests are to be answered.
    pub(super) fn inherit_token(&self, token: Token) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }

    /// Its processes; not to be held across a fork.
    pub(super) fn lock_places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the secret.
    pub(super) fn erase_token(&self) {
        self.token
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .erase();
    }

    pub(super) fn set_listener(&self, socket: GroupSocket) {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        *listener = Some(socket);
    }

    /// Takes the listening socket, to be used or closed.
    pub(super) fn take_listener(&self) -> Option<GroupSocket> {
        self.listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

fn socket_path(
    config: &GlobalConfig,
    process: &DaemonProcess,
    prefix: &[u8],
    pid: u32,
) -> Result<PathBuf, Message> {
    let generation = u32::try_from(mpm::generation()).unwrap_or_default();
    let names = SocketNames {
        prefix,
        parent: pid,
        rotation: match config.socket_rotation {
            Some(false) => Rotation::User(
                process
                    .user
                    .as_ref()
                    .map_or(mpm::identity().user, |user| user.id),
            ),
            _ => Rotation::Generation(generation),
        },
    };
    names
        .socket(process.id)
        .map(|path| to_path(&path))
        .map_err(|_| {
            let shortest = prefix.len() + ".9999999.0.1.sock".len();
            messages::socket_path_too_long(shortest, PATH_MAX, String::from_utf8_lossy(prefix))
        })
}

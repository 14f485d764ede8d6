//! The relay itself: built by the embedder, accepting connections until it is told to stop.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tickwire_protocol::CloseCode;
use tickwire_sim::{Game, Sim, SimOptions};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::http::{self, Page, Permits};
use super::worker::Workers;
use crate::auth::{Authenticator, DevelopmentTokens};
use crate::config::{Config, ConfigError};
use crate::gate::{Barred, Gate};
use crate::lobby::{Lobby, OpenError};
use crate::stats::RelayStats;

/// How long to wait when the system has no more sockets to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// Runs matches and the connections to them. Cheap to clone; all clones are the same relay. Its rooms end with it: when the last clone is
/// dropped and the last connection has ended.
#[derive(Clone, Debug)]
pub struct Relay {
    shared: Arc<Shared>,
}

/// What all tasks of a relay see.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) lobby: Lobby,
    pub(super) authenticator: Box<dyn Authenticator>,
    pub(super) pages: Vec<Page>,
    pub(super) next_session: AtomicU64,
    /// Whether the relay is shutting down.
    pub(super) closing: watch::Sender<bool>,
    connections: Arc<Semaphore>,
    unauthenticated: Arc<Semaphore>,
    pub(super) gate: Arc<Gate>,
    workers: Workers,
}

/// Puts a relay together.
#[derive(Default)]
pub struct RelayBuilder {
    config: Config,
    authenticator: Option<Box<dyn Authenticator>>,
    pages: Vec<Page>,
}

impl RelayBuilder {
    /// Limits and times other than the defaults.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Who knows players by their tokens. Default [`DevelopmentTokens`], which the log warns of.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Box::new(authenticator));
        self
    }

    /// Files to serve to browsers, on the port of the WebSockets.
    pub fn pages(mut self, pages: impl IntoIterator<Item = Page>) -> Self {
        self.pages.extend(pages);
        self
    }

    /// The relay; its worker threads start.
    ///
    /// # Errors
    /// The [`Config`] makes no sense.
    pub fn build(self) -> Result<Relay, ConfigError> {
        self.config.check()?;
        let config = Arc::new(self.config);
        let authenticator = self.authenticator.unwrap_or_else(|| {
            tracing::warn!("every token is believed: give the relay an authenticator before strangers can reach it");
            Box::new(DevelopmentTokens)
        });
        let shared = Shared {
            lobby: Lobby::new(config.rooms, config.seat_hold),
            authenticator,
            pages: self.pages,
            next_session: AtomicU64::new(1),
            closing: watch::Sender::new(false),
            connections: Arc::new(Semaphore::new(config.connections)),
            unauthenticated: Arc::new(Semaphore::new(config.unauthenticated)),
            gate: Arc::new(Gate::new(&config)),
            workers: Workers::new(config.workers),
            config,
        };
        Ok(Relay { shared: Arc::new(shared) })
    }
}

impl Relay {
    /// A relay with all defaults, to be changed.
    pub fn builder() -> RelayBuilder {
        RelayBuilder::default()
    }

    /// Opens a room: a match of `game` that starts now.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// As [`Sim::new`].
    pub fn open<G: Game>(&self, name: &str, game: impl Into<Arc<G>>, options: SimOptions) -> Result<(), OpenError> {
        let sim = Box::new(Sim::new(game, options));
        let room = self.shared.lobby.open(name, sim, Instant::now())?;
        self.shared.workers.run(room);
        Ok(())
    }

    /// Ends a room before its next tick; its players are told `reason`, at most 123 bytes. False if there is none of that name.
    pub fn close(&self, name: &str, reason: &str) -> bool {
        self.shared.lobby.close(name, CloseCode::Left, reason)
    }

    /// How the relay and its rooms are.
    pub fn stats(&self) -> RelayStats {
        let config = &self.shared.config;
        RelayStats {
            rooms: self.shared.lobby.stats(),
            connections: config.connections - self.shared.connections.available_permits(),
        }
    }

    /// Accepts connections from `listener` until `shutdown` is ready. Then no new ones are accepted, everyone is told to come back later, and
    /// the call returns when the last connection has ended, or after [`Config::shutdown_timeout`]. A shutdown is the relay's end: it serves
    /// once.
    ///
    /// # Errors
    /// The listener is broken. Running out of sockets is not an error: the relay waits and goes on.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.accept(stream, peer.ip()),
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
        drop(listener);
        self.shared.lobby.close_all(CloseCode::GoingAway);
        self.shared.closing.send_replace(true);
        let everyone = self.shared.config.connections as u32;
        let gone = self.shared.connections.acquire_many(everyone);
        let _ = tokio::time::timeout(self.shared.config.shutdown_timeout, gone).await;
        Ok(())
    }

    fn accept(&self, stream: TcpStream, peer: IpAddr) {
        match self.shared.permits(peer) {
            Ok(permits) => {
                // The relay works without either: later, and with staler snapshots.
                let _ = stream.set_nodelay(true);
                let _ = SockRef::from(&stream).set_send_buffer_size(self.shared.config.send_buffer);
                tokio::spawn(http::serve(stream, self.shared.clone(), permits));
            }
            Err(reason) => tracing::debug!(%peer, %reason, "a connection was refused"),
        }
    }
}

/// Why a connection is closed at once.
#[derive(Debug, thiserror::Error)]
enum NotAdmitted {
    #[error("too many connections are open")]
    Full,
    #[error(transparent)]
    Barred(#[from] Barred),
}

impl Shared {
    /// What a new connection counts against, or why there can be none.
    fn permits(&self, peer: IpAddr) -> Result<Permits, NotAdmitted> {
        let full = |_| NotAdmitted::Full;
        let connection = self.connections.clone().try_acquire_owned().map_err(full)?;
        let unauthenticated = self.unauthenticated.clone().try_acquire_owned().map_err(full)?;
        let visit = match self.config.proxies.contains(&peer.to_canonical()) {
            // Counted when it has said for whom it comes.
            true => self.gate.wave_through(),
            false => self.gate.admit(Instant::now(), peer)?,
        };
        Ok(Permits { connection, unauthenticated, visit, peer: peer.to_canonical() })
    }
}

/// Whether an accept will fail for ever.
fn is_fatal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected)
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).field("lobby", &self.lobby).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RelayBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RelayBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

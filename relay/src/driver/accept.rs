//! The relay itself: built by the embedder, accepting connections until it is told to stop.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use tickwire_protocol::{CloseCode, Content, Creation};
use tickwire_sim::{Game, Refusal, Sim, SimOptions};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::http::{self, Page};
use super::readers::{Reader, Readers};
#[cfg(feature = "tls")]
use super::tls::{self, Tls};
use super::transport::Transport;
use super::upgrade::{Rejection, upgrade};
use super::worker::Workers;
use super::{now, senders};
use crate::auth::{Authenticator, DevelopmentTokens};
use crate::budget::Allowed;
use crate::channel::Keep;
use crate::config::{Config, ConfigError};
use crate::fanout::{Fanout, Op};
use crate::form::Calendar;
use crate::gate::{Barred, Gate, Visit};
use crate::handle::RoomHandle;
use crate::hub::{Hub, HubTerms};
use crate::limit::Seldom;
use crate::lobby::{Kind, Limits, Lobby, OpenError, Plan};
use crate::options::RoomOptions;
use crate::queue::{Queue, Tolerance};
use crate::room::Terms;
use crate::sessions::Sessions;
use crate::stats::{Origin, RelayStats, Tally};
use crate::strangers::{Stranger, Strangers};

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
    pub(super) hub: Hub,
    pub(super) queue: Mutex<Queue>,
    /// Held while a room is looked for, to be created if there is none.
    pub(super) creating: Mutex<()>,
    pub(super) calendar: Calendar,
    pub(super) tally: Arc<Tally>,
    pub(super) sessions: Arc<Sessions>,
    connections: Arc<Semaphore>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) gate: Arc<Gate>,
    pub(super) foreign_pages: Seldom,
    pub(super) workers: Workers,
    readers: Readers,
}

/// Puts a relay together.
#[derive(Default)]
pub struct RelayBuilder {
    config: Config,
    authenticator: Option<Box<dyn Authenticator>>,
    pages: Vec<Page>,
    kinds: Vec<Kind>,
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

    /// What players may create rooms of, if they ask for this kind; the first is what they get if they ask for none. Default none: rooms are
    /// opened by the embedder alone. The plan is made for each room, and may refuse with words for the player.
    pub fn kind<G: Game>(
        mut self,
        name: &str,
        plan: impl Fn(&Creation) -> Result<Plan<G>, Refusal> + Send + Sync + 'static,
    ) -> Self {
        self.kinds.push(Kind::new(name, plan));
        self
    }

    /// The relay; its worker threads start.
    ///
    /// # Errors
    /// The [`Config`] makes no sense.
    pub fn build(self) -> Result<Relay, ConfigError> {
        self.config.check()?;
        let (mut shared, shards) = self.assemble();
        senders::start_all(shards);
        shared.readers = Readers::start(shared.config.reader_threads);
        Ok(Relay { shared: Arc::new(shared) })
    }

    /// All but the threads that send.
    pub(super) fn assemble(self) -> (Shared, Vec<Receiver<Op>>) {
        let config = Arc::new(self.config);
        let authenticator = self.authenticator.unwrap_or_else(|| {
            tracing::warn!("every token is believed: give the relay an authenticator before strangers can reach it");
            Box::new(DevelopmentTokens)
        });
        let (fanout, shards) = Fanout::new(config.fanout_threads);
        let (start, tally) = (now(), Arc::<Tally>::default());
        let calendar = Calendar::new(start, SystemTime::now());
        let history = Keep { messages: config.history_messages, bytes: config.history_bytes };
        let terms = Terms {
            seat_hold: config.seat_hold,
            reservation: config.reservation,
            request_timeout: config.request_timeout,
            over_budget: config.over_budget,
            resyncs_per_tick: config.resyncs_per_tick,
            said: Allowed { messages: config.room_messages, bytes: config.room_message_bytes },
            log_bytes: config.log_bytes,
            outbox_bytes: config.outbox_bytes,
            channels: config.room_channels,
            subscriptions: config.subscriptions,
            history,
            calendar,
            tally: tally.clone(),
        };
        let hub = HubTerms {
            channels: config.relay_channels,
            subscriptions: config.subscriptions,
            history,
            said: Allowed { messages: config.relay_messages, bytes: config.relay_message_bytes },
            memory: config.seat_hold,
            calendar,
        };
        let rooms = Limits { rooms: config.rooms, of_player: config.rooms_per_player, empty_time: config.empty_time };
        let tolerance = Tolerance { at_first: config.rank_tolerance, a_second: config.rank_tolerance_growth };
        let shared = Shared {
            hub: Hub::new(hub, fanout.clone(), tally.clone(), start),
            lobby: Lobby::new(self.kinds, rooms, terms, fanout),
            queue: Mutex::new(Queue::new(tolerance)),
            creating: Mutex::default(),
            calendar,
            tally,
            authenticator,
            pages: self.pages,
            sessions: Arc::default(),
            connections: Arc::new(Semaphore::new(config.connections)),
            strangers: Arc::new(Strangers::new(config.unauthenticated)),
            gate: Arc::new(Gate::new(&config)),
            foreign_pages: Seldom::default(),
            workers: Workers::new(config.workers),
            readers: Readers::default(),
            config,
        };
        (shared, shards)
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
    pub fn open<G: Game>(
        &self,
        name: &str,
        game: impl Into<Arc<G>>,
        options: SimOptions,
    ) -> Result<RoomHandle, OpenError> {
        self.open_as(name, Plan { game: game.into(), sim: options, room: RoomOptions::default() })
    }

    /// The same with options for the room, too.
    ///
    /// # Errors
    /// See [`OpenError`].
    ///
    /// # Panics
    /// As [`Sim::new`].
    pub fn open_as<G: Game>(&self, name: &str, plan: Plan<G>) -> Result<RoomHandle, OpenError> {
        let sim = Box::new(Sim::<G>::new(plan.game, plan.sim));
        let (room, handle) =
            self.shared.lobby.open(name, (sim, plan.room), Origin::default(), std::time::Instant::now())?;
        self.shared.workers.run(room);
        Ok(handle)
    }

    /// The open room of this name.
    pub fn room(&self, name: &str) -> Option<RoomHandle> {
        self.shared.lobby.find(name)
    }

    /// The open rooms, by name.
    pub fn rooms(&self) -> Vec<RoomHandle> {
        self.shared.lobby.handles()
    }

    /// Says something to all who hear a channel of the relay; false if nobody ever did.
    pub fn publish(&self, channel: &str, content: Content) -> bool {
        self.shared.hub.announce(now(), channel, content)
    }

    /// How the relay and its rooms are.
    pub fn stats(&self) -> RelayStats {
        let config = &self.shared.config;
        let (rejected, refused, closed) = self.shared.tally.read();
        RelayStats {
            rooms: self.shared.lobby.stats(),
            connections: config.connections - self.shared.connections.available_permits(),
            tasks: self.shared.readers.tasks(),
            channels: self.shared.hub.channels(now()),
            queued: self.shared.queue.lock().map_or(0, |queue| queue.len()),
            rejected,
            refused,
            closed,
        }
    }

    /// Accepts connections from `listener` until `shutdown` is ready, and then shuts the relay down as [`Relay::shut_down`] does. Several
    /// listeners may be served at once; the first to be told ends them all, so tell all of them.
    ///
    /// # Errors
    /// The listener is broken. Running out of sockets is not an error: the relay waits and goes on.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
        self.serve_by(listener, shutdown, |stream, peer| self.accept(stream, peer)).await
    }

    /// The same over TLS: pages are at `https://`, and players come to `wss://`. Needs the feature `tls`.
    ///
    /// # Errors
    /// As [`Relay::serve`]. A handshake that fails is no error either, whoever's fault it is; the log has it.
    #[cfg(feature = "tls")]
    pub async fn serve_tls(
        &self,
        listener: TcpListener,
        tls: Tls,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let accept = |stream, peer| self.accept_tls(stream, tls.clone(), peer);
        self.serve_by(listener, shutdown, accept).await
    }

    async fn serve_by(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
        accept: impl Fn(TcpStream, IpAddr),
    ) -> io::Result<()> {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                accepted = async {
                    self.shared.strangers.thinned().await;
                    listener.accept().await
                } => accepted,
            };
            match accepted {
                Ok((stream, peer)) => accept(stream, peer.ip()),
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
        drop(listener);
        self.shut_down().await;
        Ok(())
    }

    /// Ends the relay: rooms close, everyone is told to come back later, and the call returns when the last connection has ended, or after
    /// [`Config::shutdown_timeout`]. For relays that another server feeds, by [`Relay::upgrade`] or [`Relay::accept`]; what comes later is
    /// ended at once.
    pub async fn shut_down(&self) {
        self.shared.lobby.close_all(CloseCode::GoingAway);
        self.shared.sessions.end();
        self.shared.strangers.oust_all();
        let everyone = self.shared.config.connections as u32;
        let gone = self.shared.connections.acquire_many(everyone);
        let _ = tokio::time::timeout(self.shared.config.shutdown_timeout, gone).await;
    }

    /// Serves one connection that the embedder has accepted, from its first HTTP request on: TCP, or whatever else carries bytes both ways.
    /// `peer` is the address that it counts for. It ends with the relay. Call it in a tokio runtime.
    pub fn accept<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S, peer: IpAddr) {
        if let Some(permits) = self.admit(peer) {
            let reader = permits.reader.clone();
            reader.serve(http::serve(Transport::of(stream), self.shared.clone(), permits));
        }
    }

    /// Answers a request of an embedder's own HTTP server for a WebSocket: with 101, and serves the connection from then on, or with why
    /// not. Works with every server on `hyper` 1 that lets connections be upgraded. Call it in a tokio runtime.
    pub fn upgrade<B>(&self, request: &mut Request<B>, peer: IpAddr) -> Response<Full<Bytes>> {
        let permits = || self.shared.permits(peer).map_err(|refused| refused.rejection());
        upgrade(request, &self.shared, permits)
    }

    #[cfg(feature = "tls")]
    fn accept_tls(&self, stream: TcpStream, tls: Tls, peer: IpAddr) {
        if let Some(permits) = self.admit(peer) {
            let reader = permits.reader.clone();
            reader.serve(tls::serve(stream, tls, self.shared.clone(), permits));
        }
    }

    fn admit(&self, peer: IpAddr) -> Option<Permits> {
        let permits = self.shared.permits(peer);
        let refused = |reason: &NotAdmitted| {
            tracing::debug!(%peer, %reason, "a connection was refused");
            self.shared.tally.rejected(reason.status().as_u16());
        };
        permits.inspect_err(refused).ok()
    }
}

/// What a connection counts against while it lasts.
pub(super) struct Permits {
    /// One of all connections.
    pub(super) connection: OwnedSemaphorePermit,
    /// One of those that have not shown a token.
    pub(super) stranger: Stranger,
    /// One of its address's.
    pub(super) visit: Visit,
    /// Its thread.
    pub(super) reader: Reader,
    /// Who is at the other end: a client or a proxy.
    pub(super) peer: IpAddr,
}

/// Why a connection is closed at once.
#[derive(Debug, thiserror::Error)]
enum NotAdmitted {
    #[error("too many connections are open")]
    Full,
    #[error(transparent)]
    Barred(#[from] Barred),
}

impl NotAdmitted {
    fn status(&self) -> StatusCode {
        self.rejection().0
    }

    fn rejection(&self) -> Rejection {
        match self {
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "too many connections are open\n"),
            Self::Barred(_) => (StatusCode::TOO_MANY_REQUESTS, "too many connections from this address\n"),
        }
    }
}

impl Shared {
    /// What a new connection counts against, or why there can be none.
    fn permits(&self, peer: IpAddr) -> Result<Permits, NotAdmitted> {
        let connection = self.connections.clone().try_acquire_owned().map_err(|_| NotAdmitted::Full)?;
        let visit = match self.config.proxies.contains(&peer.to_canonical()) {
            // Counted when it has said for whom it comes.
            true => self.gate.wave_through(),
            false => self.gate.admit(now(), peer)?,
        };
        let (stranger, reader) = (self.strangers.admit(), self.readers.assign());
        Ok(Permits { connection, stranger, visit, reader, peer: peer.to_canonical() })
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

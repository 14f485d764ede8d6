//! A client on a real socket: the only file of this crate that connects, waits and reads the clock (the bot runner aside).

use std::future::poll_fn;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use rand::rngs::ChaCha12Rng;
use rand::{RngExt as _, SeedableRng as _};
use tickwire_protocol::{
    Address, CloseCode, Content, MessageId, SUBPROTOCOL, Scope, SeatId, Sequence, Tick, Wanted, Welcome, Wire, wire,
};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::backoff::Backoff;
use crate::replica::Replica;
use crate::session::{ClientConfig, Counts, Session, TalkError, Update};
use crate::trust::Trust;

/// For a connection to come up. A relay that needs longer is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Without anything from the relay, which pings every two seconds.
const SILENCE: Duration = Duration::from_secs(10);

/// Bytes of one message from a relay: the largest keyframe that a room of all slots can need.
const MAX_MESSAGE: usize = 16 << 20;

/// Why a client gives up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The URL is not one.
    #[error("`{0}` is not a WebSocket URL: it begins with ws:// or wss://")]
    Url(String),
    /// The URL is a `wss://` one, and the client was built without the feature `tls`.
    #[error("`{0}` needs TLS, which this program was built without")]
    NoTls(String),
    /// The relay closed with a code that says: do not come back.
    #[error("{reason} ({})", code.number())]
    Closed {
        /// The code.
        code: CloseCode,
        /// The relay's words.
        reason: String,
    },
}

/// A player at a relay. Nothing happens unless [`Client::next`] is awaited; it may be dropped and called again at any time.
#[derive(Debug)]
pub struct Client {
    session: Session,
    trust: Trust,
    link: Link,
    backoff: Backoff,
    rng: ChaCha12Rng,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug)]
enum Link {
    Waiting {
        until: Instant,
    },
    /// A task of its own, so that who stops waiting does not stop it.
    Connecting(JoinHandle<Result<Socket, String>>),
    Connected {
        socket: Box<Socket>,
        heard: Instant,
    },
    /// The player left.
    Over,
}

impl Client {
    /// A client that connects at the first [`Client::next`].
    ///
    /// # Errors
    /// [`ClientError::Url`], [`ClientError::NoTls`].
    pub fn new(config: ClientConfig) -> Result<Self, ClientError> {
        Self::with_seed(config, rand::rng().random())
    }

    /// The same with randomness (the backoff's and the ids') that can be repeated. Two clients that play as one player, also one after the
    /// other, need seeds of their own: a relay takes messages of one id for the same one, said again.
    ///
    /// # Errors
    /// [`ClientError::Url`], [`ClientError::NoTls`].
    pub fn with_seed(config: ClientConfig, seed: u64) -> Result<Self, ClientError> {
        let request = config.url.as_str().into_client_request();
        match request.as_ref().ok().and_then(|request| request.uri().scheme_str()) {
            Some("ws") => {}
            Some("wss") if cfg!(feature = "tls") => {}
            Some("wss") => return Err(ClientError::NoTls(config.url)),
            _ => return Err(ClientError::Url(config.url)),
        }
        let now = Instant::now();
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        Ok(Self {
            session: Session::new(config, rng.random(), now),
            trust: Trust::default(),
            link: Link::Waiting { until: now },
            backoff: Backoff::default(),
            rng,
        })
    }

    /// The same client, but it believes these certificates.
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// What happens next. Connects, and connects again after a lost connection, for as long as the relay's close code allows. None
    /// after [`Client::leave`], and after the error.
    ///
    /// # Errors
    /// [`ClientError::Closed`]: the relay does not want this client.
    pub async fn next(&mut self) -> Result<Option<Update>, ClientError> {
        loop {
            // What was not heard before the end, such as that the connection is lost and will be tried again, is so no more.
            if !matches!(self.link, Link::Over)
                && let Some(update) = self.session.poll_update()
            {
                if matches!(update, Update::Joined { .. }) {
                    self.backoff.reset();
                }
                return Ok(Some(update));
            }
            match &mut self.link {
                Link::Over => return Ok(None),
                Link::Waiting { until } => {
                    tokio::time::sleep_until((*until).into()).await;
                    self.link =
                        Link::Connecting(tokio::spawn(connect(self.session.config().url.clone(), self.trust.clone())));
                }
                Link::Connecting(connecting) => match connecting.await {
                    Ok(Ok(socket)) => {
                        self.link = Link::Connected { socket: Box::new(socket), heard: Instant::now() };
                        self.session.handle_connected();
                    }
                    Ok(Err(reason)) => self.lost(None, &reason),
                    // The runtime ends.
                    Err(_) => self.lost(None, "the connection was not tried to its end"),
                },
                Link::Connected { .. } => self.converse().await?,
            }
        }
    }

    /// Sends what the player wants for the next tick that can run with it. The input's sequence; none if it was not sent: without a seat in
    /// a room, before its first snapshot, and beyond four inputs for one tick.
    pub async fn send<I: Wire>(&mut self, input: &I) -> Option<Sequence> {
        self.send_record(wire::to_record(input).into()).await
    }

    /// The same with an input that is a record already.
    pub async fn send_record(&mut self, record: Bytes) -> Option<Sequence> {
        let sequence = self.session.input(Instant::now(), record)?;
        self.flush().await;
        Some(sequence)
    }

    /// Hears a channel from now on, and after every reconnection. [`Update::Subscribed`] says that it is so; what the channel still has
    /// comes after it, but what has come before only if the channel began anew. A room's default channel is heard without asking.
    /// [`Update::Refused`] with the same id says that it is not to be had, and it is wished for no more, or that it has to wait.
    ///
    /// # Errors
    /// [`TalkError::Invalid`].
    pub async fn subscribe(&mut self, scope: Scope, channel: impl Into<String>) -> Result<MessageId, TalkError> {
        let id = self.session.subscribe(scope, channel.into())?;
        self.flush().await;
        Ok(id)
    }

    /// Hears a channel no more; answered by [`Update::Unsubscribed`], or by [`Update::Refused`] if it was not heard.
    ///
    /// # Errors
    /// [`TalkError::Invalid`].
    pub async fn unsubscribe(&mut self, scope: Scope, channel: impl Into<String>) -> Result<MessageId, TalkError> {
        let id = self.session.unsubscribe(scope, channel.into())?;
        self.flush().await;
        Ok(id)
    }

    /// Says something to others, who hear an [`Update::Message`]. It is said when the relay listens, and again after every reconnection until
    /// it is answered, in order: by [`Update::Acked`], or [`Update::Refused`] with its id. What was said in a room is given up by
    /// [`Update::Abandoned`] when the seat is lost.
    ///
    /// # Errors
    /// [`TalkError::Invalid`], [`TalkError::TooMany`].
    pub async fn publish(&mut self, to: Address, content: Content) -> Result<MessageId, TalkError> {
        let id = self.session.publish(to, content)?;
        self.flush().await;
        Ok(id)
    }

    /// Says something to the game; answered as [`Client::publish`] is.
    ///
    /// # Errors
    /// All of [`TalkError`].
    pub async fn tell<M: Wire>(&mut self, message: &M) -> Result<MessageId, TalkError> {
        let id = self.session.tell(message)?;
        self.flush().await;
        Ok(id)
    }

    /// Asks something of the game; answered by [`Update::Reply`], else as [`Client::publish`] is.
    ///
    /// # Errors
    /// All of [`TalkError`].
    pub async fn request<Q: Wire>(&mut self, request: &Q) -> Result<MessageId, TalkError> {
        let id = self.session.request(request)?;
        self.flush().await;
        Ok(id)
    }

    /// Asks which rooms there are; answered by [`Update::Rooms`]. With `live` the changes come too, until it is asked without.
    ///
    /// # Errors
    /// [`TalkError::Invalid`].
    pub async fn list_rooms(&mut self, wanted: Wanted, live: bool) -> Result<MessageId, TalkError> {
        let id = self.session.list_rooms(wanted, live)?;
        self.flush().await;
        Ok(id)
    }

    /// Gives the seat up and closes in good order.
    pub async fn leave(&mut self) {
        self.session.leave();
        self.flush().await;
        if let Link::Connected { socket, .. } = &mut self.link {
            let frame = CloseFrame { code: CloseCode::Left.number().into(), reason: "".into() };
            // The relay answers, or is gone already.
            let farewell = async {
                let _ = socket.send(Message::Close(Some(frame))).await;
                while let Some(Ok(_)) = socket.next().await {}
            };
            let _ = tokio::time::timeout(Duration::from_secs(1), farewell).await;
        }
        self.link = Link::Over;
    }

    /// Drops the connection without a word, as a network does; [`Client::next`] connects again.
    pub fn cut(&mut self) {
        if matches!(self.link, Link::Connected { .. }) {
            self.lost(None, "cut");
        }
    }

    /// Where and as whom.
    pub fn config(&self) -> &ClientConfig {
        self.session.config()
    }

    /// The room's last welcome, but for the host: that is the one of now.
    pub fn welcome(&self) -> Option<&Welcome> {
        self.session.welcome()
    }

    /// The player's seat; none for a spectator.
    pub fn seat(&self) -> Option<SeatId> {
        self.session.seat()
    }

    /// The seat of the room's host now.
    pub fn host(&self) -> Option<SeatId> {
        self.welcome()?.host
    }

    /// The room's state; none before the first welcome.
    pub fn replica(&self) -> Option<&Replica> {
        self.session.replica()
    }

    /// The tick of the last snapshot, 0 before the first.
    pub fn tick(&self) -> Tick {
        self.replica().map_or(0, Replica::tick)
    }

    /// The tick that the room is at now by its clock, with its fraction; none before the first probe was answered.
    pub fn server_tick(&self) -> Option<f64> {
        self.session.server_tick(Instant::now())
    }

    /// The last round trip of a probe.
    pub fn rtt(&self) -> Option<Duration> {
        self.session.rtt()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.session.counts()
    }

    /// Waits for the next thing on the connection and handles it.
    async fn converse(&mut self) -> Result<(), ClientError> {
        self.flush().await;
        let Link::Connected { socket, heard } = &mut self.link else { return Ok(()) };
        let silence = *heard + SILENCE;
        let deadline = self.session.deadline().map_or(silence, |deadline| deadline.min(silence));
        let message = tokio::select! {
            biased;
            message = socket.next() => message,
            () = tokio::time::sleep_until(deadline.into()) => {
                let now = Instant::now();
                if now >= silence {
                    self.lost(None, "the relay is silent");
                } else {
                    self.session.handle_timeout(now);
                    self.flush().await;
                }
                return Ok(());
            }
        };
        let now = Instant::now();
        *heard = now;
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                if self.session.handle_binary(now, bytes) {
                    self.flush().await;
                } else {
                    self.lost(None, "the relay does not keep to the protocol");
                }
            }
            Some(Ok(Message::Close(frame))) => return self.closed(frame),
            Some(Ok(_)) => {}
            Some(Err(error)) => self.lost(None, &error.to_string()),
            None => self.lost(None, "the connection ended"),
        }
        Ok(())
    }

    fn closed(&mut self, frame: Option<CloseFrame>) -> Result<(), ClientError> {
        let number = frame.as_ref().map(|frame| u16::from(frame.code));
        let code = number.and_then(CloseCode::from_number);
        self.lost(code, frame.as_ref().map_or("closed", |frame| &frame.reason));
        match (code, frame) {
            (Some(code), Some(frame)) if !code.retry() => {
                self.link = Link::Over;
                Err(ClientError::Closed { code, reason: frame.reason.to_string() })
            }
            _ => Ok(()),
        }
    }

    fn lost(&mut self, code: Option<CloseCode>, reason: &str) {
        self.session.handle_lost(code, reason);
        self.link = Link::Waiting { until: Instant::now() + self.backoff.next(&mut self.rng) };
    }

    /// Sends what waits. What is left when nobody waits for it any more is sent the next time.
    async fn flush(&mut self) {
        let Link::Connected { socket, .. } = &mut self.link else { return };
        let sent = async {
            loop {
                poll_fn(|cx| socket.poll_ready_unpin(cx)).await?;
                match self.session.poll_out() {
                    Some(bytes) => socket.start_send_unpin(Message::Binary(bytes))?,
                    None => return poll_fn(|cx| socket.poll_flush_unpin(cx)).await,
                }
            }
        };
        if let Err(error) = sent.await {
            // The relay's close frame may be waiting to be read: that will tell.
            tracing::debug!(%error, "not sent");
        }
    }
}

/// A connection to a relay if one comes up in time, or why not in words for people.
async fn connect(url: String, trust: Trust) -> Result<Socket, String> {
    let mut request = url.into_client_request().map_err(|error| error.to_string())?;
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    let config = WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    #[cfg(feature = "tls")]
    let connecting =
        tokio_tungstenite::connect_async_tls_with_config(request, Some(config), true, Some(trust.connector()));
    #[cfg(not(feature = "tls"))]
    let (Trust {}, connecting) = (trust, tokio_tungstenite::connect_async_with_config(request, Some(config), true));
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(error @ (Error::HttpFormat(_) | Error::Protocol(_)))) => {
            Err(format!("no relay answers there, or one that speaks TLS (wss://) to those who don't: {error}"))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

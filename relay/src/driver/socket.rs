//! One connection's task: moves bytes between the socket, the WebSocket library, the session and its room.

use std::future::pending;
use std::io;
use std::net::Shutdown;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use socket2::SockRef;
use tickwire_protocol::{CloseCode, ErrorCode, ErrorReply, ResumeToken, Resync, ServerMessage, ServerProbeReply};
use tickwire_sim::Player;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::accept::Shared;
use crate::auth::{AuthError, Verdict};
use crate::command::JoinReply;
use crate::config::Config;
use crate::gate::Visit;
use crate::limit::Gcra;
use crate::outbox::{Caps, Outbox, Sink, frame};
use crate::place::Place;
use crate::seat::SessionId;
use crate::session::{Action, Session};

/// Serves one WebSocket connection to its end. `read_ahead` was read with the upgrade request; `unauthenticated` is given back when
/// the token is accepted, `visit` at the end.
pub(super) async fn serve(
    stream: TcpStream,
    read_ahead: Bytes,
    shared: Arc<Shared>,
    (unauthenticated, visit): (OwnedSemaphorePermit, Visit),
) {
    let config = &shared.config;
    let stream = Arc::new(stream);
    let caps = Caps { bytes: config.outbox_bytes, frames: config.outbox_frames };
    let outbox = Arc::new(Outbox::new(Box::new(Direct(stream.clone())), caps));
    let adapter = Adapter { stream: stream.clone(), outbox: outbox.clone(), bytes: Gcra::new(config.bytes) };
    let websocket =
        WebSocketStream::from_partially_read(adapter, read_ahead.into(), Role::Server, Some(websocket_config(config)))
            .await;
    let connection = Connection {
        id: shared.next_session.fetch_add(1, Ordering::Relaxed),
        outbox,
        session: Session::new(Instant::now(), config.clone()),
        websocket,
        stream,
        unauthenticated: Some(unauthenticated),
        visit,
        lookup: None,
        joining: None,
        place: None,
        left: false,
        shared,
    };
    connection.run().await;
}

fn websocket_config(config: &Config) -> WebSocketConfig {
    WebSocketConfig::default()
        // The buffer is filled with zeros at every read: a large one costs more than it saves.
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(config.message_bytes))
        .max_frame_size(Some(config.message_bytes))
}

struct Connection {
    shared: Arc<Shared>,
    session: Session,
    id: SessionId,
    outbox: Arc<Outbox>,
    websocket: WebSocketStream<Adapter>,
    stream: Arc<TcpStream>,
    unauthenticated: Option<OwnedSemaphorePermit>,
    visit: Visit,
    lookup: Option<Verdict>,
    joining: Option<oneshot::Receiver<JoinReply>>,
    place: Option<Place>,
    /// The client closed in good order: its seat is not held.
    left: bool,
}

/// How a conversation ends.
enum End {
    /// By us, with this code.
    Close(CloseCode, String),
    /// By the client, or by the network.
    Gone,
}

impl Connection {
    async fn run(mut self) {
        let end = self.converse().await;
        match self.place.take() {
            Some(place) if self.left => place.leave(),
            place => drop(place),
        }
        let stream = self.stream.clone();
        if let End::Close(code, reason) = end {
            tracing::debug!(session = self.id, rtt = ?self.session.rtt(), %code, reason, "closing");
            self.close(code, &reason).await;
        }
        // A room that has not heard of the loss yet holds the socket still, but has no more use for it.
        let _ = SockRef::from(&*stream).shutdown(Shutdown::Both);
    }

    async fn converse(&mut self) -> End {
        let mut closing = self.shared.closing.subscribe();
        let mut timer = pin!(tokio::time::sleep_until(self.session.deadline().into()));
        loop {
            while let Some(action) = self.session.poll() {
                match action {
                    Action::Close(code, reason) => return End::Close(code, reason),
                    action => self.act(action).await,
                }
            }
            if self.session.is_authenticated() {
                self.unauthenticated = None;
            }
            let look = self.outbox.look();
            if look.broken {
                return End::Gone;
            }
            if let Some((code, reason)) = look.end {
                self.session.handle_end(code, &reason);
                continue;
            }
            if let (Some(base), Some(place)) = (look.resync, &self.place) {
                place.resync(Resync { base, desync: false });
            }
            timer.as_mut().reset(self.session.deadline().into());
            tokio::select! {
                biased;
                _ = closing.wait_for(|closing| *closing) => {
                    self.session.handle_end(CloseCode::GoingAway, CloseCode::GoingAway.reason());
                }
                () = self.outbox.changed() => {}
                () = timer.as_mut() => self.session.handle_timeout(Instant::now()),
                verdict = or_never(self.lookup.as_mut()) => {
                    self.lookup = None;
                    let now = Instant::now();
                    if verdict == Err(AuthError::Refused) {
                        self.visit.failed(now);
                    }
                    self.session.handle_verdict(now, verdict);
                }
                answer = or_never(self.joining.as_mut()) => {
                    self.joined(answer.unwrap_or_else(|_| Err(no_such_room())));
                }
                _ = self.stream.writable(), if look.waiting => {
                    self.outbox.flush();
                    self.session.handle_progress(Instant::now());
                }
                message = self.websocket.next() => {
                    if let Some(end) = self.received(message) {
                        return end;
                    }
                }
            }
        }
    }

    fn received(&mut self, message: Option<Result<Message, Error>>) -> Option<End> {
        let now = Instant::now();
        match message {
            Some(Ok(Message::Binary(bytes))) => self.session.handle_binary(now, bytes),
            Some(Ok(Message::Text(_))) => self.session.handle_text(),
            Some(Ok(Message::Ping(_))) => self.session.handle_ping(now),
            Some(Ok(Message::Pong(_))) => self.session.handle_pong(now),
            Some(Ok(Message::Close(frame))) => {
                // The library has answered: nothing follows.
                self.outbox.seal();
                self.left = frame.is_some_and(|frame| u16::from(frame.code) == CloseCode::Left.number());
            }
            Some(Ok(Message::Frame(_))) => unreachable!("raw frames are never read"),
            Some(Err(error)) => return Some(end_of(&error)),
            None => return Some(End::Gone),
        }
        None
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Authenticate { token } => {
                self.lookup = Some(self.shared.authenticator.authenticate(&token));
            }
            Action::Join { player, room, resume } => self.join(player, &room, resume),
            Action::Leave => {
                if let Some(place) = self.place.take() {
                    place.leave();
                }
            }
            Action::Input(input) => {
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.input(input, limit)) {
                    self.session.handle_input_dropped(Instant::now());
                }
            }
            Action::Resync(resync) => {
                if let Some(place) = &self.place {
                    place.resync(resync);
                }
            }
            Action::ProbeReply { nonce } => {
                let progress = self.place.as_ref().map(|place| place.room.info.progress(Instant::now()));
                let (tick, phase) = progress.unwrap_or_default();
                self.send(&ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }));
            }
            Action::Send(message) => self.send(&message),
            // The adapter never waits; what it can't take, the outbox tells.
            Action::Ping => drop(self.websocket.send(Message::Ping(Bytes::new())).await),
            Action::Close(..) => unreachable!("closing was taken out before"),
        }
    }

    fn join(&mut self, player: Player, room: &str, resume: Option<ResumeToken>) {
        let Some(room) = self.shared.lobby.find(room) else {
            return self.session.handle_joined(Instant::now(), Err(no_such_room()));
        };
        let (place, answer) = Place::ask(room, player, resume, (self.id, &self.outbox));
        self.place = Some(place);
        self.joining = Some(answer);
    }

    fn joined(&mut self, answer: JoinReply) {
        self.joining = None;
        if answer.is_err() {
            self.place = None;
        }
        let answer = answer.map(|joined| (joined.schema, joined.tick_rate));
        self.session.handle_joined(Instant::now(), answer);
    }

    fn send(&self, message: &ServerMessage) {
        self.outbox.push(frame(|out| message.encode(out)));
    }

    /// Says why, and gives the client a moment to hear it: a socket closed with unread bytes would take the close frame along.
    async fn close(mut self, code: CloseCode, reason: &str) {
        let outbox = &self.outbox;
        outbox.seal();
        let reason = &reason[..reason.floor_char_boundary(123)];
        let frame = CloseFrame { code: code.number().into(), reason: reason.into() };
        let farewell = async {
            let _ = self.websocket.send(Message::Close(Some(frame))).await;
            while outbox.look().waiting && self.stream.writable().await.is_ok() {
                outbox.flush();
            }
            while let Some(Ok(_)) = self.websocket.next().await {}
            discard(&self.stream).await;
        };
        let _ = tokio::time::timeout(self.shared.config.close_timeout, farewell).await;
    }
}

/// Reads until the peer has nothing more to say. What a flooding peer says is not worth a message, only its end is.
async fn discard(stream: &TcpStream) {
    let mut scratch = [0; 4096];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut scratch) {
            Ok(0) => return,
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

fn end_of(error: &Error) -> End {
    let code = match error {
        Error::Capacity(_) => CloseCode::TooBig,
        Error::Utf8(_) => CloseCode::Unsupported,
        Error::Io(error) if error.kind() == FLOOD => CloseCode::Flood,
        // Gone without a closing handshake; nobody hears a code.
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => return End::Gone,
        Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            return End::Gone;
        }
        _ => CloseCode::Protocol,
    };
    End::Close(code, code.reason().to_owned())
}

fn no_such_room() -> ErrorReply {
    ErrorReply { code: ErrorCode::RoomNotFound, message: "there is no room of that name".into(), retry_ms: None }
}

async fn or_never<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

/// The socket as the outbox writes to it.
#[derive(Debug)]
struct Direct(Arc<TcpStream>);

impl Sink for Direct {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }
}

/// How the adapter tells that a peer sends too many bytes.
const FLOOD: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// What the WebSocket library takes for the connection: it reads from the socket, and writes whole frames into the outbox, so that
/// its frames and the room's never mix.
struct Adapter {
    stream: Arc<TcpStream>,
    outbox: Arc<Outbox>,
    bytes: Gcra,
}

impl AsyncRead for Adapter {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    let within = self.bytes.check(Instant::now(), read as u32).is_ok();
                    return Poll::Ready(if within { Ok(()) } else { Err(FLOOD.into()) });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Adapter {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, frames: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.outbox.write_raw(frames).map(|()| frames.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

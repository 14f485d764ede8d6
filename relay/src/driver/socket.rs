//! A WebSocket with one ordered way out: what the relay's sessions speak through.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_protocol::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::now;
use super::transport::{Line, Transport};
use crate::config::Config;
use crate::form::Form;
use crate::frame::{MAX_HEADER, Opcode, put_frame};
use crate::frame_counter::FrameCounter;
use crate::limit::{Gcra, Rate};
use crate::outbox::{Caps, Outbox};

/// The server's side of a WebSocket connection, as the relay's own sessions use it: reads are limited and checked, writes never wait, and
/// whole frames leave in the order in which they were sent, whoever sends them. For protocol tests, and for services beside the rooms.
pub struct Socket {
    websocket: WebSocketStream<Adapter>,
    outbox: Arc<Outbox>,
    /// See [`Line::unaccepted`], at the last look.
    unaccepted: usize,
    /// The peer has closed.
    closed: bool,
    close_timeout: Duration,
}

/// What a peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message.
    Text(String),
    /// A ping; it was answered.
    Ping,
    /// A pong, with what its ping carried.
    Pong(Bytes),
    /// A close, with its code. Nothing follows; the next call sees to the answer.
    Close(Option<u16>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// By the peer, or by the network.
    #[error("the connection is gone")]
    Gone,
    /// The peer has broken a rule: to be closed with this code.
    #[error("{0}")]
    Fault(CloseCode),
}

impl Socket {
    /// Over a connection on which the WebSocket handshake is done. Of the `config`, [`Config::message_bytes`], [`Config::bytes`],
    /// [`Config::outbox_bytes`] and the limits of control messages count. A [`tokio::net::TcpStream`] is written to directly.
    pub fn new<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S, config: &Config) -> Self {
        Self::over(Transport::of(stream), Bytes::new(), Form::Binary, config)
    }

    /// `read_ahead` was read with the handshake.
    pub(super) fn over(transport: Transport, read_ahead: Bytes, form: Form, config: &Config) -> Self {
        let caps = Caps { bytes: config.outbox_bytes, frames: config.outbox_frames, lag: config.lag, form };
        let (line, outbox) = transport.split(caps);
        let mut meter = Meter {
            bytes: Gcra::new(config.bytes),
            frames: Gcra::new(config.frames(None)),
            counter: FrameCounter::default(),
        };
        // No more than may come at once.
        let _ = meter.is_within(&read_ahead);
        let adapter = Adapter { line, outbox: outbox.clone(), meter, read_ahead, unflushed: false, progressed: false };
        let websocket = WebSocketStream::from_raw_socket(adapter, Role::Server, Some(websocket_config(config)));
        let websocket =
            futures_util::FutureExt::now_or_never(websocket).expect("nothing is read before it is asked for");
        Self { websocket, outbox, unaccepted: 0, closed: false, close_timeout: config.close_timeout }
    }

    pub(super) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// What the peer says next. What waits is written meanwhile. May be dropped and called again.
    ///
    /// # Errors
    /// The connection has ended, or must be ended by [`Socket::close`].
    pub async fn next(&mut self) -> Result<Incoming, Ended> {
        if self.closed {
            self.part().await;
            return Err(Ended::Gone);
        }
        match self.websocket.next().await {
            Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Binary(bytes)),
            Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text.to_string())),
            Some(Ok(Message::Ping(_))) => Ok(Incoming::Ping),
            Some(Ok(Message::Pong(payload))) => Ok(Incoming::Pong(payload)),
            Some(Ok(Message::Close(frame))) => {
                self.outbox.seal();
                self.closed = true;
                Ok(Incoming::Close(frame.map(|frame| frame.code.into())))
            }
            Some(Ok(Message::Frame(_))) => unreachable!("raw frames are never read"),
            Some(Err(error)) => Err(ended(&error)),
            None => Err(Ended::Gone),
        }
    }

    /// Sees to it that the answer to the peer's close leaves.
    async fn part(&mut self) {
        let answered = async {
            // The library has the answer ready, and says that the connection is closed.
            let _ = self.websocket.flush().await;
            poll_fn(|cx| self.websocket.get_mut().poll_drained(cx)).await;
            let _ = poll_fn(|cx| self.websocket.get_mut().line.poll_finish(cx)).await;
        };
        let _ = tokio::time::timeout(self.close_timeout, answered).await;
    }

    /// Sends a binary message: at once, or when the peer has taken what was sent before.
    pub fn send_binary(&self, payload: &[u8]) {
        self.send(Opcode::Binary, payload);
    }

    /// Sends a text message.
    pub fn send_text(&self, payload: &str) {
        self.send(Opcode::Text, payload.as_bytes());
    }

    fn send(&self, opcode: Opcode, payload: &[u8]) {
        let mut frame = BytesMut::with_capacity(payload.len() + MAX_HEADER);
        put_frame(&mut frame, opcode, payload);
        self.outbox.push(now(), frame.freeze());
    }

    pub(super) async fn ping(&mut self) {
        // The adapter never waits; what it can't take, the outbox tells.
        let _ = self.websocket.send(Message::Ping(Bytes::new())).await;
    }

    /// Whether the peer has accepted bytes since the last call: it is slow, but alive.
    pub(super) fn has_progressed(&mut self) -> bool {
        let adapter = self.websocket.get_mut();
        let unaccepted = adapter.line.unaccepted().unwrap_or(0);
        let fewer = unaccepted < std::mem::replace(&mut self.unaccepted, unaccepted);
        std::mem::take(&mut adapter.progressed) || fewer
    }

    /// From now on the peer may send frames at this rate.
    pub(super) fn limit_frames(&mut self, rate: Rate) {
        self.websocket.get_mut().meter.frames = Gcra::new(rate);
    }

    /// Says why, and gives the peer so long to hear it: a socket closed with unread bytes would take the close frame along.
    pub async fn close(mut self, code: CloseCode, reason: &str, patience: Duration) {
        self.outbox.seal();
        let reason = &reason[..reason.floor_char_boundary(123)];
        let frame = CloseFrame { code: code.number().into(), reason: reason.into() };
        let farewell = async {
            let _ = self.websocket.send(Message::Close(Some(frame))).await;
            poll_fn(|cx| self.websocket.get_mut().poll_drained(cx)).await;
            while let Some(Ok(_)) = self.websocket.next().await {}
            // The peer may wait for the end before it ends.
            let _ = poll_fn(|cx| self.websocket.get_mut().line.poll_finish(cx)).await;
            self.websocket.get_mut().discard().await;
        };
        let _ = tokio::time::timeout(patience, farewell).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A room that has not heard of the loss yet holds the outbox still, but has no more use for the connection.
        self.outbox.seal();
        self.websocket.get_mut().line.shut_down();
    }
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Socket").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

fn websocket_config(config: &Config) -> WebSocketConfig {
    WebSocketConfig::default()
        // The buffer is filled with zeros at every read, and every session has one: an input takes some 40 bytes.
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(config.message_bytes))
        .max_frame_size(Some(config.message_bytes))
}

fn ended(error: &Error) -> Ended {
    Ended::Fault(match error {
        Error::Capacity(_) => CloseCode::TooBig,
        Error::Utf8(_) => CloseCode::NotUtf8,
        Error::Io(error) if error.kind() == FLOOD => CloseCode::Flood,
        // Gone without a closing handshake; nobody hears a code.
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => return Ended::Gone,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return Ended::Gone,
        _ => CloseCode::Protocol,
    })
}

/// How the adapter tells that a peer sends too much.
const FLOOD: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// What a peer may send, counted where it leaves the connection: what never becomes a message counts, too.
struct Meter {
    bytes: Gcra,
    frames: Gcra,
    counter: FrameCounter,
}

impl Meter {
    fn is_within(&mut self, bytes: &[u8]) -> bool {
        let now = now();
        let frames = self.counter.count(bytes);
        self.bytes.check(now, bytes.len() as u32).is_ok() && self.frames.check(now, frames).is_ok()
    }
}

/// What the WebSocket library takes for the connection: it reads from there, and writes whole frames into the outbox, so that its frames
/// and the room's never mix. Whenever it is asked to read, it writes what waits.
struct Adapter {
    line: Line,
    outbox: Arc<Outbox>,
    meter: Meter,
    read_ahead: Bytes,
    /// Written bytes wait in the line itself.
    unflushed: bool,
    /// The line has taken bytes that had waited.
    progressed: bool,
}

impl Adapter {
    /// Writes what waits until the line takes no more; ready when nothing waits.
    fn poll_drained(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let line = &mut self.line;
        let (written, waiting) = self.outbox.drain(|bytes| line.poll_write(cx, bytes));
        self.progressed |= written > 0;
        if self.unflushed || written > 0 {
            // An error comes up again at the next read.
            self.unflushed = self.line.poll_flush(cx).is_pending();
        }
        if waiting || self.unflushed { Poll::Pending } else { Poll::Ready(()) }
    }

    /// Reads until the peer has nothing more to say. What a flooding peer says is not worth a message, only its end is.
    async fn discard(&mut self) {
        // Not in the task's own memory, where it would lie all the time.
        let mut scratch = vec![0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match poll_fn(|cx| self.line.poll_read(cx, &mut buffer)).await {
                Ok(()) if !buffer.filled().is_empty() => tokio::time::sleep(Duration::from_millis(1)).await,
                _ => return,
            }
        }
    }
}

impl AsyncRead for Adapter {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let _ = this.poll_drained(cx);
        if !this.read_ahead.is_empty() {
            let now = this.read_ahead.split_to(this.read_ahead.len().min(buffer.remaining()));
            buffer.put_slice(&now);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(this.line.poll_read(cx, buffer))?;
        let within = this.meter.is_within(&buffer.filled()[before..]);
        Poll::Ready(if within { Ok(()) } else { Err(FLOOD.into()) })
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

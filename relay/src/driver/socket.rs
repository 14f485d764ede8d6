//! A WebSocket with one ordered way out: what the relay's sessions speak through.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tickwire_protocol::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket};

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
    /// Without the asynchronous shell that there is for it: the adapter wakes one task alone, and waits for nothing but reads.
    websocket: WebSocket<Adapter>,
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
        let now = now();
        let _ = meter.is_within(now, &read_ahead);
        let waker = Waker::noop().clone();
        let way_out = WayOut { line, outbox: outbox.clone(), unflushed: false, progressed: false };
        let adapter = Adapter { way_out, meter, read_ahead, now, waker };
        let websocket = WebSocket::from_raw_socket(adapter, Role::Server, Some(websocket_config(config)));
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
        poll_fn(|cx| self.poll_next(now(), cx)).await
    }

    /// [`Socket::next`] for who sees to [`Socket::part`] after a close.
    pub(super) fn poll_next(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Result<Incoming, Ended>> {
        let adapter = self.websocket.get_mut();
        adapter.now = now;
        adapter.waker.clone_from(cx.waker());
        Poll::Ready(match self.websocket.read() {
            Ok(Message::Binary(bytes)) => Ok(Incoming::Binary(bytes)),
            Ok(Message::Text(text)) => Ok(Incoming::Text(text.to_string())),
            Ok(Message::Ping(_)) => Ok(Incoming::Ping),
            Ok(Message::Pong(payload)) => Ok(Incoming::Pong(payload)),
            Ok(Message::Close(frame)) => {
                self.outbox.seal();
                self.closed = true;
                Ok(Incoming::Close(frame.map(|frame| frame.code.into())))
            }
            Ok(Message::Frame(_)) => unreachable!("raw frames are never read"),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => Err(ended(&error)),
        })
    }

    /// Sees to it that the answer to the peer's close leaves, if it has closed.
    pub(super) async fn part(&mut self) {
        if !self.closed {
            return;
        }
        let patience = self.close_timeout;
        let answered = async {
            // The library has the answer ready, and says that the connection is closed.
            let _ = self.websocket.flush();
            let way_out = self.way_out();
            poll_fn(|cx| way_out.poll_drained(cx)).await;
            let _ = poll_fn(|cx| way_out.line.poll_finish(cx)).await;
        };
        let _ = tokio::time::timeout(patience, answered).await;
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

    pub(super) fn ping(&mut self) {
        // What the outbox can't take, it tells.
        let _ = self.websocket.send(Message::Ping(Bytes::new()));
    }

    /// Whether the peer has accepted bytes since the last call: it is slow, but alive.
    pub(super) fn has_progressed(&mut self) -> bool {
        let way_out = self.way_out();
        let (unaccepted, progressed) =
            (way_out.line.unaccepted().unwrap_or(0), std::mem::take(&mut way_out.progressed));
        let fewer = unaccepted < std::mem::replace(&mut self.unaccepted, unaccepted);
        progressed || fewer
    }

    /// From now on the peer may send frames at this rate.
    pub(super) fn limit_frames(&mut self, rate: Rate) {
        self.websocket.get_mut().meter.frames = Gcra::new(rate);
    }

    fn way_out(&mut self) -> &mut WayOut {
        &mut self.websocket.get_mut().way_out
    }

    /// Says why, and gives the peer so long to hear it: a socket closed with unread bytes would take the close frame along.
    pub async fn close(mut self, code: CloseCode, reason: &str, patience: Duration) {
        self.outbox.seal();
        let reason = &reason[..reason.floor_char_boundary(123)];
        let frame = CloseFrame { code: code.number().into(), reason: reason.into() };
        let farewell = async {
            let _ = self.websocket.send(Message::Close(Some(frame)));
            poll_fn(|cx| self.way_out().poll_drained(cx)).await;
            while poll_fn(|cx| self.poll_next(now(), cx)).await.is_ok() {}
            // The peer may wait for the end before it ends.
            let _ = poll_fn(|cx| self.way_out().line.poll_finish(cx)).await;
            self.way_out().discard().await;
        };
        let _ = tokio::time::timeout(patience, farewell).await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A room that has not heard of the loss yet holds the outbox still, but has no more use for the connection.
        self.outbox.seal();
        self.way_out().line.shut_down();
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
    fn is_within(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let frames = self.counter.count(bytes);
        self.bytes.check(now, bytes.len() as u32).is_ok() && self.frames.check(now, frames).is_ok()
    }
}

/// What the WebSocket library takes for the connection: it reads from there, and writes whole frames into the outbox, so that its frames
/// and the room's never mix. Whenever it is asked to read, it writes what waits.
struct Adapter {
    way_out: WayOut,
    meter: Meter,
    read_ahead: Bytes,
    /// The time of the read that is under way.
    now: Instant,
    /// Of the task that reads.
    waker: Waker,
}

/// The connection, and what waits to be written to it.
struct WayOut {
    line: Line,
    outbox: Arc<Outbox>,
    /// Written bytes wait in the line itself.
    unflushed: bool,
    /// The line has taken bytes that had waited.
    progressed: bool,
}

impl WayOut {
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

impl io::Read for Adapter {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let cx = &mut Context::from_waker(&self.waker);
        let _ = self.way_out.poll_drained(cx);
        if !self.read_ahead.is_empty() {
            let ahead = self.read_ahead.split_to(self.read_ahead.len().min(space.len()));
            space[..ahead.len()].copy_from_slice(&ahead);
            return Ok(ahead.len());
        }
        let mut buffer = ReadBuf::new(space);
        match self.way_out.line.poll_read(cx, &mut buffer) {
            Poll::Ready(Ok(())) if self.meter.is_within(self.now, buffer.filled()) => Ok(buffer.filled().len()),
            Poll::Ready(Ok(())) => Err(FLOOD.into()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for Adapter {
    fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        self.way_out.outbox.write_raw(frames).map(|()| frames.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

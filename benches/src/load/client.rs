//! A light client: enters a room, reads at a pace of its own, and answers what it is asked; it decodes no snapshot.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use tickwire_protocol::varint::{ReadError, Reader};
use tickwire_protocol::{
    Auth, ClientMessage, ClientProbeReply, Input, Join, PROTOCOL_VERSION, Probe, SUBPROTOCOL, Sequence, ServerMessage,
    Tick,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

/// What a snapshot is, the most telling last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// From the snapshot before it.
    Delta,
    /// Over several snapshots.
    Resync,
    /// From nothing.
    Keyframe,
}

/// Something that a client has read.
#[derive(Clone, Copy, Debug)]
pub enum Heard {
    /// The token was accepted.
    Accepted,
    /// A message with a snapshot, or with several at once.
    Snapshot {
        /// Of the newest.
        tick: Tick,
        /// The most telling.
        kind: Kind,
        /// Of the message's payload.
        bytes: usize,
    },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Closed by the relay with this code.
    Closed(u16),
    /// Without a close.
    Gone,
    /// The relay sent a snapshot that does not follow.
    Gap,
    /// It never came to be one.
    Refused,
}

/// Ticks from the newest that a client has read to the latest that it asks for.
const AHEAD: Tick = 8;

/// A session's other end.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<Throttle>>,
    /// The tick of the newest snapshot read, 0 before the first.
    newest: Tick,
    /// Of the last input, and the tick that it was meant for.
    asked: (Sequence, Tick),
}

impl Client {
    /// Connects, shows a token and asks for a room, if any. With `narrow`, its system holds no more unread bytes than it must.
    ///
    /// # Errors
    /// The relay does not accept the connection.
    pub async fn connect(addr: &str, name: &str, room: Option<String>, narrow: bool) -> Result<Self, End> {
        Self::connect_by(Connector::Plain, addr, name, room, narrow).await
    }

    /// The same over TLS, if the connector is for that.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn connect_by(
        connector: Connector,
        addr: &str,
        name: &str,
        room: Option<String>,
        narrow: bool,
    ) -> Result<Self, End> {
        let stream = Throttle::new(connect(addr, narrow).await.map_err(|_| End::Refused)?);
        let scheme = if matches!(connector, Connector::Plain) { "ws" } else { "wss" };
        let mut request = format!("{scheme}://{addr}/").into_client_request().expect("the URL is one");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let upgraded = client_async_tls_with_config(request, stream, Some(websocket_config()), Some(connector)).await;
        let mut client = Self { socket: upgraded.map_err(|_| End::Refused)?.0, newest: 0, asked: (0, 0) };
        client.say(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: format!("bench.{name}") })).await;
        if let Some(room) = room {
            client.say(&ClientMessage::Join(Join::room(room))).await;
        }
        Ok(client)
    }

    /// From now on reads so many bytes a second.
    pub fn throttle(&mut self, rate: u32) {
        let throttle = match self.socket.get_mut() {
            MaybeTlsStream::Rustls(stream) => stream.get_mut().0,
            MaybeTlsStream::Plain(stream) => stream,
            _ => unreachable!("these are the ways to connect"),
        };
        throttle.rate = Some(rate.max(1));
    }

    /// Asks for this in a tick that is about to come, a later one each time, and acknowledges what was read.
    pub async fn input(&mut self, record: Bytes) {
        let (sequence, tick) = self.asked;
        self.asked = (sequence + 1, (tick + 1).clamp(self.newest + 1, self.newest + AHEAD));
        let (sequence, tick) = self.asked;
        self.say(&ClientMessage::Input(Input { sequence, tick, acked: self.newest, record })).await;
    }

    /// What comes next. Answers probes, and pings with them.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn next(&mut self) -> Result<Heard, End> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Binary(bytes))) => {
                    if let Some(heard) = self.read(bytes).await? {
                        return Ok(heard);
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(End::Gone, |f| End::Closed(f.code.into()))),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Gone),
            }
        }
    }

    async fn read(&mut self, payload: Bytes) -> Result<Option<Heard>, End> {
        let (bytes, mut heard) = (payload.len(), None);
        for message in ServerMessage::decode_all(payload) {
            match message {
                Ok(ServerMessage::Snapshot(body)) => {
                    let (tick, base, kind) = read_head(&body).map_err(|_| End::Gap)?;
                    if base.is_some_and(|base| base != self.newest) {
                        return Err(End::Gap);
                    }
                    self.newest = tick;
                    let kind = match heard {
                        Some(Heard::Snapshot { kind: before, .. }) => kind.max(before),
                        _ => kind,
                    };
                    heard = Some(Heard::Snapshot { tick, kind, bytes });
                }
                Ok(ServerMessage::Probe(Probe { nonce })) => {
                    self.say(&ClientMessage::ProbeReply(ClientProbeReply { nonce, acked: self.newest })).await;
                }
                Ok(ServerMessage::Accepted(_)) => heard = Some(Heard::Accepted),
                _ => {}
            }
        }
        Ok(heard)
    }

    async fn say(&mut self, message: &ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        // The relay may have gone; the next read tells.
        let _ = self.socket.send(Message::Binary(out.into())).await;
    }
}

/// A snapshot's tick, its base, and what it is, as `PROTOCOL.md` has it.
fn read_head(body: &[u8]) -> Result<(Tick, Option<Tick>, Kind), ReadError> {
    const RESYNC: u8 = 2;
    let mut reader = Reader::new(body);
    let _check = reader.u8()?;
    let tick = reader.varint()?;
    let base = Some(reader.varint()?).filter(|&back| back > 0).map(|back| tick.wrapping_sub(back));
    let resync = reader.u8()? & RESYNC != 0;
    let kind = match base {
        None => Kind::Keyframe,
        Some(_) if resync => Kind::Resync,
        Some(_) => Kind::Delta,
    };
    Ok((tick, base, kind))
}

async fn connect(addr: &str, narrow: bool) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if narrow {
        // The kernel takes twice as much.
        socket.set_recv_buffer_size(4096)?;
    }
    let addr: SocketAddr = addr.parse().expect("the relay's address is one");
    let stream = socket.connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The buffer is filled with zeros at every read: a large one would take the processor from the server.
pub fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4096)
}

/// A stream that can be read slowly.
#[derive(Debug)]
struct Throttle {
    stream: TcpStream,
    /// Bytes a second, if they are limited.
    rate: Option<u32>,
    /// Until the next may be read; none before the first was.
    wait: Option<Pin<Box<Sleep>>>,
}

/// Pieces in a second of slow reading.
const PIECES: u32 = 20;

/// How late a read may be and be made up for: timers are coarse.
const SLACK: Duration = Duration::from_millis(100);

impl Throttle {
    fn new(stream: TcpStream) -> Self {
        Self { stream, rate: None, wait: None }
    }
}

impl AsyncRead for Throttle {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(rate) = this.rate else { return Pin::new(&mut this.stream).poll_read(cx, buffer) };
        let wait = this.wait.get_or_insert_with(|| Box::pin(sleep_until(Instant::now())));
        ready!(wait.as_mut().poll(cx));
        let mut piece = [0; 256];
        let most = buffer.remaining().min(piece.len()).min((rate / PIECES).max(1) as usize);
        let mut piece = ReadBuf::new(&mut piece[..most]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut piece))?;
        buffer.put_slice(piece.filled());
        // Time in which there was nothing to read is not made up for.
        let next = wait.deadline().max(Instant::now() - SLACK);
        wait.as_mut().reset(next + Duration::from_secs(1) * piece.filled().len() as u32 / rate);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Throttle {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

//! A client that says whatever a test wants, and hears what it gets for that.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_protocol::{
    Auth, ClientMessage, CloseCode, ErrorCode, ErrorReply, Input, Join, PROTOCOL_VERSION, Resume, ResumeToken,
    SUBPROTOCOL, ServerMessage, Welcome,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::patiently;

/// A WebSocket whose every message is chosen by the test.
pub struct Raw<S = TcpStream> {
    /// The socket itself.
    pub socket: WebSocketStream<S>,
    /// What came together with what was awaited last.
    waiting: VecDeque<ServerMessage>,
}

impl Raw {
    /// Connects and upgrades, and says nothing.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.expect("the relay listens"), "/").await
    }

    /// The same with a receive buffer as small as the system allows, so that a peer that does not read is soon noticed.
    pub async fn connect_narrow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("the system has sockets to spare");
        socket.set_recv_buffer_size(1).expect("the system takes its own least size instead");
        Self::over(socket.connect(addr).await.expect("the relay listens"), "/").await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Upgrades a connection, and says nothing.
    pub async fn over(stream: S, path: &str) -> Self {
        let mut request = format!("ws://relay{path}").into_client_request().expect("the URL is one");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (socket, _) = patiently(client_async(request, stream)).await.expect("the relay upgrades");
        Self { socket, waiting: VecDeque::new() }
    }

    /// Sends one WebSocket message. The relay may have closed already.
    pub async fn send(&mut self, message: Message) {
        let _ = patiently(self.socket.send(message)).await;
    }

    /// Sends bytes as one binary message.
    pub async fn bytes(&mut self, bytes: impl Into<Bytes>) {
        self.send(Message::Binary(bytes.into())).await;
    }

    /// Sends a well-formed message.
    pub async fn say(&mut self, message: ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.bytes(out).await;
    }

    /// Sends well-formed messages as one, so that they come at the same time.
    pub async fn say_at_once(&mut self, messages: impl IntoIterator<Item = ClientMessage>) {
        let mut out = Vec::new();
        messages.into_iter().for_each(|message| message.encode(&mut out));
        self.bytes(out).await;
    }

    /// Shows a token.
    pub async fn auth(&mut self, token: &str) {
        self.say(ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: token.into() })).await;
    }

    /// Asks for a room.
    pub async fn join(&mut self, room: &str, resume: Option<ResumeToken>) {
        self.say(ClientMessage::Join(Join {
            resume: resume.map(|token| Resume { token, received: 0 }),
            ..Join::room(room)
        }))
        .await;
    }

    /// Sends an input of these bytes.
    pub async fn input(&mut self, sequence: u32, tick: u32, record: &'static [u8]) {
        self.say(ClientMessage::Input(Input { sequence, tick, acked: 0, record: Bytes::from_static(record) })).await;
    }

    /// Gets into the lobby.
    pub async fn enter(&mut self, token: &str) -> Box<Welcome> {
        self.auth(token).await;
        self.join("lobby", None).await;
        self.welcome().await
    }

    /// Awaits the welcome.
    pub async fn welcome(&mut self) -> Box<Welcome> {
        self.hear(|message| match message {
            ServerMessage::Welcome(welcome) => Some(welcome),
            _ => None,
        })
        .await
    }

    /// Awaits that the token is accepted; the player's name.
    pub async fn accepted(&mut self) -> String {
        self.verdict().await.expect("the token is accepted")
    }

    /// Awaits what becomes of the token: the player's name, or the close and what it says.
    pub async fn verdict(&mut self) -> Result<String, (CloseCode, String)> {
        match patiently(self.socket.next()).await {
            Some(Ok(Message::Binary(bytes))) => match ServerMessage::decode_all(bytes).next() {
                Some(Ok(ServerMessage::Accepted(accepted))) => Ok(accepted.player),
                other => panic!("the relay said {other:?} first"),
            },
            Some(Ok(Message::Close(Some(frame)))) => Err(close(&frame)),
            other => panic!("the relay said {other:?} instead"),
        }
    }

    /// Awaits a snapshot's body.
    pub async fn snapshot(&mut self) -> Bytes {
        self.hear(|message| match message {
            ServerMessage::Snapshot(body) => Some(body),
            _ => None,
        })
        .await
    }

    /// Awaits an error reply; its code.
    pub async fn error(&mut self) -> ErrorCode {
        self.refusal().await.code
    }

    /// Awaits an error reply.
    pub async fn refusal(&mut self) -> ErrorReply {
        self.hear(|message| match message {
            ServerMessage::Error(error) => Some(error),
            _ => None,
        })
        .await
    }

    /// Awaits a message of some kind; those before it are gone.
    pub async fn hear<T>(&mut self, mut wanted: impl FnMut(ServerMessage) -> Option<T>) -> T {
        patiently(async {
            loop {
                if let Some(found) = wanted(self.next().await) {
                    return found;
                }
            }
        })
        .await
    }

    /// The next message.
    pub async fn next(&mut self) -> ServerMessage {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return message;
            }
            match patiently(self.socket.next()).await {
                Some(Ok(Message::Binary(bytes))) => {
                    let messages = ServerMessage::decode_all(bytes);
                    self.waiting.extend(messages.map(|message| message.expect("the relay errs not")));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the relay said {other:?} instead"),
            }
        }
    }

    /// Awaits the relay's close.
    pub async fn closed(&mut self) -> CloseCode {
        self.closed_saying().await.0
    }

    /// Awaits the relay's close, and what it says.
    pub async fn closed_saying(&mut self) -> (CloseCode, String) {
        patiently(async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return close(&frame),
                    Some(Ok(_)) => {}
                    other => panic!("the connection ended without a close: {other:?}"),
                }
            }
        })
        .await
    }

    /// After a close: answers it, and awaits the end of the stream, which must be a clean one.
    pub async fn ended(mut self) {
        while let Some(Ok(_)) = patiently(self.socket.next()).await {}
        let mut rest = Vec::new();
        let end = patiently(self.socket.get_mut().read_to_end(&mut rest)).await;
        assert!(end.is_ok() && rest.is_empty(), "{end:?} {rest:?}");
    }
}

pub(crate) fn close(frame: &CloseFrame) -> (CloseCode, String) {
    let code = CloseCode::from_number(frame.code.into()).expect("every code is in the table");
    (code, frame.reason.to_string())
}

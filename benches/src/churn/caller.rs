//! One connection of a visitor, from an address of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tickwire::Target;
use tickwire_protocol::{
    Auth, ClientMessage, CloseCode, ErrorCode, Join, PROTOCOL_VERSION, Resume, ResumeToken, Role, SUBPROTOCOL,
    ServerMessage, Welcome,
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::load::websocket_config;

/// Longer than anything that is waited for takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a visit did not go as it was meant to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// The relay refused something.
    Refused(ErrorCode),
    /// The relay closed with this code.
    Closed(u16),
    /// The connection ended without a close.
    Gone,
    /// It never came to be a WebSocket.
    Barred,
    /// What was awaited did not come.
    Silence,
    /// Something else came.
    Unforeseen,
}

pub(crate) type Outcome<T = ()> = Result<T, Trouble>;

/// A visitor's connection; dropped, it is cut.
pub(crate) struct Caller {
    socket: WebSocketStream<TcpStream>,
}

/// A plain connection.
pub(crate) async fn dial(relay: SocketAddr, from: Ipv4Addr) -> Outcome<TcpStream> {
    let dialling = async {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(relay).await?;
        stream.set_nodelay(true)?;
        std::io::Result::Ok(stream)
    };
    patiently(dialling).await?.map_err(|_| Trouble::Barred)
}

impl Caller {
    /// Connects, and says nothing.
    pub(crate) async fn connect(relay: SocketAddr, from: Ipv4Addr) -> Outcome<Self> {
        let stream = dial(relay, from).await?;
        let mut request = format!("ws://{relay}/").into_client_request().expect("the URL is one");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let upgraded = patiently(client_async_with_config(request, stream, Some(websocket_config()))).await?;
        Ok(Self { socket: upgraded.map_err(|_| Trouble::Barred)?.0 })
    }

    /// Says something. If the relay has gone, the next that is awaited tells.
    pub(crate) async fn say(&mut self, message: ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.say_bytes(out).await;
    }

    /// Says what may be no message.
    pub(crate) async fn say_bytes(&mut self, bytes: Vec<u8>) {
        let _ = patiently(self.socket.send(Message::Binary(bytes.into()))).await;
    }

    /// Shows a token, and waits for nothing.
    pub(crate) async fn show(&mut self, token: &str) {
        self.say(ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: token.to_owned() })).await;
    }

    /// Shows a token, and has it accepted.
    pub(crate) async fn introduce(&mut self, token: &str) -> Outcome {
        self.show(token).await;
        self.hear(|message| matches!(message, ServerMessage::Accepted(_)).then_some(())).await
    }

    /// Asks for a room, and waits for nothing.
    pub(crate) async fn ask(&mut self, target: Target, role: Role, resume: Option<ResumeToken>) {
        let resume = resume.map(|token| Resume { token, received: 0 });
        self.say(ClientMessage::Join(Join { id: None, target, role, resume })).await;
    }

    /// Asks for a room, and gets in.
    pub(crate) async fn enter(
        &mut self,
        target: Target,
        role: Role,
        resume: Option<ResumeToken>,
    ) -> Outcome<Box<Welcome>> {
        self.ask(target, role, resume).await;
        let answer = self.hear(|message| match message {
            ServerMessage::Welcome(welcome) => Some(Ok(welcome)),
            // What was said in the room before may have its answer now.
            ServerMessage::Error(error) if error.id.is_some() || error.code == ErrorCode::InputRefused => None,
            ServerMessage::Error(error) => Some(Err(Trouble::Refused(error.code))),
            _ => None,
        });
        answer.await?
    }

    /// Awaits a refusal.
    pub(crate) async fn refused(&mut self, code: ErrorCode) -> Outcome {
        self.hear(|message| matches!(message, ServerMessage::Error(error) if error.code == code).then_some(())).await
    }

    /// Awaits something.
    pub(crate) async fn hear<T>(&mut self, mut wanted: impl FnMut(ServerMessage) -> Option<T>) -> Outcome<T> {
        let listening = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(bytes))) => {
                        for message in ServerMessage::decode_all(bytes) {
                            let message = message.map_err(|_| Trouble::Unforeseen)?;
                            if let Some(found) = wanted(message) {
                                return Ok(found);
                            }
                        }
                    }
                    Some(Ok(Message::Close(frame))) => {
                        return Err(frame.map_or(Trouble::Gone, |frame| Trouble::Closed(frame.code.into())));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Trouble::Gone),
                }
            }
        };
        patiently(listening).await?
    }

    /// Awaits the relay's close, with this code.
    pub(crate) async fn closed(&mut self, code: CloseCode) -> Outcome {
        match self.hear(|_| None::<()>).await {
            Err(Trouble::Closed(number)) if number == code.number() => Ok(()),
            Err(trouble) => Err(trouble),
            Ok(()) => Err(Trouble::Unforeseen),
        }
    }

    /// Closes in good order.
    pub(crate) async fn close(mut self) -> Outcome {
        let frame = CloseFrame { code: CloseCode::Left.number().into(), reason: "".into() };
        let _ = patiently(self.socket.close(Some(frame))).await?;
        match self.hear(|_| None::<()>).await {
            Err(Trouble::Silence) => Err(Trouble::Silence),
            _ => Ok(()),
        }
    }
}

pub(crate) async fn patiently<F: Future>(future: F) -> Outcome<F::Output> {
    tokio::time::timeout(PATIENCE, future).await.map_err(|_| Trouble::Silence)
}

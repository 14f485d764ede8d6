//! The relay's end of a connection, as a test plays it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_client::{Client, ClientConfig, SeatId, Welcome};
use tickwire_protocol::{Accepted, ClientMessage, Join, Publish, Resume, SUBPROTOCOL, Schema, ServerMessage};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

/// Longer than anything here takes, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The relay's end of one connection.
pub(crate) struct Peer(pub(crate) WebSocketStream<TcpStream>);

struct Subprotocol;

impl Callback for Subprotocol {
    fn on_request(self, _: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let subprotocol = SUBPROTOCOL.parse().expect("it is a header's value");
        response.headers_mut().insert("sec-websocket-protocol", subprotocol);
        Ok(response)
    }
}

impl Peer {
    /// Accepts a connection and the client's token.
    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().await.expect("the listener is sound");
        let mut peer = Self(accept_hdr_async(stream, Subprotocol).await.expect("the client upgrades"));
        peer.hear().await;
        peer.say(ServerMessage::Accepted(Accepted { protocol: 1, player: "ada".into(), heartbeat_ms: 2000 })).await;
        peer
    }

    /// The same, and lets the client in. How it wants to resume.
    pub(crate) async fn welcome(listener: &TcpListener) -> (Self, Option<Resume>) {
        let mut peer = Self::accept(listener).await;
        let ClientMessage::Join(Join { id, resume, .. }) = peer.hear().await else { panic!("it joins") };
        let schema = Arc::new(Schema::default());
        let welcome = Welcome {
            id,
            room: "lobby".into(),
            code: None,
            session: 1,
            seat: Some(SeatId(0)),
            host: Some(SeatId(0)),
            tick: 0,
            tick_rate: 30,
            snapshot_every: 1,
            input_ahead: 32,
            input_behind: 32,
            resume: [7; 16],
            resume_ms: 20_000,
            received: 0,
            lost: false,
            schema_hash: schema.hash(),
            schema,
        };
        peer.say(ServerMessage::Welcome(Box::new(welcome))).await;
        (peer, resume)
    }

    pub(crate) async fn say(&mut self, message: ServerMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.0.send(Message::Binary(out.into())).await.expect("the client reads");
    }

    /// The client's next message but for its probes.
    pub(crate) async fn hear(&mut self) -> ClientMessage {
        loop {
            let Some(Ok(Message::Binary(bytes))) = self.0.next().await else { panic!("the client is gone") };
            // A client says one thing in a message.
            match ClientMessage::decode_all(bytes).next() {
                Some(Ok(ClientMessage::Probe(_))) => {}
                message => return message.expect("there is one").expect("it is sound"),
            }
        }
    }

    pub(crate) async fn publication(&mut self) -> Publish {
        match self.hear().await {
            ClientMessage::Publish(publish) => publish,
            other => panic!("{other:?}"),
        }
    }
}

/// A place for clients to connect to, and a client that will.
pub(crate) async fn listener_and_client() -> (TcpListener, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    let client = Client::with_seed(ClientConfig::new(format!("ws://{addr}"), "ada", "lobby"), 1);
    (listener, client.expect("the URL is one"))
}

/// Awaits something that must come.
pub(crate) async fn patiently<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes within the patience of a test")
}

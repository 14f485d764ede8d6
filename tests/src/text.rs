//! A client that speaks JSON, as a person with a text-mode client does.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tickwire_protocol::{CloseCode, text};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::patiently;
use crate::raw::close;

/// A WebSocket whose library answers pings, and that says and hears JSON.
pub struct Text {
    /// The socket itself.
    pub socket: WebSocketStream<TcpStream>,
    /// What has come and was not awaited yet.
    waiting: VecDeque<Value>,
}

impl Text {
    /// Connects and upgrades, and says nothing.
    pub async fn connect(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).await.expect("the relay listens")).await
    }

    /// The same with a receive buffer as small as the system allows, so that a peer that does not read is soon noticed.
    pub async fn connect_narrow(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("the system has sockets to spare");
        socket.set_recv_buffer_size(1).expect("the system takes its own least size instead");
        Self::over(socket.connect(addr).await.expect("the relay listens")).await
    }

    async fn over(stream: TcpStream) -> Self {
        let mut request = "ws://relay/".into_client_request().expect("the URL is one");
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(text::SUBPROTOCOL));
        let (socket, answer) = patiently(client_async(request, stream)).await.expect("the relay upgrades");
        let chosen = answer.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
        assert_eq!(chosen, Some(text::SUBPROTOCOL));
        Self { socket, waiting: VecDeque::new() }
    }

    /// Sends one text message. The relay may have closed already.
    pub async fn send(&mut self, text: impl Into<String>) {
        let _ = patiently(self.socket.send(Message::text(text.into()))).await;
    }

    /// Says something.
    pub async fn say(&mut self, said: Value) {
        self.send(said.to_string()).await;
    }

    /// Shows a token, and awaits that it is accepted.
    pub async fn auth(&mut self, token: &str) {
        self.say(json!({"type": "auth", "payload": {"token": token}})).await;
        self.hear("accepted").await;
    }

    /// Shows a token and asks for a room by this payload. The welcome's payload.
    pub async fn enter(&mut self, token: &str, join: Value) -> Value {
        self.auth(token).await;
        self.say(json!({"type": "join", "payload": join})).await;
        self.hear("welcome").await["payload"].take()
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        if let Some(value) = self.waiting.pop_front() {
            return value;
        }
        loop {
            match patiently(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).expect("the relay speaks JSON");
                    assert!(value["timestamp"].is_u64(), "{value}");
                    return value;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the relay said {other:?} instead"),
            }
        }
    }

    /// Awaits a message of this type.
    pub async fn hear(&mut self, kind: &str) -> Value {
        self.hear_that(|value| value["type"] == kind).await
    }

    /// Awaits a message that is as wanted.
    pub async fn hear_that(&mut self, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        patiently(async {
            loop {
                let value = self.next().await;
                if wanted(&value) {
                    return value;
                }
            }
        })
        .await
    }

    /// Awaits an error: its code and the id of what was refused.
    pub async fn error(&mut self) -> (String, Option<String>) {
        let error = self.hear("error").await;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (text(&error["payload"]["code"]).expect("an error has a code"), text(&error["id"]))
    }

    /// Awaits the relay's close.
    pub async fn closed(&mut self) -> CloseCode {
        patiently(async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return close(&frame).0,
                    Some(Ok(_)) => {}
                    other => panic!("the connection ended without a close: {other:?}"),
                }
            }
        })
        .await
    }
}

/// What a reader of snapshots as text knows: every entity's components by name.
#[derive(Debug, Default)]
pub struct Folded {
    /// The tick of the last one, 0 before the first.
    pub tick: u64,
    /// By slot.
    pub entities: BTreeMap<u64, BTreeMap<String, Value>>,
}

impl Folded {
    /// Takes a message in, if it is a snapshot. Whether that was a full one.
    ///
    /// # Panics
    /// If it does not follow.
    pub fn fold(&mut self, message: &Value) -> Option<bool> {
        let payload = Some(&message["payload"]).filter(|_| message["type"] == "snapshot")?;
        let full = payload["base"].is_null();
        if full {
            self.entities.clear();
        } else {
            assert_eq!(payload["base"].as_u64(), Some(self.tick), "nothing was left out");
        }
        let tick = payload["tick"].as_u64().expect("a snapshot has a tick");
        assert!(tick > self.tick, "{tick} comes after {}", self.tick);
        self.tick = tick;
        for slot in payload["gone"].as_array().expect("a list") {
            self.entities.remove(&slot.as_u64().expect("a slot"));
        }
        for entity in payload["entities"].as_array().expect("a list") {
            let known = self.entities.entry(entity["slot"].as_u64().expect("a slot")).or_default();
            for (name, value) in entity.as_object().expect("an entity").iter().filter(|(name, _)| *name != "slot") {
                if value.is_null() {
                    known.remove(name)
                } else {
                    known.insert(name.clone(), value.clone())
                };
            }
        }
        Some(full)
    }

    /// A component of the entity of a seat.
    pub fn of_seat(&self, seat: u64, component: &str) -> Option<&Value> {
        self.entities.values().find(|entity| entity.get("Seat").is_some_and(|row| row["seat"] == seat))?.get(component)
    }
}

//! The other process: many clients that read and throw away.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_protocol::{
    Auth, ClientMessage, ClientProbeReply, Join, PROTOCOL_VERSION, Probe, SUBPROTOCOL, ServerMessage,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The process, ended when dropped.
pub(crate) struct Clients(Child);

impl Clients {
    /// Starts so many clients for an address.
    pub(crate) fn start(addr: &str, count: usize, player: bool) -> Self {
        let program = std::env::current_exe().expect("a program runs");
        let mut command = Command::new(program);
        command.args(["--connect", addr, "--clients", &count.to_string()]).stdin(Stdio::null());
        if player {
            command.arg("--player");
        }
        Self(command.spawn().expect("this program can be started once more"))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connects and reads until killed.
pub(crate) async fn run(addr: &str, count: usize, player: bool) {
    for index in 0..count {
        if player {
            tokio::spawn(play(addr.to_owned(), index));
        } else {
            tokio::spawn(drain(addr.to_owned()));
        }
        // Not all at once: the listener's queue is short.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::future::pending().await
}

/// A WebSocket that only reads.
async fn drain(addr: String) {
    let stream = TcpStream::connect(addr).await.expect("the bench listens");
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config())).await;
    while let Some(Ok(_)) = socket.next().await {}
}

/// Enters the room and reads; answers pings and probes, and says nothing else.
async fn play(addr: String, index: usize) {
    let mut request = format!("ws://{addr}/").into_client_request().expect("the URL is one");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let stream = TcpStream::connect(&addr).await.expect("the bench listens");
    let (mut socket, _) = client_async_with_config(request, stream, Some(config())).await.expect("the relay upgrades");
    let auth = ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: format!("bench.{index}") });
    let join = ClientMessage::Join(Join { room: "lobby".into(), resume: None });
    say(&mut socket, &auth).await;
    say(&mut socket, &join).await;
    while let Some(Ok(message)) = socket.next().await {
        // A probe is a message of its own, and its nonce the tick of the snapshot before it.
        let Message::Binary(bytes) = message else { continue };
        if bytes.len() < 16
            && let Some(Ok(ServerMessage::Probe(Probe { nonce }))) = ServerMessage::decode_all(bytes).next()
        {
            say(&mut socket, &ClientMessage::ProbeReply(ClientProbeReply { nonce, acked: nonce })).await;
        }
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: &ClientMessage) {
    let mut out = Vec::new();
    message.encode(&mut out);
    // The relay may have gone.
    let _ = socket.send(Message::Binary(out.into())).await;
}

/// The buffer is filled with zeros at every read: a large one would take the processor from the server.
fn config() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(4096)
}

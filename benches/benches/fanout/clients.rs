//! The other process: many clients that read and throw away.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_protocol::{Auth, ClientMessage, Join, PROTOCOL_VERSION, SUBPROTOCOL};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

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

async fn drain(addr: String) {
    let mut stream = TcpStream::connect(addr).await.expect("the bench listens");
    let mut scratch = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut scratch).await {}
}

/// Enters the room and reads; answers pings, and says nothing else.
async fn play(addr: String, index: usize) {
    let mut request = format!("ws://{addr}/").into_client_request().expect("the URL is one");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let stream = TcpStream::connect(&addr).await.expect("the bench listens");
    let (mut socket, _) = client_async(request, stream).await.expect("the relay upgrades");
    let auth = ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: format!("bench.{index}") });
    let join = ClientMessage::Join(Join { room: "lobby".into(), resume: None });
    for message in [auth, join] {
        let mut out = Vec::new();
        message.encode(&mut out);
        socket.send(Message::Binary(out.into())).await.expect("the relay reads");
        // To the token the relay says yes, to the rest it speaks without end.
        socket.next().await.expect("the relay answers").expect("the relay answers");
    }
    while let Some(Ok(_)) = socket.next().await {}
}

//! The other process for the floor: WebSockets that read and throw away, and say nothing.

use std::time::Duration;

use futures_util::StreamExt as _;
use tickwire_benches::load::{runtime, websocket_config};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Connects so many and reads until killed.
pub(crate) fn run(addr: &str, count: usize) {
    runtime().block_on(async {
        for _ in 0..count {
            tokio::spawn(drain(addr.to_owned()));
            // Not all at once: the listener's queue is short.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        std::future::pending::<()>().await
    });
}

async fn drain(addr: String) {
    let stream = TcpStream::connect(addr).await.expect("the bench listens");
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(websocket_config())).await;
    while let Some(Ok(_)) = socket.next().await {}
}

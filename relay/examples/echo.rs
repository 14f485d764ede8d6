//! A WebSocket echo on the relay's own connection code, for protocol test suites. It takes larger messages than any game sends, and as many.

use tickwire::{Config, Ended, Incoming, Rate, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7777".to_owned());
    let listener = TcpListener::bind(addr).await?;
    println!("ws://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(echo(stream));
    }
}

async fn echo(stream: TcpStream) {
    // Only for its handshake, which asks for no subprotocol.
    let Ok(websocket) = accept_async(stream).await else { return };
    let plenty = Rate { per_second: 1_000_000_000, burst: 1_000_000_000 };
    let config = Config {
        message_bytes: 16 << 20,
        outbox_bytes: 16 << 20,
        bytes: plenty,
        control_messages: plenty,
        ..Config::default()
    };
    let mut socket = Socket::new(websocket.into_inner(), &config);
    let code = loop {
        match socket.next().await {
            Ok(Incoming::Binary(bytes)) => socket.send_binary(&bytes),
            Ok(Incoming::Text(text)) => socket.send_text(&text),
            Ok(Incoming::Ping | Incoming::Pong(_) | Incoming::Close(_)) => {}
            Err(Ended::Gone) => return,
            Err(Ended::Fault(code)) => break code,
        }
    };
    socket.close(code, code.reason(), config.close_timeout).await;
}

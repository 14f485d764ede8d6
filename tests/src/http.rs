//! One HTTP request, byte by byte, and its answer.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::patiently;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The lines of the head, in small letters.
    pub head: String,
    /// What follows it.
    pub body: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks `METHOD PATH` with these header lines and this body, on a connection of its own.
pub async fn ask(addr: SocketAddr, what: &str, headers: &[&str], body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.expect("the relay listens");
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length = body.len();
    let request =
        format!("{what} HTTP/1.1\r\nhost: relay\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n{body}");
    stream.write_all(request.as_bytes()).await.expect("the relay reads");
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.expect("the answer is text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("the answer is whole");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("the answer has a status");
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// Asks for a place in a room with this token; see `POST /match`.
pub async fn find_place(addr: SocketAddr, token: &str, target: Value) -> Answer {
    let authorization = format!("authorization: Bearer {token}");
    ask(addr, "POST /match", &[&authorization], &target.to_string()).await
}

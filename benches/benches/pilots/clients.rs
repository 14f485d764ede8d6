//! The other process: clients that send an input in every tick, each at a time of its own, and throw away what they read.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use tickwire::wire;
use tickwire_arena::{Controls, course};
use tickwire_benches::load::{Client, End, Heard, room_name, runtime, websocket_config};
use tickwire_protocol::{ClientMessage, Input};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, Interval, interval_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Clients that have not shown their tokens yet, at once.
const ENTERING: usize = 64;

/// The listener's queue is short.
const BETWEEN_CONNECTS: Duration = Duration::from_millis(1);

/// A task: so many clients of the relay, in its first room.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Pilots {
    pub(crate) addr: String,
    pub(crate) clients: usize,
    pub(crate) hz: u32,
}

impl Pilots {
    /// Until killed.
    pub(crate) fn run(self) {
        runtime().block_on(async {
            let entering = Arc::new(Semaphore::new(ENTERING));
            for index in 0..self.clients {
                tokio::spawn(fly(self.addr.clone(), index as u32, self.hz, entering.clone()));
                tokio::time::sleep(BETWEEN_CONNECTS).await;
            }
            std::future::pending::<()>().await
        });
    }
}

async fn fly(addr: String, index: u32, hz: u32, entering: Arc<Semaphore>) -> Result<(), End> {
    let mut permit = entering.acquire().await.ok();
    let mut client = Client::connect(&addr, &format!("{index}"), Some(room_name(0)), false).await?;
    while !matches!(client.next().await?, Heard::Snapshot { .. }) {
        permit = None;
    }
    drop(permit);
    let (mut due, mut tick) = (interval(hz), 0);
    loop {
        tokio::select! {
            biased;
            _ = due.tick() => {
                tick += 1;
                client.input(controls(index, tick)).await;
            }
            heard = client.next() => { heard?; }
        }
    }
}

/// A task: so many WebSockets that send as much as the clients do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Bare {
    pub(crate) addr: String,
    pub(crate) clients: usize,
    pub(crate) hz: u32,
}

impl Bare {
    /// Until killed.
    pub(crate) fn run(self) {
        runtime().block_on(async {
            for index in 0..self.clients {
                tokio::spawn(speak(self.addr.clone(), index as u32, self.hz));
                tokio::time::sleep(BETWEEN_CONNECTS).await;
            }
            std::future::pending::<()>().await
        });
    }
}

async fn speak(addr: String, index: u32, hz: u32) {
    let stream = TcpStream::connect(addr).await.expect("the bench listens");
    stream.set_nodelay(true).expect("a socket can send at once");
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(websocket_config())).await;
    let (mut due, mut tick) = (interval(hz), 0);
    loop {
        tokio::select! {
            biased;
            _ = due.tick() => {
                tick += 1;
                let mut out = Vec::new();
                let record = controls(index, tick);
                ClientMessage::Input(Input { sequence: tick, tick, acked: tick - 1, record }).encode(&mut out);
                // The bench may have ended; the next read tells.
                let _ = socket.send(Message::Binary(out.into())).await;
            }
            heard = socket.next() => {
                if !matches!(heard, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}

fn controls(index: u32, tick: u32) -> Bytes {
    wire::to_record(&Controls { fire: false, ..course(index, tick) }).into()
}

/// At a phase of its own.
fn interval(hz: u32) -> Interval {
    let period = Duration::from_secs(1) / hz;
    interval_at(Instant::now() + period.mul_f64(f64::from(rand::rng().next_u32()) / f64::from(u32::MAX)), period)
}

//! A client that plays by the rules, and notes how stale what it sees is.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tickwire_protocol::snapshot::{Applied, Decoder};
use tickwire_protocol::{
    Auth, ClientMessage, ClientProbeReply, CloseCode, Input, Join, PROTOCOL_VERSION, Probe, ServerMessage, Tick, wire,
};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{Bell, Link, RATE};

/// What a client has seen since the last look.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The tick of each snapshot.
    pub(super) ticks: Vec<Tick>,
    /// How many ticks the room was ahead of what the client had, at worst: just before a snapshot came.
    pub(super) stalest: Tick,
    /// The second of each bell.
    pub(super) bells: Vec<u32>,
    /// How it ended.
    pub(super) closed: Option<CloseCode>,
    /// The stream could not be read.
    pub(super) broken: Option<String>,
}

/// A client, and the link to it.
pub(super) struct Client {
    pub(super) link: Link,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Client {
    /// Joins the lobby; one that is vocal sends an input with each snapshot.
    pub(super) fn start(name: &str, stream: DuplexStream, link: Link, room: Arc<AtomicU32>, vocal: bool) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(play(name.to_owned(), stream, room, vocal, seen.clone()));
        Self { link, seen, task }
    }

    /// Lets so many seconds pass; what was seen in them.
    pub(super) async fn watch(&self, seconds: u64) -> Seen {
        self.look();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.look()
    }

    /// What was seen since the last look.
    pub(super) fn look(&self) -> Seen {
        let mut seen = self.seen.lock().expect("no client panics with it");
        let fresh = Seen { closed: seen.closed, broken: seen.broken.clone(), ..Seen::default() };
        std::mem::replace(&mut *seen, fresh)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(name: String, stream: DuplexStream, room: Arc<AtomicU32>, vocal: bool, seen: Arc<Mutex<Seen>>) {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let note = |note: &dyn Fn(&mut Seen)| note(&mut seen.lock().expect("no client panics with it"));
    say(&mut socket, &ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: name })).await;
    say(&mut socket, &ClientMessage::Join(Join::room("lobby"))).await;
    let mut replica: Option<Decoder> = None;
    let mut sequence = 0;
    while let Some(message) = socket.next().await {
        let bytes = match message {
            Ok(Message::Binary(bytes)) => bytes,
            Ok(Message::Close(frame)) => {
                let code = frame.and_then(|frame| CloseCode::from_number(frame.code.into()));
                note(&|seen| seen.closed = code);
                continue;
            }
            Ok(_) => continue,
            Err(error) => {
                note(&|seen| seen.broken = Some(error.to_string()));
                return;
            }
        };
        for message in ServerMessage::decode_all(bytes) {
            match message.expect("the relay errs not") {
                ServerMessage::Welcome(welcome) => replica = Some(Decoder::new(welcome.schema)),
                ServerMessage::Snapshot(body) => {
                    let replica = replica.as_mut().expect("the welcome comes first");
                    let before = replica.tick();
                    let applied = replica.apply(&body).expect("every snapshot starts where the last has ended");
                    assert!(matches!(applied, Applied::Fresh { hash_matched: None | Some(true), .. }), "{applied:?}");
                    let stale = if before == 0 { 0 } else { room.load(Ordering::Relaxed) - before };
                    note(&|seen| {
                        seen.ticks.push(replica.tick());
                        seen.stalest = seen.stalest.max(stale);
                    });
                    if vocal {
                        sequence += 1;
                        let (tick, acked) = (replica.tick() + 1, replica.tick());
                        let input = Input { sequence, tick, acked, record: Bytes::new() };
                        say(&mut socket, &ClientMessage::Input(input)).await;
                    }
                }
                ServerMessage::Event(event) => {
                    let bell: Bell = wire::from_record(&event.record).expect("there are no others");
                    note(&|seen| seen.bells.push(bell.second));
                }
                ServerMessage::Probe(Probe { nonce }) => {
                    let acked = replica.as_ref().map_or(0, Decoder::tick);
                    say(&mut socket, &ClientMessage::ProbeReply(ClientProbeReply { nonce, acked })).await;
                }
                _ => {}
            }
        }
    }
}

pub(super) async fn say(socket: &mut WebSocketStream<DuplexStream>, message: &ClientMessage) {
    let mut out = Vec::new();
    message.encode(&mut out);
    // The relay may have gone.
    let _ = socket.send(Message::Binary(out.into())).await;
}

impl Seen {
    /// Asserts that every snapshot of so many seconds was seen.
    pub(super) fn assert_missed_nothing(&self, seconds: u32) {
        assert!(self.ticks.windows(2).all(|pair| pair[1] == pair[0] + 1), "{:?}", self.ticks);
        assert!(self.ticks.len() as u32 >= seconds * RATE - 1, "{} snapshots", self.ticks.len());
        assert!(self.stalest <= 2, "stale by {} ticks", self.stalest);
    }
}

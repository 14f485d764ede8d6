//! What a message from a client costs: reading and checking it, and its whole way through a relay and back over loopback.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt as _, StreamExt as _};
use tickwire::{Config, Rate, Relay, SimOptions};
use tickwire_arena::{Arena, Controls};
use tickwire_protocol::{
    Auth, ClientMessage, Input, PROTOCOL_VERSION, Probe, SUBPROTOCOL, ServerMessage, Wire as _, wire,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Probes in one WebSocket message.
const PROBES: u32 = 64;

fn read(criterion: &mut Criterion) {
    let shape = Controls::shape();
    let record = wire::to_record(&Controls { x: 1, y: -1, aim: 2.5, fire: true, boost: false });
    let mut input = Vec::new();
    ClientMessage::Input(Input { sequence: 70_000, tick: 70_000, acked: 69_998, record: record.into() })
        .encode(&mut input);
    let input = Bytes::from(input);
    let mut group = criterion.benchmark_group("message");
    group.bench_function("input, read and checked", |bencher| {
        bencher.iter(|| {
            for message in ClientMessage::decode_all(input.clone()) {
                let Ok(ClientMessage::Input(input)) = message else { panic!("an input was encoded") };
                black_box(wire::check_record(&shape, &input.record)).expect("the record is in range");
            }
        });
    });
    let mut probe = Vec::new();
    ClientMessage::Probe(Probe { nonce: 70_000 }).encode(&mut probe);
    let probe = Bytes::from(probe);
    group.bench_function("probe, read", |bencher| {
        bencher.iter(|| black_box(ClientMessage::decode_all(probe.clone()).count()));
    });
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect() -> Socket {
    let much = Rate { per_second: 1_000_000_000, burst: 1_000_000_000 };
    let config = Config { control_messages: much, bytes: much, outbox_frames: 4096, ..Config::default() };
    let relay = Relay::builder().config(config).build().expect("the limits make sense");
    relay.open("lobby", Arena::default(), SimOptions::default()).expect("the relay is empty");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { relay.serve(listener, std::future::pending()).await });
    let mut request = format!("ws://{addr}/").into_client_request().expect("the URL is one");
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (mut socket, _) = connect_async(request).await.expect("the relay upgrades");
    let mut auth = Vec::new();
    ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "bench".into() }).encode(&mut auth);
    socket.send(Message::Binary(auth.into())).await.expect("the relay reads");
    socket
}

/// Sends the probes and awaits all replies.
async fn round(socket: &mut Socket, probes: &Bytes) {
    socket.send(Message::Binary(probes.clone())).await.expect("the relay reads");
    let mut replies = 0;
    while replies < PROBES as usize {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => {
                let is_reply = |message: &Result<_, _>| matches!(message, Ok(ServerMessage::ProbeReply(_)));
                replies += ServerMessage::decode_all(bytes).filter(is_reply).count();
            }
            Some(Ok(_)) => {}
            other => panic!("the relay said {other:?} instead"),
        }
    }
}

fn answer(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads to spare");
    let mut probes = Vec::new();
    (0..PROBES).for_each(|nonce| ClientMessage::Probe(Probe { nonce }).encode(&mut probes));
    let probes = Bytes::from(probes);
    let mut socket = runtime.block_on(connect());
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(PROBES.into()));
    group.bench_function(format!("{PROBES} probes, answered over loopback"), |bencher| {
        bencher.iter(|| runtime.block_on(round(&mut socket, &probes)));
    });
}

criterion_group!(benches, read, answer);
criterion_main!(benches);

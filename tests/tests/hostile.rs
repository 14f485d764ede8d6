//! Bad input of every kind: each gets its close code or error, and nobody else in the room notices.

use std::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tickwire::{Config, Relay, SimOptions};
use tickwire_protocol::snapshot::{Applied, Decoder};
use tickwire_protocol::{Auth, ClientMessage, ClientProbeReply, CloseCode, ErrorCode, Probe, Resync, ServerMessage};
use tickwire_tests::{Go, Host, Position, Raw, Witness, patiently, quick, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Runs one attack beside a witness.
async fn beside_a_witness(attack: impl AsyncFnOnce(&Host)) {
    let host = Host::start().await;
    let witness = Witness::join(&host).await;
    attack(&host).await;
    witness.noticed_nothing().await;
    host.stop().await;
}

/// Bytes that an authenticated player in the room says, and what they are closed with.
async fn says(bytes: impl Into<Bytes>, expected: CloseCode) {
    let bytes = bytes.into();
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        raw.bytes(bytes).await;
        assert_eq!(raw.closed().await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage() {
    says(&b"\xFF\xFF\xFF\xFF\xFF\xFF garbage"[..], CloseCode::Malformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_left_over_inside_a_kind() {
    says(&[0x06, 0x02, 0x01, 0x00][..], CloseCode::Malformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nine_bytes_that_claim_a_huge_list() {
    says(&[0x02, 0x09, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F][..], CloseCode::Malformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize() {
    says(vec![0; 5000], CloseCode::TooBig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_name_of_ten_kilobytes() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.auth("mallory").await;
        raw.join(&"x".repeat(10_000), None).await;
        assert_eq!(raw.closed().await, CloseCode::TooBig);
        let mut raw = host.raw().await;
        raw.auth("mallory").await;
        raw.join(&"x".repeat(65), None).await;
        assert_eq!(raw.closed().await, CloseCode::Malformed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_on_a_binary_session() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.send(Message::text("{\"type\":\"auth\"}")).await;
        assert_eq!(raw.closed().await, CloseCode::Unsupported);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_kinds_are_skipped() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.bytes(&[0x3F, 0x03, 1, 2, 3][..]).await;
        raw.enter("ada").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anything_before_the_token() {
    beside_a_witness(async |host: &Host| {
        for message in [ClientMessage::Leave, ClientMessage::Resync(Resync { base: None, desync: false })] {
            let mut raw = host.raw().await;
            raw.say(message).await;
            assert_eq!(raw.closed().await, CloseCode::Malformed);
        }
        let mut raw = host.raw().await;
        raw.input(1, 1, &[0, 0, 0, 0]).await;
        assert_eq!(raw.closed().await, CloseCode::Malformed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_a_second_token_another_version() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.auth("<no name>").await;
        assert_eq!(raw.closed().await, CloseCode::Unauthorized);
        let mut raw = host.raw().await;
        raw.auth("mallory").await;
        raw.auth("mallory").await;
        assert_eq!(raw.closed().await, CloseCode::Malformed);
        let mut raw = host.raw().await;
        raw.say(ClientMessage::Auth(Auth { protocol: 99, token: "mallory".into() })).await;
        assert_eq!(raw.closed().await, CloseCode::Version);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_out_of_range_out_of_time_or_out_of_order_are_refused() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        let tick = raw.enter("mallory").await.tick;
        // x is 21 half steps: more than 10.0.
        raw.input(1, tick + 2, &[42, 0, 0, 0]).await;
        assert_eq!(raw.error().await, ErrorCode::InputRefused);
        raw.input(2, u32::MAX, &[0, 0, 0, 0]).await;
        assert_eq!(raw.error().await, ErrorCode::InputRefused);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nan_in_an_input_is_nothing() {
    let host = Host::start().await;
    let mut client = host.player("ada").await;
    let mut sent = None;
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        sent = client.send(&Go { x, ..Go::default() }).await;
    }
    let (seat, sent) = (client.seat().expect("in the room"), sent.expect("in the room"));
    until(&mut client, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat) >= Some(sent))).await;
    let positions: Vec<Position> = client.replica().expect("in the room").rows().map(|(_, row)| row).collect();
    assert!(positions[0].x.is_finite());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_inputs_is_warned_of_and_then_evicted() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        let tick = raw.enter("mallory").await.tick;
        for sequence in 1..=1500 {
            raw.input(sequence, tick, &[0, 0, 0, 0]).await;
        }
        while raw.error().await != ErrorCode::RateLimited {}
        assert_eq!(raw.closed().await, CloseCode::Flood);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pings_is_evicted() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        for _ in 0..1500 {
            raw.send(Message::Ping(Bytes::from_static(b"x"))).await;
        }
        assert_eq!(raw.closed().await, CloseCode::Flood);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_empty_fragments_never_becomes_a_message_and_is_evicted() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        let stream = raw.socket.get_mut();
        // A binary message that begins, and continuations with nothing in them, masked with zeros.
        let mut frames = vec![0x02, 0x80, 0, 0, 0, 0];
        frames.extend([0x00, 0x80, 0, 0, 0, 0].repeat(40_000));
        let _ = stream.write_all(&frames).await;
        assert_eq!(raw.closed().await, CloseCode::Flood);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_before_the_token() {
    let host = Host::with_config(quick()).await;
    let mut raw = host.raw().await;
    assert_eq!(raw.closed().await, CloseCode::TooSlow);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_ends() {
    let host = Host::with_config(quick()).await;
    for request in [&b""[..], b"GET / HTTP/1.1\r\nhost: x\r\nx: "] {
        let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
        stream.write_all(request).await.expect("the relay reads");
        let mut answer = Vec::new();
        // An answer that says so, or none; but an end.
        let _ = patiently(stream.read_to_end(&mut answer)).await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_too_large() {
    let host = Host::start().await;
    let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
    let request = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(20_000));
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = patiently(stream.read_to_end(&mut answer)).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_stops_reading_harms_nobody_and_comes_back_by_a_resync() {
    let config = Config { outbox_bytes: 8 * 1024, outbox_frames: 100, send_buffer: 2048, ..Config::default() };
    let options = SimOptions { tick_rate: 120, ..SimOptions::default() };
    let host = Host::with(Relay::builder().config(config), options).await;
    let witness = Witness::join(&host).await;
    let mut runners = Vec::new();
    for index in 0..40 {
        let mut runner = host.player(&format!("runner.{index}")).await;
        // Held, so that the dot moves every tick from now on.
        runner.send(&Go { x: 0.5, ..Go::default() }).await;
        runners.push(tokio::spawn(async move { while let Ok(Some(_)) = runner.next().await {} }));
    }
    let mut sleeper = Raw::connect_narrow(host.addr).await;
    let welcome = sleeper.enter("sleeper").await;
    tokio::time::sleep(Duration::from_secs(4)).await;

    let awake = host.relay.stats().rooms[0].tick;
    let mut replica = Decoder::new(welcome.schema);
    let (mut last, mut resyncs) = (0, 0);
    while replica.tick() < awake {
        let is_state =
            |message: &ServerMessage| matches!(message, ServerMessage::Snapshot(_) | ServerMessage::Probe(_));
        let heard = sleeper.hear(|message| Some(message).filter(is_state));
        match heard.await {
            ServerMessage::Snapshot(body) => {
                let applied = replica.apply(&body);
                assert!(matches!(applied, Ok(Applied::Fresh { hash_matched: None | Some(true), .. })), "{applied:?}");
                resyncs += u32::from(last > 0 && replica.tick() > last + 1);
                last = replica.tick();
            }
            ServerMessage::Probe(Probe { nonce }) => {
                sleeper.say(ClientMessage::ProbeReply(ClientProbeReply { nonce, acked: replica.tick() })).await;
            }
            other => panic!("the relay said {other:?}"),
        }
    }
    assert!(resyncs > 0, "the sleeper fell behind and was brought up to date");
    witness.noticed_nothing().await;
    runners.iter().for_each(JoinHandle::abort);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resyncs_from_nowhere_bring_a_keyframe_and_floods_of_them_are_evicted() {
    beside_a_witness(async |host: &Host| {
        for base in [0, u32::MAX, 1_000_000] {
            let mut raw = host.raw().await;
            let welcome = raw.enter("mallory").await;
            raw.snapshot().await;
            raw.say(ClientMessage::Resync(Resync { base: Some(base), desync: false })).await;
            let keyframe = patiently(async {
                loop {
                    let mut replica = Decoder::new(welcome.schema.clone());
                    if replica.apply(&raw.snapshot().await).is_ok() {
                        return replica.tick();
                    }
                }
            });
            assert!(keyframe.await > welcome.tick);
        }
        assert_eq!(host.relay.stats().rooms[0].desyncs, 0);
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        raw.say(ClientMessage::Resync(Resync { base: None, desync: true })).await;
        for base in 1..=200 {
            raw.say(ClientMessage::Resync(Resync { base: Some(base), desync: false })).await;
        }
        assert_eq!(raw.closed().await, CloseCode::Flood);
        assert_eq!(host.relay.stats().rooms[0].desyncs, 1, "the relay knows, too");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_messages_count() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        for _ in 0..1500 {
            raw.bytes(Bytes::new()).await;
        }
        assert_eq!(raw.closed().await, CloseCode::Flood);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_is_told_of_their_own_refused_input() {
    let host = Host::start().await;
    for name in ["ada", "bob", "eve"] {
        let mut raw = host.raw().await;
        raw.enter(name).await;
        raw.input(1, u32::MAX, &[0, 0, 0, 0]).await;
        assert_eq!(raw.error().await, ErrorCode::InputRefused);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_vanishes_is_evicted_and_its_seat_is_given_up_after_a_while() {
    let host = Host::with_config(quick()).await;
    let mut watcher = host.player("watcher").await;
    // Answers no ping, since nobody polls it, but keeps its socket open.
    let mut ghost = host.raw().await;
    ghost.enter("ghost").await;
    let connected = |client: &tickwire_client::Client, seats: usize, connected: usize| {
        let rows: Vec<tickwire::Seat> =
            client.replica().map(|replica| replica.rows().map(|(_, seat)| seat).collect()).unwrap_or_default();
        rows.len() == seats && rows.iter().filter(|seat| seat.connected).count() == connected
    };
    until(&mut watcher, |client, _| connected(client, 2, 2)).await;
    until(&mut watcher, |client, _| connected(client, 2, 1)).await;
    until(&mut watcher, |client, _| connected(client, 1, 1)).await;
    drop(ghost);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_of_a_frame() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        raw.socket.flush().await.expect("the relay reads");
        raw.socket.get_mut().write_all(&[0x82, 0xFE, 0x01]).await.expect("the relay reads");
        drop(raw);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_not_masked() {
    beside_a_witness(async |host: &Host| {
        let mut raw = host.raw().await;
        raw.enter("mallory").await;
        raw.socket.get_mut().write_all(&[0x82, 0x01, 0x00]).await.expect("the relay reads");
        assert_eq!(raw.closed().await, CloseCode::Protocol);
    })
    .await;
}

//! Rooms without a game: players talk to each other, and nothing is simulated.

use bytes::Bytes;
use tickwire::{Content, Creation, Plan, Refusal, Relay, Relayed, Seat, SimOptions};
use tickwire_client::Update;
use tickwire_protocol::{Address, ClientMessage, ErrorCode, Publish, Role, SeatId, Target, Tell};
use tickwire_tests::{Host, Raw, in_room, room, until};

async fn start() -> Host {
    let plan = |_: &Creation| -> Result<Plan<Relayed>, Refusal> { Ok(Plan::of(Relayed)) };
    let host = Host::with(Relay::builder().kind("relayed", plan), SimOptions::default()).await;
    host.relay.open("salon", Relayed, SimOptions::default()).expect("the name is free");
    host
}

async fn say(raw: &mut Raw, to: Address, bytes: &[u8]) {
    raw.say(ClientMessage::Publish(Publish { id: None, to, content: Content::Bytes(bytes.to_vec()) })).await;
}

async fn hear(raw: &mut Raw) -> Vec<u8> {
    match raw.message().await.content {
        Content::Bytes(bytes) => bytes,
        other => panic!("{other:?} was not said"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn opaque_messages_go_to_all_to_some_and_to_the_host() {
    let host = start().await;
    let mut all = Vec::new();
    for name in ["ada", "bob", "cy"] {
        let mut raw = host.raw().await;
        assert_eq!(raw.enter_to(name, room("salon")).await.seat, Some(SeatId(all.len() as u16)));
        all.push(raw);
    }
    let opaque = [0, 159, 146, 150, 255];
    say(&mut all[1], in_room("main"), &opaque).await;
    for raw in &mut all {
        assert_eq!(hear(raw).await, opaque);
    }
    say(&mut all[1], Address::Seats(vec![SeatId(2), SeatId(1)]), b"two").await;
    say(&mut all[1], Address::Host, b"host").await;
    say(&mut all[1], in_room("main"), b"end").await;
    for (raw, heard) in all.iter_mut().zip([vec!["host", "end"], vec!["two", "end"], vec!["two", "end"]]) {
        for expected in heard {
            assert_eq!(hear(raw).await, expected.as_bytes());
        }
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_see_who_is_there() {
    let host = start().await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let mut bob = host.raw().await;
    bob.enter_to("bob", room("salon")).await;
    let players = |client: &tickwire_client::Client| {
        client.replica().map_or(0, |replica| replica.rows::<Seat>().filter(|(_, seat)| seat.connected).count())
    };
    until(&mut ada, |client, _| players(client) == 2).await;
    drop(bob);
    until(&mut ada, |client, update| matches!(update, Update::Snapshot { .. }) && players(client) == 1).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nobody_to_tell_anything() {
    let host = start().await;
    let mut ada = host.raw().await;
    ada.enter_to("ada", Target::Create(Creation::default())).await;
    ada.say(ClientMessage::Tell(Tell { id: Some("t".into()), message: 0, record: Bytes::new() })).await;
    assert_eq!(ada.error().await, ErrorCode::Invalid);
    host.stop().await;
}

//! Too much of anything is refused, then warned of, and then ends the session; and everything that is refused is counted.

use tickwire::{Config, Rate, SimOptions};
use tickwire_protocol::{
    ClientMessage, CloseCode, ErrorCode, Input, Join, ListRooms, Probe, Publish, Resync, Role, Scope, ServerMessage,
    Wanted, wire,
};
use tickwire_tests::{Go, Host, Raw, Witness, in_relay, in_room, room, until};

fn list() -> ClientMessage {
    ClientMessage::ListRooms(ListRooms { id: Some("l1".into()), wanted: Wanted::default(), live: false })
}

/// Two at once, and then next to none.
const TWO: Rate = Rate { per_second: 1, burst: 2 };

fn refused(host: &Host, code: ErrorCode) -> u64 {
    host.relay.stats().refused.get(&code).copied().unwrap_or(0)
}

fn closed(host: &Host, code: CloseCode) -> u64 {
    host.relay.stats().closed.get(&code).copied().unwrap_or(0)
}

/// What is answered each time is refused each time, with the time to wait, and at last ends the session.
async fn is_refused_and_then_evicted(message: ClientMessage) {
    let excess = Rate { per_second: 1, burst: 3 };
    let config = Config { joins: TWO, lookups: TWO, messages: TWO, excess, ..Config::default() };
    let host = Host::with_config(config).await;
    let witness = Witness::join(&host).await;
    let mut raw = host.raw().await;
    raw.auth("mallory").await;
    raw.say_at_once(vec![message.clone(); 5]).await;
    for _ in 0..3 {
        let refusal = raw
            .hear(|message| match message {
                ServerMessage::Error(refusal) => Some(refusal).filter(|refusal| refusal.code == ErrorCode::RateLimited),
                _ => None,
            })
            .await;
        assert!(refusal.retry_ms.is_some_and(|wait| (1..=1001).contains(&wait)), "{refusal:?}");
        assert_eq!(refusal.id.as_ref(), message.id());
    }
    assert_eq!(refused(&host, ErrorCode::RateLimited), 3);
    raw.say_at_once(vec![message; 20]).await;
    assert_eq!(raw.closed().await, CloseCode::Flood);
    assert_eq!(closed(&host, CloseCode::Flood), 1);
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins() {
    is_refused_and_then_evicted(ClientMessage::Join(Join { id: Some("j1".into()), ..Join::room("attic") })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lookups() {
    is_refused_and_then_evicted(list()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages() {
    let subscribe = tickwire_protocol::Subscribe {
        id: Some("s1".into()),
        scope: Scope::Relay,
        channel: "news".into(),
        after: None,
    };
    is_refused_and_then_evicted(ClientMessage::Subscribe(subscribe)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_is_named_and_may_be_said_later() {
    let messages = Rate { per_second: 5, burst: 1 };
    let host = Host::with_config(Config { messages, ..Config::default() }).await;
    let mut ada = host.raw().await;
    ada.enter("ada").await;
    let say = |id: &str| {
        let (id, content) = (Some(id.to_owned()), tickwire_tests::words(id));
        ClientMessage::Publish(Publish { id, to: in_room("main"), content })
    };
    ada.say_at_once([say("m1"), say("m2")]).await;
    let refusal = ada.refusal().await;
    assert_eq!((refusal.code, refusal.id.as_deref()), (ErrorCode::RateLimited, Some("m2")));
    let wait = refusal.retry_ms.expect("it says when");
    tokio::time::sleep(std::time::Duration::from_millis(wait.into())).await;
    ada.say(say("m2")).await;
    assert_eq!((ada.heard().await, ada.heard().await), ("m1".into(), "m2".into()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loud_players_together_put_nobody_out() {
    let host = Host::start().await;
    let witness = Witness::join(&host).await;
    let mut loud = Vec::new();
    for index in 0..6 {
        let mut raw = host.raw().await;
        raw.enter(&format!("loud.{index}")).await;
        loud.push(raw);
    }
    let content = tickwire_tests::words(&"x".repeat(1900));
    for raw in &mut loud {
        let say = ClientMessage::Publish(Publish { id: None, to: in_room("main"), content: content.clone() });
        for _ in 0..28 {
            raw.say(say.clone()).await;
        }
    }
    host.settles(|relay| relay.stats().refused.contains_key(&ErrorCode::RateLimited)).await;
    witness.noticed_nothing().await;
    assert_eq!(closed(&host, CloseCode::Overflow), 0);
    host.stop().await;
}

/// What has no answer of its own is warned of once, and at last ends the session.
async fn is_warned_of_and_then_evicted(message: ClientMessage) {
    let config =
        Config { control_messages: TWO, resyncs: TWO, excess: Rate { per_second: 1, burst: 10 }, ..Config::default() };
    let host = Host::with_config(config).await;
    let mut raw = host.raw().await;
    raw.enter("mallory").await;
    raw.say_at_once(vec![message; 20]).await;
    let refusal = raw.refusal().await;
    assert_eq!(refusal.code, ErrorCode::RateLimited);
    assert!(refusal.retry_ms.is_some());
    assert_eq!(raw.closed().await, CloseCode::Flood);
    assert!(refused(&host, ErrorCode::RateLimited) >= 10, "what is refused without a word counts, too");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes() {
    is_warned_of_and_then_evicted(ClientMessage::Probe(Probe { nonce: 1 })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn resyncs() {
    is_warned_of_and_then_evicted(ClientMessage::Resync(Resync { base: None, desync: false })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_class_leaves_the_others_alone() {
    let host = Host::with_config(Config { lookups: TWO, ..Config::default() }).await;
    let mut ada = host.raw().await;
    ada.enter("ada").await;
    for _ in 0..3 {
        ada.say(list()).await;
    }
    assert_eq!(ada.error().await, ErrorCode::RateLimited);
    ada.publish("m", in_room("main"), "hello").await;
    assert_eq!(ada.acked().await, "m");
    host.stop().await;
}

/// Two of them may be said, by whomever: the third is refused.
async fn two_are_enough(mut talkers: Vec<Raw>, to: tickwire_client::Address) {
    for talker in &mut talkers {
        talker.publish("m", to.clone(), "hello").await;
    }
    let mut taken = 0;
    for talker in &mut talkers {
        taken += talker
            .hear(|message| match message {
                ServerMessage::Acked(acked) => Some(i32::from(acked.id == "m")),
                ServerMessage::Error(refusal) => {
                    assert_eq!((refusal.code, refusal.id.as_deref()), (ErrorCode::RateLimited, Some("m")));
                    assert!(refusal.retry_ms.is_some());
                    Some(0)
                }
                _ => None,
            })
            .await;
    }
    assert_eq!(taken, 2);
}

async fn three(host: &Host) -> Vec<Raw> {
    let mut all = Vec::new();
    for name in ["ada", "bob", "cy"] {
        let mut raw = host.raw().await;
        raw.enter(name).await;
        all.push(raw);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_together_says_so_much() {
    let host = Host::with_config(Config { room_messages: TWO, ..Config::default() }).await;
    two_are_enough(three(&host).await, in_room("main")).await;
    assert_eq!(refused(&host, ErrorCode::RateLimited), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_together_says_so_much() {
    let host = Host::with_config(Config { relay_messages: TWO, ..Config::default() }).await;
    two_are_enough(three(&host).await, in_relay("main")).await;
    assert_eq!(refused(&host, ErrorCode::RateLimited), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_does_not_fill_a_rooms_queue_for_the_others() {
    let config = Config { waiting_inputs: 4, inputs_per_tick: 1000, ..Config::default() };
    let options = SimOptions { tick_rate: 2, ..SimOptions::default() };
    let host = Host::with(tickwire::Relay::builder().config(config), options).await;
    let mut ada = host.player("ada").await;
    let mut mallory = host.raw().await;
    let welcome = mallory.enter("mallory").await;
    for sequence in 1..=60 {
        let record = wire::to_record(&Go::default()).into();
        mallory.say(ClientMessage::Input(Input { sequence, tick: welcome.tick + 1, acked: 0, record })).await;
    }
    let refusal = mallory.refusal().await;
    assert_eq!(
        (refusal.code, refusal.message.as_str()),
        (ErrorCode::RateLimited, "too many inputs wait for their tick: this one was dropped")
    );
    ada.send(&Go { x: 1.0, ..Go::default() }).await;
    let seat = ada.seat().expect("in the room");
    until(&mut ada, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat) == Some(1))).await;
    let inputs = host.relay.stats().rooms[0].inputs;
    assert!(inputs < 20, "of one client so many wait at a time: {inputs}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_counted_by_reason() {
    let host = Host::start().await;
    let mut raw = host.raw().await;
    raw.auth("nobody").await;
    raw.join("attic", None).await;
    raw.join("lobby", None).await;
    raw.publish("", in_room("main"), "x").await;
    raw.publish("", in_relay("nobody"), "x").await;
    for _ in 0..4 {
        raw.error().await;
    }
    let mut ada = host.raw().await;
    ada.enter("ada").await;
    ada.publish("", in_room("nobody"), "x").await;
    ada.publish("", tickwire_client::Address::Seats(vec![]), "x").await;
    ada.join("lobby", None).await;
    for _ in 0..3 {
        ada.error().await;
    }
    let expected = [
        (ErrorCode::RoomNotFound, 1),
        (ErrorCode::JoinRefused, 1),
        (ErrorCode::NotJoined, 1),
        (ErrorCode::Busy, 1),
        (ErrorCode::NoChannel, 2),
        (ErrorCode::NoRecipient, 1),
    ];
    assert_eq!(host.relay.stats().refused, expected.into());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_close_is_counted_by_reason() {
    let host = Host::start().await;
    for bytes in [&[0x04, 0x01, 0x00][..], &[0x01, 0x00]] {
        let mut raw = host.raw().await;
        raw.bytes(bytes.to_vec()).await;
        assert_eq!(raw.closed().await, CloseCode::Malformed);
    }
    let mut raw = host.raw().await;
    raw.auth("<nobody>").await;
    assert_eq!(raw.closed().await, CloseCode::Unauthorized);
    let mut big = host.raw().await;
    big.bytes(vec![0; 5000]).await;
    assert_eq!(big.closed().await, CloseCode::TooBig);
    let (mut old, mut new) = (host.raw().await, host.raw().await);
    old.enter("ada").await;
    let seat = new.enter("ada").await.seat.expect("a player has one");
    assert_eq!(old.closed().await, CloseCode::Replaced);
    host.room("lobby").kick(seat, "enough");
    assert_eq!(new.closed().await, CloseCode::Kicked);
    let mut eve = host.raw().await;
    eve.enter_as("eve", room("lobby"), Role::Spectator).await;
    host.room("lobby").close("over");
    assert_eq!(eve.closed().await, CloseCode::Left);
    let expected = [
        (CloseCode::Malformed, 2),
        (CloseCode::Unauthorized, 1),
        (CloseCode::TooBig, 1),
        (CloseCode::Replaced, 1),
        (CloseCode::Kicked, 1),
        (CloseCode::Left, 1),
    ];
    assert_eq!(host.relay.stats().closed, expected.into());
    host.stop().await;
}

//! What is asked has an id, and what answers or refuses it has the same; what is refused for its rate is asked for again.

use std::time::Duration;

use serde_json::{Value, json};
use tickwire::{Config, Rate};
use tickwire_client::{Client, Update};
use tickwire_protocol::{
    ClientMessage, ErrorCode, Join, ListRooms, MessageId, Scope, ServerMessage, Subscribe, Unsubscribe, Wanted,
};
use tickwire_tests::{Host, Raw, Text, until};

/// One, and the next after a third of a second.
const ONE: Rate = Rate { per_second: 3, burst: 1 };

fn subscribe(id: &str, scope: Scope, channel: &str) -> ClientMessage {
    let (id, channel) = (Some(id.into()), channel.into());
    ClientMessage::Subscribe(Subscribe { id, scope, channel, after: None })
}

fn unsubscribe(id: &str, scope: Scope, channel: &str) -> ClientMessage {
    ClientMessage::Unsubscribe(Unsubscribe { id: Some(id.into()), scope, channel: channel.into() })
}

fn list(id: &str, live: bool) -> ClientMessage {
    ClientMessage::ListRooms(ListRooms { id: Some(id.into()), wanted: Wanted::default(), live })
}

fn join(id: &str, room: &str) -> ClientMessage {
    ClientMessage::Join(Join { id: Some(id.into()), ..Join::room(room) })
}

/// The next answer to what was asked: its sort, and its id.
async fn answer(raw: &mut Raw) -> (&'static str, String) {
    let (sort, id) = raw
        .hear(|message| match message {
            ServerMessage::Welcome(welcome) => Some(("welcome", welcome.id)),
            ServerMessage::Subscribed(subscribed) => Some(("subscribed", subscribed.id)),
            ServerMessage::Unsubscribed(unsubscribed) => Some(("unsubscribed", unsubscribed.id)),
            ServerMessage::RoomList(list) => Some((if list.whole { "list" } else { "news" }, list.id)),
            ServerMessage::Error(error) => Some(("error", error.id)),
            _ => None,
        })
        .await;
    (sort, id.unwrap_or_else(|| "nothing".into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_the_id_of_what_was_asked() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    ada.auth("ada").await;
    ada.say(join("j1", "nowhere")).await;
    assert_eq!(answer(&mut ada).await, ("error", "j1".into()));
    ada.say(list("l1", false)).await;
    assert_eq!(answer(&mut ada).await, ("list", "l1".into()));
    ada.say(join("j2", "lobby")).await;
    assert_eq!(answer(&mut ada).await, ("welcome", "j2".into()));
    assert_eq!(answer(&mut ada).await, ("subscribed", "nothing".into()), "nobody asks for the default channel");
    ada.say(join("j3", "lobby")).await;
    assert_eq!(answer(&mut ada).await, ("error", "j3".into()));
    for scope in [Scope::Room, Scope::Relay] {
        ada.say(unsubscribe("u1", scope, "news")).await;
        assert_eq!(answer(&mut ada).await, ("error", "u1".into()));
        // Who asks for it twice is told twice, under the same id, too.
        for id in ["s1", "s1", "s2"] {
            ada.say(subscribe(id, scope, "news")).await;
            assert_eq!(answer(&mut ada).await, ("subscribed", id.into()));
        }
        ada.say(unsubscribe("u1", scope, "news")).await;
        assert_eq!(answer(&mut ada).await, ("unsubscribed", "u1".into()));
    }
    ada.say(list("l2", true)).await;
    assert_eq!(answer(&mut ada).await, ("list", "l2".into()));
    host.room("lobby").lock(true);
    assert_eq!(answer(&mut ada).await, ("news", "l2".into()), "and so has what is told of it later");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_refused_by_its_id() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    ada.auth("ada").await;
    for message in [subscribe("s1", Scope::Room, "news"), unsubscribe("s1", Scope::Room, "news")] {
        ada.say(message).await;
        let refusal = ada.refusal().await;
        assert_eq!((refusal.code, refusal.id.as_deref()), (ErrorCode::NotJoined, Some("s1")));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_its_rate_is_named_whoever_counts_it() {
    let of_session = Config { messages: ONE, ..Config::default() };
    let of_all = Config { room_messages: ONE, relay_messages: ONE, ..Config::default() };
    for config in [of_session, of_all] {
        let host = Host::with_config(config).await;
        for scope in [Scope::Room, Scope::Relay] {
            let mut ada = host.raw().await;
            ada.enter("ada").await;
            ada.say_at_once([subscribe("s1", scope, "news"), subscribe("s2", scope, "news")]).await;
            let refusal = ada.refusal().await;
            assert_eq!((refusal.code, refusal.id.as_deref()), (ErrorCode::RateLimited, Some("s2")));
            assert!(refusal.retry_ms.is_some(), "{refusal:?}");
        }
        host.stop().await;
    }
}

/// What becomes of what the client has asked under this id, and how often it was told to wait before.
async fn outcome(client: &mut Client, id: &MessageId) -> (Update, u32) {
    let mut waits = 0;
    let last = until(client, |_, update| match update {
        Update::Refused { id: Some(of), retry_in, .. } if of == id => {
            waits += u32::from(retry_in.is_some());
            retry_in.is_none()
        }
        Update::Subscribed(heard) => heard.id.as_ref() == Some(id),
        Update::Unsubscribed(heard) => heard.id.as_ref() == Some(id),
        Update::Rooms(list) => list.id.as_ref() == Some(id),
        _ => false,
    });
    (last.await, waits)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_which_channel_it_may_not_hear() {
    let host = Host::with_config(Config { subscriptions: 2, ..Config::default() }).await;
    let mut ada = host.player("ada").await;
    let mut ids = Vec::new();
    for channel in ["a", "b", "c"] {
        ids.push(ada.subscribe(Scope::Relay, channel).await.expect("the name is good"));
    }
    for (id, granted) in ids.iter().zip([true, true, false]) {
        let (last, _) = outcome(&mut ada, id).await;
        assert_eq!(matches!(last, Update::Subscribed(_)), granted, "{last:?}");
        assert_eq!(matches!(last, Update::Refused { code: ErrorCode::NoChannel, .. }), !granted, "{last:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_asks_again_for_what_was_refused_for_its_rate() {
    let host = Host::with_config(Config { messages: ONE, lookups: ONE, ..Config::default() }).await;
    let mut ada = host.player("ada").await;
    let mut ids = Vec::new();
    for channel in ["a", "b", "c"] {
        ids.push(ada.subscribe(Scope::Room, channel).await.expect("the name is good"));
    }
    let mut refused = Vec::new();
    until(&mut ada, |_, update| {
        match update {
            Update::Refused { id: Some(id), retry_in: Some(_), .. } => refused.push(id.clone()),
            Update::Subscribed(heard) => ids.retain(|id| heard.id.as_ref() != Some(id)),
            _ => {}
        }
        ids.is_empty()
    })
    .await;
    assert!(refused.len() >= 2, "the first alone was taken at once, and not {refused:?}");
    let ends = [ada.unsubscribe(Scope::Room, "a").await, ada.unsubscribe(Scope::Room, "b").await];
    for id in ends {
        let (last, _) = outcome(&mut ada, &id.expect("the name is good")).await;
        assert!(matches!(last, Update::Unsubscribed(_)), "{last:?}");
    }
    ada.list_rooms(Wanted::default(), false).await.expect("it keeps to the caps");
    let second = ada.list_rooms(Wanted::default(), false).await.expect("it keeps to the caps");
    let (last, waited) = outcome(&mut ada, &second).await;
    assert!(matches!(&last, Update::Rooms(list) if list.whole) && waited == 1, "{last:?} after {waited}");
    host.stop().await;
}

/// Says it until it is not said too soon. What answers it, by its id.
async fn insist(text: &mut Text, said: Value) -> Value {
    loop {
        text.say(said.clone()).await;
        let answer = text.hear_that(|heard| heard["id"] == said["id"]).await;
        match answer["payload"]["retry_ms"].as_u64() {
            Some(wait) => tokio::time::sleep(Duration::from_millis(wait)).await,
            None => return answer,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_can_tell_what_was_answered() {
    let host = Host::with_config(Config { messages: ONE, ..Config::default() }).await;
    let mut ada = host.text().await;
    ada.auth("ada").await;
    let said = |kind: &str, payload: Value, id: &str| json!({"type": kind, "payload": payload, "id": id});
    ada.say(said("subscribe", json!({"channel": "updates"}), "s1")).await;
    ada.say(said("subscribe", json!({"channel": "news"}), "s2")).await;
    let subscribed = ada.hear("subscribed").await;
    assert_eq!((&subscribed["id"], subscribed["payload"].get("id")), (&json!("s1"), None), "it is beside the payload");
    let error = ada.hear("error").await;
    assert_eq!((&error["payload"]["code"], &error["id"]), (&json!("RATE_LIMITED"), &json!("s2")));
    let subscribed = insist(&mut ada, said("subscribe", json!({"channel": "news"}), "s2")).await;
    assert_eq!((&subscribed["type"], &subscribed["payload"]["channel"]), (&json!("subscribed"), &json!("news")));
    let gone = insist(&mut ada, said("unsubscribe", json!({"channel": "updates"}), "u1")).await;
    assert_eq!(gone["type"], "unsubscribed");
    let refused = insist(&mut ada, said("unsubscribe", json!({"channel": "updates"}), "u2")).await;
    assert_eq!((&refused["type"], &refused["payload"]["code"]), (&json!("error"), &json!("NO_CHANNEL")));
    ada.say(said("list_rooms", json!({}), "l1")).await;
    assert_eq!(ada.hear("room_list").await["id"], "l1");
    for (room, kind, id) in [("nowhere", "error", "j1"), ("lobby", "welcome", "j2")] {
        ada.say(said("join", json!({"room": room}), id)).await;
        assert_eq!(ada.hear(kind).await["id"], id);
    }
    host.stop().await;
}

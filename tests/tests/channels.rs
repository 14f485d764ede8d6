//! Channels of a room and of the relay, and what people say to each other.

use std::time::Duration;

use tickwire::{Config, Content, Relay, SimOptions};
use tickwire_client::{Client, Update};
use tickwire_protocol::{
    Address, ClientMessage, ErrorCode, MAX_MEMBERS, Message, Presence, Publish, Role, Scope, SeatId, ServerMessage,
};
use tickwire_tests::{Host, Raw, in_relay, in_room, patiently, room, until, words};

/// Of both scopes the same is asked.
const SCOPES: [Scope; 2] = [Scope::Room, Scope::Relay];

fn channel(scope: Scope, name: &str) -> Address {
    Address::Channel { scope, channel: name.into() }
}

/// A player in the lobby.
async fn player(host: &Host, token: &str) -> Raw {
    let mut raw = host.raw().await;
    raw.enter(token).await;
    raw
}

/// Who has come to the channel `news`, or gone.
async fn presence(raw: &mut Raw, scope: Scope) -> (String, bool) {
    let Presence { member, here, .. } = raw
        .hear(|message| match message {
            ServerMessage::Presence(presence) => {
                Some(presence).filter(|told| told.channel == "news" && told.scope == scope)
            }
            _ => None,
        })
        .await;
    (member.name, here)
}

fn text(message: &Message) -> String {
    match &message.content {
        Content::Json(text) => text.trim_matches('"').to_owned(),
        Content::Bytes(bytes) => panic!("{bytes:?} are no words"),
    }
}

/// What comes of a channel's past after it is subscribed to: up to the answer to what is said then.
async fn history(raw: &mut Raw, scope: Scope, name: &str, after: Option<u32>) -> Vec<String> {
    raw.ask_for(scope, name, after).await;
    raw.subscribed(scope, name).await;
    raw.publish("", channel(scope, name), "(end)").await;
    let mut past = Vec::new();
    loop {
        let message = raw.message().await;
        if text(&message) == "(end)" {
            return past;
        }
        past.push(text(&message));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_heard_from_subscribing_to_unsubscribing() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (player(&host, "ada").await, player(&host, "bob").await);
    for scope in SCOPES {
        let heard = ada.subscribe(scope, "news").await;
        assert_eq!((heard.scope, heard.count, heard.members[0].name.as_str()), (scope, 1, "ada"));
        bob.subscribe(scope, "news").await;
        bob.publish("", channel(scope, "news"), "hello").await;
        for raw in [&mut ada, &mut bob] {
            let message = raw.message().await;
            let from = message.from.as_ref().expect("someone said it");
            assert_eq!(
                (text(&message), from.name.as_str(), message.to.clone()),
                ("hello".into(), "bob", channel(scope, "news"))
            );
            assert_eq!(from.seat.is_some(), scope == Scope::Room, "outside of rooms nobody sits");
        }
        ada.unsubscribe(scope, "news").await;
        bob.publish("", channel(scope, "news"), "not for ada").await;
        assert_eq!(bob.heard().await, "not for ada");
        host.relay.publish("news", words("nor this"));
    }
    // Of nothing of that ada hears.
    ada.publish("", in_room("main"), "mine").await;
    assert_eq!(ada.heard().await, "mine");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_hears_main_and_may_leave_it() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (player(&host, "ada").await, player(&host, "bob").await);
    assert_eq!(bob.subscribed(Scope::Room, "main").await.count, 2);
    ada.unsubscribe(Scope::Room, "main").await;
    bob.publish("", in_room("main"), "for those who are there").await;
    bob.publish("", Address::Seats(vec![SeatId(0)]), "for ada").await;
    assert_eq!(ada.heard().await, "for ada");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_the_relay_needs_no_room_and_no_end_comes_to_who_hears_it() {
    let host = Host::with_config(Config { idle_timeout: Duration::from_millis(200), ..tickwire_tests::quick() }).await;
    let mut ada = host.raw().await;
    ada.auth("ada").await;
    ada.subscribe(Scope::Relay, "news").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(host.relay.publish("news", words("still here?")));
    let message = ada.message().await;
    assert_eq!((message.number, message.from.is_none(), text(&message)), (1, true, "still here?".into()));
    assert!(!host.relay.publish("olds", words("nobody hears this")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_a_channel_is_told_who_comes_and_goes() {
    for scope in SCOPES {
        let host = Host::start().await;
        let (mut ada, mut bob) = (player(&host, "ada").await, player(&host, "bob").await);
        ada.subscribe(scope, "news").await;
        let heard = bob.subscribe(scope, "news").await;
        let mut names: Vec<_> = heard.members.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!((names, heard.count), (vec!["ada", "bob"], 2));
        assert_eq!(presence(&mut ada, scope).await, ("bob".into(), true));
        bob.unsubscribe(scope, "news").await;
        assert_eq!(presence(&mut ada, scope).await, ("bob".into(), false));
        bob.subscribe(scope, "news").await;
        assert_eq!(presence(&mut ada, scope).await, ("bob".into(), true));
        // A lost connection is an absence, be the seat held or not.
        drop(bob);
        assert_eq!(presence(&mut ada, scope).await, ("bob".into(), false));
        let mut bob = player(&host, "bob").await;
        if scope == Scope::Relay {
            bob.subscribe(scope, "news").await;
        }
        assert_eq!(presence(&mut ada, scope).await, ("bob".into(), true));
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_crowd_nobody_is_told_who_comes_and_goes() {
    let host = Host::start().await;
    let mut crowd = Vec::new();
    for index in 0..MAX_MEMBERS {
        let mut raw = host.raw().await;
        raw.auth(&format!("one.{index}")).await;
        raw.ask_for(Scope::Relay, "news", None).await;
        crowd.push(raw);
    }
    for raw in &mut crowd {
        raw.subscribed(Scope::Relay, "news").await;
    }
    let mut late = host.raw().await;
    late.auth("late").await;
    let heard = late.subscribe(Scope::Relay, "news").await;
    assert_eq!((heard.members.len(), heard.count), (MAX_MEMBERS, MAX_MEMBERS as u32 + 1));
    late.publish("", in_relay("news"), "hello").await;
    let last = crowd.last_mut().expect("it is a crowd");
    let before = last.hear(|message| match message {
        ServerMessage::Message(_) => Some(None),
        ServerMessage::Presence(presence) => Some(Some(presence.member.name)),
        _ => None,
    });
    assert_eq!(before.await, None, "the message is the first thing it hears");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_hear_what_is_kept_of_what_was_said() {
    let host = Host::with_config(Config { history_messages: 2, ..Config::default() }).await;
    let mut ada = player(&host, "ada").await;
    for scope in SCOPES {
        ada.subscribe(scope, "news").await;
        let mut numbers = Vec::new();
        for words in ["one", "two", "three"] {
            ada.publish("", channel(scope, "news"), words).await;
            numbers.push(ada.message().await.number);
        }
        let mut late = player(&host, "late").await;
        assert_eq!(history(&mut late, scope, "news", None).await, ["two", "three"]);
        ada.message().await;
        let mut knows = player(&host, "knows").await;
        assert_eq!(history(&mut knows, scope, "news", Some(numbers[2])).await, [""; 0]);
        ada.message().await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_into_a_room_hears_what_main_has_kept() {
    let host = Host::start().await;
    let mut ada = player(&host, "ada").await;
    ada.publish("", in_room("main"), "before").await;
    ada.message().await;
    assert_eq!(player(&host, "bob").await.heard().await, "before");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_has_so_many_bytes() {
    let host = Host::with_config(Config { history_bytes: 500, ..Config::default() }).await;
    let mut ada = player(&host, "ada").await;
    for scope in SCOPES {
        ada.subscribe(scope, "news").await;
        for letter in ["a", "b", "c"] {
            ada.publish("", channel(scope, "news"), &letter.repeat(200)).await;
            ada.message().await;
        }
        let mut late = player(&host, "late").await;
        assert_eq!(history(&mut late, scope, "news", None).await, ["b".repeat(200), "c".repeat(200)]);
        ada.message().await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_an_id_is_acknowledged_and_delivered_once() {
    let host = Host::start().await;
    let mut bob = player(&host, "bob").await;
    for scope in SCOPES {
        bob.subscribe(scope, "news").await;
        let mut ada = host.raw().await;
        let welcome = ada.enter("ada").await;
        for _ in 0..2 {
            ada.publish("m1", channel(scope, "news"), "once").await;
            assert_eq!(ada.acked().await, "m1");
        }
        drop(ada);
        let mut ada = host.raw().await;
        ada.come_back("ada", &welcome, 0).await;
        ada.publish("m1", channel(scope, "news"), "once").await;
        assert_eq!(ada.acked().await, "m1", "what has come is known over another connection, too");
        ada.publish("m2", channel(scope, "news"), "then this").await;
        assert_eq!(ada.acked().await, "m2");
        assert_eq!((bob.heard().await, bob.heard().await), ("once".into(), "then this".into()));
        // Another's ids are another's.
        let mut cy = player(&host, "cy").await;
        cy.publish("m1", channel(scope, "news"), "of cy").await;
        assert_eq!((cy.acked().await, bob.heard().await), ("m1".into(), "of cy".into()));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn some_seats_are_spoken_to_and_no_other_hears() {
    let host = Host::start().await;
    let (mut ada, mut bob, mut cy) =
        (player(&host, "ada").await, player(&host, "bob").await, player(&host, "cy").await);
    let both = Address::Seats(vec![SeatId(0), SeatId(2), SeatId(99), SeatId(0)]);
    bob.publish("m", both.clone(), "for two").await;
    assert_eq!(bob.acked().await, "m");
    for raw in [&mut ada, &mut cy] {
        let message = raw.message().await;
        assert_eq!((text(&message), &message.to), ("for two".into(), &both));
    }
    bob.publish("", in_room("main"), "for all").await;
    for raw in [&mut ada, &mut bob, &mut cy] {
        assert_eq!(raw.heard().await, "for all", "nobody hears more, and nobody anything twice");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_travel_as_they_are() {
    let host = Host::start().await;
    let mut ada = player(&host, "ada").await;
    let content = Content::Bytes(vec![0, 255, 1]);
    ada.say(ClientMessage::Publish(Publish { id: None, to: in_room("main"), content: content.clone() })).await;
    assert_eq!(ada.message().await.content, content);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_is_who_has_been_connected_for_longest() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    let first = ada.enter("ada").await;
    assert_eq!(first.host, first.seat);
    let mut bob = host.raw().await;
    let second = bob.enter("bob").await;
    assert_eq!(second.host, first.seat);
    bob.publish("", Address::Host, "for the host").await;
    assert_eq!(ada.heard().await, "for the host");
    let mut cy = player(&host, "cy").await;
    drop(ada);
    assert_eq!((bob.host_change().await, cy.host_change().await), (second.seat, second.seat));
    // Who comes back waits for the turn like everyone.
    let mut ada = host.raw().await;
    assert_eq!(ada.come_back("ada", &first, 0).await.host, second.seat);
    ada.publish("", Address::Host, "for the new one").await;
    assert_eq!(bob.heard().await, "for the new one");
    bob.say(ClientMessage::Leave).await;
    assert_eq!(ada.host_change().await, cy.host_change().await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_knows_the_host() {
    let host = Host::start().await;
    let mut ada = player(&host, "ada").await;
    let mut bob: Client = host.player("bob").await;
    assert_eq!(bob.host(), Some(SeatId(0)));
    ada.say(ClientMessage::Leave).await;
    until(&mut bob, |_, update| matches!(update, Update::Host(_))).await;
    assert_eq!(bob.host(), bob.seat());
    host.stop().await;
}

/// The answer to a message that goes nowhere.
async fn refused(raw: &mut Raw, to: Address) -> ErrorCode {
    raw.publish("lost", to, "hello?").await;
    let refusal = raw.refusal().await;
    assert_eq!(refusal.id.as_deref(), Some("lost"), "{refusal:?}");
    refusal.code
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_nowhere_is_refused_with_its_id() {
    let host = Host::start().await;
    let mut idle = host.raw().await;
    idle.auth("ada").await;
    assert_eq!(refused(&mut idle, in_room("main")).await, ErrorCode::NotJoined);
    assert_eq!(refused(&mut idle, Address::Host).await, ErrorCode::NotJoined);
    assert_eq!(refused(&mut idle, in_relay("nobody")).await, ErrorCode::NoChannel);
    let mut ada = player(&host, "ada").await;
    assert_eq!(refused(&mut ada, in_room("nobody")).await, ErrorCode::NoChannel);
    for seats in [vec![SeatId(7)], vec![]] {
        assert_eq!(refused(&mut ada, Address::Seats(seats)).await, ErrorCode::NoRecipient);
    }
    // And when somebody is there, what is said again is heard.
    ada.subscribe(Scope::Room, "nobody").await;
    ada.publish("lost", in_room("nobody"), "hello?").await;
    assert_eq!(ada.heard().await, "hello?");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_not_heard_is_not_left() {
    let host = Host::start().await;
    let mut ada = player(&host, "ada").await;
    for scope in SCOPES {
        ada.say(ClientMessage::Unsubscribe(tickwire_protocol::Unsubscribe { id: None, scope, channel: "news".into() }))
            .await;
        assert_eq!(ada.error().await, ErrorCode::NoChannel);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_channels_and_one_hears_so_many() {
    let config = Config { room_channels: 2, relay_channels: 3, subscriptions: 2, ..Config::default() };
    let host = Host::with_config(config).await;
    let mut ada = player(&host, "ada").await;
    let full = async |raw: &mut Raw, scope, name: &str| {
        raw.ask_for(scope, name, None).await;
        raw.error().await
    };
    ada.subscribe(Scope::Room, "a").await;
    assert_eq!(full(&mut ada, Scope::Room, "b").await, ErrorCode::NoChannel, "with main these are two");
    ada.unsubscribe(Scope::Room, "a").await;
    ada.subscribe(Scope::Room, "b").await;
    ada.subscribe(Scope::Room, "b").await;

    for name in ["a", "b"] {
        ada.subscribe(Scope::Relay, name).await;
    }
    assert_eq!(full(&mut ada, Scope::Relay, "c").await, ErrorCode::NoChannel, "two are as many as one may hear");
    ada.subscribe(Scope::Relay, "b").await;
    let mut bob = player(&host, "bob").await;
    bob.subscribe(Scope::Relay, "c").await;
    assert_eq!(full(&mut bob, Scope::Relay, "d").await, ErrorCode::NoChannel, "three are as many as there may be");
    bob.subscribe(Scope::Relay, "a").await;
    assert_eq!(host.relay.stats().channels, 3);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_player_does_not_take_all_channels_of_a_room() {
    let host = Host::with_config(Config { room_channels: 4, subscriptions: 2, ..Config::default() }).await;
    let (mut ada, mut bob) = (player(&host, "ada").await, player(&host, "bob").await);
    ada.subscribe(Scope::Room, "a").await;
    ada.ask_for(Scope::Room, "b", None).await;
    assert_eq!(ada.error().await, ErrorCode::NoChannel, "with main these are two");
    bob.subscribe(Scope::Room, "b").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_the_relay_that_nobody_hears_is_kept_for_a_while() {
    let host = Host::with_config(Config { seat_hold: Duration::from_millis(300), ..Config::default() }).await;
    let mut ada = player(&host, "ada").await;
    ada.subscribe(Scope::Relay, "news").await;
    ada.publish("", in_relay("news"), "kept").await;
    ada.message().await;
    ada.unsubscribe(Scope::Relay, "news").await;
    assert_eq!(history(&mut ada, Scope::Relay, "news", None).await, ["kept"]);
    ada.unsubscribe(Scope::Relay, "news").await;
    host.settles(|relay| relay.stats().channels == 0).await;
    assert_eq!(history(&mut ada, Scope::Relay, "news", Some(1)).await, [""; 0], "and then begins anew");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_begins_anew_counts_on() {
    let host = Host::with_config(Config { seat_hold: Duration::from_millis(300), ..Config::default() }).await;
    let mut ada = player(&host, "ada").await;
    let mut last = 0;
    for (name, messages) in [("olds", 5), ("news", 2)] {
        ada.subscribe(Scope::Relay, name).await;
        for _ in 0..messages {
            ada.publish("", in_relay(name), "before").await;
            last = ada.message().await.number;
        }
        ada.unsubscribe(Scope::Relay, name).await;
    }
    host.settles(|relay| relay.stats().channels == 0).await;
    let mut bob = player(&host, "bob").await;
    bob.subscribe(Scope::Relay, "news").await;
    bob.publish("", in_relay("news"), "missed").await;
    assert!(bob.message().await.number > last);
    assert_eq!(history(&mut ada, Scope::Relay, "news", Some(last)).await, ["missed"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_hears_its_channels_after_a_reconnection_without_asking() {
    let host = Host::start().await;
    let mut ada = host.player("ada").await;
    for scope in SCOPES {
        ada.subscribe(scope, "news").await.expect("the name is good");
        until(&mut ada, |_, update| matches!(update, Update::Subscribed(heard) if heard.channel == "news")).await;
    }
    let mut bob = player(&host, "bob").await;
    ada.cut();
    let lobby = host.room("lobby");
    patiently(async { while lobby.occupants().await.is_some_and(|there| there[0].connected) {} }).await;
    host.settles(|relay| relay.stats().connections == 1).await;
    for scope in SCOPES {
        bob.publish("x", channel(scope, "news"), &format!("missed in {scope:?}")).await;
        bob.acked().await;
        // The same id in another scope is another message.
        bob.publish("y", channel(scope, "news"), &format!("and this in {scope:?}")).await;
        bob.acked().await;
    }
    let mut heard = Vec::new();
    until(&mut ada, |_, update| {
        if let Update::Message(message) = update {
            heard.push(text(message));
        }
        heard.len() == 4
    })
    .await;
    heard.sort_unstable();
    let all = ["and this in Relay", "and this in Room", "missed in Relay", "missed in Room"];
    assert_eq!(heard, all);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_room_opens_no_channel_of_the_relay() {
    use tickwire::{Authenticator, Door, Grant, Player, Verdict};

    struct OneRoom;

    impl Authenticator for OneRoom {
        fn authenticate(&self, token: &str, _: Door) -> Verdict {
            let player = Player { id: token.into(), name: token.into() };
            Box::pin(std::future::ready(Ok(Grant { player, room: Some("lobby".into()) })))
        }
    }

    let host = Host::with(Relay::builder().authenticator(OneRoom), SimOptions::default()).await;
    let mut ada = host.raw().await;
    ada.enter_as("ada", room("lobby"), Role::Player).await;
    ada.ask_for(Scope::Relay, "news", None).await;
    assert_eq!(ada.error().await, ErrorCode::Forbidden);
    assert_eq!(refused(&mut ada, in_relay("main")).await, ErrorCode::Forbidden);
    host.stop().await;
}

//! The text form, as a person with a text-mode client speaks it.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tickwire::{Config, Relay, RelayBuilder, SimOptions};
use tickwire_client::Update;
use tickwire_protocol::{CloseCode, Role};
use tickwire_tests::{
    Dots, Folded, Go, Host, Position, Salon, Text, Witness, answer_riddles, any, patiently, room, until,
};
use tokio_tungstenite::tungstenite::Message;

async fn start(relay: RelayBuilder) -> Host {
    let host = Host::with(relay.kind("dots", any(Dots)), SimOptions::default()).await;
    host.relay.open("salon", Salon, SimOptions::default()).expect("the name is free");
    host
}

/// Someone who speaks JSON in a room, and the welcome.
async fn inside(host: &Host, token: &str, name: &str) -> (Text, Value) {
    let mut text = host.text().await;
    let welcome = text.enter(token, json!({"room": name})).await;
    (text, welcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simplest_shapes_do_the_simplest_things() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (host.text().await, host.text().await);
    for (text, name) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        text.send(format!(r#"{{"type":"auth","payload":{{"token":"{name}"}},"timestamp":1700000000000}}"#)).await;
        assert_eq!(text.hear("accepted").await["payload"]["player"], name);
        text.send(r#"{"type":"subscribe","payload":{"channel":"updates"}}"#).await;
        let subscribed = text.hear("subscribed").await;
        assert_eq!(
            (&subscribed["payload"]["channel"], &subscribed["payload"]["scope"]),
            (&json!("updates"), &json!("relay"))
        );
    }
    assert_eq!(ada.hear("presence").await["payload"]["member"]["name"], "bob");
    ada.send(r#"{"type":"message","payload":{"channel":"updates","text":"Hello","n":1.50},"id":"m1"}"#).await;
    assert_eq!(ada.hear("ack").await["payload"], json!({"id": "m1"}));
    let heard = bob.hear("message").await;
    assert_eq!(heard["id"], "updates:1");
    let payload = &heard["payload"];
    assert_eq!(
        (&payload["text"], &payload["from"]["name"], &payload["channel"]),
        (&json!("Hello"), &json!("ada"), &json!("updates"))
    );
    bob.send(r#"{"type":"ack","payload":{"id":"updates:1"}}"#).await;
    bob.send(r#"{"type":"ping"}"#).await;
    assert_eq!(bob.hear("pong").await["payload"]["nonce"], 0);
    bob.send(r#"{"type":"unsubscribe","payload":{"channel":"updates"}}"#).await;
    assert_eq!(bob.hear("unsubscribed").await["payload"]["channel"], "updates");
    ada.say(json!({"type": "message", "payload": {"channel": "updates", "text": "gone?"}, "id": "m2"})).await;
    ada.hear_that(|heard| heard["type"] == "ack" && heard["payload"]["id"] == "m2").await;
    bob.say(json!({"type": "ping", "payload": {"nonce": 7}})).await;
    let next = bob.hear_that(|heard| heard["type"] == "message" || heard["payload"]["nonce"] == 7).await;
    assert_eq!(next["type"], "pong", "it hears no more");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_fold_to_what_a_client_sees() {
    let options = SimOptions { tick_rate: 60, ..SimOptions::default() };
    let host = Host::with(Relay::builder(), options).await;
    let mut ada = host.player("ada").await;
    let (mut eve, _) = inside(&host, "eve", "lobby").await;
    let mut folded = Folded::default();
    assert_eq!(folded.fold(&eve.hear("snapshot").await), Some(true), "the first is a full one");
    ada.send(&Go { x: 1.5, ..Go::default() }).await;
    let moves = async {
        let mut deltas = 0;
        while deltas < 30 {
            deltas += u32::from(folded.fold(&eve.next().await) == Some(false));
        }
    };
    patiently(moves).await;
    until(&mut ada, |client, _| u64::from(client.tick()) >= folded.tick).await;
    while folded.tick < ada.tick().into() {
        assert_ne!(folded.fold(&eve.next().await), Some(true), "one that keeps up needs no other full one");
    }
    assert_eq!(folded.tick, u64::from(ada.tick()));
    let replica = ada.replica().expect("in the room");
    assert_eq!(folded.entities.len(), 2);
    for (slot, position) in replica.rows::<Position>() {
        let entity = &folded.entities[&slot.into()];
        assert_eq!(entity["Position"]["x"].as_f64(), Some(position.x.into()));
    }
    for (slot, seat) in replica.rows::<tickwire::Seat>() {
        let row = &folded.entities[&slot.into()]["Seat"];
        assert_eq!(
            (row["seat"].as_u64(), row["connected"].as_bool()),
            (Some(seat.seat.0.into()), Some(seat.connected))
        );
        assert_eq!(row["sequence"].as_u64(), Some(seat.sequence.into()));
    }
    // Who leaves is gone for both.
    let seat = u64::from(ada.seat().expect("in the room").0);
    ada.leave().await;
    while folded.of_seat(seat, "Position").is_some() {
        folded.fold(&eve.next().await);
    }
    assert_eq!(folded.entities.len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_moves_the_player() {
    let host = Host::start().await;
    let (mut ada, welcome) = inside(&host, "ada", "lobby").await;
    let fields = json!({"x": 2.0, "jump": true, "panic": false, "hold": 0});
    let seat = welcome["seat"].as_u64().expect("a player has one");
    ada.say(json!({"type": "input", "payload": {"fields": fields}})).await;
    let mut folded = Folded::default();
    let mut jumped = false;
    let moved = ada.hear_that(|heard| {
        folded.fold(heard);
        jumped |= heard["type"] == "event"
            && heard["payload"]["name"] == "Jumped"
            && heard["payload"]["fields"]["seat"] == seat;
        jumped && folded.of_seat(seat, "Position").is_some_and(|position| position["x"].as_f64() >= Some(4.0))
    });
    moved.await;
    assert_eq!(folded.of_seat(seat, "Seat").map(|row| &row["sequence"]), Some(&json!(1)), "the relay counts");
    // And one that counts by itself.
    let payload = json!({"fields": fields, "sequence": 2, "tick": folded.tick + 2, "acked": folded.tick});
    ada.say(json!({"type": "input", "payload": payload})).await;
    ada.hear_that(|heard| {
        folded.fold(heard);
        folded.of_seat(seat, "Seat").is_some_and(|row| row["sequence"] == 2)
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_must_have_the_games_fields() {
    let host = Host::start().await;
    let (mut ada, _) = inside(&host, "ada", "lobby").await;
    for fields in [
        json!({"x": 1}),
        json!({"x": 1, "jump": true, "panic": false, "hold": 0, "y": 1}),
        json!({"x": "1", "jump": true, "panic": false, "hold": 0}),
    ] {
        ada.say(json!({"type": "input", "payload": {"fields": fields}})).await;
        let error = ada.hear("error").await;
        assert_eq!(error["payload"]["code"], "INVALID", "{error}");
        assert!(error["payload"]["message"].as_str().is_some_and(|words| words.contains("fields")), "{error}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_game_is_told_and_asked_by_name() {
    let host = start(Relay::builder()).await;
    let (mut ada, welcome) = inside(&host, "ada", "salon").await;
    assert_eq!(welcome["schema"]["messages"][0]["name"], "Say");
    ada.say(json!({"type": "tell", "payload": {"name": "Say", "fields": {"text": "hello"}}, "id": "t1"})).await;
    assert_eq!(ada.hear("ack").await["payload"]["id"], "t1");
    let event = ada.hear("event").await;
    assert_eq!(
        (&event["payload"]["name"], &event["payload"]["fields"]),
        (&json!("Heard"), &json!({"seat": 0, "text": "hello"}))
    );
    ada.say(json!({"type": "request", "payload": {"name": "Add", "fields": {"a": 40, "b": 2}}, "id": "r1"})).await;
    let reply = ada.hear("reply").await;
    assert_eq!((&reply["payload"]["id"], &reply["payload"]["fields"]), (&json!("r1"), &json!({"sum": 42})));
    assert!(reply["id"].as_str().is_some_and(|id| id.parse::<u32>().is_ok()), "{reply}");
    ada.say(json!({"type": "request", "payload": {"name": "Add", "fields": {"a": 1, "b": 0}}, "id": "r2"})).await;
    assert_eq!(ada.error().await, ("REQUEST_REFUSED".into(), Some("r2".into())));
    for (kind, id) in [("tell", "t2"), ("request", "r3")] {
        ada.say(json!({"type": kind, "payload": {"name": "Nothing", "fields": {}}, "id": id})).await;
        assert_eq!(ada.error().await, ("INVALID".into(), Some(id.into())));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_are_created_found_listed_and_left() {
    let host = start(Relay::builder()).await;
    let mut ada = host.text().await;
    ada.auth("ada").await;
    let creation = json!({"kind": "dots", "name": "mine", "labels": {"mode": "duel"}, "metadata": "m", "seats": 4, "seed": 7, "private": false});
    ada.say(json!({"type": "join", "payload": {"create": creation}})).await;
    let welcome = ada.hear("welcome").await;
    assert_eq!((&welcome["payload"]["room"], &welcome["payload"]["code"]), (&json!("mine"), &Value::Null));
    let mut bob = host.text().await;
    bob.auth("bob").await;
    bob.say(json!({"type": "list_rooms", "payload": {"labels": {"mode": "duel"}}})).await;
    let listed = bob.hear("room_list").await["payload"].take();
    assert_eq!(
        (listed["whole"].as_bool(), &listed["rooms"][0]["name"], listed["rooms"].as_array().map(Vec::len)),
        (Some(true), &json!("mine"), Some(1))
    );
    for target in [
        json!({"find": {"labels": {"mode": "duel"}}}),
        json!({"find_or_create": {"kind": "dots", "labels": {"mode": "duel"}}}),
        json!({"room": "mine"}),
    ] {
        bob.say(json!({"type": "join", "payload": target})).await;
        assert_eq!(bob.hear("welcome").await["payload"]["room"], "mine");
        bob.say(json!({"type": "leave"})).await;
    }
    bob.say(json!({"type": "join", "payload": {"create": {"kind": "dots", "private": true}}})).await;
    let code = bob.hear("welcome").await["payload"]["code"].take();
    let mut cy = host.text().await;
    assert_eq!(cy.enter("cy", json!({"code": code, "role": "spectator"})).await["seat"], Value::Null);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_meet_in_the_queue() {
    let host = start(Relay::builder()).await;
    let queue = json!({"type": "join", "payload": {"queue": {"kind": "dots", "players": 2, "rank": 7}}});
    let (mut ada, mut bob) = (host.text().await, host.text().await);
    for (text, name) in [(&mut ada, "ada"), (&mut bob, "bob")] {
        text.auth(name).await;
        text.say(queue.clone()).await;
    }
    let rooms =
        [ada.hear("welcome").await, bob.hear("welcome").await].map(|welcome| welcome["payload"]["room"].to_string());
    assert_eq!(rooms[0], rooms[1]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_room_talk_by_channel_seat_and_host() {
    let host = start(Relay::builder()).await;
    let ((mut ada, _), (mut bob, welcome)) = (inside(&host, "ada", "salon").await, inside(&host, "bob", "salon").await);
    assert_eq!((&welcome["seat"], &welcome["host"]), (&json!(1), &json!(0)));
    for (said, channel, heard) in [
        (json!({"text": "hi"}), json!("main"), json!({"text": "hi"})),
        (json!({"text": "hi", "to": "host"}), Value::Null, json!({"text": "hi", "to": "host"})),
        (json!({"text": "hi", "to": [0, 1]}), Value::Null, json!({"text": "hi", "to": [0, 1]})),
        (json!({"content": ["a", 1]}), json!("main"), json!({"content": ["a", 1]})),
        (json!({"bytes": "AAEC/w=="}), json!("main"), json!({"bytes": "AAEC/w=="})),
    ] {
        bob.say(json!({"type": "message", "payload": said})).await;
        let message = ada.hear("message").await;
        let payload = &message["payload"];
        assert_eq!((&payload["channel"], &payload["from"]["seat"]), (&channel, &json!(1)), "{message}");
        for (key, value) in heard.as_object().expect("an object") {
            assert_eq!(&payload[key], value, "{message}");
        }
    }
    for (to, code) in [(json!({"to": [9]}), "NO_RECIPIENT"), (json!({"channel": "nobody"}), "NO_CHANNEL")] {
        bob.say(json!({"type": "message", "payload": to, "id": "lost"})).await;
        assert_eq!(bob.error().await, (code.into(), Some("lost".into())));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_client_and_a_text_client_hear_each_other() {
    let host = start(Relay::builder()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let (mut bob, _) = inside(&host, "bob", "salon").await;
    bob.say(json!({"type": "message", "payload": {"text": "from text"}})).await;
    let heard = until(&mut ada, |_, update| matches!(update, Update::Message(_))).await;
    let Update::Message(message) = heard else { panic!("{heard:?}") };
    assert_eq!(message.content, tickwire::Content::Json(r#"{"text":"from text"}"#.into()));
    bob.hear("message").await;
    ada.publish(tickwire_tests::in_room("main"), tickwire_tests::words("from binary")).await.expect("it is short");
    assert_eq!(bob.hear("message").await["payload"]["content"], "from binary");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_resumed_and_what_was_missed_is_told() {
    let host = start(Relay::builder()).await;
    let (mut ada, welcome) = inside(&host, "ada", "salon").await;
    ada.say(json!({"type": "request", "payload": {"name": "Riddle", "fields": {}}, "id": "r1"})).await;
    ada.say(json!({"type": "message", "payload": {"text": "before"}})).await;
    let before = ada.hear("message").await["id"].as_str().expect("it has one").to_owned();
    ada.say(json!({"type": "ack", "payload": {"id": before}})).await;
    ada.say(json!({"type": "ping", "payload": {"nonce": 1}})).await;
    ada.hear("pong").await;
    drop(ada);
    let salon = host.room("salon");
    patiently(async { while salon.occupants().await.is_some_and(|there| there[0].connected) {} }).await;
    assert_eq!(patiently(salon.call(answer_riddles)).await, Some(1));
    salon.publish("main", tickwire_tests::words("missed"));
    let mut ada = host.text().await;
    let resume = json!({"room": "salon", "resume": welcome["resume"], "received": 0});
    let back = ada.enter("ada", resume).await;
    assert_eq!((&back["seat"], back["received"].to_string(), &back["lost"]), (&welcome["seat"], before, &json!(false)));
    assert_eq!(
        ada.hear_that(|heard| ["reply", "message"].map(Value::from).contains(&heard["type"])).await["payload"]["id"],
        "r1"
    );
    assert_eq!(ada.hear("message").await["payload"]["content"], "missed");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_more_than_can_be_sent_at_once_hears_the_last_of_it() {
    let host = Host::start().await;
    let (ada, welcome) = inside(&host, "ada", "lobby").await;
    drop(ada);
    let lobby = host.room("lobby");
    patiently(async { while lobby.occupants().await.is_some_and(|there| there[0].connected) {} }).await;
    for _ in 0..200 {
        lobby.publish("main", tickwire::Content::Bytes(vec![0; 2048]));
    }
    lobby.publish("main", tickwire_tests::words("last"));
    let mut ada = host.text().await;
    let back = ada.enter("ada", json!({"room": "lobby", "resume": welcome["resume"]})).await;
    assert_eq!(back["lost"], true);
    let mut heard = 0;
    ada.hear_that(|message| {
        heard += u32::from(message["type"] == "message");
        message["payload"]["content"] == "last"
    })
    .await;
    assert!((10..60).contains(&heard), "{heard}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_snapshot_comes_when_asked_for() {
    let host = Host::start().await;
    let (mut ada, _) = inside(&host, "ada", "lobby").await;
    let mut folded = Folded::default();
    assert_eq!(folded.fold(&ada.hear("snapshot").await), Some(true));
    assert_eq!(folded.fold(&ada.hear("snapshot").await), Some(false));
    ada.say(json!({"type": "resync"})).await;
    ada.hear_that(|heard| heard["type"] == "snapshot" && heard["payload"]["base"].is_null()).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_the_connection_stays() {
    let host = Host::start().await;
    let mut ada = host.text().await;
    ada.auth("ada").await;
    for (said, code, id, named) in [
        (json!({"payload": {}, "id": "a"}), "INVALID", Some("a"), "type"),
        (json!({"type": "dance", "id": "b"}), "INVALID", Some("b"), "dance"),
        (json!({"type": "subscribe", "payload": {}}), "INVALID", None, "payload.channel"),
        (json!({"type": "join", "payload": {"room": "lobby", "code": "X"}}), "INVALID", None, "payload"),
        (json!({"type": "message", "payload": {"channel": 7}, "id": "c"}), "INVALID", Some("c"), "payload.channel"),
        (json!(["auth"]), "INVALID", None, ""),
        (json!({"type": "tell", "payload": {"name": "Say", "fields": {}}, "id": "d"}), "NOT_JOINED", Some("d"), ""),
        (json!({"type": "input", "payload": {"fields": {}}}), "NOT_JOINED", None, ""),
        (json!({"type": "message", "payload": {"text": "x", "to": "host"}, "id": "e"}), "NOT_JOINED", Some("e"), ""),
        (json!({"type": "resync"}), "NOT_JOINED", None, ""),
        (json!({"type": "leave"}), "NOT_JOINED", None, ""),
        (json!({"type": "join", "payload": {"room": "attic"}}), "ROOM_NOT_FOUND", None, ""),
    ] {
        ada.say(said.clone()).await;
        let error = ada.hear("error").await;
        assert_eq!((error["payload"]["code"].as_str(), error["id"].as_str()), (Some(code), id), "{said}: {error}");
        assert!(error["payload"]["message"].as_str().is_some_and(|words| words.contains(named)), "{said}: {error}");
    }
    ada.say(json!({"type": "join", "payload": {"room": "lobby"}})).await;
    ada.hear("welcome").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_or_no_text_ends_the_session() {
    let host = Host::start().await;
    let witness = Witness::join(&host).await;
    for message in [Message::text("hello"), Message::text("{\"type\":"), Message::binary(vec![0x04, 0x00])] {
        let mut ada = host.text().await;
        ada.auth("ada").await;
        ada.socket.send(message).await.expect("the relay reads");
        assert_eq!(ada.closed().await, CloseCode::Unsupported);
    }
    for (said, code) in [
        (json!({"type": "join", "payload": {"room": "lobby"}}), CloseCode::Malformed),
        (json!({"type": "auth", "payload": {}}), CloseCode::Malformed),
        (json!({"type": "auth", "payload": {"token": "<nobody>"}}), CloseCode::Unauthorized),
        (json!({"type": "auth", "payload": {"token": "ada", "protocol": 9}}), CloseCode::Version),
    ] {
        let mut mallory = host.text().await;
        mallory.say(said).await;
        assert_eq!(mallory.closed().await, code);
    }
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_too_much_is_warned_and_then_evicted() {
    let rate = tickwire::Rate { per_second: 1, burst: 2 };
    let host = Host::with_config(Config { messages: rate, excess: rate, ..Config::default() }).await;
    let mut ada = host.text().await;
    ada.auth("ada").await;
    for index in 0..12 {
        ada.say(json!({"type": "message", "payload": {"text": "x", "scope": "relay"}, "id": format!("m{index}")}))
            .await;
    }
    let error = ada.hear("error").await;
    assert_eq!((&error["payload"]["code"], &error["id"]), (&json!("RATE_LIMITED"), &json!("m2")));
    assert!(error["payload"]["retry_ms"].is_u64(), "{error}");
    assert_eq!(ada.closed().await, CloseCode::Flood);
    host.stop().await;
}

/// A relay with a fast room, and little of it waits for a socket.
async fn narrow() -> Host {
    let config = Config { outbox_bytes: 8 * 1024, outbox_frames: 100, send_buffer: 2048, ..Config::default() };
    Host::with(Relay::builder().config(config), SimOptions { tick_rate: 120, ..SimOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pongs_acknowledge() {
    let host = narrow().await;
    // It reads, and its library answers pings; it says nothing. Without an answer it would hear no more after about a second.
    let (mut ada, _) = inside(&host, "ada", "lobby").await;
    let mut folded = Folded::default();
    patiently(async {
        while folded.tick < 400 {
            folded.fold(&ada.next().await);
        }
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_read_is_left_out_and_then_gets_all_there_is() {
    let host = narrow().await;
    let mut runners = Vec::new();
    for index in 0..20 {
        let mut runner = host.player(&format!("runner.{index}")).await;
        // Held, so that the dot moves every tick from now on.
        runner.send(&Go { x: 0.5, ..Go::default() }).await;
        runners.push(tokio::spawn(async move { while let Ok(Some(_)) = runner.next().await {} }));
    }
    let mut sleeper = Text::connect_narrow(host.addr).await;
    sleeper.enter("sleeper", json!({"room": "lobby"})).await;
    let mut folded = Folded::default();
    folded.fold(&sleeper.hear("snapshot").await);
    let asleep = folded.tick;
    host.settles(|relay| u64::from(relay.stats().rooms[0].tick) > asleep + 240).await;
    let awake = u64::from(host.relay.stats().rooms[0].tick);
    let mut full = 0;
    while folded.tick < awake {
        full += u32::from(folded.fold(&sleeper.next().await) == Some(true));
    }
    assert!(full > 0, "it fell behind and was told all there is");
    runners.iter().for_each(tokio::task::JoinHandle::abort);
    host.stop().await;
}

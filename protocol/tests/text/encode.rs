//! Every shape that a server may say.

use serde_json::json;
use tickwire_protocol::wire::to_record;
use tickwire_protocol::{
    Accepted, Acked, ErrorCode, ErrorReply, Event, HostChange, Labels, Member, Presence, Probe, Reply, RoomList,
    RoomListing, Schema, Scope, SeatId, ServerMessage, ServerProbeReply, Subscribed, Unsubscribed, Welcome, text,
};

use super::{All, Steer, heard, schema};

fn member() -> Member {
    Member { session: 4, seat: Some(SeatId(1)), name: "Ada".into() }
}

/// The message's type and payload.
fn said(message: ServerMessage) -> (String, serde_json::Value) {
    let mut heard = heard(&message);
    assert_eq!(heard["timestamp"].take(), 7);
    assert_eq!(heard.get("id"), None);
    (heard["type"].as_str().expect("a type is a string").into(), heard["payload"].take())
}

/// That a message has the id of what it answers beside its payload, if that had one.
fn answers(kind: &str, payload: &serde_json::Value, message: impl Fn(Option<String>) -> ServerMessage) {
    let bare = json!({"type": kind, "payload": payload, "timestamp": 7});
    assert_eq!(heard(&message(None)), bare);
    let named = json!({"type": kind, "payload": payload, "id": "s1", "timestamp": 7});
    assert_eq!(heard(&message(Some("s1".into()))), named);
}

#[test]
fn what_answers_a_bare_client_is_as_bare() {
    let accepted = Accepted { protocol: 1, player: "Ada".into(), heartbeat_ms: 2000 };
    let payload = json!({"protocol": 1, "player": "Ada", "heartbeat_ms": 2000});
    assert_eq!(said(ServerMessage::Accepted(accepted)), ("accepted".into(), payload));
    assert_eq!(said(ServerMessage::Acked(Acked { id: "m1".into() })), ("ack".into(), json!({"id": "m1"})));
    assert_eq!(said(ServerMessage::Probe(Probe { nonce: 5 })), ("ping".into(), json!({"nonce": 5})));
    let pong = ServerProbeReply { nonce: 0, tick: 120, phase: 0x4000 };
    assert_eq!(said(ServerMessage::ProbeReply(pong)), ("pong".into(), json!({"nonce": 0, "tick": 120, "phase": 0.25})));
}

#[test]
fn an_error_has_the_id_of_what_was_refused() {
    let error = |retry_ms, id: Option<&str>| {
        let message = "one too many \"}".into();
        heard(&ServerMessage::Error(ErrorReply {
            code: ErrorCode::RateLimited,
            message,
            retry_ms,
            id: id.map(Into::into),
        }))
    };
    let payload = json!({"code": "RATE_LIMITED", "message": "one too many \"}"});
    assert_eq!(error(None, None), json!({"type": "error", "payload": payload, "timestamp": 7}));
    let payload = json!({"code": "RATE_LIMITED", "message": "one too many \"}", "retry_ms": 250});
    assert_eq!(error(Some(250), Some("m1")), json!({"type": "error", "payload": payload, "id": "m1", "timestamp": 7}));
}

#[test]
fn channels_and_rooms_are_told_as_they_are() {
    let (scope, channel) = (Scope::Relay, || "updates".to_owned());
    let ada = json!({"session": 4, "seat": 1, "name": "Ada"});
    let payload = json!({"scope": "relay", "channel": "updates", "members": [ada], "count": 1});
    answers("subscribed", &payload, |id| {
        ServerMessage::Subscribed(Subscribed { id, scope, channel: channel(), members: vec![member()], count: 1 })
    });
    let payload = json!({"scope": "relay", "channel": "updates"});
    answers("unsubscribed", &payload, |id| ServerMessage::Unsubscribed(Unsubscribed { id, scope, channel: channel() }));
    let presence = Presence { scope, channel: channel(), member: member(), here: false };
    let payload = json!({"scope": "relay", "channel": "updates", "member": ada, "here": false});
    assert_eq!(said(ServerMessage::Presence(presence)), ("presence".into(), payload));
    let host = HostChange { host: Some(SeatId(2)) };
    assert_eq!(said(ServerMessage::HostChange(host)), ("host_change".into(), json!({"host": 2})));
    let listing = RoomListing {
        name: "lobby".into(),
        kind: "arena".into(),
        labels: Labels::from([("mode".into(), "duel".into())]),
        metadata: String::new(),
        players: 3,
        seats: 8,
        spectators: 1,
        locked: false,
    };
    let room = json!({"name": "lobby", "kind": "arena", "labels": {"mode": "duel"}, "metadata": "", "players": 3, "seats": 8, "spectators": 1, "locked": false});
    answers("room_list", &json!({"whole": true, "rooms": [room], "gone": []}), |id| {
        ServerMessage::RoomList(RoomList { id, whole: true, rooms: vec![listing.clone()], gone: vec![] })
    });
}

#[test]
fn the_game_speaks_by_name() {
    let event = Event { number: 17, tick: 9, event: 0, record: to_record(&All::default()).into() };
    let event = heard(&ServerMessage::Event(event));
    assert_eq!((&event["type"], &event["id"]), (&json!("event"), &json!("17")));
    assert_eq!((&event["payload"]["name"], &event["payload"]["tick"]), (&json!("Hit"), &json!(9)));
    assert_eq!(event["payload"]["fields"]["stance"], "Standing");
    let record = to_record(&Steer { x: -0.25, fire: true }).into();
    let reply = heard(&ServerMessage::Reply(Reply { number: 18, id: "r1".into(), request: 0, record }));
    let payload = json!({"id": "r1", "name": "Score", "fields": {"x": -0.25, "fire": true}});
    assert_eq!(reply, json!({"type": "reply", "payload": payload, "id": "18", "timestamp": 7}));
}

#[test]
fn what_is_not_of_the_schema_has_no_fields() {
    let event = Event { number: 1, tick: 1, event: 5, record: vec![1].into() };
    assert_eq!(heard(&ServerMessage::Event(event))["payload"], json!({"tick": 1, "name": null, "fields": null}));
    assert_eq!(text::encode(&ServerMessage::Snapshot(vec![0].into()), None, 7), None);
}

#[test]
fn a_welcome_shows_the_schema() {
    let schema = Schema { events: vec![], messages: vec![], requests: vec![], ..schema() };
    let welcome = |id| Welcome {
        id,
        room: "lobby".into(),
        code: None,
        session: 4,
        seat: Some(SeatId(1)),
        host: None,
        tick: 100,
        tick_rate: 30,
        snapshot_every: 1,
        input_ahead: 32,
        input_behind: 32,
        resume: [0x0A; 16],
        resume_ms: 20_000,
        received: 16,
        lost: false,
        schema_hash: 0xAB,
        schema: schema.clone().into(),
    };
    let all = json!([
        {"name": "flag", "kind": "bool"},
        {"name": "narrow", "kind": "int", "min": -300, "max": 300},
        {"name": "wide", "kind": "int", "min": 0, "max": 4_294_967_295_u32},
        {"name": "real", "kind": "fixed", "min": -8, "max": 8, "step": 0.1},
        {"name": "angle", "kind": "angle", "bits": 10},
        {"name": "stance", "kind": "enum", "variants": ["Standing", "Lying"]},
        {"name": "text", "kind": "text", "max_bytes": 8},
        {"name": "bytes", "kind": "bytes", "max_bytes": 4},
    ]);
    let steer =
        json!([{"name": "x", "kind": "fixed", "min": -1, "max": 1, "step": 0.01}, {"name": "fire", "kind": "bool"}]);
    let payload = json!({
        "room": "lobby", "code": null, "session": 4, "seat": 1, "host": null,
        "tick": 100, "tick_rate": 30, "snapshot_every": 1, "input_ahead": 32, "input_behind": 32,
        "resume": "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a", "resume_ms": 20_000, "received": 16, "lost": false,
        "schema_hash": "00000000000000ab",
        "schema": {
            "components": [{"name": "All", "fields": all}],
            "input": {"name": "Steer", "fields": steer},
            "events": [], "messages": [], "requests": [],
        },
    });
    answers("welcome", &payload, |id| ServerMessage::Welcome(welcome(id).into()));
}

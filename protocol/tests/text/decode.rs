//! Every shape that a client may say.

use tickwire_protocol::text::{self, Context, Decoded};
use tickwire_protocol::wire::to_record;
use tickwire_protocol::{
    Ack, Auth, ClientMessage, Creation, Exchange, Join, Labels, ListRooms, Probe, Queueing, Request, Resume, Resync,
    Role, Schema, Scope, Subscribe, Target, Tell, Unsubscribe, Wanted, Wire as _,
};

use super::{All, Steer, inside, message, outside};

fn join(target: Target) -> ClientMessage {
    ClientMessage::Join(Join { id: None, target, role: Role::Player, resume: None })
}

fn labels() -> Labels {
    Labels::from([("mode".into(), "duel".into())])
}

#[test]
fn a_bare_client_is_understood() {
    let auth = |protocol| message(ClientMessage::Auth(Auth { protocol, token: "secret".into() }));
    assert_eq!(outside(r#"{"type":"auth","payload":{"token":"secret"}}"#), auth(1));
    assert_eq!(outside(r#"{"type":"auth","payload":{"token":"secret","protocol":2}}"#), auth(2));
    assert_eq!(outside(r#"{"type":"ping"}"#), message(ClientMessage::Probe(Probe { nonce: 0 })));
    assert_eq!(outside(r#"{"type":"ping","payload":{"nonce":9}}"#), message(ClientMessage::Probe(Probe { nonce: 9 })));
    assert_eq!(inside(r#"{"type":"leave","payload":null}"#), message(ClientMessage::Leave));
    assert_eq!(inside(r#"{"type":"resync"}"#), message(ClientMessage::Resync(Resync { base: None, desync: false })));
}

#[test]
fn a_channel_is_where_the_session_is() {
    let subscribe = |scope, after| {
        message(ClientMessage::Subscribe(Subscribe { id: None, scope, channel: "updates".into(), after }))
    };
    let bare = r#"{"type":"subscribe","payload":{"channel":"updates"}}"#;
    assert_eq!(outside(bare), subscribe(Scope::Relay, None));
    assert_eq!(inside(bare), subscribe(Scope::Room, None));
    let whole = r#"{"type":"subscribe","payload":{"channel":"updates","scope":"relay","after":17}}"#;
    assert_eq!(inside(whole), subscribe(Scope::Relay, Some(17)));
    let (id, scope, channel) = (None, Scope::Room, "updates".into());
    let leave = message(ClientMessage::Unsubscribe(Unsubscribe { id, scope, channel }));
    assert_eq!(inside(r#"{"type":"unsubscribe","payload":{"channel":"updates"}}"#), leave);
}

#[test]
fn what_can_be_refused_can_have_an_id() {
    for (kind, payload) in [
        ("join", r#"{"room":"lobby"}"#),
        ("subscribe", r#"{"channel":"updates"}"#),
        ("unsubscribe", r#"{"channel":"updates"}"#),
        ("list_rooms", "{}"),
        ("message", r#"{"text":"Hello"}"#),
        ("tell", r#"{"name":"Steer","fields":{"x":0,"fire":true}}"#),
        ("request", r#"{"name":"Steer","fields":{"x":0,"fire":true}}"#),
    ] {
        let text = format!(r#"{{"type":"{kind}","payload":{payload},"id":"q1"}}"#);
        let schema = Schema {
            messages: vec![Steer::shape()],
            requests: vec![Exchange { request: Steer::shape(), reply: Steer::shape() }],
            ..Schema::default()
        };
        let said = text::decode(&text, &Context { schema: Some(&schema) });
        let id = |said| if let Decoded::Message(message) = said { message.id().cloned() } else { None };
        assert_eq!(said.map(id), Ok(Some("q1".into())), "{text}");
    }
}

#[test]
fn a_timestamp_is_ignored_and_so_is_what_a_client_keeps_beside_it() {
    for stamp in ["1700000000000", "1.5", r#""2026-01-01T00:00:00Z""#, "null"] {
        let text = format!(r#"{{"timestamp":{stamp},"type":"leave","mine":[1]}}"#);
        assert_eq!(inside(&text), message(ClientMessage::Leave));
    }
}

#[test]
fn every_target_can_be_joined() {
    let said = |payload: &str| outside(&format!(r#"{{"type":"join","payload":{payload}}}"#));
    assert_eq!(said(r#"{"room":"lobby"}"#), message(join(Target::Room("lobby".into()))));
    assert_eq!(said(r#"{"code":"X7"}"#), message(join(Target::Code("X7".into()))));
    assert_eq!(said(r#"{"find":{}}"#), message(join(Target::Find(Wanted::default()))));
    let wanted = Wanted { kind: Some("arena".into()), labels: labels() };
    assert_eq!(said(r#"{"find":{"kind":"arena","labels":{"mode":"duel"}}}"#), message(join(Target::Find(wanted))));
    let creation = Creation { seats: Some(4), seed: Some(u64::MAX), private: true, ..Creation::default() };
    let payload = r#"{"seats":4,"seed":18446744073709551615,"private":true}"#;
    let created = join(Target::Create(creation.clone()));
    assert_eq!(said(&format!(r#"{{"create":{payload}}}"#)), message(created));
    let found = join(Target::FindOrCreate(creation));
    assert_eq!(said(&format!(r#"{{"find_or_create":{payload}}}"#)), message(found));
    let queueing = Queueing { kind: None, labels: labels(), players: 2, rank: -3 };
    let text = r#"{"queue":{"players":2,"rank":-3,"labels":{"mode":"duel"}}}"#;
    assert_eq!(said(text), message(join(Target::Queue(queueing))));
}

#[test]
fn a_seat_is_taken_up_again() {
    let token = *b"sixteen byte tok";
    let resume = |received| {
        let resume = Some(Resume { token, received });
        let target = Target::Room("lobby".into());
        message(ClientMessage::Join(Join { id: None, target, role: Role::Spectator, resume }))
    };
    let hex = "7369787465656e206279746520746F6B";
    let said = |more: &str| {
        outside(&format!(r#"{{"type":"join","payload":{{"room":"lobby","role":"spectator","resume":"{hex}"{more}}}}}"#))
    };
    assert_eq!(said(""), resume(0));
    assert_eq!(said(r#","received":17"#), resume(17));
}

#[test]
fn the_relay_counts_what_a_person_does_not() {
    let record = to_record(&Steer { x: 0.5, fire: true });
    let bare = r#"{"type":"input","payload":{"fields":{"fire":true,"x":0.5}}}"#;
    let input = |sequence, tick, acked| Ok(Decoded::Input { sequence, tick, acked, record: record.clone().into() });
    assert_eq!(inside(bare), input(None, None, None));
    let whole = r#"{"type":"input","payload":{"sequence":1,"tick":2,"acked":3,"fields":{"x":0.5,"fire":true}}}"#;
    assert_eq!(inside(whole), input(Some(1), Some(2), Some(3)));
    let reply = |acked| Ok(Decoded::ProbeReply { nonce: 5, acked });
    assert_eq!(inside(r#"{"type":"pong","payload":{"nonce":5}}"#), reply(None));
    assert_eq!(inside(r#"{"type":"pong","payload":{"nonce":5,"tick":9}}"#), reply(Some(9)));
}

#[test]
fn the_game_is_spoken_to_by_name() {
    let fields = r#"{"flag":false,"narrow":0,"wide":0,"real":0,"angle":0,"stance":"Standing","text":"","bytes":""}"#;
    let record = to_record(&All::default());
    let tell = |id: Option<&str>| {
        message(ClientMessage::Tell(Tell { id: id.map(Into::into), message: 1, record: record.clone().into() }))
    };
    let wave = format!(r#"{{"type":"tell","payload":{{"name":"Wave","fields":{fields}}}"#);
    assert_eq!(inside(&format!("{wave}}}")), tell(None));
    assert_eq!(inside(&format!(r#"{wave},"id":"t1"}}"#)), tell(Some("t1")));
    let score = format!(r#"{{"type":"request","id":"r1","payload":{{"name":"Score","fields":{fields}}}}}"#);
    let request = Request { id: "r1".into(), request: 0, record: record.clone().into() };
    assert_eq!(inside(&score), message(ClientMessage::Request(request)));
}

#[test]
fn what_is_acknowledged_is_named_by_its_id() {
    let ack = |id: &str| inside(&format!(r#"{{"type":"ack","payload":{{"id":"{id}"}}}}"#));
    assert_eq!(ack("17"), message(ClientMessage::Ack(Ack { number: 17 })));
    for other in ["updates:17", "m1", "99999999999", "-1"] {
        assert_eq!(ack(other), Ok(Decoded::Nothing));
    }
}

#[test]
fn rooms_are_listed() {
    let list = |wanted, live| message(ClientMessage::ListRooms(ListRooms { id: None, wanted, live }));
    assert_eq!(outside(r#"{"type":"list_rooms"}"#), list(Wanted::default(), false));
    let wanted = Wanted { kind: Some("arena".into()), labels: labels() };
    let text = r#"{"type":"list_rooms","payload":{"kind":"arena","labels":{"mode":"duel"},"live":true}}"#;
    assert_eq!(outside(text), list(wanted, true));
}

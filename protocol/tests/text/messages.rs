//! Messages between people: what one says the others hear.

use proptest::prelude::*;
use serde_json::{Value, json};
use tickwire_protocol::text::Decoded;
use tickwire_protocol::{Address, ClientMessage, Content, Member, Message, Publish, Scope, SeatId, ServerMessage};

use super::{heard, inside, outside};

/// To whom a payload goes, and what it says.
fn published(payload: &str) -> (Address, Content) {
    let text = format!(r#"{{"type":"message","payload":{payload},"id":"m1"}}"#);
    match inside(&text) {
        Ok(Decoded::Message(ClientMessage::Publish(Publish { id, to, content }))) => {
            assert_eq!(id.as_deref(), Some("m1"));
            (to, content)
        }
        other => panic!("{text} is no message: {other:?}"),
    }
}

fn json(text: &str) -> Content {
    Content::Json(text.into())
}

fn channel(scope: Scope, channel: &str) -> Address {
    Address::Channel { scope, channel: channel.into() }
}

/// The payload that the others hear.
fn passed_on(to: Address, content: Content) -> Value {
    let from = Some(Member { session: 4, seat: Some(SeatId(1)), name: "Ada".into() });
    heard(&ServerMessage::Message(Message { number: 17, from, to, content }))["payload"].take()
}

#[test]
fn a_message_goes_where_it_says() {
    let hello = || json(r#"{"text":"Hello"}"#);
    assert_eq!(published(r#"{"text":"Hello"}"#), (Address::room(), hello()));
    assert_eq!(published(r#"{"text":"Hello","channel":"team"}"#), (channel(Scope::Room, "team"), hello()));
    assert_eq!(published(r#"{"scope":"relay","text":"Hello"}"#), (channel(Scope::Relay, "main"), hello()));
    assert_eq!(published(r#"{"to":[1,3],"text":"Hello"}"#), (Address::Seats(vec![SeatId(1), SeatId(3)]), hello()));
    assert_eq!(published(r#"{"text":"Hello","to":"host"}"#), (Address::Host, hello()));
    let bare = outside(r#"{"type":"message","payload":{"text":"Hello"}}"#);
    let publish = Publish { id: None, to: channel(Scope::Relay, "main"), content: hello() };
    assert_eq!(bare, Ok(Decoded::Message(ClientMessage::Publish(publish))));
}

#[test]
fn content_is_kept_to_the_letter() {
    assert_eq!(
        published(r#"{"z":1.50,"to":"host","a":{"y":1e2,"b":"\u00fc"}}"#).1,
        json(r#"{"z":1.50,"a":{"y":1e2,"b":"\u00fc"}}"#)
    );
    assert_eq!(published("{}").1, json("{}"));
    assert_eq!(published(r#"{"content":[1, null]}"#).1, json("[1, null]"));
    assert_eq!(published(r#"{"content":null}"#).1, json("null"));
    assert_eq!(published(r#"{"bytes":"AAEC/w=="}"#).1, Content::Bytes(vec![0, 1, 2, 255]));
}

#[test]
fn what_is_said_is_heard() {
    let message = ServerMessage::Message(Message {
        number: 17,
        from: None,
        to: channel(Scope::Relay, "updates"),
        content: json(r#"{"text":"Hello"}"#),
    });
    let payload = json!({"text": "Hello", "channel": "updates", "scope": "relay", "from": null});
    let whole = json!({"type": "message", "payload": payload, "id": "updates:17", "timestamp": 7});
    assert_eq!(heard(&message), whole);
    let from = json!({"session": 4, "seat": 1, "name": "Ada"});
    assert_eq!(passed_on(Address::Host, json("[1]")), json!({"content": [1], "to": "host", "from": from}));
    let seats = Address::Seats(vec![SeatId(3)]);
    assert_eq!(passed_on(seats, Content::Bytes(vec![255])), json!({"bytes": "/w==", "to": [3], "from": from}));
}

#[test]
fn nobody_speaks_in_anothers_name() {
    let forged = json!({"from": {"name": "Bob"}, "text": "Hello"});
    let payload = passed_on(Address::room(), Content::Json(forged.to_string()));
    assert_eq!(payload["from"]["name"], "Ada");
    assert_eq!(payload["content"], forged);
    let broken = r#""},"id":"1","type":"error","x":{"#;
    assert_eq!(passed_on(Address::room(), json(broken))["content"], broken, "what is not JSON is heard as a string");
}

proptest! {
    #[test]
    fn a_payload_that_was_heard_can_be_said_again(content in super::strategies::content()) {
        let mut payload = passed_on(channel(Scope::Room, "team"), content.clone());
        payload.as_object_mut().expect("a payload is an object").remove("from");
        let (to, again) = published(&payload.to_string());
        prop_assert_eq!(to, channel(Scope::Room, "team"));
        let value = |content: &Content| match content {
            Content::Json(text) => serde_json::from_str::<Value>(text).map_err(|_| vec![]),
            Content::Bytes(bytes) => Err(bytes.clone()),
        };
        prop_assert_eq!(value(&again).ok(), value(&content).ok());
    }
}

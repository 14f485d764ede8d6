//! `PROTOCOL.md` shows what is so: its client's lines are understood, and its server's are of the types there are.

use std::collections::BTreeSet;

use serde_json::Value;
use tickwire_protocol::text::{self, Context};
use tickwire_protocol::{Exchange, Field, Kind, Predict, Schema, Shape, Wire as _};

use super::Steer;

/// The lines of the example under this heading.
fn lines(heading: &str) -> impl Iterator<Item = &'static str> {
    let page = include_str!("../../PROTOCOL.md");
    let (_, rest) = page.split_once(heading).expect("the page has the heading");
    let (_, example) = rest.split_once("```json\n").expect("an example follows");
    example.lines().take_while(|line| *line != "```")
}

/// The types of the example's messages.
fn kinds(heading: &str) -> BTreeSet<String> {
    let kind = |line: &str| {
        let message: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        message["type"].as_str().expect("a type is a string").to_owned()
    };
    lines(heading).map(kind).collect()
}

fn game() -> Schema {
    let shape = |name: &str, field: &str, kind| Shape {
        name: name.into(),
        fields: vec![Field { name: field.into(), kind, predict: Predict::Auto }],
    };
    Schema {
        input: Steer::shape(),
        messages: vec![shape("Chat", "text", Kind::Text { max: 64 })],
        requests: vec![Exchange {
            request: shape("Score", "seat", Kind::Int { min: 0, max: 63 }),
            reply: shape("Points", "points", Kind::Int { min: 0, max: 999 }),
        }],
        ..Schema::default()
    }
}

#[test]
fn what_the_page_says_for_a_client_is_understood() {
    let game = game();
    for line in lines("### What a client says") {
        let decoded = text::decode(line, &Context { schema: Some(&game) });
        assert!(decoded.is_ok(), "{line}: {decoded:?}");
    }
    let all = "ack auth input join leave list_rooms message ping pong request resync subscribe tell unsubscribe";
    assert_eq!(kinds("### What a client says"), all.split(' ').map(String::from).collect());
}

#[test]
fn what_the_page_says_for_a_server_is_of_its_types() {
    let all = "accepted ack error event host_change message ping pong presence reply room_list snapshot subscribed unsubscribed welcome";
    assert_eq!(kinds("### What a server says"), all.split(' ').map(String::from).collect());
}

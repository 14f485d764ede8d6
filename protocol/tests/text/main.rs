//! The text form: what people say is understood, what is wrong is named, and what comes back can be read.

mod decode;
mod documentation;
mod encode;
mod hostile;
mod messages;
mod records;
mod snapshots;
#[path = "../strategies/mod.rs"]
mod strategies;

use serde_json::Value;
use tickwire_protocol::text::{self, Context, Decoded, TextError};
use tickwire_protocol::{ClientMessage, Exchange, Schema, ServerMessage, Shape, Wire};

/// A field of every kind.
#[derive(Clone, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
struct All {
    flag: bool,
    #[wire(range = -300..=300)]
    narrow: i16,
    wide: u32,
    #[wire(range = -8.0..=8.0, step = 0.1)]
    real: f32,
    #[wire(angle, bits = 10)]
    angle: f32,
    stance: Stance,
    #[wire(max = 8)]
    text: String,
    #[wire(max = 4)]
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
enum Stance {
    #[default]
    Standing,
    Lying,
}

#[derive(Clone, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
struct Steer {
    #[wire(range = -1.0..=1.0, step = 0.01)]
    x: f32,
    fire: bool,
}

/// A room's schema with something in every list.
fn schema() -> Schema {
    let named = |name: &str| Shape { name: name.into(), ..All::shape() };
    Schema {
        components: vec![All::shape()],
        input: Steer::shape(),
        events: vec![named("Hit")],
        messages: vec![named("Chat"), named("Wave")],
        requests: vec![Exchange { request: named("Score"), reply: Steer::shape() }],
    }
}

/// What a text says inside a room.
fn inside(text: &str) -> Result<Decoded, TextError> {
    text::decode(text, &Context { schema: Some(&schema()) })
}

/// What a text says outside a room.
fn outside(text: &str) -> Result<Decoded, TextError> {
    text::decode(text, &Context { schema: None })
}

fn message(message: ClientMessage) -> Result<Decoded, TextError> {
    Ok(Decoded::Message(message))
}

/// What a client in a room makes of a server's message.
fn heard(message: &ServerMessage) -> Value {
    let text = text::encode(message, Some(&schema()), 7).expect("it is not a snapshot");
    serde_json::from_str(&text).expect("the text form is JSON")
}

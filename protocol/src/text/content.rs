//! What people say to each other: the payload of a `message`, both ways.
//!
//! Content that is an object lies open in the payload, so that `{"text":"Hello"}` is heard as it was said; to whom and from whom stands beside
//! it. What does not fit there (another JSON value, or an object that uses one of those keys, so that none can be forged) stands
//! whole under `content`, and bytes as base64 under `bytes`.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::error::Problem;
use super::object::Object;
use super::value::{from_base64, to_base64};
use crate::ids::SeatId;
use crate::message::{Address, Content, DEFAULT_CHANNEL, Message, Scope};

/// The keys of the payload that are not the content's.
const RESERVED: [&str; 6] = ["channel", "scope", "to", "from", "content", "bytes"];

/// To whom a client's message goes, and what it says. What says no scope is of `scope`.
///
/// # Errors
/// What is wrong with the payload.
pub(super) fn read(mut payload: Object<'_>, scope: Scope) -> Result<(Address, Content), Problem> {
    let to = read_address(&mut payload, scope)?;
    let content = if let Some(text) = payload.take_any("content") {
        payload.end()?;
        Content::Json(text.to_owned())
    } else if let Some(text) = payload.take::<String>("bytes", "base64")? {
        payload.end()?;
        let form = || Problem::Form { path: payload.path("bytes"), wanted: "base64" };
        Content::Bytes(from_base64(&text).ok_or_else(form)?)
    } else {
        if let Some(key) = payload.keys().find(|key| RESERVED.contains(key)) {
            return Err(Problem::Unknown(payload.path(key)));
        }
        Content::Json(as_written(&payload))
    };
    Ok((to, content))
}

fn read_address(payload: &mut Object<'_>, scope: Scope) -> Result<Address, Problem> {
    let Some(to) = payload.take_raw("to") else {
        let scope = read_scope(payload)?.unwrap_or(scope);
        let channel = payload.take("channel", "a string")?.unwrap_or_else(|| DEFAULT_CHANNEL.into());
        return Ok(Address::Channel { scope, channel });
    };
    if let Some(key) = payload.keys().find(|key| ["channel", "scope"].contains(key)) {
        return Err(Problem::Misplaced(payload.path(key)));
    }
    match (serde_json::from_str::<Vec<SeatId>>(to), serde_json::from_str::<&str>(to)) {
        (Ok(seats), _) => Ok(Address::Seats(seats)),
        (_, Ok("host")) => Ok(Address::Host),
        _ => Err(Problem::Form { path: payload.path("to"), wanted: "a list of seats, nor \"host\"" }),
    }
}

/// Takes `scope`, if it is there.
///
/// # Errors
/// It is no scope.
pub(super) fn read_scope(payload: &mut Object<'_>) -> Result<Option<Scope>, Problem> {
    payload.take("scope", "\"room\" or \"relay\"")
}

/// The object's JSON, keys in order and values to the letter.
fn as_written(object: &Object<'_>) -> String {
    serde_json::to_string(&Open(object)).expect("what was read as JSON can be written")
}

struct Open<'a>(&'a Object<'a>);

impl Serialize for Open<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.members())
    }
}

/// The payload of a message that a server passes on.
pub(super) struct Heard<'a>(pub(super) &'a Message);

impl Serialize for Heard<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Message { from, to, content, .. } = self.0;
        let mut map = serializer.serialize_map(None)?;
        match content {
            Content::Bytes(bytes) => map.serialize_entry("bytes", &to_base64(bytes))?,
            Content::Json(text) => match open(text) {
                Some(object) => object.members().try_for_each(|(key, value)| map.serialize_entry(key, value))?,
                None => match serde_json::from_str::<&RawValue>(text) {
                    Ok(value) => map.serialize_entry("content", value)?,
                    // Whoever made the message did not check it.
                    Err(_) => map.serialize_entry("content", text)?,
                },
            },
        }
        match to {
            Address::Channel { scope, channel } => {
                map.serialize_entry("channel", channel)?;
                map.serialize_entry("scope", scope)?;
            }
            Address::Seats(seats) => map.serialize_entry("to", seats)?,
            Address::Host => map.serialize_entry("to", "host")?,
        }
        map.serialize_entry("from", from)?;
        map.end()
    }
}

/// The content as an object that can lie open in a payload.
fn open(text: &str) -> Option<Object<'_>> {
    Object::read("", text).ok().filter(|object| !object.keys().any(|key| RESERVED.contains(&key)))
}

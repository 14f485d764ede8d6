//! What a client says, from text.

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::content::{self, read_scope};
use super::error::{Problem, TextError};
use super::object::{Object, shortened};
use super::record::to_record;
use crate::ids::{ResumeToken, Sequence, Tick};
use crate::message::{
    Ack, Auth, ClientMessage, Creation, Join, ListRooms, MAX_MESSAGE_ID, MessageId, PROTOCOL_VERSION, Probe, Publish,
    Queueing, Request, Resume, Resync, Role, Scope, Subscribe, Target, Tell, Unsubscribe, Wanted,
};
use crate::schema::{Schema, Shape};

/// What a text is read by.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The schema of the session's room; none outside a room.
    pub schema: Option<&'a Schema>,
}

/// What a client said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// The same as in the binary form.
    Message(ClientMessage),
    /// An input. What is none is the relay's to count: the next sequence, the tick that comes next, the newest tick that was sent.
    Input {
        /// One more than the last one's.
        sequence: Option<Sequence>,
        /// The tick it is meant for.
        tick: Option<Tick>,
        /// The newest tick received.
        acked: Option<Tick>,
        /// The game's input, as a record.
        record: Bytes,
    },
    /// The answer to a probe.
    ProbeReply {
        /// The probe's.
        nonce: u32,
        /// The newest tick received; none: the newest that was sent before the probe.
        acked: Option<Tick>,
    },
    /// An acknowledgement that frees nothing: of a relay channel's message, or of one that has no number.
    Nothing,
}

/// Reads what a client says.
///
/// # Errors
/// See [`TextError`].
pub fn decode(text: &str, context: &Context<'_>) -> Result<Decoded, TextError> {
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| TextError::NotJson)?;
    let mut id = None;
    let decoded = read_envelope(text, &mut id).and_then(|envelope| envelope.read(context, &id));
    decoded.map_err(|problem| TextError::Message { id, problem })
}

/// What stands around every message.
struct Envelope<'a> {
    kind: String,
    payload: Object<'a>,
}

/// Reads the envelope; `id` comes first, so that what is wrong with the rest can be answered. Keys that are not known here may be a
/// client's own.
fn read_envelope<'a>(text: &'a str, id: &mut Option<MessageId>) -> Result<Envelope<'a>, Problem> {
    let mut message = Object::read("", text)?;
    let read = message.take::<MessageId>("id", "a string")?;
    let fits = read.as_ref().is_none_or(|id| (1..=MAX_MESSAGE_ID).contains(&id.len()));
    *id = read.filter(|_| fits);
    if !fits {
        return Err(Problem::Form { path: "id".into(), wanted: "of 1 to 64 bytes" });
    }
    if let Some(text) = message.take_raw("timestamp") {
        let is_one = serde_json::from_str::<f64>(text).is_ok() || serde_json::from_str::<String>(text).is_ok();
        if !is_one {
            return Err(Problem::Form { path: "timestamp".into(), wanted: "a number, nor a string" });
        }
    }
    Ok(Envelope { kind: message.need("type", "a string")?, payload: message.take_object("payload")? })
}

impl Envelope<'_> {
    fn read(self, context: &Context<'_>, id: &Option<MessageId>) -> Result<Decoded, Problem> {
        let Self { kind, mut payload } = self;
        let (here, id) = (context.here(), id.clone());
        let message = match kind.as_str() {
            "auth" => ClientMessage::Auth(read_auth(&mut payload)?),
            "join" => ClientMessage::Join(read_join(id, &mut payload)?),
            "leave" => ClientMessage::Leave,
            "resync" => ClientMessage::Resync(Resync { base: None, desync: false }),
            "ping" => ClientMessage::Probe(Probe { nonce: take_number(&mut payload, "nonce")?.unwrap_or(0) }),
            "subscribe" => {
                let (scope, channel) = read_channel(&mut payload, here)?;
                ClientMessage::Subscribe(Subscribe { id, scope, channel, after: take_number(&mut payload, "after")? })
            }
            "unsubscribe" => {
                let (scope, channel) = read_channel(&mut payload, here)?;
                ClientMessage::Unsubscribe(Unsubscribe { id, scope, channel })
            }
            "message" => {
                let (to, content) = content::read(payload, here)?;
                return checked(ClientMessage::Publish(Publish { id, to, content }));
            }
            "list_rooms" => ClientMessage::ListRooms(read_list_rooms(id, &mut payload)?),
            "tell" => {
                let schema = context.schema.ok_or(Problem::NotJoined)?;
                let (message, record) = read_named(&mut payload, &schema.messages, |shape| shape)?;
                ClientMessage::Tell(Tell { id, message, record })
            }
            "request" => {
                let schema = context.schema.ok_or(Problem::NotJoined)?;
                let id = id.ok_or_else(|| Problem::Missing("id".into()))?;
                let (request, record) = read_named(&mut payload, &schema.requests, |exchange| &exchange.request)?;
                ClientMessage::Request(Request { id, request, record })
            }
            "ack" => {
                let id: String = payload.need("id", "a string")?;
                payload.end()?;
                let number = id.parse().ok();
                return Ok(
                    number.map_or(Decoded::Nothing, |number| Decoded::Message(ClientMessage::Ack(Ack { number })))
                );
            }
            "pong" => {
                let nonce = payload.need("nonce", NUMBER)?;
                let acked = take_number(&mut payload, "tick")?;
                payload.end()?;
                return Ok(Decoded::ProbeReply { nonce, acked });
            }
            "input" => return read_input(payload, context),
            unknown => return Err(Problem::Unknown(format!("type {}", shortened(unknown)))),
        };
        payload.end()?;
        checked(message)
    }
}

impl Context<'_> {
    /// Where a channel is if nothing else is said.
    fn here(&self) -> Scope {
        if self.schema.is_some() { Scope::Room } else { Scope::Relay }
    }
}

const NUMBER: &str = "an integer from 0 to 4294967295";

fn checked(message: ClientMessage) -> Result<Decoded, Problem> {
    message.check()?;
    Ok(Decoded::Message(message))
}

fn take_number(payload: &mut Object<'_>, key: &str) -> Result<Option<u32>, Problem> {
    payload.take(key, NUMBER)
}

fn read_auth(payload: &mut Object<'_>) -> Result<Auth, Problem> {
    let protocol = payload.take("protocol", "an integer from 0 to 65535")?.unwrap_or(PROTOCOL_VERSION);
    Ok(Auth { protocol, token: payload.need("token", "a string")? })
}

fn read_channel(payload: &mut Object<'_>, here: Scope) -> Result<(Scope, String), Problem> {
    let channel = payload.need("channel", "a string")?;
    Ok((read_scope(payload)?.unwrap_or(here), channel))
}

fn read_list_rooms(id: Option<MessageId>, payload: &mut Object<'_>) -> Result<ListRooms, Problem> {
    let kind = payload.take("kind", "a string")?;
    let labels = payload.take("labels", "an object of strings")?.unwrap_or_default();
    let live = payload.take("live", "true or false")?.unwrap_or_default();
    Ok(ListRooms { id, wanted: Wanted { kind, labels }, live })
}

fn read_join(id: Option<MessageId>, payload: &mut Object<'_>) -> Result<Join, Problem> {
    let targets = [
        payload.take("room", "a string")?.map(Target::Room),
        payload.take("code", "a string")?.map(Target::Code),
        payload.take::<Wanted>("find", "an object with kind and labels")?.map(Target::Find),
        payload.take::<Creation>("find_or_create", CREATION)?.map(Target::FindOrCreate),
        payload.take::<Creation>("create", CREATION)?.map(Target::Create),
        payload.take::<Queueing>("queue", "an object with kind, labels, players and rank")?.map(Target::Queue),
    ];
    let mut targets = targets.into_iter().flatten();
    let target = targets.next().ok_or_else(|| Problem::NoTarget(payload.path("room")))?;
    if targets.next().is_some() {
        return Err(Problem::Form { path: "payload".into(), wanted: "one target alone" });
    }
    let role = payload.take::<Role>("role", "\"player\" or \"spectator\"")?.unwrap_or_default();
    Ok(Join { id, target, role, resume: read_resume(payload)? })
}

const CREATION: &str = "an object with kind, name, labels, metadata, seats, seed and private";

fn read_resume(payload: &mut Object<'_>) -> Result<Option<Resume>, Problem> {
    let token = payload.take::<String>("resume", TOKEN)?;
    let received = take_number(payload, "received")?;
    match (token, received) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Problem::Missing(payload.path("resume"))),
        (Some(token), received) => {
            let wrong = || Problem::Form { path: payload.path("resume"), wanted: TOKEN };
            let token = from_hex(&token).ok_or_else(wrong)?;
            Ok(Some(Resume { token, received: received.unwrap_or(0) }))
        }
    }
}

const TOKEN: &str = "32 hexadecimal digits";

fn from_hex(digits: &str) -> Option<ResumeToken> {
    let all_digits = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all_digits.then(|| u128::from_str_radix(digits, 16).ok())?.map(u128::to_be_bytes)
}

/// Reads `name` and `fields`: the index of the shape that is named, and the record.
fn read_named<T>(payload: &mut Object<'_>, list: &[T], shape: fn(&T) -> &Shape) -> Result<(u32, Bytes), Problem> {
    let name: String = payload.need("name", "a string")?;
    let wrong = || Problem::Form { path: payload.path("name"), wanted: "one that the schema has" };
    let index = list.iter().position(|item| shape(item).name == name).ok_or_else(wrong)?;
    let record = to_record(shape(&list[index]), payload.take_object("fields")?)?;
    Ok((index as u32, record.into()))
}

fn read_input(mut payload: Object<'_>, context: &Context<'_>) -> Result<Decoded, Problem> {
    let schema = context.schema.ok_or(Problem::NotJoined)?;
    let record = to_record(&schema.input, payload.take_object("fields")?)?.into();
    let [sequence, tick, acked] = ["sequence", "tick", "acked"].map(|key| take_number(&mut payload, key));
    payload.end()?;
    Ok(Decoded::Input { sequence: sequence?, tick: tick?, acked: acked?, record })
}

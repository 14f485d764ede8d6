//! What a server says, as text.

use serde::Serialize;

use super::content::Heard;
use super::record::Fields;
use super::schema::SchemaText;
use super::value::{Real, short};
use crate::ids::{ResumeToken, SeatId, Tick};
use crate::message::{
    Address, ErrorCode, ErrorReply, Event, Member, Message, MessageId, Reply, RoomList, RoomListing, Scope,
    ServerMessage, ServerProbeReply, Subscribed, Unsubscribed, Welcome,
};
use crate::schema::{Schema, Shape};
use crate::varint::Reader;

/// Every message.
#[derive(Serialize)]
pub(super) struct Envelope<P> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<MessageId>,
    pub(super) timestamp: u64,
}

impl<P: Serialize> Envelope<P> {
    pub(super) fn write(&self) -> String {
        serde_json::to_string(self).expect("payloads are made of what JSON has, and their keys are strings")
    }
}

/// A message as text, `timestamp` in milliseconds. Records are read by `schema`, the one of the session's room; the fields of one that is not of
/// it are null. None for a snapshot: [`Snapshots`](super::Snapshots) says those.
pub fn encode(message: &ServerMessage, schema: Option<&Schema>, timestamp: u64) -> Option<String> {
    let say = Saying { timestamp };
    Some(match message {
        ServerMessage::Snapshot(_) => return None,
        ServerMessage::Accepted(body) => say.plain("accepted", body),
        ServerMessage::Welcome(body) => say.answer("welcome", WelcomeText::from(&**body), &body.id),
        ServerMessage::Event(Event { number, tick, event, record }) => {
            let shape = schema.and_then(|schema| schema.events.get(*event as usize));
            let payload = EventText { tick: *tick, body: RecordText::new(shape, shape, record) };
            say.numbered("event", payload, number.to_string())
        }
        ServerMessage::Error(ErrorReply { code, message, retry_ms, id }) => {
            say.answer("error", ErrorText { code: *code, message, retry_ms: *retry_ms }, id)
        }
        ServerMessage::Probe(body) => say.plain("ping", body),
        ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }) => {
            let phase = short(f64::from(*phase) / 65_536.0, 1.0 / 65_536.0);
            say.plain("pong", PongText { nonce: *nonce, tick: *tick, phase })
        }
        ServerMessage::Subscribed(Subscribed { id, scope, channel, members, count }) => {
            say.answer("subscribed", SubscribedText { scope: *scope, channel, members, count: *count }, id)
        }
        ServerMessage::Unsubscribed(Unsubscribed { id, scope, channel }) => {
            say.answer("unsubscribed", UnsubscribedText { scope: *scope, channel }, id)
        }
        ServerMessage::Message(body) => say.numbered("message", Heard(body), message_id(body)),
        ServerMessage::Presence(body) => say.plain("presence", body),
        ServerMessage::Acked(body) => say.plain("ack", body),
        ServerMessage::Reply(Reply { number, id, request, record }) => {
            let exchange = schema.and_then(|schema| schema.requests.get(*request as usize));
            let (request, reply) = exchange.map(|exchange| (&exchange.request, &exchange.reply)).unzip();
            say.numbered("reply", ReplyText { id, body: RecordText::new(request, reply, record) }, number.to_string())
        }
        ServerMessage::RoomList(RoomList { id, whole, rooms, gone }) => {
            say.answer("room_list", RoomListText { whole: *whole, rooms, gone }, id)
        }
        ServerMessage::HostChange(body) => say.plain("host_change", body),
    })
}

/// A room's messages are named by their number, a relay channel's by channel and number.
fn message_id(message: &Message) -> MessageId {
    match &message.to {
        Address::Channel { scope: Scope::Relay, channel } => format!("{channel}:{}", message.number),
        _ => message.number.to_string(),
    }
}

struct Saying {
    timestamp: u64,
}

impl Saying {
    fn plain(&self, kind: &'static str, payload: impl Serialize) -> String {
        self.answer(kind, payload, &None)
    }

    /// With the id of what it answers.
    fn answer(&self, kind: &'static str, payload: impl Serialize, id: &Option<MessageId>) -> String {
        Envelope { kind, payload, id: id.clone(), timestamp: self.timestamp }.write()
    }

    /// With an id of its own.
    fn numbered(&self, kind: &'static str, payload: impl Serialize, id: MessageId) -> String {
        self.answer(kind, payload, &Some(id))
    }
}

#[derive(Serialize)]
struct WelcomeText<'a> {
    room: &'a str,
    code: Option<&'a str>,
    session: u64,
    seat: Option<SeatId>,
    host: Option<SeatId>,
    tick: Tick,
    tick_rate: u32,
    snapshot_every: u32,
    input_ahead: u32,
    input_behind: u32,
    resume: String,
    resume_ms: u32,
    received: u32,
    lost: bool,
    schema_hash: String,
    schema: SchemaText<'a>,
}

impl<'a> From<&'a Welcome> for WelcomeText<'a> {
    fn from(welcome: &'a Welcome) -> Self {
        Self {
            room: &welcome.room,
            code: welcome.code.as_deref(),
            session: welcome.session,
            seat: welcome.seat,
            host: welcome.host,
            tick: welcome.tick,
            tick_rate: welcome.tick_rate,
            snapshot_every: welcome.snapshot_every,
            input_ahead: welcome.input_ahead,
            input_behind: welcome.input_behind,
            resume: to_hex(welcome.resume),
            resume_ms: welcome.resume_ms,
            received: welcome.received,
            lost: welcome.lost,
            // A number of 64 bits would lose its last digits in many a reader of JSON.
            schema_hash: format!("{:016x}", welcome.schema_hash),
            schema: SchemaText::from(&*welcome.schema),
        }
    }
}

fn to_hex(token: ResumeToken) -> String {
    format!("{:032x}", u128::from_be_bytes(token))
}

/// A record by name: the shape that names it, and its fields.
#[derive(Serialize)]
struct RecordText<'a> {
    name: Option<&'a str>,
    fields: Option<Fields<'a, Reader<'a>>>,
}

impl<'a> RecordText<'a> {
    fn new(named: Option<&'a Shape>, shape: Option<&'a Shape>, record: &'a [u8]) -> Self {
        let fields = shape.and_then(|shape| Fields::of_record(shape, record));
        Self { name: named.map(|shape| shape.name.as_str()), fields }
    }
}

#[derive(Serialize)]
struct EventText<'a> {
    tick: Tick,
    #[serde(flatten)]
    body: RecordText<'a>,
}

#[derive(Serialize)]
struct ReplyText<'a> {
    /// The request's, while the message's own is its number.
    id: &'a str,
    #[serde(flatten)]
    body: RecordText<'a>,
}

#[derive(Serialize)]
struct ErrorText<'a> {
    code: ErrorCode,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_ms: Option<u32>,
}

#[derive(Serialize)]
struct SubscribedText<'a> {
    scope: Scope,
    channel: &'a str,
    members: &'a [Member],
    count: u32,
}

#[derive(Serialize)]
struct UnsubscribedText<'a> {
    scope: Scope,
    channel: &'a str,
}

#[derive(Serialize)]
struct RoomListText<'a> {
    whole: bool,
    rooms: &'a [RoomListing],
    gone: &'a [String],
}

#[derive(Serialize)]
struct PongText {
    nonce: u32,
    tick: Tick,
    phase: Real,
}

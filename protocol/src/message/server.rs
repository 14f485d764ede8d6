//! What a server says.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::rooms::{Address, Content, Member, MessageId, RoomListing, Scope};
use super::{Frames, MessageError, Probe, control, frame, kind};
use crate::codec;
use crate::ids::{ResumeToken, SeatId, Tick};
use crate::schema::Schema;
use crate::varint::{Reader, put_opaque, put_varint};

/// What a server says.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerMessage {
    /// The token is good.
    Accepted(Accepted),
    /// You are in the room.
    Welcome(Box<Welcome>),
    /// The state, or what changed of it; for a `Decoder`.
    Snapshot(Bytes),
    /// The game has something to say.
    Event(Event),
    /// Something you asked for was refused. The connection stays.
    Error(ErrorReply),
    /// Answer this.
    Probe(Probe),
    /// The answer to yours.
    ProbeReply(ServerProbeReply),
    /// You hear this channel from now on.
    Subscribed(Subscribed),
    /// … no more.
    Unsubscribed(Unsubscribed),
    /// Someone has something to say.
    Message(Message),
    /// Someone has come to a channel, or gone.
    Presence(Presence),
    /// Your message has arrived.
    Acked(Acked),
    /// The game's answer to your request.
    Reply(Reply),
    /// The rooms that you asked for, or what has changed.
    RoomList(RoomList),
    /// The room has another host.
    HostChange(HostChange),
}

/// Body of [`ServerMessage::Accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the server.
    pub protocol: u16,
    /// The player's name.
    pub player: String,
    /// Milliseconds between the server's pings.
    pub heartbeat_ms: u32,
}

/// Body of [`ServerMessage::Welcome`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The join's.
    pub id: Option<MessageId>,
    /// The room's name.
    pub room: String,
    /// Its join code, if it is private.
    pub code: Option<String>,
    /// The session's number.
    pub session: u64,
    /// The player's seat; none for a spectator.
    pub seat: Option<SeatId>,
    /// The room's host: the seat that has been connected for longest; none if none is.
    pub host: Option<SeatId>,
    /// The last tick simulated; for a spectator who sees everything some ticks later, the one that is seen now.
    pub tick: Tick,
    /// Ticks a second.
    pub tick_rate: u32,
    /// Ticks from one snapshot to the next.
    pub snapshot_every: u32,
    /// How many ticks ahead of the room an input may be meant for.
    pub input_ahead: u32,
    /// How many ticks late an input may come and still count.
    pub input_behind: u32,
    /// Takes the seat up again after a lost connection.
    pub resume: ResumeToken,
    /// Milliseconds that the seat is held; 0 for a spectator, who has none.
    pub resume_ms: u32,
    /// The number of the newest message that this seat is taken to have: what follows has larger ones.
    pub received: u32,
    /// Whether messages after the last that the client had are lost: there were more than the room keeps.
    pub lost: bool,
    /// [`Schema::hash`].
    pub schema_hash: u64,
    /// What travels.
    pub schema: Arc<Schema>,
}

/// Body of [`ServerMessage::Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number in the room; see [`Message::number`].
    pub number: u32,
    /// The tick it belongs to.
    pub tick: Tick,
    /// Its index in [`Schema::events`].
    pub event: u32,
    /// Its fields.
    pub record: Bytes,
}

/// Body of [`ServerMessage::Error`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReply {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    pub message: String,
    /// Milliseconds after which trying again may help.
    pub retry_ms: Option<u32>,
    /// The id of what was refused, if it had one.
    pub id: Option<MessageId>,
}

/// Body of [`ServerMessage::ProbeReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerProbeReply {
    /// The probe's.
    pub nonce: u32,
    /// The last tick simulated, 0 outside a room.
    pub tick: Tick,
    /// The part of a tick that has passed since, in 1/65,536.
    pub phase: u16,
}

/// Body of [`ServerMessage::Subscribed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// The subscription's; none if the relay says it unasked.
    pub id: Option<MessageId>,
    /// Where the channel is.
    pub scope: Scope,
    /// Its name.
    pub channel: String,
    /// Who hears it, the new one included; at most [`MAX_MEMBERS`](crate::MAX_MEMBERS).
    pub members: Vec<Member>,
    /// How many hear it. If they are more than [`MAX_MEMBERS`](crate::MAX_MEMBERS), nobody is told who comes and goes.
    pub count: u32,
}

/// Body of [`ServerMessage::Unsubscribed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribed {
    /// The message's that asked for it.
    pub id: Option<MessageId>,
    /// Where the channel is.
    pub scope: Scope,
    /// Its name.
    pub channel: String,
}

/// Body of [`ServerMessage::Message`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// In a room: the messages, events and replies of the room are numbered together, from 1. A seat hears some of them, in order. In a channel
    /// of the relay: its own, from 1.
    pub number: u32,
    /// Who says it; none: the embedder.
    pub from: Option<Member>,
    /// To whom it was addressed.
    pub to: Address,
    /// What it says.
    pub content: Content,
}

/// Body of [`ServerMessage::Presence`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Where the channel is.
    pub scope: Scope,
    /// Its name.
    pub channel: String,
    /// Who.
    pub member: Member,
    /// Come, or gone.
    pub here: bool,
}

/// Body of [`ServerMessage::Acked`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acked {
    /// The message's.
    pub id: MessageId,
}

/// Body of [`ServerMessage::Reply`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its number in the room; see [`Message::number`].
    pub number: u32,
    /// The request's.
    pub id: MessageId,
    /// The request's index in [`Schema::requests`].
    pub request: u32,
    /// The answer's fields.
    pub record: Bytes,
}

/// Body of [`ServerMessage::RoomList`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomList {
    /// The message's that asked for it, or that asked to be told of changes.
    pub id: Option<MessageId>,
    /// Whether these are all; if not, those that are new or have changed.
    pub whole: bool,
    /// By name.
    pub rooms: Vec<RoomListing>,
    /// The names of those that are no longer among them.
    pub gone: Vec<String>,
}

/// Body of [`ServerMessage::HostChange`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostChange {
    /// The new one; none if nobody is connected.
    pub host: Option<SeatId>,
}

/// Why something was refused. `PROTOCOL.md` says of each whether another try can help; when, if anything is known of it, is
/// [`ErrorReply::retry_ms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The message makes no sense.
    Invalid,
    /// Too many of these.
    RateLimited,
    /// No room of that name, of that code, or that is wanted.
    RoomNotFound,
    /// All seats are taken.
    RoomFull,
    /// No held seat has that resume token.
    ResumeRefused,
    /// The game refused the player.
    JoinRefused,
    /// Join a room first.
    NotJoined,
    /// The input was dropped: out of range, out of the tick window, or one too many.
    InputRefused,
    /// Another request of this kind is still being worked on.
    Busy,
    /// The player may not do that.
    Forbidden,
    /// The room is locked.
    RoomLocked,
    /// The player was banned from the room.
    Banned,
    /// A room could not be created.
    CreateRefused,
    /// There is no such channel, or no more of them may be opened.
    NoChannel,
    /// Nobody is there to hear the message.
    NoRecipient,
    /// The game refused the request, or has no answer to it.
    RequestRefused,
    /// The game, or the queue, did not answer in time.
    TimedOut,
}

/// Every code.
const CODES: [ErrorCode; 17] = [
    ErrorCode::Invalid,
    ErrorCode::RateLimited,
    ErrorCode::RoomNotFound,
    ErrorCode::RoomFull,
    ErrorCode::ResumeRefused,
    ErrorCode::JoinRefused,
    ErrorCode::NotJoined,
    ErrorCode::InputRefused,
    ErrorCode::Busy,
    ErrorCode::Forbidden,
    ErrorCode::RoomLocked,
    ErrorCode::Banned,
    ErrorCode::CreateRefused,
    ErrorCode::NoChannel,
    ErrorCode::NoRecipient,
    ErrorCode::RequestRefused,
    ErrorCode::TimedOut,
];

impl ErrorCode {
    /// All codes, in the order of their numbers on the wire.
    pub fn all() -> impl Iterator<Item = ErrorCode> {
        CODES.into_iter()
    }
}

impl ErrorReply {
    /// A refusal, without a time to try again and without an id.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_ms: None, id: None }
    }

    /// The same, of the message of this id.
    pub fn of(mut self, id: Option<MessageId>) -> Self {
        self.id = id;
        self
    }

    /// The same, and when trying again may help.
    pub fn retry_in(mut self, wait: std::time::Duration) -> Self {
        self.retry_ms = Some(u32::try_from(wait.as_millis() + 1).unwrap_or(u32::MAX));
        self
    }
}

impl ServerMessage {
    /// Appends the message's frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Accepted(body) => control(out, kind::ACCEPTED, body),
            Self::Welcome(body) => control(out, kind::WELCOME, body),
            Self::Snapshot(body) => put_snapshot(out, body),
            Self::Event(Event { number, tick, event, record }) => put_event(out, *number, *tick, *event, record),
            Self::Error(body) => control(out, kind::ERROR, body),
            Self::Probe(body) => control(out, kind::SERVER_PROBE, body),
            Self::ProbeReply(body) => control(out, kind::SERVER_PROBE_REPLY, body),
            Self::Subscribed(body) => control(out, kind::SUBSCRIBED, body),
            Self::Unsubscribed(body) => control(out, kind::UNSUBSCRIBED, body),
            Self::Message(body) => control(out, kind::MESSAGE, body),
            Self::Presence(body) => control(out, kind::PRESENCE, body),
            Self::Acked(body) => control(out, kind::ACKED, body),
            Self::Reply(Reply { number, id, request, record }) => frame(out, kind::REPLY, |out| {
                put_varint(out, *number);
                put_opaque(out, id.as_bytes());
                put_varint(out, *request);
                out.extend_from_slice(record);
            }),
            Self::RoomList(body) => control(out, kind::ROOM_LIST, body),
            Self::HostChange(body) => control(out, kind::HOST_CHANGE, body),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Option<Self>, MessageError> {
        Ok(Some(match kind {
            kind::ACCEPTED => Self::Accepted(codec::decode(&body)?),
            kind::WELCOME => Self::Welcome(codec::decode(&body)?),
            kind::SNAPSHOT => Self::Snapshot(body),
            kind::EVENT => {
                let mut reader = Reader::new(&body);
                let (number, tick, event) = (reader.varint()?, reader.varint()?, reader.varint()?);
                Self::Event(Event { number, tick, event, record: body.slice_ref(reader.rest()) })
            }
            kind::ERROR => Self::Error(codec::decode(&body)?),
            kind::SERVER_PROBE => Self::Probe(codec::decode(&body)?),
            kind::SERVER_PROBE_REPLY => Self::ProbeReply(codec::decode(&body)?),
            kind::SUBSCRIBED => Self::Subscribed(codec::decode(&body)?),
            kind::UNSUBSCRIBED => Self::Unsubscribed(codec::decode(&body)?),
            kind::MESSAGE => Self::Message(codec::decode(&body)?),
            kind::PRESENCE => Self::Presence(codec::decode(&body)?),
            kind::ACKED => Self::Acked(codec::decode(&body)?),
            kind::REPLY => {
                let mut reader = Reader::new(&body);
                let (number, id, request) = (reader.varint()?, reader.text()?.to_owned(), reader.varint()?);
                Self::Reply(Reply { number, id, request, record: body.slice_ref(reader.rest()) })
            }
            kind::ROOM_LIST => Self::RoomList(codec::decode(&body)?),
            kind::HOST_CHANGE => Self::HostChange(codec::decode(&body)?),
            _ => return Ok(None),
        }))
    }

    /// The messages of one WebSocket message, in order; unknown kinds are skipped, and nothing follows an error.
    pub fn decode_all(bytes: Bytes) -> impl Iterator<Item = Result<Self, MessageError>> {
        Frames { rest: bytes, decode: Self::decode }
    }
}

/// Appends the frame of a snapshot, as [`ServerMessage::encode`] does, from bytes that need not be shared.
pub fn put_snapshot(out: &mut Vec<u8>, body: &[u8]) {
    out.push(kind::SNAPSHOT);
    put_varint(out, body.len() as u32);
    out.extend_from_slice(body);
}

/// Appends the frame of an event, as [`ServerMessage::encode`] does, from bytes that need not be shared.
pub fn put_event(out: &mut Vec<u8>, number: u32, tick: Tick, event: u32, record: &[u8]) {
    frame(out, kind::EVENT, |out| {
        put_varint(out, number);
        put_varint(out, tick);
        put_varint(out, event);
        out.extend_from_slice(record);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_those_of_the_protocols_table_in_its_order() {
        let table =
            include_str!("../../PROTOCOL.md").split("\n## ").find(|section| section.starts_with("Error codes\n"));
        let rows: Vec<Vec<&str>> = table
            .expect("there is such a section")
            .lines()
            .filter(|line| line.starts_with("| ") && line.contains('`'))
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        // The last variant's discriminant counts the variants.
        assert_eq!(rows.len(), ErrorCode::TimedOut as usize + 1);
        assert_eq!(rows.len(), ErrorCode::all().count());
        for (number, (code, row)) in ErrorCode::all().zip(rows).enumerate() {
            assert_eq!(code as usize, number);
            assert_eq!(row[..2], [number.to_string(), format!("`{code:?}`")]);
            assert!(["no", "later", "otherwise"].contains(&row[2]) && !row[3].is_empty(), "{row:?}");
        }
    }
}

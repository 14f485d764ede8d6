//! The messages of both ends and the frames that carry them.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError};
use crate::ids::{ResumeToken, SeatId, Sequence, Tick};
use crate::schema::Schema;
use crate::varint::{ReadError, Reader, put_varint};

/// The version that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tickwire.v1";

/// Most bytes of an authentication token.
pub const MAX_TOKEN: usize = 2048;

/// Most bytes of a room's name.
pub const MAX_ROOM_NAME: usize = 64;

/// A frame's first byte.
mod kind {
    pub(super) const AUTH: u8 = 0x01;
    pub(super) const JOIN: u8 = 0x02;
    pub(super) const INPUT: u8 = 0x03;
    pub(super) const LEAVE: u8 = 0x04;
    pub(super) const RESYNC: u8 = 0x05;
    pub(super) const PROBE: u8 = 0x06;
    pub(super) const PROBE_REPLY: u8 = 0x07;
    pub(super) const ACCEPTED: u8 = 0x41;
    pub(super) const WELCOME: u8 = 0x42;
    pub(super) const SNAPSHOT: u8 = 0x43;
    pub(super) const EVENT: u8 = 0x44;
    pub(super) const ERROR: u8 = 0x45;
    pub(super) const SERVER_PROBE: u8 = 0x46;
    pub(super) const SERVER_PROBE_REPLY: u8 = 0x47;
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The frame itself, or the fields of a hot message, could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The body of a control message could not be decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A text is empty or longer than its cap.
    #[error("{what} has {length} bytes, not 1 to {max}")]
    Length {
        /// Which text.
        what: &'static str,
        /// Its bytes.
        length: usize,
        /// The cap.
        max: usize,
    },
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Who I am; the first message.
    Auth(Auth),
    /// Let me into a room.
    Join(Join),
    /// What my player wants.
    Input(Input),
    /// I give up my seat.
    Leave,
    /// Bring me up to date.
    Resync(Resync),
    /// Are you there, and which tick is it?
    Probe(Probe),
    /// I am here.
    ProbeReply(ClientProbeReply),
}

/// Body of [`ClientMessage::Auth`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// [`PROTOCOL_VERSION`] of the client.
    pub protocol: u16,
    /// Opaque to everyone but the authenticator; 1 to [`MAX_TOKEN`] bytes.
    pub token: String,
}

/// Body of [`ClientMessage::Join`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The room's name, 1 to [`MAX_ROOM_NAME`] bytes.
    pub room: String,
    /// The token of the last welcome, to take the held seat up again.
    pub resume: Option<ResumeToken>,
}

/// Body of [`ClientMessage::Input`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// One more than the last one's.
    pub sequence: Sequence,
    /// The tick it is meant for.
    pub tick: Tick,
    /// The newest tick decoded, 0 before the first.
    pub acked: Tick,
    /// The game's input, as a record.
    pub record: Bytes,
}

/// Body of [`ClientMessage::Resync`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resync {
    /// The tick the replica is at; none asks for a keyframe.
    pub base: Option<Tick>,
    /// Whether something is broken: a snapshot hash was not the replica's, or a snapshot could not be read.
    pub desync: bool,
}

/// Body of both sides' probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Comes back in the reply.
    pub nonce: u32,
}

/// Body of [`ClientMessage::ProbeReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientProbeReply {
    /// The probe's.
    pub nonce: u32,
    /// The newest tick decoded, 0 before the first.
    pub acked: Tick,
}

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
}

/// Body of [`ServerMessage::Accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// [`PROTOCOL_VERSION`] of the server.
    pub protocol: u16,
    /// The player's name.
    pub player: String,
    /// Milliseconds between the server's pings.
    pub heartbeat_ms: u32,
}

/// Body of [`ServerMessage::Welcome`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The room's name.
    pub room: String,
    /// The player's seat.
    pub seat: SeatId,
    /// The last tick simulated.
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
    /// Milliseconds that the seat is held.
    pub resume_ms: u32,
    /// [`Schema::hash`].
    pub schema_hash: u64,
    /// What travels.
    pub schema: Arc<Schema>,
}

/// Body of [`ServerMessage::Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
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

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorCode {
    /// The message makes no sense.
    Invalid,
    /// Too many of these.
    RateLimited,
    /// No room of that name.
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
}

impl ClientMessage {
    /// Appends the message's frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Auth(body) => control(out, kind::AUTH, body),
            Self::Join(body) => control(out, kind::JOIN, body),
            Self::Input(input) => frame(out, kind::INPUT, |out| {
                put_varint(out, input.sequence);
                put_varint(out, input.tick);
                put_varint(out, input.acked);
                out.extend_from_slice(&input.record);
            }),
            Self::Leave => frame(out, kind::LEAVE, |_| ()),
            Self::Resync(body) => control(out, kind::RESYNC, body),
            Self::Probe(body) => control(out, kind::PROBE, body),
            Self::ProbeReply(body) => control(out, kind::PROBE_REPLY, body),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Option<Self>, MessageError> {
        Ok(Some(match kind {
            kind::AUTH => {
                let auth: Auth = codec::decode(&body)?;
                check_length("token", &auth.token, MAX_TOKEN)?;
                Self::Auth(auth)
            }
            kind::JOIN => {
                let join: Join = codec::decode(&body)?;
                check_length("room", &join.room, MAX_ROOM_NAME)?;
                Self::Join(join)
            }
            kind::INPUT => {
                let mut reader = Reader::new(&body);
                let (sequence, tick, acked) = (reader.varint()?, reader.varint()?, reader.varint()?);
                Self::Input(Input { sequence, tick, acked, record: body.slice_ref(reader.rest()) })
            }
            kind::LEAVE => {
                Reader::new(&body).end()?;
                Self::Leave
            }
            kind::RESYNC => Self::Resync(codec::decode(&body)?),
            kind::PROBE => Self::Probe(codec::decode(&body)?),
            kind::PROBE_REPLY => Self::ProbeReply(codec::decode(&body)?),
            _ => return Ok(None),
        }))
    }

    /// The messages of one WebSocket message, in order; unknown kinds are skipped, and nothing follows an error.
    pub fn decode_all(bytes: Bytes) -> impl Iterator<Item = Result<Self, MessageError>> {
        Frames { rest: bytes, decode: Self::decode }
    }
}

impl ServerMessage {
    /// Appends the message's frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Accepted(body) => control(out, kind::ACCEPTED, body),
            Self::Welcome(body) => control(out, kind::WELCOME, body),
            Self::Snapshot(body) => put_snapshot(out, body),
            Self::Event(event) => put_event(out, event.tick, event.event, &event.record),
            Self::Error(body) => control(out, kind::ERROR, body),
            Self::Probe(body) => control(out, kind::SERVER_PROBE, body),
            Self::ProbeReply(body) => control(out, kind::SERVER_PROBE_REPLY, body),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Option<Self>, MessageError> {
        Ok(Some(match kind {
            kind::ACCEPTED => Self::Accepted(codec::decode(&body)?),
            kind::WELCOME => Self::Welcome(codec::decode(&body)?),
            kind::SNAPSHOT => Self::Snapshot(body),
            kind::EVENT => {
                let mut reader = Reader::new(&body);
                let (tick, event) = (reader.varint()?, reader.varint()?);
                Self::Event(Event { tick, event, record: body.slice_ref(reader.rest()) })
            }
            kind::ERROR => Self::Error(codec::decode(&body)?),
            kind::SERVER_PROBE => Self::Probe(codec::decode(&body)?),
            kind::SERVER_PROBE_REPLY => Self::ProbeReply(codec::decode(&body)?),
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
pub fn put_event(out: &mut Vec<u8>, tick: Tick, event: u32, record: &[u8]) {
    frame(out, kind::EVENT, |out| {
        put_varint(out, tick);
        put_varint(out, event);
        out.extend_from_slice(record);
    });
}

fn control(out: &mut Vec<u8>, kind: u8, body: &impl Serialize) {
    frame(out, kind, |out| codec::encode_into(out, body));
}

fn frame(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    write(&mut body);
    out.push(kind);
    put_varint(out, body.len() as u32);
    out.extend_from_slice(&body);
}

fn check_length(what: &'static str, text: &str, max: usize) -> Result<(), MessageError> {
    let length = text.len();
    if (1..=max).contains(&length) { Ok(()) } else { Err(MessageError::Length { what, length, max }) }
}

/// Reads frames off the front of a WebSocket message.
struct Frames<M> {
    rest: Bytes,
    decode: fn(u8, Bytes) -> Result<Option<M>, MessageError>,
}

impl<M> Frames<M> {
    fn frame(&mut self) -> Result<(u8, Bytes), ReadError> {
        let mut reader = Reader::new(&self.rest);
        let kind = reader.u8()?;
        let body = self.rest.slice_ref(reader.opaque()?);
        self.rest = self.rest.slice_ref(reader.rest());
        Ok((kind, body))
    }
}

impl<M> Iterator for Frames<M> {
    type Item = Result<M, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let decoded = self.frame().map_err(MessageError::from).and_then(|(kind, body)| (self.decode)(kind, body));
            match decoded {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => {}
                Err(error) => {
                    self.rest = Bytes::new();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

//! What a client says.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::rooms::{Address, Content, MAX_MESSAGE_ID, MessageId, Role, Scope, Target, Wanted, check_channel};
use super::{Frames, MAX_TOKEN, MessageError, Probe, check_length, control, frame, kind};
use crate::codec;
use crate::ids::{ResumeToken, Sequence, Tick};
use crate::varint::{Reader, put_opaque, put_varint};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage {
    /// Who I am; the first message.
    Auth(Auth),
    /// Let me into a room.
    Join(Join),
    /// What my player wants.
    Input(Input),
    /// I give up my seat, or the wait for one.
    Leave,
    /// Bring me up to date.
    Resync(Resync),
    /// Are you there, and which tick is it?
    Probe(Probe),
    /// I am here.
    ProbeReply(ClientProbeReply),
    /// I want to hear a channel.
    Subscribe(Subscribe),
    /// I want to hear it no more.
    Unsubscribe(Unsubscribe),
    /// A message to others.
    Publish(Publish),
    /// I have heard so much of what must not be lost.
    Ack(Ack),
    /// A message to the game.
    Tell(Tell),
    /// A question to the game.
    Request(Request),
    /// Which rooms are there?
    ListRooms(ListRooms),
}

/// Body of [`ClientMessage::Auth`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the client.
    pub protocol: u16,
    /// Opaque to everyone but the authenticator; 1 to [`MAX_TOKEN`] bytes.
    pub token: String,
}

/// Body of [`ClientMessage::Join`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Comes back in the welcome, or in the error.
    pub id: Option<MessageId>,
    /// Where to.
    pub target: Target,
    /// As what.
    pub role: Role,
    /// To take a held seat up again.
    pub resume: Option<Resume>,
}

impl Join {
    /// A new seat in the room of this name.
    pub fn room(name: impl Into<String>) -> Self {
        Self { id: None, target: Target::Room(name.into()), role: Role::Player, resume: None }
    }
}

/// A seat that is taken up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// The token of the last welcome.
    pub token: ResumeToken,
    /// The number of the newest message that came; what came after it is sent again.
    pub received: u32,
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

/// Body of [`ClientMessage::ProbeReply`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientProbeReply {
    /// The probe's.
    pub nonce: u32,
    /// The newest tick decoded, 0 before the first.
    pub acked: Tick,
}

/// Body of [`ClientMessage::Subscribe`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Comes back in the answer, or in the error.
    pub id: Option<MessageId>,
    /// Where the channel is.
    pub scope: Scope,
    /// Its name.
    pub channel: String,
    /// The number of the newest of its messages that came before: those after it that the relay still has are sent again. None: all that it
    /// has.
    pub after: Option<u32>,
}

/// Body of [`ClientMessage::Unsubscribe`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsubscribe {
    /// Comes back in the answer, or in the error.
    pub id: Option<MessageId>,
    /// Where the channel is.
    pub scope: Scope,
    /// Its name.
    pub channel: String,
}

/// Body of [`ClientMessage::Publish`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// If there is one, the message is acknowledged.
    pub id: Option<MessageId>,
    /// To whom.
    pub to: Address,
    /// What it says.
    pub content: Content,
}

/// Body of [`ClientMessage::Ack`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The number of the room's newest message that came: it and those before are not sent again.
    pub number: u32,
}

/// Body of [`ClientMessage::Tell`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tell {
    /// If there is one, the message is acknowledged.
    pub id: Option<MessageId>,
    /// Its index in [`Schema::messages`](crate::Schema::messages).
    pub message: u32,
    /// Its fields.
    pub record: Bytes,
}

/// Body of [`ClientMessage::Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Comes back in the reply.
    pub id: MessageId,
    /// Its index in [`Schema::requests`](crate::Schema::requests).
    pub request: u32,
    /// Its fields.
    pub record: Bytes,
}

/// Body of [`ClientMessage::ListRooms`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRooms {
    /// Comes back in the list and in all that is told of changes to it, or in the error.
    pub id: Option<MessageId>,
    /// Which of them.
    pub wanted: Wanted,
    /// Whether to tell of changes from now on; if not, no more.
    pub live: bool,
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
            Self::Subscribe(body) => control(out, kind::SUBSCRIBE, body),
            Self::Unsubscribe(body) => control(out, kind::UNSUBSCRIBE, body),
            Self::Publish(body) => control(out, kind::PUBLISH, body),
            Self::Ack(body) => control(out, kind::ACK, body),
            Self::Tell(Tell { id, message, record }) => frame(out, kind::TELL, |out| {
                put_opaque(out, id.as_deref().unwrap_or_default().as_bytes());
                put_varint(out, *message);
                out.extend_from_slice(record);
            }),
            Self::Request(Request { id, request, record }) => frame(out, kind::REQUEST, |out| {
                put_opaque(out, id.as_bytes());
                put_varint(out, *request);
                out.extend_from_slice(record);
            }),
            Self::ListRooms(body) => control(out, kind::LIST_ROOMS, body),
        }
    }

    /// What it is named by in its answer, and where it is refused; none if it has no id, or can have none.
    pub fn id(&self) -> Option<&MessageId> {
        match self {
            Self::Join(Join { id, .. })
            | Self::Subscribe(Subscribe { id, .. })
            | Self::Unsubscribe(Unsubscribe { id, .. })
            | Self::Publish(Publish { id, .. })
            | Self::Tell(Tell { id, .. })
            | Self::ListRooms(ListRooms { id, .. }) => id.as_ref(),
            Self::Request(Request { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// Checks what the types don't: the lengths of texts and lists. A decoded message has passed.
    ///
    /// # Errors
    /// The cap that it breaks.
    pub fn check(&self) -> Result<(), MessageError> {
        if let Some(id) = self.id() {
            check_length("id", id, MAX_MESSAGE_ID)?;
        }
        match self {
            Self::Auth(auth) => check_length("token", &auth.token, MAX_TOKEN),
            Self::Join(join) => join.target.check(),
            Self::Subscribe(Subscribe { channel, .. }) | Self::Unsubscribe(Unsubscribe { channel, .. }) => {
                check_channel(channel)
            }
            Self::Publish(publish) => {
                publish.to.check()?;
                publish.content.check()
            }
            Self::ListRooms(list) => list.wanted.check(),
            _ => Ok(()),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Option<Self>, MessageError> {
        let message = match kind {
            kind::AUTH => Self::Auth(codec::decode(&body)?),
            kind::JOIN => Self::Join(codec::decode(&body)?),
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
            kind::SUBSCRIBE => Self::Subscribe(codec::decode(&body)?),
            kind::UNSUBSCRIBE => Self::Unsubscribe(codec::decode(&body)?),
            kind::PUBLISH => Self::Publish(codec::decode(&body)?),
            kind::ACK => Self::Ack(codec::decode(&body)?),
            kind::TELL => {
                let mut reader = Reader::new(&body);
                let (id, message) = (reader.text()?, reader.varint()?);
                let id = (!id.is_empty()).then(|| id.to_owned());
                Self::Tell(Tell { id, message, record: body.slice_ref(reader.rest()) })
            }
            kind::REQUEST => {
                let mut reader = Reader::new(&body);
                let (id, request) = (reader.text()?.to_owned(), reader.varint()?);
                Self::Request(Request { id, request, record: body.slice_ref(reader.rest()) })
            }
            kind::LIST_ROOMS => Self::ListRooms(codec::decode(&body)?),
            _ => return Ok(None),
        };
        message.check()?;
        Ok(Some(message))
    }

    /// The messages of one WebSocket message, in order; unknown kinds are skipped, and nothing follows an error.
    pub fn decode_all(bytes: Bytes) -> impl Iterator<Item = Result<Self, MessageError>> {
        Frames { rest: bytes, decode: Self::decode }
    }
}

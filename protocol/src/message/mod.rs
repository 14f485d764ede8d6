//! The messages of both ends and the frames that carry them.

mod client;
mod json;
mod rooms;
mod server;

pub use client::{
    Ack, Auth, ClientMessage, ClientProbeReply, Input, Join, ListRooms, Publish, Request, Resume, Resync, Subscribe,
    Tell, Unsubscribe,
};
pub use rooms::{
    Address, Content, Creation, DEFAULT_CHANNEL, Labels, MAX_CHANNEL_NAME, MAX_CONTENT, MAX_LABEL, MAX_LABELS,
    MAX_MEMBERS, MAX_MESSAGE_ID, MAX_METADATA, MAX_PARTY, MAX_RECIPIENTS, MAX_ROOM_NAME, Member, MessageId, Queueing,
    Role, RoomListing, Scope, Target, Wanted,
};
pub use server::{
    Accepted, Acked, ErrorCode, ErrorReply, Event, HostChange, Message, Presence, Reply, RoomList, ServerMessage,
    ServerProbeReply, Subscribed, Unsubscribed, Welcome, put_event, put_snapshot,
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecError};
use crate::varint::{ReadError, Reader, put_varint};

/// The version that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tickwire.v1";

/// Most bytes of an authentication token.
pub const MAX_TOKEN: usize = 2048;

/// A frame's first byte.
mod kind {
    pub(super) const AUTH: u8 = 0x01;
    pub(super) const JOIN: u8 = 0x02;
    pub(super) const INPUT: u8 = 0x03;
    pub(super) const LEAVE: u8 = 0x04;
    pub(super) const RESYNC: u8 = 0x05;
    pub(super) const PROBE: u8 = 0x06;
    pub(super) const PROBE_REPLY: u8 = 0x07;
    pub(super) const SUBSCRIBE: u8 = 0x08;
    pub(super) const UNSUBSCRIBE: u8 = 0x09;
    pub(super) const PUBLISH: u8 = 0x0A;
    pub(super) const ACK: u8 = 0x0B;
    pub(super) const TELL: u8 = 0x0C;
    pub(super) const REQUEST: u8 = 0x0D;
    pub(super) const LIST_ROOMS: u8 = 0x0E;
    pub(super) const ACCEPTED: u8 = 0x41;
    pub(super) const WELCOME: u8 = 0x42;
    pub(super) const SNAPSHOT: u8 = 0x43;
    pub(super) const EVENT: u8 = 0x44;
    pub(super) const ERROR: u8 = 0x45;
    pub(super) const SERVER_PROBE: u8 = 0x46;
    pub(super) const SERVER_PROBE_REPLY: u8 = 0x47;
    pub(super) const SUBSCRIBED: u8 = 0x48;
    pub(super) const UNSUBSCRIBED: u8 = 0x49;
    pub(super) const MESSAGE: u8 = 0x4A;
    pub(super) const PRESENCE: u8 = 0x4B;
    pub(super) const ACKED: u8 = 0x4C;
    pub(super) const REPLY: u8 = 0x4D;
    pub(super) const ROOM_LIST: u8 = 0x4E;
    pub(super) const HOST_CHANGE: u8 = 0x4F;
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
    /// More of something than its cap.
    #[error("{count} {what} are more than {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many came.
        count: usize,
        /// The cap.
        max: usize,
    },
    /// A room for nobody is asked for.
    #[error("a room has at least one seat")]
    NoSeats,
    /// A match of nobody is waited for.
    #[error("a match has at least one player")]
    NoPlayers,
    /// A name would not be shown as it is; see [`is_showable`].
    #[error("{0} has characters that are not shown, or that turn the text around them")]
    Unshowable(&'static str),
    /// The content of a message says that it is JSON, and is not.
    #[error("the content is not JSON")]
    NotJson,
}

/// Body of both sides' probes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Comes back in the reply.
    pub nonce: u32,
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

/// Whether a name shows as what it is, to a person who reads it among others: without control characters, and without those that are
/// invisible or change the direction or the lines of the text around it. (The joiners that some scripts and emoji need are allowed.)
pub fn is_showable(name: &str) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !name.contains(hides)
}

fn check_count(what: &'static str, count: usize, max: usize) -> Result<(), MessageError> {
    if count <= max { Ok(()) } else { Err(MessageError::TooMany { what, count, max }) }
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

//! What travels between a tickwire relay and its clients: messages, schema, snapshots and their codec.
//!
//! No I/O, no clock, no ECS. The wire itself is described byte by byte in `PROTOCOL.md` beside this crate.

mod close;
mod codec;
mod ids;
mod message;
mod schema;
pub mod snapshot;
pub mod text;
pub mod varint;
pub mod wire;

pub use close::CloseCode;
pub use codec::CodecError;
pub use ids::{MAX_SLOTS, ResumeToken, SeatId, Sequence, Slot, Tick};
pub use message::{
    Accepted, Ack, Acked, Address, Auth, ClientMessage, ClientProbeReply, Content, Creation, DEFAULT_CHANNEL,
    ErrorCode, ErrorReply, Event, HostChange, Input, Join, Labels, ListRooms, MAX_CHANNEL_NAME, MAX_CONTENT, MAX_LABEL,
    MAX_LABELS, MAX_MEMBERS, MAX_MESSAGE_ID, MAX_METADATA, MAX_PARTY, MAX_RECIPIENTS, MAX_ROOM_NAME, MAX_TOKEN, Member,
    Message, MessageError, MessageId, PROTOCOL_VERSION, Presence, Probe, Publish, Queueing, Reply, Request, Resume,
    Resync, Role, RoomList, RoomListing, SUBPROTOCOL, Scope, ServerMessage, ServerProbeReply, Subscribe, Subscribed,
    Target, Tell, Unsubscribe, Unsubscribed, Wanted, Welcome, is_showable, put_event, put_snapshot,
};
pub use schema::{Exchange, Field, Kind, MAX_FIELDS, MAX_SHAPES, Predict, Schema, SchemaError, Shape};
pub use tickwire_derive::Wire;
pub use wire::Wire;

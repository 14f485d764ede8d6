//! What travels between a tickwire relay and its clients: messages, schema, snapshots and their codec.
//!
//! No I/O, no clock, no ECS. The wire itself is described byte by byte in `PROTOCOL.md` beside this crate.

mod close;
mod codec;
mod ids;
mod message;
mod schema;
pub mod snapshot;
pub mod varint;
pub mod wire;

pub use close::CloseCode;
pub use codec::CodecError;
pub use ids::{MAX_SLOTS, ResumeToken, SeatId, Sequence, Slot, Tick};
pub use message::{
    Accepted, Auth, ClientMessage, ClientProbeReply, ErrorCode, ErrorReply, Event, Input, Join, MAX_ROOM_NAME,
    MAX_TOKEN, MessageError, PROTOCOL_VERSION, Probe, Resync, SUBPROTOCOL, ServerMessage, ServerProbeReply, Welcome,
    put_event, put_snapshot,
};
pub use schema::{Exchange, Field, Kind, MAX_FIELDS, MAX_SHAPES, Predict, Schema, SchemaError, Shape};
pub use tickwire_derive::Wire;
pub use wire::Wire;

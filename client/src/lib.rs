//! Native tickwire client: connects, joins, keeps a replica of the room's state, sends inputs, talks to others and to the game, comes back
//! after a lost connection; and a runner for bots that play as such clients. With the feature `tls`, off by default, it connects by `wss://`, too.

mod backoff;
pub mod bots;
mod clock;
mod driver;
mod replica;
mod session;
mod trust;

pub use backoff::Backoff;
pub use driver::{Client, ClientError};
pub use replica::{Replica, ReplicaError};
pub use session::{ClientConfig, Counts, TalkError, Update};
pub use tickwire_protocol::{
    Address, CloseCode, Content, Creation, DEFAULT_CHANNEL, ErrorCode, Labels, Member, Message, MessageError,
    MessageId, Presence, Queueing, Role, RoomList, RoomListing, Scope, SeatId, Sequence, Slot, Subscribed, Target,
    Tick, Unsubscribed, Wanted, Welcome, Wire, wire,
};
pub use trust::Trust;
#[cfg(feature = "tls")]
pub use trust::TrustError;

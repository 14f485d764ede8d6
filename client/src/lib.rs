//! Native tickwire client: connects, joins, keeps a replica of the room's state, sends inputs, comes back after a lost
//! connection; and a runner for bots that play as such clients. With the feature `tls`, off by default, it connects by `wss://`, too.

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
pub use session::{ClientConfig, Counts, Update};
pub use tickwire_protocol::{CloseCode, ErrorCode, SeatId, Sequence, Slot, Tick, Welcome, Wire, wire};
pub use trust::Trust;
#[cfg(feature = "tls")]
pub use trust::TrustError;

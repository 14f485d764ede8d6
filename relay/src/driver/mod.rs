//! Where sockets, clocks and threads are, and nowhere else.

mod accept;
mod http;
mod socket;
mod worker;

pub use accept::{Relay, RelayBuilder};
pub use http::Page;

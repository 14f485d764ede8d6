//! Sockets, clocks, threads and tasks: the only files that have them.

mod accept;
mod api;
mod connection;
mod http;
mod matchmaking;
mod readers;
mod senders;
mod socket;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(all(feature = "tls", feature = "webhook"))]
mod trust;
mod upgrade;
#[cfg(feature = "webhook")]
mod webhook;
mod worker;

pub use accept::{Relay, RelayBuilder};
pub use http::Page;
pub use socket::{Ended, Incoming, Socket};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError};
#[cfg(feature = "webhook")]
pub use webhook::{Webhook, WebhookError};

use std::time::Instant;

/// The time by the runtime's clock, which a test can stop.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;

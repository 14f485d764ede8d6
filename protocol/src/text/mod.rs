//! The text form, subprotocol `tickwire.v1.json`: the same messages as JSON, for people and for clients without a binary codec.
//!
//! Everything is `{"type": …, "payload": …, "id": …, "timestamp": …}`; `PROTOCOL.md` has every shape. What a client says becomes a
//! [`ClientMessage`] like any other:
//!
//! ```
//! use tickwire_protocol::text::{self, Context, Decoded};
//! use tickwire_protocol::{Address, ClientMessage, Content, Publish, Scope};
//!
//! let said = r#"{"type":"message","payload":{"channel":"updates","text":"Hello"},"id":"m1"}"#;
//! let publish = Publish {
//!     id: Some("m1".into()),
//!     to: Address::Channel { scope: Scope::Relay, channel: "updates".into() },
//!     content: Content::Json(r#"{"text":"Hello"}"#.into()),
//! };
//! let outside = Context { schema: None };
//! assert_eq!(text::decode(said, &outside), Ok(Decoded::Message(ClientMessage::Publish(publish))));
//!
//! let refused = text::decode(r#"{"type":"subscribe","payload":{},"id":"m2"}"#, &outside).unwrap_err();
//! assert_eq!(refused.to_string(), "payload.channel is missing");
//! ```
//!
//! And what a server says becomes text:
//!
//! ```
//! use tickwire_protocol::{Acked, ServerMessage, text};
//!
//! let acked = ServerMessage::Acked(Acked { id: "m1".into() });
//! let said = r#"{"type":"ack","payload":{"id":"m1"},"timestamp":1700000000000}"#;
//! assert_eq!(text::encode(&acked, None, 1_700_000_000_000).as_deref(), Some(said));
//! ```
//!
//! [`ClientMessage`]: crate::ClientMessage

mod content;
mod decode;
mod encode;
mod error;
mod object;
mod record;
mod schema;
mod snapshots;
mod value;

pub use decode::{Context, Decoded, decode};
pub use encode::encode;
pub use error::{Problem, TextError};
pub use snapshots::Snapshots;

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "tickwire.v1.json";

//! An embeddable multiplayer game-state relay: rooms, seats, sessions and sockets around matches on `bevy_ecs`.
//!
//! Write a [`Game`], open rooms of it in a [`Relay`], and serve. The path of an input runs down from the socket: `driver/socket` →
//! `driver/connection` → `session` → the room's queue → `room` → the game's systems. A snapshot's path runs down too:
//! `room` → `fanout` → `outbox` → socket.
//!
//! Rooms are opened by the embedder ([`Relay::open`]) or asked for by players, of kinds that the embedder knows ([`RelayBuilder::kind`]); a
//! [`RoomHandle`] looks after one. What players say takes the road of their inputs: to the game it comes as [`Arrivals`], to others through the
//! room's `post`, numbered, and kept for those who come back. Channels of the whole relay are the `hub`'s, and no room's.
//!
//! Connections come from a listener ([`Relay::serve`]), from whatever the embedder accepts ([`Relay::accept`]), or out of another HTTP server
//! ([`Relay::upgrade`]). Features, none of them on by default:
//!
//! - `tls`: `Tls`, a certificate from files that can be renewed while it is in use, and `Relay::serve_tls`.
//! - `axum`: a route for an `axum` router.
//! - `jwt`: `JwtTokens`, players known by signed tokens, and `JwtKey`, which mints them.
//! - `webhook`: `Webhook`, players known by a service of the embedder's; over TLS together with `tls`.

#[cfg(test)]
extern crate self as tickwire;

mod auth;
#[cfg(feature = "axum")]
pub mod axum;
mod budget;
mod cache;
mod channel;
mod command;
mod config;
mod driver;
mod fanout;
mod form;
mod frame;
mod frame_counter;
mod galleries;
mod gate;
mod handle;
mod hub;
mod lag;
mod limit;
mod link;
mod lobby;
mod log;
mod options;
mod outbox;
mod people;
mod place;
mod post;
mod queue;
mod resyncs;
mod room;
mod seen;
mod session;
mod sessions;
mod snapshot;
mod stats;
mod strangers;
mod transcripts;
mod watch;

pub use auth::{AuthError, Authenticator, DevelopmentTokens, Door, Grant, Verdict};
#[cfg(feature = "jwt")]
pub use auth::{Claims, ClaimsError, JwtKey, JwtTokens, KeyError, PemPair};
pub use command::Occupant;
pub use config::{Config, ConfigError};
pub use driver::{Ended, Incoming, Page, Relay, RelayBuilder, Socket};
#[cfg(feature = "tls")]
pub use driver::{Tls, TlsError};
#[cfg(feature = "webhook")]
pub use driver::{Webhook, WebhookError};
pub use handle::RoomHandle;
pub use limit::Rate;
pub use lobby::{OpenError, Plan};
pub use options::RoomOptions;
pub use stats::{RelayStats, RoomStats};
pub use tickwire_protocol::{
    CloseCode, Content, Creation, ErrorCode, Labels, MAX_METADATA, RoomListing, Target, Wanted, Wire, wire,
};
pub use tickwire_sim::rand;
pub use tickwire_sim::{
    Answer, Arrival, Arrivals, Delta, Events, Every, FULL_RATE, Game, InputRefused, Inputs, JoinError, Nothing, Player,
    Priors, PriorsError, Refusal, Relayed, Replicated, Replies, Request, RequestId, Rng, Said, Seat, SeatId, SentEvent,
    Sequence, Setup, Sim, SimOptions, Slot, Tick, TickTime, To, Unheard,
};

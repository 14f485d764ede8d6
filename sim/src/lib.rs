//! One match: a `bevy_ecs` [`World`] stepped at a fixed tick, what players send in, its snapshots out.
//!
//! No tokio, no sockets, no clock: a [`Sim`] steps when it is told to. The same game, seed, joins, leaves, inputs, messages and
//! requests at the same ticks give the same [snapshot hash](Sim::hash), always; on every machine, if the game's systems keep from functions
//! that differ between platforms, such as `f32::sin` and `powf` (`libm` has their like).

mod any;
mod arrival;
mod capture;
mod clock;
mod event;
mod game;
mod input;
mod relayed;
mod reply;
mod seat;
mod sim;
mod stream;
mod time;

pub use any::AnySim;
pub use arrival::{Arrival, Arrivals, Said, Unheard};
pub use bevy_ecs::world::World;
pub use capture::Replicated;
pub use clock::{MAX_CATCH_UP, Pace};
pub use event::{Events, SentEvent, To};
pub use game::{Game, Player, Refusal, Setup};
pub use input::{InputRefused, Inputs};
pub use rand;
pub use relayed::{Nothing, Relayed};
pub use reply::{Answer, Replies, Request, RequestId};
pub use seat::{JoinError, Seat};
pub use sim::{Sim, SimOptions};
pub use stream::{Delta, Every, FULL_RATE};
pub use tickwire_protocol::snapshot::{Priors, PriorsError};
pub use tickwire_protocol::{SeatId, Sequence, Slot, Tick, Wire, wire};
pub use time::{Rng, TickTime};

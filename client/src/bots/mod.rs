//! Bots: brains that play through real clients on real sockets, and what they measure while they do.

mod report;
mod run;
mod tokens;

pub use report::{Quantiles, Report};
pub use run::{BotsOptions, Progress, run};
pub use tokens::BotTokens;

use tickwire_protocol::{SeatId, Shape, Tick, Wire, wire};

use crate::replica::Replica;

/// Decides what a bot does. One value a bot.
pub trait Brain: Send + 'static {
    /// The game's input.
    type Input: Wire;

    /// What to do next; asked once a snapshot. It is sent at a random time before the next snapshot.
    fn think(&mut self, view: &View<'_>) -> Self::Input;
}

/// What a bot sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The room's state.
    pub replica: &'a Replica,
    /// The bot's own seat.
    pub seat: SeatId,
    /// The state's tick.
    pub tick: Tick,
}

/// A [`Brain`] of a game that is not known at compile time.
pub trait AnyBrain: Send {
    /// The input's shape, for the room's schema to agree with.
    fn input_shape(&self) -> Shape;

    /// See [`Brain::think`]; the input as a record.
    fn think_record(&mut self, view: &View<'_>) -> Vec<u8>;
}

impl<B: Brain> AnyBrain for B {
    fn input_shape(&self) -> Shape {
        B::Input::shape()
    }

    fn think_record(&mut self, view: &View<'_>) -> Vec<u8> {
        wire::to_record(&self.think(view))
    }
}

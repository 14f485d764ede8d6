//! A match without a game: for rooms whose players talk to each other and where nothing is simulated.

use tickwire_protocol::Wire;

use crate::game::{Game, Setup};

/// The input of a game whose players steer nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Wire)]
#[wire(crate = tickwire_protocol)]
pub struct Nothing;

/// No game: players take seats, and clients see who is there by the [`Seat`](crate::Seat) rows.
///
/// No system of a game runs, and no component but the seat's is captured: a tick in which nobody comes or goes costs next to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed;

impl Game for Relayed {
    type Input = Nothing;

    fn setup(&self, _: &mut Setup<'_>) {}
}

//! Players' places in a match: who sits where, as entities that travel like any other.

use bevy_ecs::component::Component;
use bevy_ecs::entity::Entity;
use tickwire_protocol::{SeatId, Sequence, Wire};

use crate::capture::Replicated;
use crate::game::Refusal;

/// A taken seat. The first component of every schema: clients read from it who is there and which of their inputs the state already
/// contains.
#[derive(Clone, Debug, PartialEq, Eq, Component, Wire)]
#[wire(crate = tickwire_protocol)]
#[require(Replicated)]
pub struct Seat {
    /// Its number.
    pub seat: SeatId,
    /// The last input consumed, 0 before the first.
    pub sequence: Sequence,
    /// Whether the player's connection is up; if not, the seat is held for a while.
    pub connected: bool,
}

/// Why a player got no seat.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// All seats are taken.
    #[error("all {0} seats are taken")]
    Full(u16),
    /// The game said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Which seats are taken, by which entity.
#[derive(Debug)]
pub(crate) struct Seats {
    entities: Vec<Option<Entity>>,
    /// Where to look for the next free seat, so that one just given up is taken again last.
    next: usize,
}

impl Seats {
    pub(crate) fn new(count: u16) -> Self {
        Self { entities: vec![None; count.into()], next: 0 }
    }

    pub(crate) fn count(&self) -> u16 {
        self.entities.len() as u16
    }

    pub(crate) fn free(&self) -> Option<SeatId> {
        let count = self.entities.len();
        (0..count)
            .map(|offset| (self.next + offset) % count)
            .find(|&seat| self.entities[seat].is_none())
            .map(|seat| SeatId(seat as u16))
    }

    pub(crate) fn take(&mut self, seat: SeatId, entity: Entity) {
        self.entities[usize::from(seat.0)] = Some(entity);
        self.next = usize::from(seat.0) + 1;
    }

    pub(crate) fn give_up(&mut self, seat: SeatId) -> Option<Entity> {
        self.entities.get_mut(usize::from(seat.0))?.take()
    }

    pub(crate) fn entity(&self, seat: SeatId) -> Option<Entity> {
        *self.entities.get(usize::from(seat.0))?
    }
}

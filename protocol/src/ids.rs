//! The numbers that name things: ticks, slots, seats, sequences.

use serde::{Deserialize, Serialize};

/// A step of the simulation and its number in a room, from 1; 0 is "before the first".
pub type Tick = u32;

/// An entity's dense network id in its room, below [`MAX_SLOTS`].
pub type Slot = u32;

/// An input's number: 1 for a seat's first, then one more each time.
pub type Sequence = u32;

/// Slots a room can have, live and resting: bounds what a snapshot can make a replica allocate.
pub const MAX_SLOTS: u32 = 65_536;

/// A player's place in a room. It outlives a lost connection. One just given up is not the next to be taken while others are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeatId(pub u16);

impl std::fmt::Display for SeatId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a player shows to take a held seat up again. Secret, and replaced at every welcome.
pub type ResumeToken = [u8; 16];

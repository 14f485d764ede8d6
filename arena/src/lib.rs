//! The sample game: ships in a walled square of space, with rocks to hide behind and orbs to fetch. Written against the public API
//! of `tickwire` and `tickwire-client` alone.

mod brain;
mod combat;
mod components;
mod course;
mod flight;
mod game;
mod grid;
mod pickup;
mod talk;

pub use brain::ArenaBrain;
pub use components::{
    Bounds, Bullet, Controls, Gesture, Heading, Hit, Orb, OrbKind, Pickup, Pilot, Position, Rename, Renamed, Rock,
    Ship, ShipState, Taunt, Taunted, Wreck,
};
pub use course::course;
pub use game::Arena;

//! What travels: the arena's components, its input, its events, and what pilots say and ask. Lengths are in units, a ship
//! being 28 of them across.

use bevy_ecs::component::Component;
use tickwire::{Request, Wire};

/// Where something is. The origin is the upper left corner; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
#[component(summary_tick)]
pub struct Position {
    /// Units to the right.
    #[wire(range = 0.0..=4096.0, step = 1.0 / 16.0)]
    pub x: f32,
    /// Units down.
    #[wire(range = 0.0..=4096.0, step = 1.0 / 16.0)]
    pub y: f32,
}

/// Where a ship aims, a bullet flies, or how far a rock has turned.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
#[component(summary_tick)]
pub struct Heading {
    /// Radians clockwise from the right.
    #[wire(angle, bits = 10)]
    pub angle: f32,
}

/// A player's ship.
#[derive(Clone, Debug, PartialEq, Component, Wire)]
pub struct Ship {
    /// 0 is a wreck.
    #[wire(range = 0..=100)]
    pub health: u8,
    /// What it does.
    pub state: ShipState,
}

/// What a ship does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum ShipState {
    /// It flies.
    Flying,
    /// It flies fast.
    Boosting,
    /// It waits to be made anew.
    Wrecked,
}

/// Who flies a ship.
#[derive(Clone, Debug, PartialEq, Component, Wire)]
pub struct Pilot {
    /// For people to read.
    #[wire(max = 24)]
    pub name: String,
    /// The ship's colour: 256 steps around the colour wheel.
    pub hue: u8,
    /// Wrecks made.
    pub score: u16,
    /// Wrecks suffered.
    pub deaths: u16,
}

/// A bullet.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
pub struct Bullet {
    /// The seat that fired it.
    pub owner: u16,
}

/// A rock that drifts. Ships bounce off it, bullets stop at it.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
pub struct Rock {
    /// Its radius in units.
    #[wire(range = 8..=64)]
    pub size: u8,
}

/// Something to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
pub struct Orb {
    /// What it does.
    pub kind: OrbKind,
}

/// What an orb does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum OrbKind {
    /// It mends half of a ship.
    Repair,
    /// It lets a ship fire twice as fast for six seconds.
    Overdrive,
}

/// The walls.
#[derive(Clone, Copy, Debug, PartialEq, Component, Wire)]
pub struct Bounds {
    /// The side of the square, in units.
    #[wire(range = 0..=4096)]
    pub size: u16,
}

/// What a player asks for.
#[derive(Clone, Debug, Default, PartialEq, Wire)]
pub struct Controls {
    /// Thrust to the right.
    #[wire(range = -1..=1)]
    pub x: i8,
    /// Thrust down.
    #[wire(range = -1..=1)]
    pub y: i8,
    /// Where to aim, in radians clockwise from the right.
    #[wire(angle, bits = 10)]
    pub aim: f32,
    /// Whether to fire.
    pub fire: bool,
    /// Whether to fly fast.
    pub boost: bool,
}

/// A bullet has hit a ship.
#[derive(Clone, Copy, Debug, PartialEq, Wire)]
pub struct Hit {
    /// Units to the right.
    #[wire(range = 0.0..=4096.0, step = 1.0)]
    pub x: f32,
    /// Units down.
    #[wire(range = 0.0..=4096.0, step = 1.0)]
    pub y: f32,
    /// The seat that fired.
    pub by: u16,
    /// The seat that was hit.
    pub seat: u16,
    /// Health lost.
    pub damage: u8,
}

/// A ship is wrecked.
#[derive(Clone, Copy, Debug, PartialEq, Wire)]
pub struct Wreck {
    /// Units to the right.
    #[wire(range = 0.0..=4096.0, step = 1.0)]
    pub x: f32,
    /// Units down.
    #[wire(range = 0.0..=4096.0, step = 1.0)]
    pub y: f32,
    /// The seat that fired.
    pub by: u16,
    /// The seat that was hit.
    pub seat: u16,
}

/// An orb was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Wire)]
pub struct Pickup {
    /// By this seat.
    pub seat: u16,
    /// What it was.
    pub kind: OrbKind,
}

/// A pilot taunts the others.
#[derive(Clone, Copy, Debug, PartialEq, Wire)]
pub struct Taunt {
    /// How.
    pub gesture: Gesture,
}

/// How pilots taunt each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
pub enum Gesture {
    /// They laugh.
    Laugh,
    /// They wave.
    Wave,
    /// They bow.
    Bow,
}

/// A pilot has taunted the others.
#[derive(Clone, Copy, Debug, PartialEq, Wire)]
pub struct Taunted {
    /// By this seat.
    pub seat: u16,
    /// How.
    pub gesture: Gesture,
}

/// A pilot wants to be called something else.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Rename {
    /// Not blank.
    #[wire(max = 24)]
    pub name: String,
}

impl Request for Rename {
    type Reply = Renamed;
}

/// A pilot is called something else.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Renamed {
    /// As it was asked for, without the blanks around it.
    #[wire(max = 24)]
    pub name: String,
}

//! Orbs: fetched by ships, and laid out again elsewhere.

use bevy_ecs::prelude::*;
use rand::RngExt as _;
use tickwire::{Events, Rng, Seat, To};

use crate::combat::{Timers, free_place};
use crate::components::{Bounds, Orb, OrbKind, Pickup, Position, Ship, ShipState};
use crate::flight::SHIP_RADIUS;
use crate::grid::Near;

/// An orb's radius in units.
const ORB_RADIUS: f32 = 12.0;

/// Health that a repair brings.
const REPAIR: u8 = 50;

/// Seconds of fast fire.
const OVERDRIVE: f32 = 6.0;

/// Gives orbs to the ships that touch them, and lays new ones out.
pub(crate) fn fetch(
    (near, bounds, mut rng, mut events): (Res<Near>, Single<&Bounds>, ResMut<Rng>, ResMut<Events>),
    mut orbs: Query<(&mut Orb, &mut Position), Without<Ship>>,
    mut ships: Query<(&Seat, &mut Ship, &mut Timers)>,
) {
    for (mut orb, mut position) in &mut orbs {
        let at = *position;
        let touches = |x: f32, y: f32| {
            let reach = ORB_RADIUS + SHIP_RADIUS;
            (x - at.x) * (x - at.x) + (y - at.y) * (y - at.y) < reach * reach
        };
        let Some(ship) = near.ships(at.x, at.y).find(|ship| touches(ship.x, ship.y)) else { continue };
        let Ok((seat, mut ship, mut timers)) = ships.get_mut(ship.entity) else { continue };
        if ship.state == ShipState::Wrecked {
            continue;
        }
        match orb.kind {
            OrbKind::Repair => ship.health = (ship.health + REPAIR).min(100),
            OrbKind::Overdrive => timers.overdrive = OVERDRIVE,
        }
        events.send(To::All, &Pickup { seat: seat.seat.0, kind: orb.kind });
        orb.kind = random_kind(&mut rng);
        *position = free_place(&mut rng, &near, bounds.size);
    }
}

pub(crate) fn random_kind(rng: &mut Rng) -> OrbKind {
    if rng.random_bool(0.6) { OrbKind::Repair } else { OrbKind::Overdrive }
}

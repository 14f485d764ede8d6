//! Bullets, hits, wrecks and what comes after.

use bevy_ecs::prelude::*;
use rand::RngExt as _;
use tickwire::{Events, Inputs, Replicated, Rng, Seat, SeatId, TickTime, To};

use crate::components::{Bounds, Bullet, Controls, Heading, Hit, Pilot, Position, Ship, ShipState, Wreck};
use crate::flight::{Fuel, SHIP_RADIUS, Velocity, polar};
use crate::grid::Near;

/// Units a second, on top of the ship's own speed.
const BULLET_SPEED: f32 = 700.0;

/// Seconds that a bullet flies, and seconds between two of a ship's.
const BULLET_LIFE: f32 = 1.1;
const RELOAD: f32 = 1.0 / 6.0;

const DAMAGE: u8 = 12;

/// Seconds that a wreck lies, that a new ship can't be hit, and that a hit ship waits until it mends itself.
const WRECK_TIME: f32 = 2.5;
const SHIELD_TIME: f32 = 1.5;
const MEND_AFTER: f32 = 4.0;

/// Seconds for one point of health to come back.
const MEND_EVERY: f32 = 0.25;

/// Seconds that a bullet has left.
#[derive(Clone, Copy, Debug, Component)]
pub(crate) struct Life(f32);

/// A ship's clocks, in seconds.
#[derive(Clone, Copy, Debug, Default, Component)]
pub(crate) struct Timers {
    /// Until it can fire.
    reload: f32,
    /// Of fast fire left.
    pub(crate) overdrive: f32,
    /// Until a wreck is made anew.
    wreck: f32,
    /// Until it can be hit.
    shield: f32,
    /// Until it mends itself by a point.
    mend: f32,
}

type Gunner<'a> = (&'a Seat, &'a Position, &'a Velocity, &'a Heading, &'a Ship, &'a mut Timers);

/// Fires for those who want to.
pub(crate) fn fire(
    time: Res<TickTime>,
    inputs: Res<Inputs<Controls>>,
    mut commands: Commands,
    mut ships: Query<Gunner>,
) {
    for (seat, at, velocity, heading, ship, mut timers) in &mut ships {
        timers.overdrive = (timers.overdrive - time.delta()).max(0.0);
        timers.reload = (timers.reload - time.delta()).max(0.0);
        if ship.state == ShipState::Wrecked || timers.reload > 0.0 || !inputs.get(seat.seat).fire {
            continue;
        }
        timers.reload = if timers.overdrive > 0.0 { RELOAD / 2.0 } else { RELOAD };
        timers.shield = 0.0;
        let (nose_x, nose_y) = polar(heading.angle, SHIP_RADIUS + 4.0);
        let (x, y) = polar(heading.angle, BULLET_SPEED);
        commands.spawn((
            Replicated,
            Bullet { owner: seat.seat.0 },
            Position { x: at.x + nose_x, y: at.y + nose_y },
            *heading,
            Velocity { x: x + velocity.x * 0.5, y: y + velocity.y * 0.5 },
            Life(BULLET_LIFE),
        ));
    }
}

type Flying<'a> = (Entity, &'a Bullet, &'a mut Position, &'a Velocity, &'a mut Life);

/// Moves bullets until they hit a ship, a rock or a wall, or are spent.
pub(crate) fn strike(
    (time, near, bounds): (Res<TickTime>, Res<Near>, Single<&Bounds>),
    mut commands: Commands,
    mut events: ResMut<Events>,
    mut bullets: Query<Flying, Without<Ship>>,
    mut ships: Query<(&Seat, &Position, &mut Ship, &mut Timers, &mut Pilot)>,
    seats: Query<(Entity, &Seat)>,
) {
    let (delta, size) = (time.delta(), f32::from(bounds.size));
    for (entity, bullet, mut position, velocity, mut life) in &mut bullets {
        life.0 -= delta;
        let from = *position;
        position.x = from.x + velocity.x * delta;
        position.y = from.y + velocity.y * delta;
        let outside = position.x < 0.0 || position.y < 0.0 || position.x > size || position.y > size;
        let struck = near.ships(from.x, from.y).find(|ship| {
            let own = ships.get(ship.entity).is_ok_and(|(seat, ..)| seat.seat.0 == bullet.owner);
            !own && meets(from, *position, (ship.x, ship.y), ship.radius)
        });
        let struck = struck.map(|ship| ship.entity);
        let stopped = || near.rocks(from.x, from.y).any(|rock| meets(from, *position, (rock.x, rock.y), rock.radius));
        if let Some(ship) = struck {
            let wrecked = ships.get_mut(ship).is_ok_and(|(seat, at, ship, timers, pilot)| {
                damage(&mut events, bullet.owner, (seat, at), (ship, timers, pilot))
            });
            let owner = seats.iter().find(|(_, seat)| seat.seat == SeatId(bullet.owner));
            if let Some((owner, _)) = owner.filter(|_| wrecked)
                && let Ok((.., mut pilot)) = ships.get_mut(owner)
            {
                pilot.score = pilot.score.saturating_add(1);
            }
        }
        if struck.is_some() || outside || life.0 <= 0.0 || stopped() {
            commands.entity(entity).despawn();
        }
    }
}

/// Whether the way between two points meets a circle.
fn meets(from: Position, to: Position, (x, y): (f32, f32), radius: f32) -> bool {
    let (way_x, way_y) = (to.x - from.x, to.y - from.y);
    let (dx, dy) = (x - from.x, y - from.y);
    let length = way_x * way_x + way_y * way_y;
    let along = if length > 0.0 { ((dx * way_x + dy * way_y) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (off_x, off_y) = (dx - way_x * along, dy - way_y * along);
    off_x * off_x + off_y * off_y < radius * radius
}

/// Takes health from a ship; whether that wrecked it.
fn damage(
    events: &mut Events,
    by: u16,
    (seat, at): (&Seat, &Position),
    (mut ship, mut timers, mut pilot): (Mut<Ship>, Mut<Timers>, Mut<Pilot>),
) -> bool {
    if ship.state == ShipState::Wrecked || timers.shield > 0.0 {
        return false;
    }
    ship.health = ship.health.saturating_sub(DAMAGE);
    timers.mend = MEND_AFTER;
    let (x, y, seat) = (at.x, at.y, seat.seat.0);
    events.send(To::All, &Hit { x, y, by, seat, damage: DAMAGE });
    if ship.health > 0 {
        return false;
    }
    ship.state = ShipState::Wrecked;
    timers.wreck = WRECK_TIME;
    pilot.deaths = pilot.deaths.saturating_add(1);
    events.send(To::All, &Wreck { x, y, by, seat });
    true
}

type Mended<'a> = (&'a mut Ship, &'a mut Timers, &'a mut Position, &'a mut Velocity, &'a mut Fuel);

/// Mends what was left alone for a while, and makes wrecks anew.
pub(crate) fn recover(
    time: Res<TickTime>,
    mut rng: ResMut<Rng>,
    near: Res<Near>,
    bounds: Single<&Bounds>,
    mut ships: Query<Mended>,
) {
    let delta = time.delta();
    for (mut ship, mut timers, mut position, mut velocity, mut fuel) in &mut ships {
        timers.shield = (timers.shield - delta).max(0.0);
        if ship.state == ShipState::Wrecked {
            timers.wreck -= delta;
            if timers.wreck <= 0.0 {
                *ship = Ship { health: 100, state: ShipState::Flying };
                *timers = Timers { shield: SHIELD_TIME, ..Timers::default() };
                *position = free_place(&mut rng, &near, bounds.size);
                (*velocity, *fuel) = Default::default();
            }
        } else if ship.health < 100 {
            timers.mend -= delta;
            if timers.mend <= 0.0 {
                timers.mend += MEND_EVERY;
                ship.health += 1;
            }
        }
    }
}

/// Units to the walls within which nothing comes to life.
const MARGIN: f32 = 40.0;

/// A place that no rock covers and no ship is near, as far as a few tries can tell.
pub(crate) fn free_place(rng: &mut Rng, near: &Near, size: u16) -> Position {
    let high = (f32::from(size) - MARGIN).max(MARGIN + 1.0);
    try_places(near, || Position { x: rng.random_range(MARGIN..high), y: rng.random_range(MARGIN..high) })
}

/// The same in sight of another place.
pub(crate) fn free_place_by(rng: &mut Rng, near: &Near, size: u16, other: Position) -> Position {
    let high = (f32::from(size) - MARGIN).max(MARGIN + 1.0);
    try_places(near, || {
        let (x, y) = polar(rng.random_range(0.0..std::f32::consts::TAU), rng.random_range(160.0..320.0));
        Position { x: (other.x + x).clamp(MARGIN, high), y: (other.y + y).clamp(MARGIN, high) }
    })
}

fn try_places(near: &Near, mut place: impl FnMut() -> Position) -> Position {
    let is_free = |at: &Position| {
        let clear = |x: f32, y: f32, room: f32| (x - at.x) * (x - at.x) + (y - at.y) * (y - at.y) > room * room;
        near.rocks(at.x, at.y).all(|rock| clear(rock.x, rock.y, rock.radius + 2.0 * SHIP_RADIUS))
            && near.ships(at.x, at.y).all(|ship| clear(ship.x, ship.y, 120.0))
    };
    for _ in 0..16 {
        let at = place();
        if is_free(&at) {
            return at;
        }
    }
    place()
}

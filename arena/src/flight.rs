//! How things move: thrust and drag, walls, rocks.

use bevy_ecs::prelude::*;
use libm::{cosf, sinf};
use tickwire::{Inputs, Seat, TickTime};

use crate::components::{Bounds, Bullet, Controls, Heading, Position, Rock, Ship, ShipState};
use crate::grid::{Body, Near};

/// A ship's radius in units.
pub(crate) const SHIP_RADIUS: f32 = 14.0;

/// Units a second that a ship tends to.
const SPEED: f32 = 260.0;
const BOOST_SPEED: f32 = 430.0;

/// How fast a ship tends to its speed, per second: snappy, with a little drift.
const GRIP: f32 = 5.0;

/// Seconds of boost in a full tank, and how much of it comes back in a second.
const TANK: f32 = 1.6;
const REFILL: f32 = 0.35;

/// What is left of a speed after bouncing off something.
const BOUNCE: f32 = 0.6;

/// Units a second.
#[derive(Clone, Copy, Debug, Default, Component)]
pub(crate) struct Velocity {
    pub(crate) x: f32,
    pub(crate) y: f32,
}

/// Radians a second.
#[derive(Clone, Copy, Debug, Component)]
pub(crate) struct Spin(pub(crate) f32);

/// Seconds of boost that are left.
#[derive(Clone, Copy, Debug, Component)]
pub(crate) struct Fuel(pub(crate) f32);

impl Default for Fuel {
    fn default() -> Self {
        Self(TANK)
    }
}

type Steered<'a> = (&'a Seat, &'a mut Heading, &'a mut Ship, &'a mut Velocity, &'a mut Fuel);

/// Turns what players ask for into speed.
pub(crate) fn steer(time: Res<TickTime>, inputs: Res<Inputs<Controls>>, mut ships: Query<Steered>) {
    let delta = time.delta();
    for (seat, mut heading, mut ship, mut velocity, mut fuel) in &mut ships {
        if ship.state == ShipState::Wrecked {
            continue;
        }
        let controls = inputs.get(seat.seat);
        heading.set_if_neq(Heading { angle: controls.aim });
        let (x, y) = direction(controls);
        let boosting = controls.boost && fuel.0 > 0.0 && (x, y) != (0.0, 0.0);
        fuel.0 = if boosting { fuel.0 - delta } else { (fuel.0 + REFILL * delta).min(TANK) };
        let state = if boosting { ShipState::Boosting } else { ShipState::Flying };
        if ship.state != state {
            ship.state = state;
        }
        let speed = if boosting { BOOST_SPEED } else { SPEED };
        let grip = 1.0 - libm::expf(-GRIP * delta);
        velocity.x += (x * speed - velocity.x) * grip;
        velocity.y += (y * speed - velocity.y) * grip;
    }
}

/// Where the thrust goes; as strong in a diagonal as along an axis.
fn direction(controls: &Controls) -> (f32, f32) {
    let (x, y) = (f32::from(controls.x), f32::from(controls.y));
    if x != 0.0 && y != 0.0 {
        (x * std::f32::consts::FRAC_1_SQRT_2, y * std::f32::consts::FRAC_1_SQRT_2)
    } else {
        (x, y)
    }
}

/// Moves rocks and ships, and throws them back from the walls.
pub(crate) fn fly(
    time: Res<TickTime>,
    bounds: Single<&Bounds>,
    mut bodies: Query<(&mut Position, &mut Velocity, Option<&Rock>), Without<Bullet>>,
    mut spinning: Query<(&mut Heading, &Spin)>,
) {
    let (delta, size) = (time.delta(), f32::from(bounds.size));
    for (mut position, mut velocity, rock) in &mut bodies {
        if velocity.x == 0.0 && velocity.y == 0.0 {
            continue;
        }
        let radius = rock.map_or(SHIP_RADIUS, |rock| f32::from(rock.size));
        let mut moved = *position;
        moved.x += velocity.x * delta;
        moved.y += velocity.y * delta;
        let bounce = if rock.is_some() { 1.0 } else { BOUNCE };
        throw_back(&mut moved.x, &mut velocity.x, radius, size - radius, bounce);
        throw_back(&mut moved.y, &mut velocity.y, radius, size - radius, bounce);
        position.set_if_neq(moved);
    }
    for (mut heading, spin) in &mut spinning {
        heading.angle = (heading.angle + spin.0 * delta).rem_euclid(std::f32::consts::TAU);
    }
}

fn throw_back(along: &mut f32, speed: &mut f32, low: f32, high: f32, bounce: f32) {
    if *along < low && *speed < 0.0 || *along > high && *speed > 0.0 {
        *speed = -*speed * bounce;
    }
    *along = along.clamp(low, high.max(low));
}

/// Finds out who is where, for all that asks who is near.
pub(crate) fn survey(
    mut near: ResMut<Near>,
    bounds: Single<&Bounds>,
    ships: Query<(Entity, &Position, &Ship)>,
    rocks: Query<(Entity, &Position, &Rock)>,
) {
    let flying = ships.iter().filter(|(.., ship)| ship.state != ShipState::Wrecked);
    let ships = flying.map(|(entity, at, _)| Body { entity, x: at.x, y: at.y, radius: SHIP_RADIUS });
    let rocks = rocks.iter().map(|(entity, at, rock)| Body { entity, x: at.x, y: at.y, radius: rock.size.into() });
    near.fill(bounds.size.into(), ships, rocks);
}

/// Throws ships back from rocks.
pub(crate) fn bump(near: Res<Near>, mut ships: Query<(&mut Position, &mut Velocity, &Ship)>) {
    for (mut position, mut velocity, ship) in &mut ships {
        if ship.state == ShipState::Wrecked {
            continue;
        }
        for rock in near.rocks(position.x, position.y) {
            let (dx, dy) = (position.x - rock.x, position.y - rock.y);
            let reach = rock.radius + SHIP_RADIUS;
            let distance = (dx * dx + dy * dy).sqrt();
            if distance >= reach {
                continue;
            }
            // Straight up from the very middle.
            let (nx, ny) = if distance > 0.001 { (dx / distance, dy / distance) } else { (0.0, -1.0) };
            position.x = rock.x + nx * reach;
            position.y = rock.y + ny * reach;
            let into = velocity.x * nx + velocity.y * ny;
            if into < 0.0 {
                velocity.x -= (1.0 + BOUNCE) * into * nx;
                velocity.y -= (1.0 + BOUNCE) * into * ny;
            }
        }
    }
}

/// A step of `length` in this direction.
pub(crate) fn polar(angle: f32, length: f32) -> (f32, f32) {
    (cosf(angle) * length, sinf(angle) * length)
}

//! A bot that plays the arena through a client, seeing what a player sees.

use std::f32::consts::{PI, TAU};

use libm::atan2f;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt as _, SeedableRng as _};
use tickwire::Seat;
use tickwire_client::bots::{Brain, View};

use crate::components::{Bounds, Controls, Orb, Position, Rock, Ship, ShipState};

/// Units within which a ship is worth firing at.
const RANGE: f32 = 520.0;

/// Radians a snapshot by which a bot can turn its aim.
const TURN: f32 = 0.35;

/// Plays the arena: wanders, hunts, dodges rocks and walls, fetches orbs when it is hurt, and misses now and then.
#[derive(Debug)]
pub struct ArenaBrain {
    rng: ChaCha12Rng,
    aim: f32,
    /// Ticks until it thinks of something else.
    patience: u32,
    /// Which way it circles its prey.
    circle: f32,
    /// Its aim's error, in radians.
    error: f32,
    /// A random point to fly to when nobody is near, as parts of the arena's side.
    goal: (f32, f32),
    /// Where its prey was.
    seen: Option<(u32, Position)>,
}

/// A ship as a bot sees it.
struct Seen {
    slot: u32,
    at: Position,
    distance: f32,
}

impl ArenaBrain {
    /// A bot of its own character for each seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let (aim, goal) = (rng.random_range(0.0..TAU), (rng.random(), rng.random()));
        Self { rng, aim, patience: 0, circle: 1.0, error: 0.0, goal, seen: None }
    }

    fn change_mind(&mut self) {
        self.patience = self.rng.random_range(15..60);
        self.circle = if self.rng.random() { 1.0 } else { -1.0 };
        self.error = self.rng.random_range(-0.12..0.12);
        self.goal = (self.rng.random_range(0.1..0.9), self.rng.random_range(0.1..0.9));
    }

    fn turn_to(&mut self, angle: f32) -> f32 {
        let turn = (angle - self.aim + PI).rem_euclid(TAU) - PI;
        self.aim = (self.aim + turn.clamp(-TURN, TURN)).rem_euclid(TAU);
        turn.abs()
    }

    /// The angle at which to fire, leading a prey that moves.
    fn lead(&mut self, own: Position, prey: &Seen) -> f32 {
        let before = self.seen.replace((prey.slot, prey.at));
        let (vx, vy) = match before {
            Some((slot, at)) if slot == prey.slot => (prey.at.x - at.x, prey.at.y - at.y),
            _ => (0.0, 0.0),
        };
        // A bullet crosses about 23 units between two snapshots at 30 Hz.
        let snapshots = (prey.distance / 23.0).min(30.0) * 0.7;
        atan2f(prey.at.y + vy * snapshots - own.y, prey.at.x + vx * snapshots - own.x)
    }
}

impl Brain for ArenaBrain {
    type Input = Controls;

    fn think(&mut self, view: &View<'_>) -> Controls {
        let replica = view.replica;
        let own = replica.rows::<Seat>().find(|(_, seat)| seat.seat == view.seat).map(|(slot, _)| slot);
        let Some((slot, at)) = own.and_then(|slot| Some((slot, replica.get::<Position>(slot)?))) else {
            return Controls::default();
        };
        self.patience = match self.patience.checked_sub(1) {
            Some(left) => left,
            None => {
                self.change_mind();
                self.patience
            }
        };
        let size = replica.rows::<Bounds>().next().map_or(1600.0, |(_, bounds)| f32::from(bounds.size));
        let hurt = replica.get::<Ship>(slot).is_some_and(|ship| ship.health < 45);
        let prey = nearest(
            at,
            replica
                .rows::<Ship>()
                .filter(|(other, ship)| *other != slot && ship.state != ShipState::Wrecked)
                .filter_map(|(slot, _)| Some((slot, replica.get(slot)?))),
        );
        let orb =
            hurt.then(|| nearest(at, replica.rows::<Orb>().filter_map(|(slot, _)| Some((slot, replica.get(slot)?)))));

        let (mut x, mut y) = match (&orb.flatten(), &prey) {
            (Some(orb), _) => toward(at, orb.at),
            (None, Some(prey)) if prey.distance < RANGE => {
                let (ahead_x, ahead_y) = toward(at, prey.at);
                // Closes in from afar, backs off from too near, and circles in between.
                let closing = if prey.distance > 280.0 { 0.8 } else { -0.5 };
                (ahead_x * closing - ahead_y * self.circle, ahead_y * closing + ahead_x * self.circle)
            }
            (None, Some(prey)) if self.circle > 0.0 => toward(at, prey.at),
            _ => toward(at, Position { x: self.goal.0 * size, y: self.goal.1 * size }),
        };
        let (push_x, push_y) = self.avoid(
            at,
            size,
            replica.rows::<Rock>().filter_map(|(slot, rock)| {
                let place = replica.get::<Position>(slot)?;
                Some((place, f32::from(rock.size)))
            }),
        );
        x += push_x;
        y += push_y;

        let fire = match prey {
            Some(prey) if prey.distance < RANGE => {
                let angle = self.lead(at, &prey) + self.error;
                self.turn_to(angle) < 0.25 && self.patience % 20 < 14
            }
            _ => {
                self.turn_to(atan2f(y, x));
                false
            }
        };
        let sign = |along: f32| if along > 0.3 { 1 } else { -i8::from(along < -0.3) };
        Controls { x: sign(x), y: sign(y), aim: self.aim, fire, boost: hurt && self.patience.is_multiple_of(3) }
    }
}

impl ArenaBrain {
    /// A push away from walls and rocks.
    fn avoid(&self, at: Position, size: f32, rocks: impl Iterator<Item = (Position, f32)>) -> (f32, f32) {
        let wall = |along: f32| ((90.0 - along) / 60.0).max(0.0) - ((along - size + 90.0) / 60.0).max(0.0);
        rocks.fold((wall(at.x), wall(at.y)), |(x, y), (rock, radius)| {
            let (dx, dy) = (at.x - rock.x, at.y - rock.y);
            let gap = (dx * dx + dy * dy).sqrt() - radius - 14.0;
            if gap > 60.0 {
                return (x, y);
            }
            let (away_x, away_y) = toward(rock, at);
            let force = (60.0 - gap.max(0.0)) / 30.0;
            (x + away_x * force, y + away_y * force)
        })
    }
}

fn nearest(own: Position, places: impl Iterator<Item = (u32, Position)>) -> Option<Seen> {
    let seen = |(slot, at): (u32, Position)| {
        let (dx, dy) = (at.x - own.x, at.y - own.y);
        Seen { slot, at, distance: (dx * dx + dy * dy).sqrt() }
    };
    places.map(seen).min_by(|one, other| one.distance.total_cmp(&other.distance))
}

/// The direction from one place to another, of length 1 (or none).
fn toward(from: Position, to: Position) -> (f32, f32) {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let distance = (dx * dx + dy * dy).sqrt();
    if distance > 0.001 { (dx / distance, dy / distance) } else { (0.0, 0.0) }
}

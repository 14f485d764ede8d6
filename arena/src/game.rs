//! The arena as a game: how a match is built, and what a player's coming and going does to it.

use bevy_ecs::prelude::*;
use rand::RngExt as _;
use tickwire::{Game, Player, Refusal, Replicated, Rng, Setup};

use crate::combat::{Timers, fire, free_place, free_place_by, recover, strike};
use crate::components::{
    Bounds, Bullet, Controls, Heading, Hit, Orb, Pickup, Pilot, Position, Rename, Rock, Ship, ShipState, Taunt,
    Taunted, Wreck,
};
use crate::flight::{Fuel, Spin, Velocity, bump, fly, polar, steer, survey};
use crate::grid::Near;
use crate::pickup::{fetch, random_kind};
use crate::talk::{rename, taunt};

/// The sample game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena {
    /// The side of the square, in units, at most 4,096. Default 1,600: a dozen ships meet every few seconds.
    pub size: u16,
    /// Rocks. Default 24.
    pub rocks: u32,
    /// Orbs. Default 8.
    pub orbs: u32,
}

impl Default for Arena {
    fn default() -> Self {
        Self { size: 1600, rocks: 24, orbs: 8 }
    }
}

impl Arena {
    /// An arena for many players: about as dense as the default is with twelve, up to the largest size.
    pub fn sized_for(players: u32) -> Self {
        let default = Self::default();
        let scale = (f64::from(players.max(12)) / 12.0).sqrt();
        let size = (f64::from(default.size) * scale).min(4096.0);
        let area = (size / f64::from(default.size)).powi(2);
        let scaled = |count: u32| (f64::from(count) * area) as u32;
        Self { size: size as u16, rocks: scaled(default.rocks), orbs: scaled(default.orbs) }
    }
}

/// Who came last: the next one comes to life in sight of them, so that two who come one after the other meet.
#[derive(Resource)]
struct Newest(Option<Entity>);

impl Game for Arena {
    type Input = Controls;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup
            .replicate::<Position>()
            .replicate::<Heading>()
            .replicate::<Ship>()
            .replicate::<Pilot>()
            .replicate::<Bullet>()
            .replicate::<Rock>()
            .replicate::<Orb>()
            .replicate::<Bounds>()
            .event::<Hit>()
            .event::<Wreck>()
            .event::<Pickup>()
            .event::<Taunted>()
            .message::<Taunt>()
            .request::<Rename>()
            .systems((taunt, rename, steer, fly, survey, bump, fire, strike, fetch, recover).chain());
        let size = self.size.min(4096);
        let world = setup.world();
        world.insert_resource(Near::default());
        world.insert_resource(Newest(None));
        world.spawn((Replicated, Bounds { size }));
        world.resource_scope(|world, mut rng: Mut<'_, Rng>| {
            for _ in 0..self.rocks {
                world.spawn((Replicated, rock(&mut rng, size)));
            }
            let near = Near::default();
            for _ in 0..self.orbs {
                let orb = Orb { kind: random_kind(&mut rng) };
                world.spawn((Replicated, orb, free_place(&mut rng, &near, size)));
            }
        });
    }

    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        let size = self.size.min(4096);
        let before = world.resource::<Newest>().0.and_then(|newest| world.get::<Position>(newest).copied());
        let place = world.resource_scope(|world, mut rng: Mut<'_, Rng>| match before {
            Some(before) => free_place_by(&mut rng, world.resource::<Near>(), size, before),
            None => free_place(&mut rng, world.resource::<Near>(), size),
        });
        world.insert_resource(Newest(Some(seat)));
        let mut name = player.name.clone();
        name.truncate(name.floor_char_boundary(24));
        // FNV-1a: names that differ a little get hues that differ a lot.
        let hash = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let hue = (hash >> 13) as u8;
        world.entity_mut(seat).insert((
            place,
            Heading { angle: 0.0 },
            Ship { health: 100, state: ShipState::Flying },
            Pilot { name, hue, score: 0, deaths: 0 },
            (Velocity::default(), Fuel::default(), Timers::default()),
        ));
        Ok(())
    }
}

fn rock(rng: &mut Rng, size: u16) -> impl Bundle {
    let radius = rng.random_range(12..=48u8);
    let (low, high) = (f32::from(radius), f32::from(size) - f32::from(radius));
    let (x, y) = polar(rng.random_range(0.0..std::f32::consts::TAU), rng.random_range(8.0..40.0));
    (
        Rock { size: radius },
        Position { x: rng.random_range(low..high), y: rng.random_range(low..high) },
        Velocity { x, y },
        Heading { angle: rng.random_range(0.0..std::f32::consts::TAU) },
        Spin(rng.random_range(-0.6..0.6)),
    )
}

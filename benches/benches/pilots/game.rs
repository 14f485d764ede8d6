//! The arena, in which only the first who come have ships: the others sit, and what they ask for moves nothing.

use bevy_ecs::prelude::*;
use tickwire::{Game, Player, Refusal, Setup};
use tickwire_arena::{Arena, Controls};

/// One entity in ten is a ship.
pub(crate) struct Crowded {
    arena: Arena,
    ships: u32,
}

/// Ships to be had.
#[derive(Resource)]
struct Berths(u32);

impl Crowded {
    /// With so many entities beside the seats without ships.
    pub(crate) fn of(entities: u32) -> Self {
        let ships = entities / 10;
        // The walls are an entity, too.
        Self { arena: Arena { size: 4096, rocks: entities - ships - 1, orbs: 0 }, ships }
    }
}

impl Game for Crowded {
    type Input = Controls;

    fn setup(&self, setup: &mut Setup<'_>) {
        self.arena.setup(setup);
        setup.world().insert_resource(Berths(self.ships));
    }

    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        let mut berths = world.resource_mut::<Berths>();
        if berths.0 == 0 {
            return Ok(());
        }
        berths.0 -= 1;
        self.arena.join(world, seat, player)
    }
}

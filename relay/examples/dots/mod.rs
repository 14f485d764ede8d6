//! The game of the `embed` example, for those that are about how players come in.

use bevy_ecs::prelude::*;
use tickwire::{Game, Inputs, Player, Refusal, Seat, Setup, TickTime, Wire};

#[derive(Component, Wire)]
struct Position {
    #[wire(range = 0.0..=1000.0, step = 0.125)]
    x: f32,
}

#[derive(Clone, Default, Wire)]
pub(crate) struct Go {
    #[wire(range = -1..=1)]
    x: i8,
}

pub(crate) struct Dots;

impl Game for Dots {
    type Input = Go;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Position>().systems(go);
    }

    fn join(&self, world: &mut World, seat: Entity, _: &Player) -> Result<(), Refusal> {
        world.entity_mut(seat).insert(Position { x: 500.0 });
        Ok(())
    }
}

fn go(time: Res<TickTime>, inputs: Res<Inputs<Go>>, mut dots: Query<(&Seat, &mut Position)>) {
    for (seat, mut position) in &mut dots {
        let x = position.x + f32::from(inputs.get(seat.seat).x) * 100.0 * time.delta();
        position.x = x.clamp(0.0, 1000.0);
    }
}

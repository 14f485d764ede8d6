//! The `tickwire` program for games of one's own: every subcommand, with the author's game and bots beside the arena.

use std::process::ExitCode;

use bevy_ecs::prelude::*;
use tickwire::{Game, Inputs, Player, Refusal, Seat, Setup, Wire};
use tickwire_arena::{Arena, ArenaBrain};
use tickwire_cli::Program;
use tickwire_client::bots::{Brain, View};

#[derive(Component, Wire)]
struct Position {
    #[wire(range = -1000..=1000)]
    x: i16,
}

#[derive(Clone, Default, Wire)]
struct Go {
    #[wire(range = -1..=1)]
    x: i8,
}

struct Dots;

impl Game for Dots {
    type Input = Go;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Position>().systems(go);
    }

    fn join(&self, world: &mut World, seat: Entity, _: &Player) -> Result<(), Refusal> {
        world.entity_mut(seat).insert(Position { x: 0 });
        Ok(())
    }
}

fn go(inputs: Res<Inputs<Go>>, mut dots: Query<(&Seat, &mut Position)>) {
    for (seat, mut position) in &mut dots {
        position.x += i16::from(inputs.get(seat.seat).x);
    }
}

/// Goes back and forth.
struct Pacer;

impl Brain for Pacer {
    type Input = Go;

    fn think(&mut self, view: &View<'_>) -> Go {
        Go { x: if view.tick % 60 < 30 { 1 } else { -1 } }
    }
}

fn main() -> ExitCode {
    Program::new().game("dots", |_players| Dots, |_seed| Pacer).game("arena", Arena::sized_for, ArenaBrain::new).run()
}

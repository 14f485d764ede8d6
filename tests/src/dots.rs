//! A small game: dots that go where their players say, jump, and break on request.

use bevy_ecs::prelude::*;
use tickwire::{Events, Game, Inputs, Player, Refusal, Seat, SeatId, Setup, To, Wire};

/// Where a dot is.
#[derive(Clone, Debug, PartialEq, Component, Wire)]
pub struct Position {
    /// To the right.
    #[wire(range = -1000.0..=1000.0, step = 0.5)]
    pub x: f32,
}

/// What a player asks for.
#[derive(Clone, Debug, Default, PartialEq, Wire)]
pub struct Go {
    /// Per tick.
    #[wire(range = -10.0..=10.0, step = 0.5)]
    pub x: f32,
    /// Tells everyone.
    pub jump: bool,
    /// Breaks the game.
    pub panic: bool,
    /// Holds the game up for so many seconds.
    #[wire(range = 0..=10)]
    pub hold: u8,
}

/// A dot has jumped.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Jumped {
    /// Whose.
    pub seat: SeatId,
}

/// The game.
#[derive(Clone, Copy, Debug)]
pub struct Dots;

impl Game for Dots {
    type Input = Go;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Position>().event::<Jumped>().systems(go);
    }

    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        if player.name == "nobody" {
            return Err(Refusal("nobody is not welcome".into()));
        }
        world.entity_mut(seat).insert(Position { x: 0.0 });
        Ok(())
    }
}

fn go(inputs: Res<Inputs<Go>>, mut events: ResMut<Events>, mut dots: Query<(&Seat, &mut Position)>) {
    for (seat, mut position) in &mut dots {
        let x = position.x + inputs.get(seat.seat).x;
        position.set_if_neq(Position { x });
        for input in inputs.consumed(seat.seat) {
            assert!(!input.panic, "a player asked for it");
            std::thread::sleep(std::time::Duration::from_secs(input.hold.into()));
            if input.jump {
                events.send(To::All, &Jumped { seat: seat.seat });
            }
        }
    }
}

//! A small game that the tests of this crate share: dots that go where their players say.

#![allow(dead_code, reason = "not every test uses all of it")]

use bevy_ecs::prelude::*;
use rand::RngExt as _;
use tickwire_sim::{
    Events, Game, Inputs, Player, Refusal, Replicated, Rng, Seat, SeatId, Setup, Sim, SimOptions, TickTime, To, Wire,
};

#[derive(Clone, Debug, PartialEq, Component, Wire)]
#[wire(crate = tickwire_sim)]
pub(crate) struct Position {
    #[wire(range = -100.0..=100.0, step = 0.5)]
    pub(crate) x: f32,
}

#[derive(Clone, Debug, PartialEq, Component, Wire)]
#[wire(crate = tickwire_sim)]
#[component(storage = "SparseSet")]
pub(crate) struct Label {
    #[wire(max = 16)]
    pub(crate) text: String,
}

#[derive(Clone, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
pub(crate) struct Go {
    #[wire(range = -1..=1)]
    pub(crate) x: i8,
    pub(crate) jump: bool,
    pub(crate) panic: bool,
}

#[derive(Clone, Debug, PartialEq, Wire)]
#[wire(crate = tickwire_sim)]
pub(crate) struct Jumped {
    pub(crate) seat: SeatId,
}

/// Wanders by the room's randomness.
#[derive(Component)]
struct Wanderer;

#[derive(Default)]
pub(crate) struct Dots;

impl Game for Dots {
    type Input = Go;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Position>().replicate::<Label>().event::<Jumped>().systems((go, wander).chain());
        setup.world().spawn((Replicated, Wanderer, Position { x: 0.0 }));
    }

    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        if player.name == "nobody" {
            return Err(Refusal("nobody is not welcome".into()));
        }
        world.entity_mut(seat).insert((Position { x: 0.0 }, Label { text: player.name.clone() }));
        if player.name == "herald" {
            let seat = world.get::<Seat>(seat).map(|seat| seat.seat).unwrap_or_default();
            world.resource_mut::<Events>().send(To::All, &Jumped { seat });
        }
        Ok(())
    }
}

fn go(inputs: Res<Inputs<Go>>, mut events: ResMut<Events>, mut dots: Query<(&Seat, &mut Position)>) {
    for (seat, mut position) in &mut dots {
        // Marked changed every tick, whether it moves or not: that must cost nothing.
        position.x += f32::from(inputs.get(seat.seat).x);
        for input in inputs.consumed(seat.seat) {
            assert!(!input.panic, "a player asked for it");
            if input.jump {
                events.send(To::All, &Jumped { seat: seat.seat });
            }
        }
    }
}

fn wander(time: Res<TickTime>, mut rng: ResMut<Rng>, mut dots: Query<&mut Position, With<Wanderer>>) {
    if time.tick.is_multiple_of(8) {
        for mut position in &mut dots {
            position.x = rng.random_range(-100..=100) as f32;
        }
    }
}

pub(crate) fn sim(options: SimOptions) -> Sim<Dots> {
    Sim::new(Dots, options)
}

pub(crate) fn player(name: &str) -> Player {
    Player { id: name.into(), name: name.into() }
}

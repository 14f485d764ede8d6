//! A game that does a little of everything: an entity beside each seat, events, and requests that are answered, refused, or left open.

use bevy_ecs::prelude::*;
use tickwire::{Arrivals, Events, Game, Player, Refusal, Replicated, Replies, Request, SeatId, Setup, To, Wire};

/// Belongs to the player on a seat.
#[derive(Component, Wire)]
pub(crate) struct Shadow {
    seat: SeatId,
}

/// What players steer.
#[derive(Clone, Default, Wire)]
pub(crate) struct Steer {
    pub(crate) left: bool,
}

/// A player says this to the game.
#[derive(Wire)]
pub(crate) struct Shout {
    pub(crate) loud: bool,
}

/// Everyone hears that.
#[derive(Wire)]
pub(crate) struct Shouted {
    seat: SeatId,
}

/// A player asks for this.
#[derive(Clone, Copy, PartialEq, Eq, Wire)]
pub(crate) enum Wish {
    Granted,
    Refused,
    Ignored,
}

/// A request.
#[derive(Wire)]
pub(crate) struct Ask {
    pub(crate) wish: Wish,
}

/// Its answer.
#[derive(Wire)]
pub(crate) struct Given {
    fine: bool,
}

impl Request for Ask {
    type Reply = Given;
}

/// The name of a player whom the game does not let in.
pub(crate) const UNWELCOME: &str = "unwelcome";

/// The game.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bustle;

impl Game for Bustle {
    type Input = Steer;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Shadow>().event::<Shouted>().message::<Shout>().request::<Ask>().systems(listen);
    }

    fn join(&self, world: &mut World, seat: Entity, player: &Player) -> Result<(), Refusal> {
        if player.name == UNWELCOME {
            return Err(Refusal("not you".into()));
        }
        if let Some(&tickwire::Seat { seat, .. }) = world.get(seat) {
            world.spawn((Replicated, Shadow { seat }));
        }
        Ok(())
    }

    fn leave(&self, world: &mut World, seat: Entity) {
        let Some(seat) = world.get::<tickwire::Seat>(seat).map(|row| row.seat) else { return };
        let mut shadows = world.query::<(Entity, &Shadow)>();
        let its: Vec<Entity> =
            shadows.iter(world).filter(|(_, shadow)| shadow.seat == seat).map(|(shadow, _)| shadow).collect();
        for shadow in its {
            world.despawn(shadow);
        }
    }
}

fn listen(arrivals: Res<'_, Arrivals>, mut events: ResMut<'_, Events>, mut replies: ResMut<'_, Replies>) {
    for (seat, shout) in arrivals.messages::<Shout>() {
        events.send(if shout.loud { To::All } else { To::Seat(seat) }, &Shouted { seat });
    }
    for (id, _, ask) in arrivals.requests::<Ask>() {
        match ask.wish {
            Wish::Granted => replies.reply::<Ask>(id, &Given { fine: true }),
            Wish::Refused => replies.refuse(id, "no"),
            Wish::Ignored => {}
        }
    }
}

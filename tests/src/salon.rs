//! A small game that talks: it repeats what it is told, adds up what it is asked, and answers some only when the test says so.

use bevy_ecs::prelude::*;
use tickwire::{
    Arrivals, Events, Game, Nothing, Player, Refusal, Replies, Request, RequestId, Rng, SeatId, Setup, To, Wire, rand,
};

/// What a player tells the game.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Say {
    /// The words.
    #[wire(max = 80)]
    pub text: String,
}

/// What everyone hears of it.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Heard {
    /// Who said it.
    pub seat: SeatId,
    /// The words.
    #[wire(max = 80)]
    pub text: String,
}

/// Two numbers to add up.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Add {
    /// One.
    pub a: u16,
    /// The other. 0 is refused.
    pub b: u16,
}

/// Their sum.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Sum {
    /// It.
    pub sum: u32,
}

impl Request for Add {
    type Reply = Sum;
}

/// Something that the game answers when [`answer_riddles`] is called, or never.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Riddle;

/// The answer.
#[derive(Clone, Debug, PartialEq, Wire)]
pub struct Solution {
    /// How many riddles were answered before.
    pub number: u32,
}

impl Request for Riddle {
    type Reply = Solution;
}

/// The riddles that wait, and how many were answered.
#[derive(Debug, Default, Resource)]
struct Riddles {
    waiting: Vec<RequestId>,
    answered: u32,
}

/// A die that is thrown once, when the match begins: the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Resource)]
pub struct Die(pub u64);

/// The game.
#[derive(Clone, Copy, Debug)]
pub struct Salon;

impl Game for Salon {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.message::<Say>().event::<Heard>().request::<Add>().request::<Riddle>().systems((repeat, add, wonder));
        let world = setup.world();
        world.init_resource::<Riddles>();
        let thrown = rand::RngExt::random(&mut *world.resource_mut::<Rng>());
        world.insert_resource(Die(thrown));
    }

    fn join(&self, _: &mut World, _: Entity, player: &Player) -> Result<(), Refusal> {
        if player.name == "nobody" { Err(Refusal("nobody is not welcome".into())) } else { Ok(()) }
    }
}

fn repeat(arrivals: Res<Arrivals>, mut events: ResMut<Events>) {
    for (seat, Say { text }) in arrivals.messages::<Say>() {
        events.send(To::All, &Heard { seat, text: text.clone() });
    }
}

fn add(arrivals: Res<Arrivals>, mut replies: ResMut<Replies>) {
    for (id, _, Add { a, b }) in arrivals.requests::<Add>() {
        match b {
            0 => replies.refuse(id, "nothing is not added here"),
            _ => replies.reply::<Add>(id, &Sum { sum: u32::from(*a) + u32::from(*b) }),
        }
    }
}

fn wonder(arrivals: Res<Arrivals>, mut riddles: ResMut<Riddles>) {
    riddles.waiting.extend(arrivals.requests::<Riddle>().map(|(id, ..)| id));
}

/// Answers the riddles that wait. How many there were.
pub fn answer_riddles(world: &mut World) -> usize {
    world.resource_scope(|world, mut riddles: Mut<'_, Riddles>| {
        let waiting = std::mem::take(&mut riddles.waiting);
        for &id in &waiting {
            let solution = Solution { number: riddles.answered };
            world.resource_mut::<Replies>().reply::<Riddle>(id, &solution);
            riddles.answered += 1;
        }
        waiting.len()
    })
}

//! What the benches share: an arena of just so many entities, with players who steer; irregular motion; relays under
//! load; and relays that many come to and go from.

pub mod churn;
pub mod load;
mod motion;

pub use motion::{MOTIONS, Motion};

use tickwire_arena::{Arena, Controls, course};
use tickwire_sim::{Player, Relayed, SeatId, Sim, SimOptions};

/// Ticks before anything is measured: everyone has moved, and no buffer grows any more.
const WARM_UP: u32 = 60;

/// A running match of the arena: nine in ten entities are drifting rocks, one in ten is a ship that is steered and does not fire.
#[derive(Debug)]
pub struct Match {
    /// The match itself.
    pub sim: Sim<Arena>,
    seats: Vec<SeatId>,
    sequence: u32,
}

impl Match {
    /// A match of `entities`, warmed up.
    pub fn of(entities: u32) -> Self {
        let ships = entities / 10;
        // The walls are an entity, too.
        let arena = Arena { size: 4096, rocks: entities - ships - 1, orbs: 0 };
        let mut sim = Sim::new(arena, SimOptions::default());
        let player = |index| Player { id: format!("{index}"), name: format!("Pilot {index}") };
        let seats = (0..ships).map(|index| sim.join(&player(index)).expect("there are seats for all")).collect();
        let mut running = Self { sim, seats, sequence: 0 };
        for _ in 0..WARM_UP {
            running.steer();
            running.sim.step();
        }
        running
    }

    /// Gives every player's input for the next tick.
    pub fn steer(&mut self) {
        self.sequence += 1;
        let tick = self.sim.tick() + 1;
        for (index, &seat) in self.seats.iter().enumerate() {
            let controls = Controls { fire: false, ..course(index as u32, tick) };
            self.sim.input(seat, self.sequence, tick, controls).expect("it is in time and in range");
        }
    }
}

/// A match in which nothing moves: so many orbs, and the walls.
pub fn still(entities: u32) -> Sim<Arena> {
    let arena = Arena { size: 4096, rocks: 0, orbs: entities - 1 };
    let mut sim = Sim::new(arena, SimOptions::default());
    for _ in 0..WARM_UP {
        sim.step();
    }
    sim
}

/// A match without a game, in which so many players sit.
pub fn relayed(players: u16) -> Sim<Relayed> {
    let mut sim = Sim::new(Relayed, SimOptions::default());
    for index in 0..players {
        let player = Player { id: index.to_string(), name: format!("Player {index}") };
        sim.join(&player).expect("there are seats for all");
    }
    for _ in 0..WARM_UP {
        sim.step();
    }
    sim
}

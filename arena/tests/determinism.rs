//! The arena is a function of its seed and its inputs.

use tickwire::{Player, SeatId, Sim, SimOptions};
use tickwire_arena::{Arena, course};

/// The snapshot hash after every tick of a match in which eight players fly and fire.
fn play(seed: u64) -> Vec<u32> {
    let mut sim = Sim::new(Arena::default(), SimOptions { seed, ..SimOptions::default() });
    let player = |index: u32| Player { id: index.to_string(), name: format!("Pilot {index}") };
    let seats: Vec<SeatId> = (0..8).map(|index| sim.join(&player(index)).expect("there are seats")).collect();
    (1..=900)
        .map(|tick| {
            for (index, &seat) in (0u32..).zip(&seats) {
                sim.input(seat, tick, tick, course(index, tick)).expect("it is in time and in range");
            }
            sim.step();
            sim.hash()
        })
        .collect()
}

#[test]
fn the_same_seed_and_inputs_give_the_same_match() {
    let hashes = play(7);
    assert_eq!(hashes, play(7));
    assert_ne!(hashes.last(), play(8).last());
}

#[test]
fn every_machine_plays_the_same_match() {
    // Changes with the game's rules, and with nothing else.
    assert_eq!(play(7).last(), Some(&2_473_108_473));
}

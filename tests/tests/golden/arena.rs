//! `snapshots-SEED.bin`: matches of the arena with players who come and go.

use std::fs;

use tickwire::{Player, SeatId, Sim, SimOptions};
use tickwire_arena::{Arena, course};
use tickwire_protocol::snapshot::Decoder;

use crate::{NEWCOMER_PERIOD, TICKS, Vectors, apply, out, welcome};

/// Ticks from one loss to the next, and how long it lasts: longer than deltas are kept.
const LOSS_PERIOD: u32 = 100;
const LOST: u32 = 41;

/// A match with players who come, fly, fire and go.
struct Match {
    sim: Sim<Arena>,
    seats: Vec<(u32, SeatId)>,
}

impl Match {
    fn new(seed: u64) -> Self {
        let options = SimOptions { seed, ..SimOptions::default() };
        Self { sim: Sim::new(Arena { rocks: 40, ..Arena::default() }, options), seats: Vec::new() }
    }

    fn step(&mut self) -> Vec<u8> {
        let tick = self.sim.tick() + 1;
        if tick % 20 == 1 && self.seats.len() < 30 {
            let player = Player { id: tick.to_string(), name: format!("Pilöt {tick}") };
            self.seats.push((tick, self.sim.join(&player).expect("there are seats")));
        }
        if tick.is_multiple_of(170) {
            let (_, seat) = self.seats.remove(tick as usize % self.seats.len());
            self.sim.leave(seat);
        }
        for &(pilot, seat) in &self.seats {
            // Nobody has sent more inputs than there were ticks.
            self.sim.input(seat, tick, tick, course(pilot, tick)).expect("it is in time and in range");
        }
        self.sim.step().expect("every tick has a snapshot").body.to_vec()
    }

    fn resync(&mut self, base: Option<u32>) -> Vec<u8> {
        let mut body = Vec::new();
        self.sim.resync(1, base, &mut |resync| {
            assert!(body.is_empty(), "so long a loss is not said again");
            body.extend_from_slice(resync);
        });
        body
    }
}

#[test]
fn snapshots() {
    for seed in [1, 2, 3] {
        let mut running = Match::new(seed);
        let mut vectors = Vectors(Vec::new());
        vectors.put(0, 0, &welcome(running.sim.schema()));
        let decoder = || Decoder::new(running.sim.schema().clone());
        let (mut steady, mut lossy, new) = (decoder(), decoder(), decoder());
        for tick in 1..=TICKS {
            let delta = running.step();
            let hash = running.sim.hash();
            vectors.put(1, hash, &delta);
            apply(&mut steady, &delta, hash);
            match tick % LOSS_PERIOD {
                0 if tick > LOSS_PERIOD => {
                    let resync = running.resync(Some(lossy.tick()));
                    vectors.put(3, hash, &resync);
                    apply(&mut lossy, &resync, hash);
                }
                left if tick > LOSS_PERIOD && left >= LOSS_PERIOD - LOST => {}
                left => {
                    apply(&mut lossy, &delta, hash);
                    if tick > LOSS_PERIOD && left == LOSS_PERIOD - LOST - 1 {
                        vectors.put(4, 0, &[]);
                    }
                }
            }
            if tick % NEWCOMER_PERIOD == 0 {
                let keyframe = running.resync(None);
                vectors.put(2, hash, &keyframe);
                apply(&mut new.clone(), &keyframe, hash);
            }
        }
        fs::write(out().join(format!("snapshots-{seed}.bin")), vectors.0).expect("the folder can be written to");
    }
}

//! Several streams over one match: each is whole in itself, and none costs another anything.

mod dots;

use bevy_ecs::prelude::*;
use dots::{Dots, Position, player, sim};
use tickwire_protocol::snapshot::{Applied, Decoder, RESYNC_WINDOW};
use tickwire_sim::{Delta, Replicated, Sim, SimOptions};

fn apply(replica: &mut Decoder, delta: Delta<'_>) {
    let applied = replica.apply(delta.body).expect("every delta follows the last");
    assert!(matches!(applied, Applied::Fresh { hash_matched: None | Some(true), .. }));
    assert_eq!(replica.tick(), delta.tick);
}

#[test]
fn a_slow_stream_says_every_second_snapshot_and_all_of_it() {
    let mut sim = sim(SimOptions { hash_every: 7, ..SimOptions::default() });
    let mut full = Decoder::new(sim.schema().clone());
    let mut slow = Decoder::new(sim.schema().clone());
    let mut said = 0;
    for tick in 1..=400 {
        match tick {
            50 => drop(sim.join(&player("ada"))),
            101 => sim.open_stream(2),
            301 => sim.close_stream(2),
            _ => {}
        }
        // Comes and goes between two of the slow stream's snapshots, at times.
        if tick % 3 == 0 {
            sim.world_mut().spawn((Replicated, Position { x: tick as f32 % 90.0 }));
        } else if tick % 3 == 1 {
            let mut positions = sim.world_mut().query_filtered::<Entity, (With<Position>, With<Replicated>)>();
            let oldest = positions.iter(sim.world()).last().expect("the wanderer is always there");
            sim.world_mut().despawn(oldest);
        }
        apply(&mut full, sim.step().expect("it is open"));
        assert_eq!(full.hash(), sim.hash());
        if let Some(delta) = sim.delta(2) {
            assert_eq!((delta.tick, delta.base), (tick, (said > 0).then(|| tick - 2)));
            apply(&mut slow, delta);
            assert_eq!(slow.hash(), full.hash());
            said += 1;
        }
    }
    assert_eq!(said, 100);
    assert!(sim.delta(2).is_none());
}

#[test]
fn another_stream_and_another_client_make_nobodys_stream_larger() {
    let run = |others: bool| {
        let mut sim = sim(SimOptions::default());
        sim.join(&player("ada")).expect("there is a seat");
        let bytes = (0..200).map(|tick| {
            if others && tick == 80 {
                sim.open_stream(3);
            }
            if others && tick == 90 {
                // Someone joins, too.
                sim.resync(1, None, &mut |_| ());
            }
            sim.step().map_or(0, |delta| delta.body.len())
        });
        bytes.collect::<Vec<_>>()
    };
    assert_eq!(run(false), run(true));
}

/// A match of a hundred dots that flip sides every tick.
fn flipping() -> Sim<Dots> {
    let mut sim = sim(SimOptions::default());
    for index in 0..100 {
        sim.world_mut().spawn((Replicated, Position { x: index as f32 / 2.0 }));
    }
    sim
}

fn flip(sim: &mut Sim<Dots>) -> Option<Vec<u8>> {
    let mut dots = sim.world_mut().query::<&mut Position>();
    dots.iter_mut(sim.world_mut()).for_each(|mut position| position.x = -position.x);
    sim.step().map(|delta| delta.body.to_vec())
}

#[test]
fn what_a_stream_has_learnt_outlives_it() {
    let mut sim = flipping();
    let bytes = |sim: &mut Sim<Dots>| (0..50).map(|_| flip(sim).expect("it is open").len()).sum::<usize>();
    flip(&mut sim);
    let first = bytes(&mut sim);
    bytes(&mut sim);
    sim.close_stream(1);
    assert_eq!(flip(&mut sim), None);
    sim.open_stream(1);
    flip(&mut sim);
    let again = bytes(&mut sim);
    assert!(again < first * 9 / 10, "{again} bytes and {first} before anything was learnt");
}

#[test]
fn who_missed_a_little_hears_it_again_and_who_missed_much_gets_a_resync() {
    let mut sim = flipping();
    let step = |sim: &mut Sim<Dots>| flip(sim).expect("it is open");
    let mut replica = Decoder::new(sim.schema().clone());
    for _ in 0..20 {
        replica.apply(&step(&mut sim)).expect("each follows the last");
    }
    for (missed, bodies) in [(2, 2), (40, 1), (300, 1)] {
        let base = replica.tick();
        (0..missed).for_each(|_| drop(step(&mut sim)));
        let mut given = 0;
        let from = sim.resync(1, Some(base), &mut |body| {
            given += 1;
            assert!(matches!(replica.apply(body), Ok(Applied::Fresh { hash_matched: None | Some(true), .. })));
        });
        assert_eq!((given, replica.tick(), replica.hash()), (bodies, sim.tick(), sim.hash()));
        assert_eq!(from, Some(base).filter(|_| missed <= RESYNC_WINDOW));
    }
}

//! `edges.bin`: what the arena has not.

use std::fs;
use std::sync::Arc;

use tickwire_protocol::snapshot::{Decoder, Encoder, Tables};
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{Field, Kind, Predict, Schema, Shape};

use crate::{NEWCOMER_PERIOD, TICKS, Vectors, apply, out, welcome};

/// Slots of [`edges`].
const EDGE_SLOTS: u32 = 200;

/// Ticks that a resync goes over there.
const EDGE_LOST: u32 = 7;

/// After this tick slots are despawned, and none is given again.
const EDGE_END: u32 = 1300;

/// What the arena has not: every kind of field with every hint, values that jump and wrap, and components with opaque fields alone
/// or with none.
fn edge_schema() -> Schema {
    let field = |name: &str, kind, predict| Field { name: name.into(), kind, predict };
    let shape = |name: &str, fields| Shape { name: name.into(), fields };
    let whole = || Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
    let numbers = vec![
        field("free", whole(), Predict::Auto),
        field("held", whole(), Predict::Hold),
        field("going", whole(), Predict::Velocity),
        field("wide", Kind::Int { min: 0, max: u32::MAX.into() }, Predict::Auto),
        field("half", Kind::Angle { bits: 1 }, Predict::Auto),
        field("turn", Kind::Angle { bits: 10 }, Predict::Auto),
        field("fine", Kind::Angle { bits: 16 }, Predict::Velocity),
        field("rough", Kind::Angle { bits: 4 }, Predict::Hold),
    ];
    let words = || {
        vec![
            field("text", Kind::Text { max: 99 }, Predict::Auto),
            field("bytes", Kind::Bytes { max: 9 }, Predict::Auto),
        ]
    };
    let mixed = words().into_iter().chain([field("whole", whole(), Predict::Auto)]).collect();
    Schema {
        components: vec![
            shape("Numbers", numbers),
            shape("Words", words()),
            shape("Mixed", mixed),
            shape("Marker", vec![]),
        ],
        input: shape("Input", vec![]),
        ..Schema::default()
    }
}

/// Numbers that look random, the same on every machine.
fn random(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u32
}

#[test]
fn edges() {
    let schema = Arc::new(edge_schema());
    let mut tables = Tables::new(schema.clone());
    let mut encoder = Encoder::new(&tables);
    let mut vectors = Vectors(Vec::new());
    vectors.put(0, 0, &welcome(&schema));
    let (mut steady, mut lossy) = (Decoder::new(schema.clone()), Decoder::new(schema.clone()));
    let mut state = 1;
    // By slot: where it is, and how it goes on.
    let mut slots = vec![(0i32, 0i32); EDGE_SLOTS as usize];
    for tick in 1..=TICKS {
        for (slot, (value, step)) in (0..).zip(&mut slots) {
            let chance = random(&mut state) % 400;
            match chance {
                0 => *step = (random(&mut state) % 99) as i32 - 49,
                1 => *step = 0,
                2 => *value = (random(&mut state) << 1) as i32,
                3..10 => *value = value.wrapping_add(1 << (random(&mut state) % 31)),
                10..13 => tables.table(chance as usize - 10).remove(slot),
                13 if tick > EDGE_END => tables.despawn(slot),
                14 => tables.table(3).set(slot, |_| ()),
                15 => tables.table(3).remove(slot),
                _ => {}
            }
            *value = value.wrapping_add(*step);
            let (x, word) = (*value, [b'x'; 99]);
            if tick > EDGE_END {
                continue;
            }
            tables.table(0).set(slot, |row| {
                [x, x, x, x, x & 1, x & 1023, x & 0xFFFF, x >> 5 & 15].into_iter().for_each(|field| row.int(field));
            });
            if chance < 4 || tick == slot {
                tables.table(1).set(slot, |row| {
                    row.opaque(&word[..x as usize % 100]);
                    row.opaque(&word[..x as usize % 10]);
                });
            }
            if chance > 397 {
                tables.table(2).set(slot, |row| {
                    row.opaque(&word[..x as usize % 3]);
                    row.opaque(&word[..x as usize % 2]);
                    row.int(x >> 3);
                });
            }
        }
        let mut delta = Vec::new();
        encoder.observe(&tables);
        encoder.delta(&tables, tick, false, &mut delta);
        tables.settle();
        let hash = encoder.hash();
        vectors.put(1, hash, &delta);
        apply(&mut steady, &delta, hash);
        match tick % (2 * EDGE_LOST) {
            0 => {
                let mut resync = Vec::new();
                encoder.resync(Some(lossy.tick()), &mut resync);
                vectors.put(3, hash, &resync);
                apply(&mut lossy, &resync, hash);
            }
            left if left > EDGE_LOST => {}
            left => {
                apply(&mut lossy, &delta, hash);
                if left == EDGE_LOST {
                    vectors.put(4, 0, &[]);
                }
            }
        }
        if tick % NEWCOMER_PERIOD == 0 {
            let mut keyframe = Vec::new();
            encoder.resync(None, &mut keyframe);
            vectors.put(2, hash, &keyframe);
            apply(&mut Decoder::new(schema.clone()), &keyframe, hash);
        }
    }
    fs::write(out().join("edges.bin"), vectors.0).expect("the folder can be written to");
}

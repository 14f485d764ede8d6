//! Where the built-in priors come from: motion of many kinds, none of a particular game, encoded and counted.
//!
//! `cargo test -p tickwire-protocol train_generic -- --ignored` writes them anew.

use std::f64::consts::TAU;

use super::super::learn::{best_level, tests::counts};
use super::super::prior::{NUMBER, OPAQUE, TABLE};
use super::*;

/// Ticks of each game.
const TICKS: u32 = 600;

/// A linear congruential generator: the same numbers everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as u32) % count
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    /// From -1 to 1.
    fn signed(&mut self) -> f64 {
        f64::from(self.below(2_000_001)) / 1e6 - 1.0
    }
}

/// Something that moves, in steps of its game's quantisation.
#[derive(Default)]
struct Mover {
    kind: usize,
    at: [f64; 2],
    velocity: [f64; 2],
    aim: [f64; 2],
    heading: f64,
    aim_heading: f64,
    health: i32,
    clock: i32,
}

/// How movers move.
const KINDS: usize = 9;

impl Mover {
    fn new(random: &mut Random, kind: usize) -> Self {
        let at = [random.signed() * 1e5, random.signed() * 1e5];
        Self { kind, at, heading: random.signed() * 3.0, health: 100, ..Self::default() }
    }

    /// A tick, with a top speed and the share of a difference that is made up for in it.
    fn step(&mut self, random: &mut Random, speed: f64, share: f64) {
        let close_in = |from: &mut f64, to: f64| *from += (to - *from) * share;
        match self.kind {
            // Steered by keys: eight ways, now and then another, and a mouse to aim with.
            0 => {
                if random.once_in(20) {
                    let (way, go) = (f64::from(random.below(8)) * TAU / 8.0, f64::from(random.below(2)));
                    self.aim = [way.cos() * speed * go, way.sin() * speed * go];
                }
                if random.once_in(25) {
                    self.aim_heading += random.signed() * 2.0;
                }
                (0..2).for_each(|axis| close_in(&mut self.velocity[axis], self.aim[axis]));
                close_in(&mut self.heading, self.aim_heading + random.signed() * 0.01);
            }
            // Drawn hither and thither, looking where it goes.
            1 => {
                (0..2).for_each(|axis| self.aim[axis] = self.aim[axis] * 0.9 + random.signed() * speed / 20.0);
                (0..2).for_each(|axis| self.velocity[axis] = (self.velocity[axis] + self.aim[axis] / 4.0) * 0.99);
                self.heading = self.velocity[1].atan2(self.velocity[0]);
            }
            // Driven: a speed and a wheel.
            2 => {
                if random.once_in(40) {
                    self.aim = [f64::from(random.below(3)) * speed / 2.0, random.signed() * 0.06];
                }
                close_in(&mut self.aim_heading, self.aim[1]);
                self.heading += self.aim_heading;
                let now = self.velocity[0].hypot(self.velocity[1]);
                let now = now + (self.aim[0] - now) * share / 4.0;
                self.velocity = [self.heading.cos() * now, self.heading.sin() * now];
            }
            // Shot: straight on, until it hits.
            3 => {
                if random.once_in(40) {
                    self.heading = random.signed() * 3.0;
                    self.velocity = [self.heading.cos() * speed * 2.0, self.heading.sin() * speed * 2.0];
                }
            }
            // Thrown and falling, off walls.
            4 => {
                self.velocity[1] -= speed / 30.0;
                if random.once_in(30) || self.velocity[1] < -speed {
                    self.velocity = [random.signed() * speed, speed * 0.8];
                }
                self.heading += 0.05;
            }
            // Starts and stops at once.
            5 => {
                if random.once_in(15) {
                    let go = f64::from(random.below(2));
                    self.velocity = [random.signed() * speed * go, random.signed() * speed * go];
                    self.heading = random.signed() * 3.0;
                }
            }
            // Shakes.
            6 => (0..2).for_each(|axis| self.velocity[axis] = random.signed() * speed / 3.0),
            // From field to field.
            7 => {
                let go = random.once_in(6);
                self.velocity = if go { [256.0, 0.0] } else { [0.0, 0.0] };
            }
            // Mostly nothing.
            _ => self.velocity = if random.once_in(200) { [random.signed() * speed, 3.0] } else { [0.0, 0.0] },
        }
        (0..2).for_each(|axis| self.at[axis] += self.velocity[axis]);
        if random.once_in(300) {
            self.at = [random.signed() * 1e5, random.signed() * 1e5];
        }
        self.health = if random.once_in(60) { (self.health - random.below(20) as i32).max(0) } else { self.health };
        self.clock += [1, 0, -1][self.kind % 3];
    }
}

fn game_schema() -> Arc<Schema> {
    let field = |name: &str, kind| Field { name: name.into(), kind, predict: Predict::Auto };
    let int = || Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
    let body = vec![field("x", int()), field("y", int()), field("heading", Kind::Angle { bits: 10 })];
    let state = vec![
        field("health", int()),
        field("moves", Kind::Bool),
        field("clock", int()),
        field("name", Kind::Text { max: 8 }),
    ];
    let whole = [body.clone(), vec![field("health", int()), field("moves", Kind::Bool)]].concat();
    let shapes = [("Whole", whole), ("Body", body), ("State", state)];
    Arc::new(Schema {
        components: shapes.map(|(name, fields)| Shape { name: name.into(), fields }).into(),
        input: Shape { name: "Input".into(), fields: vec![] },
        ..Schema::default()
    })
}

/// Adds what a game's stream has counted to the counts of the built-in blocks.
fn play(seed: u64, table: &mut [[u32; 2]], number: &mut [[u32; 2]], opaque: &mut [[u32; 2]]) {
    let mut random = Random(seed);
    let schema = game_schema();
    let mut tables = Tables::new(schema.clone());
    let mut encoder = Encoder::new(&tables);
    let (speed, share) = (3.0 * f64::from(1 << random.below(7)), 0.1 + 0.05 * f64::from(random.below(9)));
    let (one, angle) = (random.once_in(2), 1024.0 / TAU);
    let mut movers: Vec<Mover> = (0..120).map(|slot| Mover::new(&mut random, slot % KINDS)).collect();
    for tick in 1..TICKS {
        for (slot, mover) in movers.iter_mut().enumerate() {
            mover.step(&mut random, speed, share);
            let body = [mover.at[0] as i32, mover.at[1] as i32, (mover.heading * angle).round() as i32 & 1023];
            let moves = i32::from(mover.velocity != [0.0, 0.0]);
            let slot = slot as u32;
            if one {
                tables.table(0).set(slot, |row| {
                    body.into_iter().chain([mover.health, moves]).for_each(|value| row.int(value));
                });
            } else {
                tables.table(1).set(slot, |row| body.into_iter().for_each(|value| row.int(value)));
                tables.table(2).set(slot, |row| {
                    [mover.health, moves, mover.clock].into_iter().for_each(|value| row.int(value));
                    row.opaque(if mover.health < 50 { b"hurt" } else { b"well" });
                });
            }
        }
        encoder.observe(&tables);
        tables.settle();
        encoder.delta(&tables, tick, false, &mut Vec::new());
    }
    let mut counted = counts(&encoder.learner).iter();
    let mut add = |block: &mut [[u32; 2]]| {
        block.iter_mut().zip(&mut counted).for_each(|(sum, count)| (0..2).for_each(|bit| sum[bit] += count[bit]));
    };
    for shape in &schema.components {
        add(table);
        shape.fields.iter().for_each(|field| add(if field.kind.is_opaque() { &mut *opaque } else { &mut *number }));
    }
}

/// The best levels; a context that was hardly met goes by those that differ from it in one thing that is known, of `size`
/// contexts that lie `stride` apart.
fn levels(counts: &[[u32; 2]], kin: impl Fn(usize) -> (usize, usize, usize)) -> Vec<u8> {
    let level = |index: usize| {
        let (first, stride, size) = kin(index);
        let sum = |bit: usize| (0..size).map(|step| counts[first + step * stride][bit]).sum();
        best_level(counts[index], best_level([sum(0), sum(1)], 31))
    };
    (0..counts.len()).map(level).collect()
}

#[test]
#[ignore = "writes the built-in priors"]
fn train_generic() {
    let (mut table, mut number, mut opaque) = ([[0; 2]; TABLE], [[0; 2]; NUMBER], [[0; 2]; OPAQUE]);
    (0..40).for_each(|seed| play(seed, &mut table, &mut number, &mut opaque));
    let alone = |index| (index, 1, 1);
    let table = levels(&table, |index| match index {
        // A slot goes by those that have fewer or more fields on edge, or an earlier component coded.
        8..392 => (8 + (index - 8) / 6 * 6, 1, 6),
        // A digit goes by that of other lengths.
        392.. => (392 + (index - 392) % 3, 3, 16),
        _ => alone(index),
    });
    let number = levels(&number, |index| match index {
        0..90 => (index / 9 * 9, 1, 9),
        90..162 => (90 + (index - 90) / 24 * 24 + (index - 90) % 4, 4, 6),
        _ => (162 + (index - 162) / 32 * 32 + (index - 162) % 8, 8, 4),
    });
    let opaque = levels(&opaque, |_| (0, 1, OPAQUE));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/snapshot/generic.priors");
    std::fs::write(path, [table, number, opaque].concat()).expect("the source tree can be written");
}

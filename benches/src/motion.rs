//! Irregular updates, as traces: what a codec that expects smooth motion is tempted to get wrong.

use rand::rngs::ChaCha12Rng;
use rand::{RngExt as _, SeedableRng as _};
use tickwire_cli::trace::{Column, ColumnKind, Component, Header, Set, Tick, Trace};

const ENTITIES: u32 = 200;
const TICKS: u32 = 400;

/// One kind of irregular update.
#[derive(Clone, Copy)]
pub struct Motion {
    /// Its name.
    pub name: &'static str,
    fields: usize,
    /// The next values of an entity, from its number, the tick, and its values.
    step: fn(&mut ChaCha12Rng, u32, u32, &mut [i32]),
}

impl std::fmt::Debug for Motion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// All of them.
pub const MOTIONS: [Motion; 8] = [
    Motion { name: "teleports", fields: 2, step: teleports },
    Motion { name: "bursts", fields: 3, step: bursts },
    Motion { name: "2 on, 4 off", fields: 2, step: |_, id, tick, at| on_off(id, tick, 2, 6, at) },
    Motion { name: "3 on, 3 off", fields: 2, step: |_, id, tick, at| on_off(id, tick, 3, 6, at) },
    Motion { name: "every third tick", fields: 2, step: |_, id, tick, at| on_off(id, tick, 1, 3, at) },
    Motion { name: "noise", fields: 2, step: |rng, _, _, at| at.fill_with(|| rng.random()) },
    Motion { name: "counters", fields: 3, step: counters },
    Motion { name: "22 fields, 3 move", fields: 22, step: wide },
];

impl Motion {
    /// A trace of 200 entities that move so for 400 ticks; always the same.
    pub fn trace(&self) -> Trace {
        let mut rng = ChaCha12Rng::seed_from_u64(7);
        let column = |index| Column { name: format!("f{index}"), kind: ColumnKind::Int };
        let component = Component { name: "body".into(), fields: (0..self.fields).map(column).collect() };
        let header = Header { trace: 1, name: self.name.into(), tick_rate: 30, components: vec![component] };
        let mut bodies: Vec<Vec<i32>> =
            (0..ENTITIES).map(|_| (0..self.fields).map(|_| rng.random_range(0..65_536)).collect()).collect();
        let tick = |tick| {
            let mut line = Tick { tick, ..Tick::default() };
            for (id, values) in (0..).zip(&mut bodies) {
                let before = values.clone();
                (self.step)(&mut rng, id, tick, values);
                if tick == 1 || *values != before {
                    line.set.push(Set(id, 0, values.clone()));
                }
            }
            line
        };
        Trace { header, ticks: (1..=TICKS).map(tick).collect() }
    }
}

/// An entity's own steady speed along each axis.
fn speed(id: u32) -> [i32; 2] {
    [4 + (id * 37 % 391) as i32, -((id * 61 % 173) as i32)]
}

fn go(id: u32, at: &mut [i32]) {
    for (at, speed) in at.iter_mut().zip(speed(id)) {
        *at += speed;
    }
}

/// Steady, but one in fifty jumps anywhere.
fn teleports(rng: &mut ChaCha12Rng, id: u32, _: u32, at: &mut [i32]) {
    if rng.random_ratio(1, 50) {
        at.fill_with(|| rng.random_range(0..65_536));
    } else {
        go(id, at);
    }
}

/// Goes for five ticks or so, then rests for twenty-five. The last field tells: 1 goes, all else rests.
fn bursts(rng: &mut ChaCha12Rng, id: u32, _: u32, at: &mut [i32]) {
    let goes = if at[2] == 1 { !rng.random_ratio(1, 5) } else { rng.random_ratio(1, 25) };
    at[2] = goes.into();
    if goes {
        go(id, at);
    }
}

/// Goes for the first `on` of every `period` ticks.
fn on_off(id: u32, tick: u32, on: u32, period: u32, at: &mut [i32]) {
    if (tick + id) % period < on {
        go(id, at);
    }
}

/// One up every tick, one up every tenth, and a few up whenever.
fn counters(rng: &mut ChaCha12Rng, id: u32, tick: u32, at: &mut [i32]) {
    at[0] += 1;
    at[1] += i32::from((tick + id).is_multiple_of(10));
    at[2] += if rng.random_ratio(1, 4) { rng.random_range(1..=5) } else { 0 };
}

/// Three fields wander, the others stay.
fn wide(rng: &mut ChaCha12Rng, _: u32, _: u32, at: &mut [i32]) {
    for field in [3, 4, 17] {
        at[field] += rng.random_range(-20..=20);
    }
}

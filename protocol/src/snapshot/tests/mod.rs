//! Encoder and decoder against each other: what one writes the other reads, and nothing else does harm.

mod cost;
mod generic;
mod hostile;
mod priors;
mod streams;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::schema::{Field, Kind, Predict, Schema, Shape};
use crate::wire::Sink;

fn schema() -> Arc<Schema> {
    let field = |name: &str, kind| Field { name: name.into(), kind, predict: Predict::Auto };
    let int = Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
    let velocity = Field { name: "clock".into(), kind: int.clone(), predict: Predict::Velocity };
    let body = vec![field("x", int.clone()), field("heading", Kind::Angle { bits: 10 }), velocity];
    let text = || Kind::Text { max: 16 };
    let label = vec![field("name", text()), field("score", int), field("motto", text())];
    Arc::new(Schema {
        components: vec![
            Shape { name: "Body".into(), fields: body },
            Shape { name: "Label".into(), fields: label },
            Shape { name: "Marker".into(), fields: vec![] },
        ],
        input: Shape { name: "Input".into(), fields: vec![] },
        ..Schema::default()
    })
}

/// One thing that can happen to a room's tables.
#[derive(Clone, Debug)]
enum Change {
    Body(u32, i32, i32),
    /// From now on the body moves by this every tick.
    Drift(u32, i32),
    Label(u32, String, i32),
    Marker(u32),
    Remove(u32, usize),
    Despawn(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let slot = prop_oneof![4 => 0..8u32, 1 => 0..200u32];
    let x = prop_oneof![-100..100, any::<i32>(), Just(i32::MAX), Just(i32::MIN)];
    let drift = prop_oneof![3 => -60..60, 1 => Just(0), 1 => any::<i32>()];
    prop_oneof![
        3 => (slot.clone(), x, 0..1024).prop_map(|(slot, x, heading)| Change::Body(slot, x, heading)),
        3 => (slot.clone(), drift).prop_map(|(slot, by)| Change::Drift(slot, by)),
        2 => (slot.clone(), "[a-zäö]{0,6}", any::<i32>()).prop_map(|(slot, name, score)| Change::Label(slot, name, score)),
        1 => slot.clone().prop_map(Change::Marker),
        1 => (slot.clone(), 0..3usize).prop_map(|(slot, component)| Change::Remove(slot, component)),
        1 => slot.prop_map(Change::Despawn),
    ]
}

/// Ticks with few changes, so that slots settle between them.
fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(change(), 1..3), 1 => prop::collection::vec(change(), 0..12)]
}

/// A room's tables and its full-rate stream.
struct Room {
    tables: Tables,
    encoder: Encoder,
    /// Bodies: where they are and how they move.
    bodies: BTreeMap<u32, (i32, i32, i32)>,
    dead: Vec<u32>,
}

impl Room {
    fn new() -> Self {
        let tables = Tables::new(schema());
        Self { encoder: Encoder::new(&tables), tables, bodies: BTreeMap::new(), dead: vec![] }
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(self.tables.schema().clone())
    }

    fn make(&mut self, change: &Change) {
        match *change {
            // A dead slot rests.
            Change::Body(slot, ..) | Change::Label(slot, ..) | Change::Marker(slot) if self.dead.contains(&slot) => {}
            Change::Body(slot, x, heading) => {
                let body = self.bodies.entry(slot).or_default();
                (body.0, body.1) = (x, heading);
                self.write(slot);
            }
            Change::Drift(slot, by) => {
                if let Some(body) = self.bodies.get_mut(&slot) {
                    body.2 = by;
                }
            }
            Change::Label(slot, ref name, score) => self.tables.table(1).set(slot, |row| {
                row.opaque(name.as_bytes());
                row.int(score);
                row.opaque(&name.as_bytes()[..name.len() / 2]);
            }),
            Change::Marker(slot) => self.tables.table(2).set(slot, |_| ()),
            Change::Remove(slot, component) => {
                if component == 0 {
                    self.bodies.remove(&slot);
                }
                self.tables.table(component).remove(slot);
            }
            Change::Despawn(slot) => {
                self.tables.despawn(slot);
                self.bodies.remove(&slot);
                self.dead.push(slot);
            }
        }
    }

    fn write(&mut self, slot: u32) {
        let (x, heading, drift) = self.bodies[&slot];
        self.tables.table(0).set(slot, |row| {
            row.int(x);
            row.int(heading);
            row.int(drift.wrapping_mul(7).wrapping_add(x));
        });
    }

    /// Everything that drifts moves.
    fn drift(&mut self) {
        for (x, heading, drift) in self.bodies.values_mut() {
            *x = x.wrapping_add(*drift);
            *heading = heading.wrapping_add(*drift) & 1023;
        }
        let slots: Vec<u32> = self.bodies.keys().copied().collect();
        slots.into_iter().for_each(|slot| self.write(slot));
    }

    fn delta(&mut self, tick: u32) -> Vec<u8> {
        self.delta_with(tick, false)
    }

    fn delta_with(&mut self, tick: u32, with_hash: bool) -> Vec<u8> {
        self.encoder.observe(&self.tables);
        self.tables.settle();
        delta(&mut self.encoder, &self.tables, tick, with_hash)
    }

    fn resync(&mut self, base: Option<u32>) -> Vec<u8> {
        resync(&mut self.encoder, base)
    }
}

fn delta(encoder: &mut Encoder, tables: &Tables, tick: u32, with_hash: bool) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.delta(tables, tick, with_hash, &mut out);
    out
}

fn resync(encoder: &mut Encoder, base: Option<u32>) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.resync(base, &mut out);
    out
}

fn fresh(tick: u32, hash_matched: Option<bool>) -> Result<Applied, DecodeError> {
    Ok(Applied::Fresh { tick, hash_matched })
}

/// Whether a decoder knows all that its encoder does: rows, what is remembered of them, and the priors in force.
fn same(encoder: &Encoder, decoder: &Decoder) -> bool {
    let tables = encoder.mirror.tables.iter().zip(&decoder.mirror.tables);
    encoder.hash() == decoder.hash()
        && encoder.priors.levels == decoder.levels
        && tables.into_iter().all(|(mine, theirs)| {
            mine.rows.slots().all(|slot| {
                mine.history(slot) == theirs.history(slot)
                    && mine.predictors(slot) == theirs.predictors(slot)
                    && mine.unsettled.contains(slot) == theirs.unsettled.contains(slot)
                    && mine.coasting.contains(slot) == theirs.coasting.contains(slot)
            }) && mine.unsettled.iter().count() == theirs.unsettled.iter().count()
                && mine.coasting.iter().count() == theirs.coasting.iter().count()
        })
}

//! A trace played into tables, as a match's capture would fill them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire_protocol::snapshot::{SlotPool, Tables};
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{Schema, Slot};

use super::{Set, Tick};

/// The state of a trace at one of its ticks.
#[derive(Debug)]
pub struct Replay {
    tables: Tables,
    slots: BTreeMap<u32, Slot>,
    pool: SlotPool,
    rows: Vec<BTreeMap<Slot, Vec<i32>>>,
}

impl Replay {
    /// Before the first tick, with the schema of the trace's header.
    pub fn new(schema: Arc<Schema>) -> Self {
        let rows = vec![BTreeMap::new(); schema.components.len()];
        Self { tables: Tables::new(schema), slots: BTreeMap::new(), pool: SlotPool::default(), rows }
    }

    /// Goes on to the next tick.
    ///
    /// # Panics
    /// If more than [`MAX_SLOTS`](tickwire_protocol::MAX_SLOTS) entities are alive or resting at once.
    pub fn step(&mut self, tick: &Tick) {
        for id in &tick.despawn {
            let slot = self.slots.remove(id).expect("a trace is checked when it is read");
            self.tables.despawn(slot);
            self.pool.take_back(slot, tick.tick);
            self.rows.iter_mut().for_each(|rows| drop(rows.remove(&slot)));
        }
        for &(id, component) in &tick.unset {
            let slot = self.slots[&id];
            self.tables.table(component).remove(slot);
            self.rows[component].remove(&slot);
        }
        for Set(id, component, values) in &tick.set {
            let give = || self.pool.give(tick.tick).expect("a trace has fewer entities than there are slots");
            let slot = *self.slots.entry(*id).or_insert_with(give);
            self.tables.table(*component).set(slot, |row| values.iter().for_each(|&value| row.int(value)));
            self.rows[*component].insert(slot, values.clone());
        }
    }

    /// What a capture has filled.
    pub fn tables(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// By component, then by slot: the rows as the trace has them.
    pub fn rows(&self) -> &[BTreeMap<Slot, Vec<i32>>] {
        &self.rows
    }

    /// Entities alive.
    pub fn live(&self) -> usize {
        self.slots.len()
    }
}

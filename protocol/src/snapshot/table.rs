//! What a capture fills: the quantised present of a room, and which rows are not what was sent last.

use std::sync::Arc;

use super::bits::Bits;
use super::rows::{Rows, snapshot_hash};
use crate::ids::Slot;
use crate::schema::Schema;
use crate::wire::Sink;

/// One table a component, in schema order, and the slots that died.
#[derive(Debug)]
pub struct Tables {
    pub(super) schema: Arc<Schema>,
    pub(super) tables: Vec<Table>,
    /// Slots despawned since the tables settled last.
    pub(super) despawned: Bits,
}

impl Tables {
    /// Empty tables for a schema.
    pub fn new(schema: Arc<Schema>) -> Self {
        let tables = schema.components.iter().map(|shape| Table { rows: Rows::new(shape), dirty: Bits::default() });
        Self { tables: tables.collect(), despawned: Bits::default(), schema }
    }

    /// What the tables hold.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The table of the component with this index in the schema.
    ///
    /// # Panics
    /// If there is no such component.
    pub fn table(&mut self, component: usize) -> &mut Table {
        &mut self.tables[component]
    }

    /// The rows as they are, by component.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Rows> {
        self.tables.iter().map(|table| &table.rows)
    }

    /// Takes the slot's entity out of every table. The slot must not be used again before every decoder in
    /// [`RESYNC_WINDOW`](super::RESYNC_WINDOW) has heard of it.
    pub fn despawn(&mut self, slot: Slot) {
        self.despawned.insert(slot);
        for table in &mut self.tables {
            table.remove(slot);
        }
    }

    /// Forgets what was touched: every encoder has observed it.
    pub fn settle(&mut self) {
        self.despawned.clear();
        for table in &mut self.tables {
            table.dirty.clear();
        }
    }

    /// The snapshot hash of the tables as they are.
    pub fn hash(&self) -> u32 {
        // Rows are what every mirror will hold after its next delta.
        snapshot_hash(self.rows())
    }
}

/// One component's rows.
#[derive(Debug)]
pub struct Table {
    pub(super) rows: Rows,
    /// Slots whose row was added, removed or changed since the tables settled last.
    pub(super) dirty: Bits,
}

impl Table {
    /// Writes the slot's row, all its fields in order. Costs no bytes if no quantised value is new.
    #[inline]
    pub fn set(&mut self, slot: Slot, write: impl FnOnce(&mut RowSink<'_>)) {
        let added = self.rows.insert(slot);
        let (ints, opaques) = self.rows.row_mut(slot);
        let mut sink = RowSink { ints: ints.iter_mut(), opaques: opaques.iter_mut(), changed: added };
        write(&mut sink);
        if sink.changed {
            self.dirty.insert(slot);
        }
    }

    /// Takes the component from the slot.
    pub fn remove(&mut self, slot: Slot) {
        if self.rows.present.remove(slot) {
            self.dirty.insert(slot);
        }
    }
}

/// Takes one row's fields.
#[derive(Debug)]
pub struct RowSink<'a> {
    ints: std::slice::IterMut<'a, i32>,
    opaques: std::slice::IterMut<'a, Box<[u8]>>,
    changed: bool,
}

impl Sink for RowSink<'_> {
    #[inline]
    fn int(&mut self, value: i32) {
        let place = self.ints.next().expect("a type writes as many fields as its shape has");
        self.changed |= *place != value;
        *place = value;
    }

    fn opaque(&mut self, bytes: &[u8]) {
        let place = self.opaques.next().expect("a type writes as many fields as its shape has");
        if **place != *bytes {
            *place = bytes.into();
            self.changed = true;
        }
    }
}

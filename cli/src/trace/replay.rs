//! A trace played into tables, as a match's capture would fill them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tickwire_protocol::snapshot::{Decoder, SlotPool, Tables};
use tickwire_protocol::wire::{Sink as _, Source as _};
use tickwire_protocol::{Schema, Shape, Slot};

use super::{Component, Header, Set, Tick};

/// The state of a trace at one of its ticks.
#[derive(Debug)]
pub struct Replay {
    tables: Tables,
    /// By component of the trace.
    places: Vec<Place>,
    slots: BTreeMap<u32, Slot>,
    pool: SlotPool,
    rows: Vec<BTreeMap<Slot, Vec<i32>>>,
}

/// Where a trace's component is played.
#[derive(Debug)]
struct Place {
    table: usize,
    /// By field of the schema: the trace's column, none for an opaque field, which a trace leaves out.
    columns: Vec<Option<usize>>,
}

/// A schema that a trace was not recorded from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The schema has no such component.
    #[error("the game has no component `{0}`")]
    Component(String),
    /// The trace's component lacks a field.
    #[error("the trace's `{component}` has no field `{field}`")]
    Field {
        /// The component's name.
        component: String,
        /// The field's name.
        field: String,
    },
}

impl Replay {
    /// Before the first tick. `schema` is the trace's own or that of the game that it was recorded from; components and fields are found by
    /// their names, and opaque fields, which a trace can't hold, stay empty.
    ///
    /// # Errors
    /// See [`ReplayError`].
    pub fn new(header: &Header, schema: Arc<Schema>) -> Result<Self, ReplayError> {
        let places: Result<_, _> = header.components.iter().map(|component| place(component, &schema)).collect();
        let rows = vec![BTreeMap::new(); header.components.len()];
        let (slots, pool) = Default::default();
        Ok(Self { tables: Tables::new(schema), places: places?, slots, pool, rows })
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
            self.tables.table(self.places[component].table).remove(slot);
            self.rows[component].remove(&slot);
        }
        for Set(id, component, values) in &tick.set {
            let give = || self.pool.give(tick.tick).expect("a trace has fewer entities than there are slots");
            let slot = *self.slots.entry(*id).or_insert_with(give);
            let Place { table, columns } = &self.places[*component];
            self.tables.table(*table).set(slot, |row| {
                for column in columns {
                    match column {
                        Some(column) => row.int(values[*column]),
                        None => row.opaque(&[]),
                    }
                }
            });
            self.rows[*component].insert(slot, values.clone());
        }
    }

    /// What a capture has filled.
    pub fn tables(&mut self) -> &mut Tables {
        &mut self.tables
    }

    /// By component of the trace, then by slot: the rows as the trace has them.
    pub fn rows(&self) -> &[BTreeMap<Slot, Vec<i32>>] {
        &self.rows
    }

    /// Whether a client that should be at this tick holds just what the trace says.
    pub fn agrees(&self, client: &Decoder) -> bool {
        self.places.iter().zip(&self.rows).all(|(Place { table, columns }, expected)| {
            let Some(rows) = client.rows(*table) else { return false };
            let same = |(slot, values): (&Slot, &Vec<i32>)| {
                rows.get(*slot).is_some_and(|mut row| {
                    columns.iter().all(|column| match column {
                        Some(column) => row.int() == Ok(values[*column]),
                        None => row.opaque() == Ok(&[]),
                    })
                })
            };
            rows.slots().count() == expected.len() && expected.iter().all(same)
        })
    }

    /// Entities alive.
    pub fn live(&self) -> usize {
        self.slots.len()
    }
}

fn place(component: &Component, schema: &Schema) -> Result<Place, ReplayError> {
    let table = schema.component(&component.name).ok_or_else(|| ReplayError::Component(component.name.clone()))?;
    let Shape { fields, .. } = &schema.components[table];
    let columns = fields.iter().map(|field| {
        let column = component.fields.iter().position(|column| column.name == field.name);
        match (field.kind.is_opaque(), column) {
            (true, _) => Ok(None),
            (false, Some(column)) => Ok(Some(column)),
            (false, None) => Err(ReplayError::Field { component: component.name.clone(), field: field.name.clone() }),
        }
    });
    Ok(Place { table, columns: columns.collect::<Result<_, _>>()? })
}

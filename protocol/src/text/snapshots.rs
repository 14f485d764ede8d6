//! Snapshots as JSON: the entities that have changed since the last one.

use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::encode::Envelope;
use super::record::Fields;
use crate::ids::{Slot, Tick};
use crate::schema::{Schema, Shape};
use crate::snapshot::{Rows, Tables};

/// Says one stream of snapshots as text, the same for everyone who hears it.
///
/// A room keeps one while it has sessions that speak text. Each snapshot costs time in proportion to the rows of the tables, whoever hears it.
///
/// ```
/// use tickwire_protocol::snapshot::Tables;
/// use tickwire_protocol::text::Snapshots;
/// use tickwire_protocol::wire::Sink as _;
/// use tickwire_protocol::{Field, Kind, Predict, Schema, Shape};
///
/// let kind = Kind::Fixed { min: 0.0, max: 64.0, step: 0.25 };
/// let x = Field { name: "x".into(), kind, predict: Predict::Auto };
/// let position = Shape { name: "Position".into(), fields: vec![x] };
/// let mut tables = Tables::new(Schema { components: vec![position], ..Schema::default() }.into());
/// let mut snapshots = Snapshots::new(&tables);
///
/// tables.table(0).set(3, |row| row.int(6));
/// snapshots.delta(&tables, 1, 1_700_000_000_000);
/// tables.table(0).set(3, |row| row.int(7));
/// assert_eq!(
///     snapshots.delta(&tables, 2, 1_700_000_000_033),
///     r#"{"type":"snapshot","payload":{"tick":2,"base":1,"entities":[{"slot":3,"Position":{"x":1.75}}],"gone":[]},"timestamp":1700000000033}"#
/// );
/// ```
#[derive(Debug)]
pub struct Snapshots {
    schema: Arc<Schema>,
    /// By component: the rows that were said last.
    said: Vec<Rows>,
    tick: Tick,
}

impl Snapshots {
    /// Before the first snapshot of these tables.
    pub fn new(tables: &Tables) -> Self {
        let schema = tables.schema().clone();
        Self { said: schema.components.iter().map(Rows::new).collect(), schema, tick: 0 }
    }

    /// The tick of the last snapshot, 0 before the first.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// What has changed since the last snapshot, for those who heard it; the first is full. `timestamp` in milliseconds.
    pub fn delta(&mut self, tables: &Tables, tick: Tick, timestamp: u64) -> String {
        let base = Some(std::mem::replace(&mut self.tick, tick)).filter(|&base| base > 0);
        let now: Vec<&Rows> = tables.rows().collect();
        let text = Entities::new(&self.schema, &now, Some(&self.said)).say(tick, base, timestamp);
        self.said.iter_mut().zip(now).for_each(|(said, now)| said.copy_from(now));
        text
    }

    /// All that there is at the tick of the last snapshot, for those who join or have missed something. Made once, it serves everyone until the
    /// next.
    pub fn full(&self, timestamp: u64) -> String {
        let now: Vec<&Rows> = self.said.iter().collect();
        Entities::new(&self.schema, &now, None).say(self.tick, None, timestamp)
    }
}

/// What has changed.
struct Entities<'a> {
    shapes: &'a [Shape],
    now: &'a [&'a Rows],
    /// None: nothing was there.
    before: Option<&'a [Rows]>,
    /// Slots that have any component now, and not the same as before; ascending.
    changed: Vec<Slot>,
    /// Slots that had some and have none; ascending.
    gone: Vec<Slot>,
}

impl<'a> Entities<'a> {
    fn new(schema: &'a Schema, now: &'a [&'a Rows], before: Option<&'a [Rows]>) -> Self {
        let mut changed = Vec::new();
        for (component, now) in now.iter().enumerate() {
            let before = before.map(|tables| &tables[component]);
            changed.extend(now.slots().filter(|&slot| before.is_none_or(|before| !now.agrees(before, slot))));
            changed.extend(before.iter().flat_map(|before| before.slots()).filter(|&slot| !now.contains(slot)));
        }
        changed.sort_unstable();
        changed.dedup();
        let (changed, gone) = changed.into_iter().partition(|&slot| now.iter().any(|rows| rows.contains(slot)));
        Self { shapes: &schema.components, now, before, changed, gone }
    }

    fn say(&self, tick: Tick, base: Option<Tick>, timestamp: u64) -> String {
        let payload = Payload { tick, base, entities: self, gone: &self.gone };
        Envelope { kind: "snapshot", payload, id: None, timestamp }.write()
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    tick: Tick,
    base: Option<Tick>,
    entities: &'a Entities<'a>,
    gone: &'a [Slot],
}

impl Serialize for Entities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.changed.iter().map(|&slot| Entity { slot, all: self }))
    }
}

/// One entity's components that have changed.
struct Entity<'a> {
    slot: Slot,
    all: &'a Entities<'a>,
}

/// The key of an entity's slot. A component of this name is not told.
const SLOT: &str = "slot";

impl Serialize for Entity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { slot, all } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(SLOT, &slot)?;
        for (component, (shape, now)) in all.shapes.iter().zip(all.now).enumerate() {
            let row = now.get(slot).map(|source| Fields { shape, source });
            let same = all.before.map_or(row.is_none(), |before| now.agrees(&before[component], slot));
            if !same && shape.name != SLOT {
                map.serialize_entry(&shape.name, &row)?;
            }
        }
        map.end()
    }
}

//! Snapshots in, rows out. A snapshot is read whole and checked before any of it is applied.

use std::sync::Arc;

use super::rows::{Place, Rows, snapshot_hash};
use super::{FLAG_HASH, check_byte};
use crate::ids::{MAX_SLOTS, Slot, Tick};
use crate::schema::Schema;
use crate::varint::{ReadError, Reader};

/// Keeps a replica's rows in step with the room's.
#[derive(Clone, Debug)]
pub struct Decoder {
    schema: Arc<Schema>,
    layouts: Vec<Arc<[Place]>>,
    tables: Vec<Rows>,
    tick: Tick,
}

/// What a snapshot did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The rows are those of its tick.
    Fresh {
        /// The tick.
        tick: Tick,
        /// Whether the snapshot hash that came along is that of the rows; none came with most snapshots. If not, ask for a
        /// keyframe: something is broken, and this mends it.
        hash_matched: Option<bool>,
    },
    /// It was not newer than what is here already; nothing changed.
    Old,
}

/// Why a snapshot could not be applied. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It starts from another tick than the one the rows are at: ask for a resync from `have`.
    #[error("the snapshot starts from tick {base}, the replica is at {have}")]
    Gap {
        /// The tick it starts from.
        base: Tick,
        /// The tick the rows are at.
        have: Tick,
    },
    /// The bytes could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The check byte is not that of the bytes.
    #[error("the check byte is wrong")]
    Check,
    /// A flag that this version does not know.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// It goes back further than the first tick.
    #[error("the base lies before the first tick")]
    Base,
    /// A slot at or above [`MAX_SLOTS`].
    #[error("slot {0} is out of range")]
    Slot(u64),
    /// A change of a row that is not there.
    #[error("slot {0} has no such row")]
    MissingRow(Slot),
    /// A mask of changed fields that is empty or names fields that are not there.
    #[error("mask {0:#x} names no field of this row")]
    Mask(u32),
}

/// What stands before the tables.
struct Head {
    tick: Tick,
    /// None for a keyframe.
    base: Option<Tick>,
    hash: Option<u32>,
}

impl Decoder {
    /// Empty rows, before any snapshot.
    pub fn new(schema: Arc<Schema>) -> Self {
        let tables: Vec<Rows> = schema.components.iter().map(Rows::new).collect();
        let layouts = tables.iter().map(|rows| rows.places.clone()).collect();
        Self { schema, layouts, tables, tick: 0 }
    }

    /// What the rows hold.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The tick the rows are at, 0 before the first snapshot.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The rows of the component with this index in the schema, if there is such a component.
    pub fn rows(&self, component: usize) -> Option<&Rows> {
        self.tables.get(component)
    }

    /// The snapshot hash of the rows.
    pub fn hash(&self) -> u32 {
        snapshot_hash(&self.tables)
    }

    /// Applies a snapshot's body.
    ///
    /// # Errors
    /// See [`DecodeError`]; the rows are then as before.
    pub fn apply(&mut self, body: &[u8]) -> Result<Applied, DecodeError> {
        let (head, reader) = read_head(body)?;
        if head.tick <= self.tick && head.base.is_some() {
            return Ok(Applied::Old);
        }
        if let Some(base) = head.base.filter(|&base| base != self.tick) {
            return Err(DecodeError::Gap { base, have: self.tick });
        }
        let mut check = Check { tables: &self.tables, keyframe: head.base.is_none() };
        walk(&self.layouts, reader.clone(), &mut check)?;
        if head.base.is_none() {
            for rows in &mut self.tables {
                rows.present.clear();
            }
        }
        walk(&self.layouts, reader, &mut Apply { tables: &mut self.tables })?;
        self.tick = head.tick;
        let hash_matched = head.hash.map(|hash| hash == self.hash());
        Ok(Applied::Fresh { tick: head.tick, hash_matched })
    }
}

fn read_head(body: &[u8]) -> Result<(Head, Reader<'_>), DecodeError> {
    let mut reader = Reader::new(body);
    if reader.u8()? != check_byte(reader.rest()) {
        return Err(DecodeError::Check);
    }
    let tick = reader.varint()?;
    let base = match reader.varint()? {
        0 => None,
        back if back < tick => Some(tick - back),
        _ => return Err(DecodeError::Base),
    };
    let flags = reader.u8()?;
    if flags & !FLAG_HASH != 0 {
        return Err(DecodeError::Flags(flags));
    }
    let hash = if flags & FLAG_HASH != 0 { Some(reader.u32_le()?) } else { None };
    Ok((Head { tick, base, hash }, reader))
}

/// What a walk over a snapshot's tables meets, in order.
trait Visit {
    fn despawn(&mut self, slot: Slot);
    fn remove(&mut self, table: usize, slot: Slot);
    /// A whole row begins; its values follow.
    fn whole(&mut self, table: usize, slot: Slot);
    /// A changed row begins; its differences follow.
    fn changed(&mut self, table: usize, slot: Slot) -> Result<(), DecodeError>;
    fn value(&mut self, table: usize, slot: Slot, index: usize, value: i32);
    fn difference(&mut self, table: usize, slot: Slot, index: usize, angle: Option<u8>, difference: i32);
    fn opaque(&mut self, table: usize, slot: Slot, index: usize, bytes: &[u8]);
}

fn walk(layouts: &[Arc<[Place]>], mut reader: Reader<'_>, visit: &mut impl Visit) -> Result<(), DecodeError> {
    let reader = &mut reader;
    each_slot(reader, |_, slot| {
        visit.despawn(slot);
        Ok(())
    })?;
    for (table, places) in layouts.iter().enumerate() {
        each_slot(reader, |_, slot| {
            visit.remove(table, slot);
            Ok(())
        })?;
        each_slot(reader, |reader, slot| {
            visit.whole(table, slot);
            for place in places.iter() {
                match *place {
                    Place::Int { index, .. } => visit.value(table, slot, index, reader.zigzag()?),
                    Place::Opaque { index } => visit.opaque(table, slot, index, reader.opaque()?),
                }
            }
            Ok(())
        })?;
        each_slot(reader, |reader, slot| {
            visit.changed(table, slot)?;
            let mask = reader.varint()?;
            if mask == 0 || u64::from(mask) >> places.len() != 0 {
                return Err(DecodeError::Mask(mask));
            }
            for (_, place) in places.iter().enumerate().filter(|(field, _)| mask >> field & 1 == 1) {
                match *place {
                    Place::Int { index, angle } => visit.difference(table, slot, index, angle, reader.zigzag()?),
                    Place::Opaque { index } => visit.opaque(table, slot, index, reader.opaque()?),
                }
            }
            Ok(())
        })?;
    }
    reader.clone().end()?;
    Ok(())
}

fn each_slot<'a>(
    reader: &mut Reader<'a>,
    mut visit: impl FnMut(&mut Reader<'a>, Slot) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let count = reader.varint()?;
    let mut next = 0;
    for _ in 0..count {
        let slot = next + u64::from(reader.varint()?);
        if slot >= u64::from(MAX_SLOTS) {
            return Err(DecodeError::Slot(slot));
        }
        next = slot + 1;
        visit(reader, slot as Slot)?;
    }
    Ok(())
}

/// Looks only: may every row that changes be changed?
struct Check<'a> {
    tables: &'a [Rows],
    keyframe: bool,
}

impl Visit for Check<'_> {
    fn despawn(&mut self, _: Slot) {}
    fn remove(&mut self, _: usize, _: Slot) {}
    fn whole(&mut self, _: usize, _: Slot) {}
    fn changed(&mut self, table: usize, slot: Slot) -> Result<(), DecodeError> {
        if self.keyframe || !self.tables[table].contains(slot) { Err(DecodeError::MissingRow(slot)) } else { Ok(()) }
    }
    fn value(&mut self, _: usize, _: Slot, _: usize, _: i32) {}
    fn difference(&mut self, _: usize, _: Slot, _: usize, _: Option<u8>, _: i32) {}
    fn opaque(&mut self, _: usize, _: Slot, _: usize, _: &[u8]) {}
}

/// Does what a checked snapshot says.
struct Apply<'a> {
    tables: &'a mut [Rows],
}

impl Visit for Apply<'_> {
    fn despawn(&mut self, slot: Slot) {
        for rows in self.tables.iter_mut() {
            rows.present.remove(slot);
        }
    }
    fn remove(&mut self, table: usize, slot: Slot) {
        self.tables[table].present.remove(slot);
    }
    fn whole(&mut self, table: usize, slot: Slot) {
        self.tables[table].insert(slot);
    }
    fn changed(&mut self, table: usize, slot: Slot) -> Result<(), DecodeError> {
        // A row that the same snapshot took away is there in memory, but not in the replica; the snapshot hash would tell.
        self.tables[table].insert(slot);
        Ok(())
    }
    fn value(&mut self, table: usize, slot: Slot, index: usize, value: i32) {
        self.tables[table].ints_mut(slot)[index] = value;
    }
    fn difference(&mut self, table: usize, slot: Slot, index: usize, angle: Option<u8>, difference: i32) {
        let value = &mut self.tables[table].ints_mut(slot)[index];
        *value = value.wrapping_add(difference);
        if let Some(bits) = angle {
            *value &= (1 << bits) - 1;
        }
    }
    fn opaque(&mut self, table: usize, slot: Slot, index: usize, bytes: &[u8]) {
        self.tables[table].row_mut(slot).1[index] = bytes.into();
    }
}

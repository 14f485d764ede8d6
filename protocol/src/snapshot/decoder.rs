//! Snapshots in, rows out. A snapshot is read whole and checked before any of it is applied.

use std::sync::Arc;

use super::bits::Bits;
use super::mirror::Mirror;
use super::prior::{Priors, TableContexts, code_levels, contexts};
use super::range::RangeReader;
use super::record::Lists;
use super::rows::Rows;
use super::walk::{Changes, Tally, Untold, Walk};
use super::{RESYNC_WINDOW, check_byte, flags};
use crate::ids::{Slot, Tick};
use crate::schema::Schema;
use crate::varint::{ReadError, Reader};

/// Keeps a replica's rows in step with the room's.
#[derive(Debug)]
pub struct Decoder {
    schema: Arc<Schema>,
    pub(super) mirror: Mirror,
    contexts: Arc<[TableContexts]>,
    /// The built-in levels.
    generic: Arc<[u8]>,
    /// The levels in force.
    pub(super) levels: Vec<u8>,
    tick: Tick,
    read: ReadIn,
}

/// What a snapshot was read into, before it is applied.
#[derive(Debug)]
struct ReadIn {
    changes: Vec<Changes>,
    earlier: Bits,
    lists: Lists,
    levels: Vec<u8>,
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
    /// Flags that this version does not know, or that don't go together.
    #[error("unknown flags {0:#04x}")]
    Flags(u8),
    /// It goes back further than the first tick.
    #[error("the base lies before the first tick")]
    Base,
    /// A resync over more deltas than a stream remembers.
    #[error("a resync over {0} deltas")]
    Steps(u32),
    /// A slot at or above [`MAX_SLOTS`](crate::MAX_SLOTS).
    #[error("slot {0} is out of range")]
    Slot(Slot),
    /// An opaque field with more bytes than its kind allows.
    #[error("an opaque field is too long")]
    TooLong,
    /// A row that no encoder keeps.
    #[error("a record is not one")]
    Record,
}

/// What stands before the range-coded stream.
pub(super) struct Head {
    tick: Tick,
    /// None for a keyframe.
    base: Option<Tick>,
    flags: u8,
    hash: Option<u32>,
    /// Deltas that a resync goes over.
    steps: u32,
}

impl Head {
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Decoder {
    /// Empty rows, before any snapshot.
    pub fn new(schema: Arc<Schema>) -> Self {
        let Priors { levels, generic, .. } = Priors::generic(&schema);
        let tables = schema.components.len();
        Self {
            mirror: Mirror::new(&schema),
            contexts: contexts(&schema).into(),
            levels,
            generic,
            tick: 0,
            read: ReadIn::new(tables),
            schema,
        }
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
        self.mirror.tables.get(component).map(|table| &table.rows)
    }

    /// The snapshot hash of the rows.
    pub fn hash(&self) -> u32 {
        self.mirror.hash()
    }

    /// Applies a snapshot's body.
    ///
    /// # Errors
    /// See [`DecodeError`]; the rows are then as before.
    pub fn apply(&mut self, body: &[u8]) -> Result<Applied, DecodeError> {
        let (head, stream) = read_head(body)?;
        if head.tick <= self.tick && head.base.is_some() {
            return Ok(Applied::Old);
        }
        if let Some(base) = head.base.filter(|&base| base != self.tick) {
            return Err(DecodeError::Gap { base, have: self.tick });
        }
        self.read(&head, stream, &mut Untold)?;
        self.commit(&head);
        let hash_matched = head.hash.map(|hash| hash == self.hash());
        Ok(Applied::Fresh { tick: head.tick, hash_matched })
    }

    /// Reads all there is, and applies nothing.
    pub(super) fn read(&mut self, head: &Head, stream: &[u8], tally: &mut impl Tally) -> Result<(), DecodeError> {
        self.read.clear();
        if head.flags & flags::STREAM == 0 {
            return if stream.is_empty() { Ok(()) } else { Err(ReadError::Trailing(stream.len()).into()) };
        }
        let ReadIn { changes, earlier, lists, levels } = &mut self.read;
        let mut coder = RangeReader::new(stream);
        if head.has(flags::PRIORS) {
            levels.resize(self.generic.len(), 0);
            code_levels(&mut coder, &self.generic, levels);
        }
        if head.has(flags::CODED) {
            let mut walk = Walk { coder: &mut coder, levels: &self.levels, tally };
            for ((table, contexts), changes) in self.mirror.tables.iter().zip(&*self.contexts).zip(changes) {
                walk.table(table, contexts, None, earlier, changes)?;
            }
        }
        if head.has(flags::LISTS) {
            lists.read(&mut coder, &self.mirror)?;
        }
        if head.has(flags::ANNOUNCEMENT) {
            levels.resize(self.levels.len(), 0);
            code_levels(&mut coder, &self.levels, levels);
        }
        Ok(coder.finish()?)
    }

    /// Applies what was read.
    fn commit(&mut self, head: &Head) {
        let ReadIn { changes, lists: Lists { despawned, tables: lists, .. }, levels, .. } = &mut self.read;
        for (table, changes) in self.mirror.tables.iter_mut().zip(changes) {
            if head.base.is_none() {
                table.clear();
            } else if head.has(flags::RESYNC) {
                table.coast(head.steps);
            } else {
                table.tick(changes, |_| ());
                for (slot, field, bytes) in changes.opaques.drain(..) {
                    table.rows.row_mut(slot).1[field] = bytes;
                }
            }
        }
        for (table, lists) in self.mirror.tables.iter_mut().zip(lists) {
            for &slot in despawned.iter().chain(&lists.removed) {
                table.remove(slot);
            }
            for (&slot, record) in lists.slots.iter().zip(lists.rows.drain(..)) {
                table.insert(slot, record.history, &record.predictors);
                let (ints, opaques) = table.rows.row_mut(slot);
                ints.copy_from_slice(&record.ints);
                opaques.iter_mut().zip(record.opaques).for_each(|(old, new)| *old = new);
            }
        }
        if head.has(flags::PRIORS | flags::ANNOUNCEMENT) {
            std::mem::swap(&mut self.levels, levels);
        } else if head.base.is_none() {
            self.levels.copy_from_slice(&self.generic);
        }
        self.tick = head.tick;
    }
}

impl ReadIn {
    fn new(tables: usize) -> Self {
        Self {
            changes: (0..tables).map(|_| Changes::default()).collect(),
            earlier: Bits::default(),
            lists: Lists::new(tables),
            levels: Vec::new(),
        }
    }

    fn clear(&mut self) {
        self.changes.iter_mut().for_each(Changes::clear);
        self.earlier.clear();
        self.lists.clear();
    }
}

impl Clone for Decoder {
    fn clone(&self) -> Self {
        Self {
            schema: self.schema.clone(),
            mirror: self.mirror.clone(),
            contexts: self.contexts.clone(),
            generic: self.generic.clone(),
            levels: self.levels.clone(),
            tick: self.tick,
            // What was read before is of no use any more.
            read: ReadIn::new(self.mirror.tables.len()),
        }
    }
}

pub(super) fn read_head(body: &[u8]) -> Result<(Head, &[u8]), DecodeError> {
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
    let mut head = Head { tick, base, flags, hash: None, steps: 0 };
    // A delta has a walk and announces, a resync and a keyframe have priors.
    let delta = base.is_some() && !head.has(flags::RESYNC);
    let others = if delta { flags::PRIORS } else { flags::CODED | flags::ANNOUNCEMENT };
    if flags & !flags::ALL != 0 || head.has(others) || base.is_none() && head.has(flags::RESYNC) {
        return Err(DecodeError::Flags(flags));
    }
    if head.has(flags::HASH) {
        head.hash = Some(reader.u32_le()?);
    }
    if head.has(flags::RESYNC) {
        head.steps = reader.varint()?;
        if !(1..=RESYNC_WINDOW).contains(&head.steps) {
            return Err(DecodeError::Steps(head.steps));
        }
    }
    Ok((head, reader.rest()))
}

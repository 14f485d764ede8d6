//! Tables in, deltas out. The stream's form:
//!
//! | part | form |
//! |---|---|
//! | check | one byte over all that follows |
//! | tick, back | varints: the tick, and how many ticks before it the base lies (0: a keyframe) |
//! | flags | one byte: which of the following are there |
//! | hash | 4 bytes: the snapshot hash afterwards |
//! | steps | varint, of a resync: deltas since the base |
//! | … | the rest is one range-coded stream: |
//! | priors | in force, as what differs from the built-in ones |
//! | walk | what is coded: see `walk` |
//! | lists | what came and went: see `record` |
//! | announcement | the priors of the next epoch, as what differs from those in force |
//!
//! Nothing stands after the head if none of the last four is there.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bits::Bits;
use super::learn::Learner;
use super::mirror::Mirror;
use super::predict::Predictor;
use super::prior::{Priors, TableContexts, code_levels, contexts};
use super::range::RangeWriter;
use super::record::Lists;
use super::table::Tables;
use super::walk::{Changes, Truth, Walk};
use super::{check_byte, flags};
use crate::ids::{Slot, Tick};
use crate::schema::MAX_FIELDS;
use crate::varint::put_varint;

/// Encodes one stream of snapshots. After the first few ticks a delta allocates nothing.
///
/// Several encoders may share the tables: each observes what was touched in every tick, encodes when its turn comes, and the
/// tables settle when all have observed.
#[derive(Debug)]
pub struct Encoder {
    /// What every decoder in step has.
    pub(super) mirror: Mirror,
    contexts: Vec<TableContexts>,
    /// In force.
    pub(super) priors: Arc<Priors>,
    /// The tick whose delta announced the priors in force, 0 if none did.
    pub(super) epoch: Tick,
    pub(super) learner: Learner,
    todo: Todo,
    /// By table and slot: the last tick in which more happened to the row than coasting.
    pub(super) touched: Vec<Vec<Tick>>,
    /// By slot: the last tick in which it was despawned.
    pub(super) despawned: Vec<Tick>,
    /// The ticks of the last deltas, as far back as a resync can reach.
    pub(super) ticks: VecDeque<Tick>,
    pub(super) tick: Tick,
    pub(super) lists: Lists,
    scratch: Scratch,
}

/// What was touched since the last delta.
#[derive(Debug)]
struct Todo {
    /// By table: rows added, removed or changed.
    dirty: Vec<Bits>,
    despawned: Bits,
}

/// What one delta is made with.
#[derive(Debug)]
struct Scratch {
    /// By table: the rows that are not as foreseen.
    coded: Vec<Bits>,
    /// Slots coded in the tables so far.
    earlier: Bits,
    changes: Changes,
    better: Vec<u8>,
}

impl Encoder {
    /// An encoder of a stream that begins with the tables as they are, and with the built-in priors.
    pub fn new(tables: &Tables) -> Self {
        Self::with_priors(tables, Arc::new(Priors::generic(&tables.schema)))
    }

    /// The same with trained priors.
    ///
    /// # Panics
    /// If the priors are of another schema.
    pub fn with_priors(tables: &Tables, priors: Arc<Priors>) -> Self {
        let schema = &tables.schema;
        assert!(priors.fit(schema), "priors belong to the schema that they were made for");
        let count = tables.tables.len();
        Self {
            mirror: Mirror::new(schema),
            contexts: contexts(schema),
            learner: Learner::new(priors.levels.len()),
            priors,
            epoch: 0,
            todo: Todo {
                dirty: tables.tables.iter().map(|table| table.rows.present.clone()).collect(),
                despawned: Bits::default(),
            },
            touched: vec![Vec::new(); count],
            despawned: Vec::new(),
            ticks: VecDeque::new(),
            tick: 0,
            lists: Lists::new(count),
            scratch: Scratch {
                coded: vec![Bits::default(); count],
                earlier: Bits::default(),
                changes: Changes::default(),
                better: Vec::new(),
            },
        }
    }

    /// The tick of the last delta, 0 before the first.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The snapshot hash of the mirror.
    pub fn hash(&self) -> u32 {
        self.mirror.hash()
    }

    /// The priors in force: those that it began with, and what has paid since.
    pub fn priors(&self) -> &Arc<Priors> {
        &self.priors
    }

    /// The best priors for all that this stream has coded so far, for the start of streams like it.
    pub fn learnt(&self) -> Priors {
        self.priors.with_levels(self.learner.learnt(&self.priors.levels))
    }

    /// Takes note of what was touched since the tables settled.
    pub fn observe(&mut self, tables: &Tables) {
        self.todo.despawned.merge(&tables.despawned);
        for (dirty, table) in self.todo.dirty.iter_mut().zip(&tables.tables) {
            dirty.merge(&table.dirty);
        }
    }

    /// Appends the delta from the last one's tick to `tick`, with the snapshot hash if asked, and moves the mirror. The first
    /// delta is a keyframe.
    ///
    /// # Panics
    /// If `tick` is not above the last one.
    pub fn delta(&mut self, tables: &Tables, tick: Tick, with_hash: bool, out: &mut Vec<u8>) {
        assert!(tick > self.tick, "ticks ascend");
        let base = std::mem::replace(&mut self.tick, tick);
        while self.ticks.front().is_some_and(|&first| tick - first > super::RESYNC_WINDOW) {
            self.ticks.pop_front();
        }
        self.ticks.push_back(tick);
        self.lists.clear();
        if base == 0 {
            self.structure(tables);
            self.todo.clear();
            self.keyframe(with_hash, out);
            return;
        }

        let start = out.len();
        // The check byte, the flags and the hash are filled in at the end.
        out.push(0);
        put_varint(out, tick);
        put_varint(out, tick - base);
        let flags_at = out.len();
        out.push(0);
        if with_hash {
            out.extend_from_slice(&[0; 4]);
        }
        let body = out.len();
        let mut coder = RangeWriter::new(out);
        let mut flags = if with_hash { flags::HASH } else { 0 };
        if self.find_coded(tables) {
            flags |= flags::CODED;
            self.walk(tables, &mut coder);
        } else {
            self.scratch.changes.clear();
            (0..self.contexts.len()).for_each(|index| self.commit(tables, index));
        }
        self.structure(tables);
        if !self.lists.is_empty() {
            flags |= flags::LISTS;
            self.lists.write(&mut coder, &self.mirror);
        }
        let announced = self.learner.look(&self.priors.levels, &mut self.scratch.better);
        if announced {
            flags |= flags::ANNOUNCEMENT;
            code_levels(&mut coder, &self.priors.levels, &mut self.scratch.better);
            Arc::make_mut(&mut self.priors).levels.copy_from_slice(&self.scratch.better);
            self.epoch = tick;
        }
        if flags & !flags::HASH != 0 {
            coder.finish();
        }
        self.todo.clear();
        out[flags_at] = flags;
        if with_hash {
            out[flags_at + 1..body].copy_from_slice(&self.mirror.hash().to_le_bytes());
        }
        out[start] = check_byte(&out[start + 1..]);
    }

    /// Compares the tables with what is foreseen; whether any row is not so.
    fn find_coded(&mut self, tables: &Tables) -> bool {
        let mut any = false;
        let every = self.mirror.tables.iter().zip(&tables.tables).zip(&self.todo.dirty).zip(&mut self.scratch.coded);
        for (((mirror, table), dirty), coded) in every {
            coded.clear();
            for block in 0..mirror.rows.present.blocks() {
                let there = mirror.rows.present.word(block) & table.rows.present.word(block);
                let mut rest = there & (dirty.word(block) | mirror.active_in(block)) & !self.todo.despawned.word(block);
                let mut found = 0;
                while rest != 0 {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    let slot = block as Slot * 64 + bit;
                    let as_foreseen = mirror.foresees(slot, table.rows.ints(slot))
                        && table.rows.opaques(slot) == mirror.rows.opaques(slot);
                    found |= u64::from(!as_foreseen) << bit;
                }
                if found != 0 {
                    coded.merge_word(block, found);
                    any = true;
                }
            }
        }
        any
    }

    fn walk(&mut self, tables: &Tables, coder: &mut RangeWriter<'_>) {
        self.scratch.earlier.clear();
        for index in 0..self.contexts.len() {
            let Scratch { coded, earlier, changes, .. } = &mut self.scratch;
            let truth = Truth { rows: &tables.tables[index].rows, coded: &coded[index] };
            let mut walk = Walk { coder, levels: &self.priors.levels, tally: &mut self.learner };
            let (mirror, contexts) = (&self.mirror.tables[index], &self.contexts[index]);
            walk.table(mirror, contexts, Some(truth), earlier, changes).expect("a writer meets no end");
            self.commit(tables, index);
        }
    }

    /// Moves a table of the mirror by a tick.
    fn commit(&mut self, tables: &Tables, index: usize) {
        let (mirror, touched, tick) = (&mut self.mirror.tables[index], &mut self.touched[index], self.tick);
        mirror.tick(&self.scratch.changes, |slot| touched[slot as usize] = tick);
        for &slot in &self.scratch.changes.slots {
            mirror.rows.copy_opaques(&tables.tables[index].rows, slot);
        }
    }

    /// Lists what came and went, and moves the mirror.
    fn structure(&mut self, tables: &Tables) {
        let tick = self.tick;
        for slot in self.todo.despawned.iter() {
            let mut known = false;
            for (mirror, touched) in self.mirror.tables.iter_mut().zip(&mut self.touched) {
                if mirror.remove(slot) {
                    touched[slot as usize] = tick;
                    known = true;
                }
            }
            if known {
                note(&mut self.despawned, slot, tick);
                self.lists.despawned.push(slot);
            }
        }
        for (index, dirty) in self.todo.dirty.iter().enumerate() {
            let (mirror, table) = (&mut self.mirror.tables[index], &tables.tables[index]);
            for slot in dirty.iter() {
                let list = match (mirror.rows.contains(slot), table.rows.contains(slot)) {
                    (true, false) => {
                        mirror.remove(slot);
                        &mut self.lists.tables[index].removed
                    }
                    (false, true) => {
                        let mut new = [Predictor::default(); MAX_FIELDS];
                        let fields = mirror.rules.len();
                        new.iter_mut().zip(&mirror.rules).for_each(|(new, &rule)| *new = Predictor::new(rule));
                        // It is likely to move in the next tick, like one that has just been coded.
                        mirror.insert(slot, 1, &new[..fields]);
                        mirror.rows.ints_mut(slot).copy_from_slice(table.rows.ints(slot));
                        mirror.rows.copy_opaques(&table.rows, slot);
                        &mut self.lists.tables[index].slots
                    }
                    _ => continue,
                };
                list.push(slot);
                note(&mut self.touched[index], slot, tick);
            }
        }
    }
}

impl Todo {
    fn clear(&mut self) {
        self.despawned.clear();
        self.dirty.iter_mut().for_each(Bits::clear);
    }
}

/// Remembers the tick in which something happened to a slot.
fn note(ticks: &mut Vec<Tick>, slot: Slot, tick: Tick) {
    if ticks.len() <= slot as usize {
        ticks.resize(slot as usize + 1, 0);
    }
    ticks[slot as usize] = tick;
}

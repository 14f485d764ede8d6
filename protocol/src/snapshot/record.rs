//! Records: rows whole, with all that is remembered of them; and the lists of what came and went.
//!
//! Spawn, a component added, resync and keyframe all send the same record. A snapshot's lists are
//!
//! | list | form |
//! |---|---|
//! | slots despawned | count, then each as its distance from the one before |
//! | then for each table: slots that lost this component | the same |
//! | records | count, then each: slot as distance, history, numeric fields with their predictors, opaque fields |
//!
//! Numbers here are coded by what the snapshot has shown so far: each list of records begins with new models.

use super::decoder::DecodeError;
use super::mirror::{Mirror, MirrorTable};
use super::number::{Gaps, Number, Tree};
use super::predict::{MAX_LEAN, Predictor, Rule, SETTLED_LEAN, digits, magnitude};
use super::range::{Adaptive, Coder};
use super::walk::code_opaque;
use crate::ids::{MAX_SLOTS, Slot};
use crate::schema::Predict;
use crate::varint::ReadError;

/// What came and went.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) despawned: Vec<Slot>,
    pub(super) tables: Vec<TableLists>,
    models: Models,
}

/// What came and went in one table.
#[derive(Debug, Default)]
pub(super) struct TableLists {
    /// Slots that lost this component, the despawned ones left out.
    pub(super) removed: Vec<Slot>,
    /// Slots whose row is sent whole.
    pub(super) slots: Vec<Slot>,
    /// These rows, if they were read.
    pub(super) rows: Vec<Record>,
}

/// A row whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) history: u8,
    pub(super) ints: Vec<i32>,
    pub(super) predictors: Vec<Predictor>,
    pub(super) opaques: Vec<Box<[u8]>>,
}

impl Lists {
    pub(super) fn new(tables: usize) -> Self {
        let tables = (0..tables).map(|_| TableLists::default()).collect();
        Self { tables, ..Self::default() }
    }

    pub(super) fn clear(&mut self) {
        self.despawned.clear();
        for table in &mut self.tables {
            table.removed.clear();
            table.slots.clear();
            table.rows.clear();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        let mut tables = self.tables.iter();
        self.despawned.is_empty() && tables.all(|table| table.removed.is_empty() && table.slots.is_empty())
    }

    /// Appends the lists; records are taken from the mirror.
    pub(super) fn write(&mut self, coder: &mut impl Coder, mirror: &Mirror) {
        self.code(coder, mirror, true).expect("a mirror holds what its own rules allow");
    }

    /// Fills the lists, which are empty.
    ///
    /// # Errors
    /// What no writer writes.
    pub(super) fn read(&mut self, coder: &mut impl Coder, mirror: &Mirror) -> Result<(), DecodeError> {
        self.code(coder, mirror, false)
    }

    fn code(&mut self, coder: &mut impl Coder, mirror: &Mirror, write: bool) -> Result<(), DecodeError> {
        let Self { despawned, tables, models } = self;
        models.counts = Number::NEW;
        let nothing = |_: &mut _, _, _| Ok(());
        code_slots(coder, &mut models.counts, despawned, write, nothing)?;
        for (table, lists) in mirror.tables.iter().zip(tables) {
            code_slots(coder, &mut models.counts, &mut lists.removed, write, nothing)?;
            let Models { counts, row, record } = models;
            let rows = &mut lists.rows;
            code_slots(coder, counts, &mut lists.slots, write, |coder, slot, first| {
                if first {
                    row.reset(table.rules.len());
                }
                if write {
                    record.copy(table, slot);
                    row.code(coder, table, record, Some(table.rows.opaques(slot)))
                } else {
                    record.resize(table);
                    row.code(coder, table, record, None)?;
                    rows.push(std::mem::take(record));
                    Ok(())
                }
            })?;
        }
        Ok(())
    }
}

/// A count and as many ascending slots, each with what belongs to it; tells which is the first.
fn code_slots<C: Coder>(
    coder: &mut C,
    counts: &mut Number,
    slots: &mut Vec<Slot>,
    write: bool,
    mut with: impl FnMut(&mut C, Slot, bool) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let count = counts.unsigned(coder, slots.len() as u32);
    let mut gaps = Gaps::NEW;
    for index in 0..count {
        let slot = gaps.code(coder, if write { slots[index as usize] } else { 0 });
        if coder.overrun() {
            return Err(ReadError::Truncated.into());
        }
        if slot >= MAX_SLOTS {
            return Err(DecodeError::Slot(slot));
        }
        if !write {
            slots.push(slot);
        }
        with(coder, slot, index == 0)?;
    }
    Ok(())
}

/// What the numbers of lists are coded by.
#[derive(Debug)]
struct Models {
    counts: Number,
    row: RowModels,
    record: Record,
}

impl Default for Models {
    fn default() -> Self {
        Self { counts: Number::NEW, row: RowModels::default(), record: Record::default() }
    }
}

/// One table's records.
#[derive(Debug)]
struct RowModels {
    history: Tree<8>,
    fields: Vec<FieldModels>,
}

impl Default for RowModels {
    fn default() -> Self {
        Self { history: Tree::NEW, fields: Vec::new() }
    }
}

/// One numeric field of them.
#[derive(Clone, Debug)]
struct FieldModels {
    /// The value that most records had so far, 0 to begin with, and by how many more than others had another.
    usual: i32,
    lead: u32,
    same: Adaptive,
    value: Number,
    /// Whether nothing is remembered.
    new: Adaptive,
    coasts: Adaptive,
    settled_lean: Tree<4>,
    lean: Tree<16>,
    fading: Tree<4>,
    magnitude: Tree<32>,
    /// By guess.
    velocity: [Number; 3],
    /// By guess.
    offset: [Number; 3],
    /// By magnitude.
    acceleration: [Number; 4],
}

impl FieldModels {
    const NEW: Self = Self {
        usual: 0,
        lead: 0,
        same: Adaptive::NEW,
        value: Number::NEW,
        new: Adaptive::NEW,
        coasts: Adaptive::NEW,
        settled_lean: Tree::NEW,
        lean: Tree::NEW,
        fading: Tree::NEW,
        magnitude: Tree::NEW,
        velocity: [Number::NEW; 3],
        offset: [Number::NEW; 3],
        acceleration: [Number::NEW; 4],
    };
}

impl Record {
    fn copy(&mut self, table: &MirrorTable, slot: Slot) {
        self.history = table.history(slot);
        self.ints.clear();
        self.ints.extend_from_slice(table.rows.ints(slot));
        self.predictors.clear();
        self.predictors.extend_from_slice(table.predictors(slot));
    }

    fn resize(&mut self, table: &MirrorTable) {
        self.ints.resize(table.rules.len(), 0);
        self.predictors.resize(table.rules.len(), Predictor::default());
        // What a broken snapshot may have left.
        self.opaques.clear();
    }
}

impl RowModels {
    fn reset(&mut self, fields: usize) {
        self.history = Tree::NEW;
        self.fields.clear();
        self.fields.resize(fields, FieldModels::NEW);
    }

    /// A row; a reader fills `record`.
    fn code(
        &mut self,
        coder: &mut impl Coder,
        table: &MirrorTable,
        record: &mut Record,
        opaques: Option<&[Box<[u8]>]>,
    ) -> Result<(), DecodeError> {
        record.history = self.history.code(coder, record.history.into()) as u8;
        let fields = self.fields.iter_mut().zip(&table.rules).zip(record.ints.iter_mut().zip(&mut record.predictors));
        for ((models, &rule), (value, predictor)) in fields {
            *value = models.value(coder, *value);
            if rule.moved(*value, 0) != *value {
                return Err(DecodeError::Record);
            }
            *predictor = models.predictor(coder, rule, record.history, *predictor)?;
        }
        for (field, &limit) in table.limits.iter().enumerate() {
            let bytes = code_opaque(coder, opaques.map(|opaques| &*opaques[field]), limit)?;
            record.opaques.extend(bytes);
        }
        Ok(())
    }
}

impl FieldModels {
    fn value(&mut self, coder: &mut impl Coder, value: i32) -> i32 {
        if coder.adapt(&mut self.same, value == self.usual) {
            self.lead += 1;
            return self.usual;
        }
        let value = self.value.signed(coder, value);
        match self.lead.checked_sub(1) {
            Some(lead) => self.lead = lead,
            None => (self.usual, self.lead) = (value, 1),
        }
        value
    }

    fn predictor(
        &mut self,
        coder: &mut impl Coder,
        rule: Rule,
        history: u8,
        truth: Predictor,
    ) -> Result<Predictor, DecodeError> {
        let mut predictor = Predictor::new(rule);
        let free = rule.predict == Predict::Auto;
        if history == 0 {
            let coasts = coder.adapt(&mut self.coasts, truth.coasts());
            if !coasts && free {
                let lean = self.settled_lean.code(coder, (truth.lean / SETTLED_LEAN + 1) as u32) as i32 - 1;
                predictor.lean = lean * SETTLED_LEAN;
            }
            if !coasts {
                return predictor.sound().ok_or(DecodeError::Record);
            }
            predictor.lean = -SETTLED_LEAN;
        } else {
            if coder.adapt(&mut self.new, truth == predictor) {
                return Ok(predictor);
            }
            if free {
                predictor.lean = self.lean.code(coder, (truth.lean + MAX_LEAN) as u32) as i32 - MAX_LEAN;
                predictor.fading = self.fading.code(coder, truth.fading);
            }
            let size = self.magnitude.code(coder, digits(truth.magnitude));
            predictor.magnitude = magnitude(size);
            let models = &mut self.acceleration[(size / 2).min(3) as usize];
            predictor.acceleration = models.signed(coder, truth.acceleration);
        }
        let guess = predictor.guess() as usize;
        predictor.velocity = self.velocity[guess].signed(coder, truth.velocity);
        predictor.offset = self.offset[guess].signed(coder, truth.offset);
        predictor.sound().ok_or(DecodeError::Record)
    }
}

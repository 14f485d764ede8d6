//! One end's state of a stream: rows, and what is remembered to foresee them. An encoder's mirror and its decoders' are equal.
//!
//! A slot is *unsettled* in a table from a tick in which it is coded until three ticks have passed in which it is not. Then it is
//! *settled*: nothing of it changes any more, but that it *coasts* if its fields have a velocity. So whoever missed some ticks
//! needs only the slots that were unsettled meanwhile, and how often the others have coasted.

use super::bits::Bits;
use super::predict::{Forecast, Predictor, Rule, digits};
use super::prior::SlotFacts;
use super::rows::{Rows, snapshot_hash};
use super::walk::Changes;
use crate::ids::Slot;
use crate::schema::{Kind, MAX_FIELDS, Schema, Shape};

/// A slot's last flags that are remembered: after as many ticks without a change it is settled.
pub(super) const HISTORY: u8 = 0b111;

/// The tables of a stream.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    pub(super) tables: Vec<MirrorTable>,
}

impl Mirror {
    /// Without rows.
    pub(super) fn new(schema: &Schema) -> Self {
        let table = |shape: &Shape| MirrorTable {
            rows: Rows::new(shape),
            rules: shape.fields.iter().filter_map(Rule::new).collect(),
            limits: shape.fields.iter().filter_map(|field| limit(&field.kind)).collect(),
            predictors: Vec::new(),
            history: Vec::new(),
            unsettled: Bits::default(),
            coasting: Bits::default(),
        };
        Self { tables: schema.components.iter().map(table).collect() }
    }

    /// The snapshot hash of the rows.
    pub(super) fn hash(&self) -> u32 {
        snapshot_hash(self.tables.iter().map(|table| &table.rows))
    }
}

/// One table and its predictors.
#[derive(Clone, Debug)]
pub(super) struct MirrorTable {
    pub(super) rows: Rows,
    /// By numeric field.
    pub(super) rules: Box<[Rule]>,
    /// By opaque field: most bytes.
    pub(super) limits: Box<[u32]>,
    /// By slot and numeric field.
    predictors: Vec<Predictor>,
    /// By slot: whether it was coded in the last three ticks, the newest lowest.
    history: Vec<u8>,
    /// Slots whose history is not 0.
    pub(super) unsettled: Bits,
    /// Settled slots with a velocity.
    pub(super) coasting: Bits,
}

/// What is foreseen of a row.
pub(super) type Forecasts = [Forecast; MAX_FIELDS];

impl MirrorTable {
    /// How many slots are unsettled or coast, in a block of 64.
    pub(super) fn active_in(&self, block: usize) -> u64 {
        self.unsettled.word(block) | self.coasting.word(block)
    }

    pub(super) fn history(&self, slot: Slot) -> u8 {
        self.history[slot as usize]
    }

    pub(super) fn predictors(&self, slot: Slot) -> &[Predictor] {
        let start = slot as usize * self.rules.len();
        &self.predictors[start..start + self.rules.len()]
    }

    /// Foresees a row that is there.
    #[inline]
    pub(super) fn foresee(&self, slot: Slot, forecasts: &mut Forecasts) -> SlotFacts {
        let values = self.rows.ints(slot);
        let history = self.history(slot);
        let mut facts = SlotFacts { history, ..SlotFacts::default() };
        if history == 0 && !self.coasting.contains(slot) {
            for (forecast, &value) in forecasts.iter_mut().zip(values) {
                *forecast = Forecast { value, fraction: 0 };
            }
            return facts;
        }
        let mut magnitudes = 0;
        let predictors = self.predictors(slot).iter().zip(&self.rules);
        for (forecast, ((predictor, &rule), &value)) in forecasts.iter_mut().zip(predictors.zip(values)) {
            *forecast = predictor.forecast(rule, value);
            magnitudes += predictor.magnitude;
            facts.on_edge += u32::from(forecast.edge() == 2);
        }
        facts.on_edge = facts.on_edge.min(2);
        facts.activity = if history == 0 { 1 } else { digits(magnitudes >> 2).min(7) };
        facts
    }

    /// Whether a row that is there goes to these values as foreseen.
    #[inline]
    pub(super) fn foresees(&self, slot: Slot, values: &[i32]) -> bool {
        let fields = self.predictors(slot).iter().zip(&self.rules).zip(self.rows.ints(slot));
        fields.zip(values).all(|(((predictor, &rule), &old), &new)| predictor.forecast(rule, old).value == new)
    }

    /// Takes in a tick: what a walk found, and that all else went as foreseen. Tells of the slots that did more than coast.
    pub(super) fn tick(&mut self, changes: &Changes, mut touched: impl FnMut(Slot)) {
        let fields = self.rules.len();
        let ints = |row: usize| &changes.ints[row * fields..(row + 1) * fields];
        let mut coded = changes.slots.iter().enumerate().map(|(row, &slot)| (slot, ints(row))).peekable();
        for block in 0..self.rows.present.blocks() {
            let first = block as Slot * 64;
            let mut rest = self.active_in(block);
            while rest != 0 || coded.peek().is_some_and(|&(slot, _)| slot < first + 64) {
                let active = first.saturating_add(rest.trailing_zeros());
                let new = coded.next_if(|&(slot, _)| slot <= active);
                let slot = new.map_or(active, |(slot, _)| slot);
                rest &= !(1 << (slot - first));
                if self.step(slot, new.map(|(_, ints)| ints)) {
                    touched(slot);
                }
            }
        }
    }

    /// Takes in a tick for a slot that is coded, with its new values, or for one that is unsettled or coasts, without.
    /// Whether more than coasting happened.
    #[inline]
    fn step(&mut self, slot: Slot, coded: Option<&[i32]>) -> bool {
        let history = &mut self.history[slot as usize];
        let before = *history;
        *history = (before << 1 | u8::from(coded.is_some())) & HISTORY;
        let start = slot as usize * self.rules.len();
        let predictors = &mut self.predictors[start..start + self.rules.len()];
        let values = self.rows.ints_mut(slot);
        let fields = predictors.iter_mut().zip(&self.rules).zip(values);
        if before == 0 && coded.is_none() {
            fields.for_each(|((predictor, &rule), value)| *value = predictor.coast(rule, *value, 1));
            return false;
        }
        let settles = before != 0 && *history == 0;
        for (field, ((predictor, &rule), value)) in fields.enumerate() {
            let new = coded.map_or_else(|| predictor.forecast(rule, *value).value, |values| values[field]);
            predictor.update(rule, *value, new);
            if settles {
                predictor.settle(rule.difference(*value, new));
            }
            *value = new;
        }
        if coded.is_some() {
            self.unsettled.insert(slot);
            self.coasting.remove(slot);
        } else if settles {
            self.sort(slot);
        }
        true
    }

    /// Lets all settled slots coast so many ticks.
    pub(super) fn coast(&mut self, steps: u32) {
        for slot in self.coasting.iter() {
            let start = slot as usize * self.rules.len();
            let predictors = &mut self.predictors[start..start + self.rules.len()];
            let fields = predictors.iter_mut().zip(&self.rules).zip(self.rows.ints_mut(slot));
            fields.for_each(|((predictor, &rule), value)| *value = predictor.coast(rule, *value, steps));
        }
    }

    /// Adds or replaces what is remembered of a row; its values are for the caller to write.
    pub(super) fn insert(&mut self, slot: Slot, history: u8, predictors: &[Predictor]) {
        self.rows.insert(slot);
        let slots = slot as usize + 1;
        if self.history.len() < slots {
            self.history.resize(slots, 0);
            self.predictors.resize(slots * self.rules.len(), Predictor::default());
        }
        self.history[slot as usize] = history;
        let start = slot as usize * self.rules.len();
        self.predictors[start..start + self.rules.len()].copy_from_slice(predictors);
        self.sort(slot);
    }

    /// Takes a row out; whether it was there.
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        self.unsettled.remove(slot);
        self.coasting.remove(slot);
        self.rows.present.remove(slot)
    }

    /// Takes all rows out.
    pub(super) fn clear(&mut self) {
        self.unsettled.clear();
        self.coasting.clear();
        self.rows.present.clear();
    }

    /// Puts the slot in the sets where it belongs.
    fn sort(&mut self, slot: Slot) {
        let unsettled = self.history(slot) != 0;
        let coasts = !unsettled && self.predictors(slot).iter().any(Predictor::coasts);
        self.unsettled.put(slot, unsettled);
        self.coasting.put(slot, coasts);
    }
}

fn limit(kind: &Kind) -> Option<u32> {
    match *kind {
        Kind::Text { max } | Kind::Bytes { max } => Some(max),
        _ => None,
    }
}

//! The walk over what is coded in a tick, which an encoder writes and a decoder reads: the same code, so they cannot drift apart.
//!
//! | decision | of | if 1 |
//! |---|---|---|
//! | is any slot coded? | each table, in schema order | |
//! | is any slot coded? | each block of 64 slots of it that has rows | |
//! | is it coded? | each slot of the block that has a row | |
//! | is the residual not 0? | each numeric field of the row | sign, unary count of the digits after the first (above 15 raw), the digits |
//! | has it changed? | each opaque field of the row | its length and bytes, raw |
//!
//! A row's last field is not asked for if no other field differs: it must, then. Nothing is changed by a walk: what it finds is
//! listed, to be taken in when all of the snapshot has proved sound.

use super::bits::Bits;
use super::mirror::{Forecasts, MirrorTable};
use super::predict::{Forecast, Guess, Predictor, digits};
use super::prior::{NumberContexts, TableContexts, one};
use super::range::Coder;
use super::rows::Rows;
use crate::ids::Slot;
use crate::schema::MAX_FIELDS;
use crate::varint::ReadError;

/// Residuals with more digits than this after the first are noise: how many more is raw, in 4 bits.
const ESCAPE: u32 = 16;

/// Takes note of every decision, to learn from them.
pub(super) trait Tally {
    /// A decision fell.
    fn count(&mut self, context: usize, bit: bool);

    /// Bits that are as likely 1 as 0 were read, after a decision of this context.
    #[inline]
    fn raw(&mut self, _context: usize, _bits: u32) {}
}

/// Learns nothing.
pub(super) struct Untold;

impl Tally for Untold {
    #[inline]
    fn count(&mut self, _: usize, _: bool) {}
}

/// What a walk found in one table.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The slots that are coded, ascending.
    pub(super) slots: Vec<Slot>,
    /// Their numeric fields, row after row.
    pub(super) ints: Vec<i32>,
    /// Opaque fields that a reader found changed: slot, field, bytes.
    pub(super) opaques: Vec<(Slot, usize, Box<[u8]>)>,
}

impl Changes {
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.ints.clear();
        self.opaques.clear();
    }
}

/// What a writer knows of one table.
#[derive(Clone, Copy)]
pub(super) struct Truth<'a> {
    /// The rows as they are to be.
    pub(super) rows: &'a Rows,
    /// The slots whose row is not as foreseen.
    pub(super) coded: &'a Bits,
}

/// Why a reader cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The bytes have ended.
    Ended,
    /// An opaque field is longer than its kind allows.
    TooLong,
}

/// A coder and the priors that it goes by.
pub(super) struct Walk<'a, C, T> {
    pub(super) coder: &'a mut C,
    pub(super) levels: &'a [u8],
    pub(super) tally: &'a mut T,
}

impl<C: Coder, T: Tally> Walk<'_, C, T> {
    #[inline]
    fn decide(&mut self, context: usize, bit: bool) -> bool {
        let bit = self.coder.bit(one(self.levels[context]), bit);
        self.tally.count(context, bit);
        bit
    }

    /// One table. `earlier` are the slots that were coded in tables before it, and gets those of this one.
    pub(super) fn table(
        &mut self,
        table: &MirrorTable,
        contexts: &TableContexts,
        truth: Option<Truth<'_>>,
        earlier: &mut Bits,
        changes: &mut Changes,
    ) -> Result<(), Broken> {
        changes.clear();
        let blocks = table.rows.present.blocks();
        let active = (0..blocks).map(|block| table.active_in(block).count_ones()).sum();
        if !self.decide(contexts.table(active), truth.is_some_and(|truth| !truth.coded.is_empty())) {
            return Ok(());
        }
        let mut forecasts = [Forecast::default(); MAX_FIELDS];
        for block in 0..blocks {
            let mut present = table.rows.present.word(block);
            if present == 0 {
                continue;
            }
            let coded = truth.map_or(0, |truth| truth.coded.word(block));
            let active = table.active_in(block).count_ones();
            if !self.decide(contexts.block(active), coded != 0) {
                continue;
            }
            let mut found = 0u64;
            while present != 0 {
                let bit = present.trailing_zeros();
                present &= present - 1;
                let slot = block as Slot * 64 + bit;
                let mut facts = table.foresee(slot, &mut forecasts);
                facts.earlier = earlier.word(block) >> bit & 1 == 1;
                if self.decide(contexts.slot(facts), coded >> bit & 1 == 1) {
                    found |= 1 << bit;
                    changes.slots.push(slot);
                    self.row(table, slot, &forecasts, contexts, truth.map(|truth| truth.rows), changes)?;
                }
            }
            earlier.merge_word(block, found);
        }
        Ok(())
    }

    #[inline]
    fn row(
        &mut self,
        table: &MirrorTable,
        slot: Slot,
        forecasts: &Forecasts,
        contexts: &TableContexts,
        truth: Option<&Rows>,
        changes: &mut Changes,
    ) -> Result<(), Broken> {
        let (mut changed, mut before) = (0, 0);
        let fields = contexts.numbers.len() + contexts.opaques.len();
        let ints = truth.map(|rows| rows.ints(slot));
        for (field, predictor) in table.predictors(slot).iter().enumerate() {
            let (rule, forecast, of_field) = (table.rules[field], forecasts[field], contexts.numbers[field]);
            let residual = ints.map_or(0, |ints| rule.difference(forecast.value, ints[field]));
            let context = of_field.changed(predictor.weight(), changed.min(2), forecast.edge());
            let only = changed == 0 && field + 1 == fields;
            let mut value = forecast.value;
            if only || self.decide(context, residual != 0) {
                let residual = self.residual(contexts, of_field, predictor, forecast, before, residual);
                value = rule.moved(value, residual);
                changed += 1;
                before = digits(residual.unsigned_abs()).min(3);
            } else {
                before = 0;
            }
            changes.ints.push(value);
        }
        for (field, (&of_field, &limit)) in contexts.opaques.iter().zip(&table.limits).enumerate() {
            let old = &table.rows.opaques(slot)[field];
            let new = truth.map(|rows| &*rows.opaques(slot)[field]);
            let only = changed == 0 && contexts.numbers.len() + field + 1 == fields;
            if only || self.decide(of_field.changed(changed.min(2)), new.is_some_and(|new| *new != **old)) {
                changed += 1;
                if let Some(bytes) = code_opaque(self.coder, new, limit)? {
                    let length = bytes.len() as u32;
                    self.tally.raw(of_field.changed(0), 5 + digits(length) + 8 * length);
                    changes.opaques.push((slot, field, bytes));
                }
            }
        }
        if self.coder.overrun() { Err(Broken::Ended) } else { Ok(()) }
    }

    /// A residual that is not 0.
    #[inline]
    fn residual(
        &mut self,
        of_table: &TableContexts,
        of_field: NumberContexts,
        predictor: &Predictor,
        forecast: Forecast,
        before: u32,
        residual: i32,
    ) -> i32 {
        let guess = predictor.guess();
        let moving = guess != Guess::Hold;
        let way = if moving { forecast.fraction + 2 } else { predictor.velocity.signum() + 1 };
        let weight = predictor.weight();
        let negative = self.decide(of_field.negative(guess as u32, weight, way as u32), residual < 0);
        let size = residual.unsigned_abs();
        let known = digits(size).saturating_sub(1);
        let longer = of_field.longer(moving, weight, before);
        let mut after = 0;
        while after < ESCAPE && self.decide(longer + after.min(7) as usize, after < known) {
            after += 1;
        }
        if after == ESCAPE {
            after += self.coder.raw(known.wrapping_sub(ESCAPE), 4);
            self.tally.raw(longer, 4);
        }
        let mut number = 1;
        if after > 0 {
            let second = self.decide(of_table.second_digit(after), size >> (after - 1) & 1 == 1);
            number = 2 | u32::from(second);
            if after > 1 {
                let third = self.decide(of_table.third_digit(after, second), size >> (after - 2) & 1 == 1);
                number = number << 1 | u32::from(third);
                let rest = after - 2;
                number = number << rest | self.coder.raw(size & ((1 << rest) - 1), rest);
                self.tally.raw(longer, rest);
            }
        }
        if negative { number.wrapping_neg() as i32 } else { number as i32 }
    }
}

/// An opaque field: how many digits its length has (5 bits), the length and the bytes, all raw. None from a writer.
pub(super) fn code_opaque(
    coder: &mut impl Coder,
    truth: Option<&[u8]>,
    limit: u32,
) -> Result<Option<Box<[u8]>>, Broken> {
    let length = truth.map_or(0, |bytes| bytes.len() as u32);
    let size = coder.raw(digits(length), 5);
    let length = coder.raw(length, size);
    if length > limit {
        return Err(Broken::TooLong);
    }
    if let Some(bytes) = truth {
        for &byte in bytes {
            coder.raw(byte.into(), 8);
        }
        return Ok(None);
    }
    let mut bytes = Vec::new();
    for _ in 0..length {
        bytes.push(coder.raw(0, 8) as u8);
        if coder.overrun() {
            return Err(Broken::Ended);
        }
    }
    Ok(Some(bytes.into()))
}

impl From<Broken> for super::DecodeError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Ended => Self::Read(ReadError::Truncated),
            Broken::TooLong => Self::TooLong,
        }
    }
}

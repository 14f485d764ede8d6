//! Whole numbers as adaptive decisions: what records and announcements are made of.

use super::predict::digits;
use super::range::{Adaptive, Coder};

/// How numbers of one meaning are distributed, as far as seen in one snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    zero: Adaptive,
    negative: Adaptive,
    /// Whether a number has more than k + 1 binary digits.
    longer: [Adaptive; 31],
    /// The two digits after the first, by how many follow the first: the second of them by the one before.
    leading: [[Adaptive; 3]; 32],
}

impl Number {
    /// Nothing seen yet.
    pub(super) const NEW: Self = Self {
        zero: Adaptive::NEW,
        negative: Adaptive::NEW,
        longer: [Adaptive::NEW; 31],
        leading: [[Adaptive::NEW; 3]; 32],
    };

    /// A number, of which most are near 0.
    pub(super) fn signed(&mut self, coder: &mut impl Coder, value: i32) -> i32 {
        if coder.adapt(&mut self.zero, value == 0) {
            return 0;
        }
        let negative = coder.adapt(&mut self.negative, value < 0);
        let size = self.size(coder, value.unsigned_abs());
        if negative { size.wrapping_neg() as i32 } else { size as i32 }
    }

    /// A number that is never negative.
    pub(super) fn unsigned(&mut self, coder: &mut impl Coder, value: u32) -> u32 {
        if coder.adapt(&mut self.zero, value == 0) { 0 } else { self.size(coder, value) }
    }

    /// A number above 0.
    fn size(&mut self, coder: &mut impl Coder, value: u32) -> u32 {
        let mut after = digits(value).saturating_sub(1);
        after = (0..31).find(|&k| !coder.adapt(&mut self.longer[k as usize], k < after)).unwrap_or(31);
        let mut number = 1;
        for place in 0..after.min(2) {
            let model = if place == 0 { 0 } else { 1 + (number & 1) as usize };
            let bit = coder.adapt(&mut self.leading[after as usize][model], value >> (after - 1 - place) & 1 == 1);
            number = number << 1 | u32::from(bit);
        }
        let rest = after.saturating_sub(2);
        number << rest | coder.raw(value & ((1 << rest) - 1), rest)
    }
}

/// A number below 2^N, digit by digit, the highest first. `M` is 2^N.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree<const M: usize>([Adaptive; M]);

impl<const M: usize> Tree<M> {
    /// Nothing seen yet.
    pub(super) const NEW: Self = Self([Adaptive::NEW; M]);

    pub(super) fn code(&mut self, coder: &mut impl Coder, value: u32) -> u32 {
        let mut node = 1;
        for place in (0..M.ilog2()).rev() {
            node = node << 1 | usize::from(coder.adapt(&mut self.0[node], value >> place & 1 == 1));
        }
        (node - M) as u32
    }
}

/// A slot in an ascending list.
#[derive(Debug)]
pub(super) struct Gaps {
    model: Number,
    next: u32,
}

impl Gaps {
    pub(super) const NEW: Self = Self { model: Number::NEW, next: 0 };

    /// The next slot of the list, at least the last one's successor; in a reader any u32.
    pub(super) fn code(&mut self, coder: &mut impl Coder, slot: u32) -> u32 {
        let slot = self.next.saturating_add(self.model.unsigned(coder, slot.wrapping_sub(self.next)));
        self.next = slot.saturating_add(1);
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::super::range::{RangeReader, RangeWriter};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_survive(signed: Vec<i32>, unsigned: Vec<u32>, small in prop::collection::vec(0..8u32, 0..20)) {
            let mut out = Vec::new();
            let mut writer = RangeWriter::new(&mut out);
            let (mut number, mut tree) = (Number::NEW, Tree::<8>::NEW);
            for &value in &signed {
                number.signed(&mut writer, value);
            }
            for &value in &unsigned {
                number.unsigned(&mut writer, value);
            }
            for &value in &small {
                tree.code(&mut writer, value);
            }
            writer.finish();
            let mut reader = RangeReader::new(&out);
            let (mut number, mut tree) = (Number::NEW, Tree::<8>::NEW);
            for value in signed {
                prop_assert_eq!(number.signed(&mut reader, 0), value);
            }
            for value in unsigned {
                prop_assert_eq!(number.unsigned(&mut reader, 0), value);
            }
            for value in small {
                prop_assert_eq!(tree.code(&mut reader, 0), value);
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }
    }
}

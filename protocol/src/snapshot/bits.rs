//! A growing set of slots, one bit each.

use crate::ids::Slot;

/// A set of slots, iterated in ascending order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(crate) fn contains(&self, slot: Slot) -> bool {
        self.words.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Adds `slot`; whether it was new.
    pub(crate) fn insert(&mut self, slot: Slot) -> bool {
        let index = slot as usize / 64;
        if index >= self.words.len() {
            self.words.resize(index + 1, 0);
        }
        let bit = 1 << (slot % 64);
        let new = self.words[index] & bit == 0;
        self.words[index] |= bit;
        new
    }

    /// Takes `slot` out; whether it was there.
    pub(crate) fn remove(&mut self, slot: Slot) -> bool {
        let Some(word) = self.words.get_mut(slot as usize / 64) else { return false };
        let bit = 1 << (slot % 64);
        let there = *word & bit != 0;
        *word &= !bit;
        there
    }

    /// Adds `slot` or takes it out.
    pub(crate) fn put(&mut self, slot: Slot, there: bool) {
        if there {
            self.insert(slot);
        } else {
            self.remove(slot);
        }
    }

    /// The slots of a block of 64, the first lowest.
    pub(crate) fn word(&self, block: usize) -> u64 {
        self.words.get(block).copied().unwrap_or(0)
    }

    /// Adds slots of a block.
    pub(crate) fn merge_word(&mut self, block: usize, slots: u64) {
        if self.words.len() <= block {
            self.words.resize(block + 1, 0);
        }
        self.words[block] |= slots;
    }

    /// Blocks that may have slots.
    pub(crate) fn blocks(&self) -> usize {
        self.words.len()
    }

    /// Adds all of `other`'s.
    pub(crate) fn merge(&mut self, other: &Bits) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                if rest == 0 {
                    return None;
                }
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                Some(index as Slot * 64 + bit)
            })
        })
    }
}

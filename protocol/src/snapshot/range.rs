//! A binary range coder: decisions and raw bits in, bytes out, and back.
//!
//! The state is a 32-bit interval, `low` and `range`. A decision whose bit is 1 with probability `one / 4096` splits the range at
//! `(range >> 12) * one`: the lower part means 1. While `range` is below 2^24 the top byte of `low` is settled and leaves. At the
//! end one byte is enough to name a number in the interval (it is at least 2^24 long), so a reader takes three zero bytes after
//! the last one for granted, no more and no less: a stream that is cut or too long is noticed.

use crate::varint::ReadError;

/// The probability that stands for "never 0".
pub(super) const ONE: u32 = 4096;
/// Below this the range is too small to split well.
const SMALL: u32 = 1 << 24;
/// Bytes that a reader may take for granted after the last.
const IMPLIED: usize = 3;

/// Either direction of coding: a writer takes the bits that it is given, a reader ignores them; both return what is in the stream.
pub(super) trait Coder {
    /// One decision, 1 with probability `one / 4096`; `one` is 1 to 4095.
    fn bit(&mut self, one: u32, bit: bool) -> bool;

    /// `count` bits that are as likely 1 as 0, at most 16.
    fn raw_bits(&mut self, value: u32, count: u32) -> u32;

    /// Whether a reader has run past the end of its bytes; what it returns is then meaningless.
    fn overrun(&self) -> bool;

    /// `count` bits that are as likely 1 as 0, at most 32.
    fn raw(&mut self, value: u32, count: u32) -> u32 {
        if count <= 16 {
            return self.raw_bits(value, count);
        }
        let high = self.raw_bits(value >> 16, count - 16);
        high << 16 | self.raw_bits(value & 0xFFFF, 16)
    }

    /// One decision that learns: see [`Adaptive`].
    fn adapt(&mut self, model: &mut Adaptive, bit: bool) -> bool {
        let bit = self.bit((u32::from(model.one) >> 4).clamp(1, ONE - 1), bit);
        model.learn(bit);
        bit
    }
}

/// A probability of 1 that follows what it sees within one snapshot: quickly at first, then a 32nd of the way with each bit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Adaptive {
    /// In 1/65536.
    one: u16,
    /// Bits seen, up to [`Adaptive::FEW`].
    seen: u8,
}

impl Adaptive {
    /// After so many bits it moves as slowly as it ever does.
    const FEW: u8 = 8;
    /// Nothing seen yet.
    pub(super) const NEW: Self = Self { one: 1 << 15, seen: 0 };

    #[inline]
    fn learn(&mut self, bit: bool) {
        // 1, 2, 3, 3, 4, 4, 4, 4, then 5: about what the share of the bits seen would say.
        let rate = 1 + u8::BITS - self.seen.leading_zeros();
        if bit {
            self.one += (u16::MAX - self.one) >> rate;
        } else {
            self.one -= self.one >> rate;
        }
        self.seen = (self.seen + 1).min(Self::FEW);
    }
}

/// Appends to bytes.
pub(super) struct RangeWriter<'a> {
    out: &'a mut Vec<u8>,
    low: u32,
    range: u32,
}

impl<'a> RangeWriter<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, low: 0, range: u32::MAX }
    }

    /// Moves the interval's lower end up; a carry runs through the bytes that have left already.
    #[inline]
    fn advance(&mut self, by: u32) {
        let (low, carry) = self.low.overflowing_add(by);
        self.low = low;
        if carry {
            for byte in self.out.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
    }

    #[inline]
    fn normalise(&mut self) {
        while self.range < SMALL {
            self.out.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    /// Names a number in the interval.
    pub(super) fn finish(mut self) {
        self.advance(SMALL - 1);
        self.out.push((self.low >> 24) as u8);
    }
}

impl Coder for RangeWriter<'_> {
    #[inline]
    fn bit(&mut self, one: u32, bit: bool) -> bool {
        let split = (self.range >> 12) * one;
        if bit {
            self.range = split;
        } else {
            self.advance(split);
            self.range -= split;
        }
        self.normalise();
        bit
    }

    fn raw_bits(&mut self, value: u32, count: u32) -> u32 {
        self.range >>= count;
        self.advance(self.range * value);
        self.normalise();
        value
    }

    fn overrun(&self) -> bool {
        false
    }
}

/// Reads from bytes and, after them, zeros.
pub(super) struct RangeReader<'a> {
    bytes: &'a [u8],
    /// Bytes taken, those after the end included.
    taken: usize,
    /// The number in the interval, from the interval's lower end.
    code: u32,
    range: u32,
}

impl<'a> RangeReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self { bytes, taken: 0, code: 0, range: u32::MAX };
        for _ in 0..4 {
            reader.take();
        }
        reader
    }

    #[inline]
    fn take(&mut self) {
        let byte = self.bytes.get(self.taken).copied().unwrap_or(0);
        self.taken += 1;
        self.code = self.code << 8 | u32::from(byte);
    }

    #[inline]
    fn normalise(&mut self) {
        while self.range < SMALL {
            self.range <<= 8;
            self.take();
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The bytes ended too soon, or some are left over.
    pub(super) fn finish(self) -> Result<(), ReadError> {
        let end = self.bytes.len() + IMPLIED;
        match self.taken {
            taken if taken > end => Err(ReadError::Truncated),
            taken if taken < end => Err(ReadError::Trailing(end - taken)),
            _ => Ok(()),
        }
    }
}

impl Coder for RangeReader<'_> {
    #[inline]
    fn bit(&mut self, one: u32, _: bool) -> bool {
        let split = (self.range >> 12) * one;
        let bit = self.code < split;
        if bit {
            self.range = split;
        } else {
            self.code -= split;
            self.range -= split;
        }
        self.normalise();
        bit
    }

    fn raw_bits(&mut self, _: u32, count: u32) -> u32 {
        self.range >>= count;
        // Bytes that no writer wrote may name a number above the last part.
        let value = (self.code / self.range).min((1 << count) - 1);
        self.code -= self.range * value;
        self.normalise();
        value
    }

    fn overrun(&self) -> bool {
        self.taken > self.bytes.len() + IMPLIED
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is coded: a decision with its probability, or raw bits with their count.
    #[derive(Clone, Debug)]
    enum Item {
        Bit(u32, bool),
        Raw(u32, u32),
    }

    fn item() -> impl Strategy<Value = Item> {
        let one = prop_oneof![1..ONE, Just(1), Just(ONE - 1)];
        prop_oneof![
            3 => (one, any::<bool>()).prop_map(|(one, bit)| Item::Bit(one, bit)),
            1 => (any::<u32>(), 0..=32u32).prop_map(|(value, count)| {
                Item::Raw(if count == 0 { 0 } else { value >> (32 - count) }, count)
            }),
        ]
    }

    fn code(coder: &mut impl Coder, item: &Item, truth: bool) -> Item {
        match *item {
            Item::Bit(one, bit) => Item::Bit(one, coder.bit(one, bit && truth)),
            Item::Raw(value, count) => Item::Raw(coder.raw(if truth { value } else { 0 }, count), count),
        }
    }

    fn written(items: &[Item], before: &[u8]) -> Vec<u8> {
        let mut out = before.to_vec();
        let mut writer = RangeWriter::new(&mut out);
        for item in items {
            code(&mut writer, item, true);
        }
        writer.finish();
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(items in prop::collection::vec(item(), 0..300)) {
            let bytes = written(&items, &[]);
            let mut reader = RangeReader::new(&bytes);
            for item in &items {
                prop_assert_eq!(format!("{:?}", code(&mut reader, item, false)), format!("{item:?}"));
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn a_cut_or_longer_stream_is_noticed(items in prop::collection::vec(item(), 0..100), longer in 1..4usize) {
            let bytes = written(&items, &[]);
            let ended = |bytes: &[u8]| {
                let mut reader = RangeReader::new(bytes);
                for item in &items {
                    code(&mut reader, item, false);
                }
                reader.finish()
            };
            let mut long = bytes.clone();
            long.resize(bytes.len() + longer, 0);
            prop_assert_eq!(ended(&long), Err(ReadError::Trailing(longer)));
            // A cut reader meets zeros: it decides otherwise, but it never takes the stream for whole if it goes on as before.
            let mut reader = RangeReader::new(&bytes[..bytes.len() - 1]);
            let same = items.iter().all(|item| format!("{:?}", code(&mut reader, item, false)) == format!("{item:?}"));
            prop_assert!(!same || reader.finish() == Err(ReadError::Truncated));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>, items in prop::collection::vec(item(), 0..300)) {
            let mut reader = RangeReader::new(&bytes);
            for item in &items {
                code(&mut reader, item, false);
            }
        }
    }

    #[test]
    fn a_carry_runs_through_bytes_that_have_left() {
        // Unlikely zeros keep `low` just below a carry, until one more unlikely bit tips it over.
        let mut items = vec![Item::Raw(0xFFFF, 16); 6];
        items.extend(vec![Item::Bit(ONE - 1, false); 40]);
        items.push(Item::Raw(1, 1));
        let bytes = written(&items, &[7]);
        assert_eq!(bytes[0], 7, "a carry never leaves the stream");
        let mut reader = RangeReader::new(&bytes[1..]);
        for item in &items {
            assert_eq!(format!("{:?}", code(&mut reader, item, false)), format!("{item:?}"));
        }
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn a_likely_bit_costs_next_to_nothing() {
        assert_eq!(written(&vec![Item::Bit(ONE - 1, true); 4096], &[]).len(), 1);
        assert_eq!(written(&vec![Item::Bit(ONE / 2, true); 4096], &[]).len(), 4096 / 8 + 1);
    }
}

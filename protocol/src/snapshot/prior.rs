//! Probabilities of every decision of a walk: which there are, the built-in ones, and how they travel.
//!
//! A decision's *context* is what is known when it falls; each context has its own probability, kept as one of [`LEVELS`] levels.
//! All of them together are a stream's *priors*, frozen for an epoch. A table has a block of contexts for its flags and digits,
//! and each of its fields a block of its own:
//!
//! | block | contexts | what is known |
//! |---|---|---|
//! | table | 4 | whether any slot is coded, by [`crowd`] of the table's unsettled and coasting slots |
//! | | 4 | the same of a block of 64 slots |
//! | | 384 | whether a slot is coded: history (8), activity (8), fields on edge (3), an earlier component coded (2) |
//! | | 48 | the two digits after a residual's first: how many follow the first (16), then 3 |
//! | number | 90 | whether a residual is not zero: magnitude (10), residuals before it in the row (3), nearness of the next value (3) |
//! | | 72 | whether it is negative: guess (3), magnitude (6), fraction or direction (4) |
//! | | 640 | whether it has more digits: guess is hold or not (2), magnitude (10), residual before it (4), digits so far (8) |
//! | opaque | 3 | whether it changed: residuals before it in the row |

use std::sync::Arc;

use super::number::Number;
use super::range::{Adaptive, Coder, ONE, RangeReader, RangeWriter};
use crate::schema::{Schema, Shape};
use crate::varint::{ReadError, Reader};

/// Levels that a probability can have.
pub(super) const LEVELS: u8 = 64;

/// The probability of a 1 at each level, in 1/4096: 4096 / (1 + e^(-(level - 31.5) / 4)), rounded. Levels are evenly spread in
/// the logarithm of the odds, so none is far from the best in bits.
pub(super) static ONES: [u16; LEVELS as usize] = [
    2, 2, 3, 3, 4, 5, 7, 9, 11, 15, 19, 24, 31, 40, 51, 65, 83, 106, 136, 172, 219, 277, 349, 437, 545, 674, 827, 1004,
    1205, 1428, 1668, 1920, 2176, 2428, 2668, 2891, 3092, 3269, 3422, 3551, 3659, 3747, 3819, 3877, 3924, 3960, 3990,
    4013, 4031, 4045, 4056, 4065, 4072, 4077, 4081, 4085, 4087, 4089, 4091, 4092, 4093, 4093, 4094, 4094,
];

/// What a 1 costs at each level, in 1/1024 bit; a 0 costs what a 1 does at the level as far from the other end.
pub(super) static COSTS: [u16; LEVELS as usize] = [
    11264, 11264, 10665, 10665, 10240, 9910, 9413, 9042, 8746, 8287, 7938, 7593, 7215, 6838, 6479, 6121, 5760, 5399,
    5030, 4684, 4327, 3980, 3638, 3306, 2980, 2666, 2364, 2077, 1808, 1557, 1327, 1119, 934, 773, 633, 515, 415, 333,
    266, 211, 167, 132, 103, 81, 63, 50, 39, 30, 24, 19, 14, 11, 9, 7, 5, 4, 3, 3, 2, 1, 1, 1, 1, 1,
];

/// Contexts of a table's own block.
pub(super) const TABLE: usize = 440;
/// Where those of digits, which all fields share, begin among them.
pub(super) const DIGITS: usize = 392;
/// Contexts of a numeric field's block.
pub(super) const NUMBER: usize = 802;
/// Contexts of an opaque field's block.
pub(super) const OPAQUE: usize = 3;

/// The built-in levels: a table's block, a number's and an opaque field's, alike for all tables and fields.
static GENERIC: &[u8; TABLE + NUMBER + OPAQUE] = include_bytes!("generic.priors");

/// How many slots there are, roughly: 0, 1, 2 to 7, more.
pub(super) fn crowd(slots: u32) -> usize {
    match slots {
        0 => 0,
        1 => 1,
        2..8 => 2,
        _ => 3,
    }
}

/// Where a table's contexts begin.
#[derive(Clone, Debug)]
pub(super) struct TableContexts {
    base: usize,
    /// By numeric field.
    pub(super) numbers: Box<[NumberContexts]>,
    /// By opaque field.
    pub(super) opaques: Box<[OpaqueContexts]>,
}

/// What is known of a slot before its flag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SlotFacts {
    /// Its last three flags, the newest lowest; 0 once it is settled.
    pub(super) history: u8,
    /// 0 to 7: of an unsettled slot the digits of a quarter of its magnitudes' sum, of a settled one 1 if it coasts.
    pub(super) activity: u32,
    /// Fields whose forecast lies far from a whole number, at most 2.
    pub(super) on_edge: u32,
    /// Whether a component before this one is coded in this tick.
    pub(super) earlier: bool,
}

impl TableContexts {
    pub(super) fn table(&self, active: u32) -> usize {
        self.base + crowd(active)
    }

    pub(super) fn block(&self, active: u32) -> usize {
        self.base + 4 + crowd(active)
    }

    #[inline]
    pub(super) fn slot(&self, facts: SlotFacts) -> usize {
        let moving = usize::from(facts.history) * 8 + facts.activity as usize;
        self.base + 8 + (moving * 3 + facts.on_edge as usize) * 2 + usize::from(facts.earlier)
    }

    /// The digit after a residual's first, `after` of which follow it.
    #[inline]
    pub(super) fn second_digit(&self, after: u32) -> usize {
        self.base + DIGITS + after.min(15) as usize * 3
    }

    /// The digit after that.
    #[inline]
    pub(super) fn third_digit(&self, after: u32, second: bool) -> usize {
        self.second_digit(after) + 1 + usize::from(second)
    }
}

/// Where a numeric field's contexts begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberContexts(usize);

impl NumberContexts {
    /// `weight` up to 9, `changed` and `edge` up to 2.
    #[inline]
    pub(super) fn changed(self, weight: u32, changed: u32, edge: u32) -> usize {
        self.0 + ((weight * 3 + changed) * 3 + edge) as usize
    }

    /// `guess` up to 2, `way` up to 3.
    #[inline]
    pub(super) fn negative(self, guess: u32, weight: u32, way: u32) -> usize {
        self.0 + 90 + ((guess * 6 + weight.min(5)) * 4 + way) as usize
    }

    /// The first of eight for the digits so far; `before` up to 3.
    #[inline]
    pub(super) fn longer(self, moving: bool, weight: u32, before: u32) -> usize {
        self.0 + 162 + (((u32::from(moving) * 10 + weight) * 4 + before) * 8) as usize
    }
}

/// Where an opaque field's contexts begin.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpaqueContexts(usize);

impl OpaqueContexts {
    /// `changed` up to 2.
    pub(super) fn changed(self, changed: u32) -> usize {
        self.0 + changed as usize
    }
}

/// The contexts of a schema's tables: for each its own block, then its fields' blocks in order.
pub(super) fn contexts(schema: &Schema) -> Vec<TableContexts> {
    let mut next = 0;
    let mut take = |count| {
        next += count;
        next - count
    };
    let mut table = |shape: &Shape| {
        let base = take(TABLE);
        let (mut numbers, mut opaques) = (Vec::new(), Vec::new());
        for field in &shape.fields {
            if field.kind.is_opaque() {
                opaques.push(OpaqueContexts(take(OPAQUE)));
            } else {
                numbers.push(NumberContexts(take(NUMBER)));
            }
        }
        TableContexts { base, numbers: numbers.into(), opaques: opaques.into() }
    };
    schema.components.iter().map(&mut table).collect()
}

/// The probabilities of every context of one schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priors {
    schema_hash: u64,
    pub(super) levels: Vec<u8>,
    /// What they would be without training: they travel as what differs.
    pub(super) generic: Arc<[u8]>,
}

/// Why bytes are not priors for a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PriorsError {
    /// They don't begin as priors do.
    #[error("these are not priors")]
    Form,
    /// They were trained for another game, or for another version of this one.
    #[error("the priors are of schema {theirs:016x}, the game's is {ours:016x}: train them for it")]
    Schema {
        /// The hash of the schema they were trained for.
        theirs: u64,
        /// The hash of the game's schema.
        ours: u64,
    },
    /// The bytes could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What the bytes of priors begin with.
const MAGIC: [u8; 4] = *b"twp1";

impl Priors {
    /// The built-in ones, made for no game in particular.
    pub fn generic(schema: &Schema) -> Self {
        let (table, fields) = GENERIC.split_at(TABLE);
        let (number, opaque) = fields.split_at(NUMBER);
        let mut levels = Vec::new();
        for shape in &schema.components {
            levels.extend_from_slice(table);
            for field in &shape.fields {
                levels.extend_from_slice(if field.kind.is_opaque() { opaque } else { number });
            }
        }
        Self { schema_hash: schema.hash(), generic: levels.as_slice().into(), levels }
    }

    /// Others of the same schema.
    pub(super) fn with_levels(&self, levels: Vec<u8>) -> Self {
        Self { levels, ..self.clone() }
    }

    /// Whether they are of this schema.
    pub(super) fn fit(&self, schema: &Schema) -> bool {
        self.schema_hash == schema.hash()
    }

    /// What [`Priors::from_bytes`] takes back.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.schema_hash.to_le_bytes());
        let mut writer = RangeWriter::new(&mut out);
        code_levels(&mut writer, &self.generic, &mut self.levels.clone());
        writer.finish();
        out
    }

    /// Reads priors that were trained for `schema`.
    ///
    /// # Errors
    /// See [`PriorsError`].
    pub fn from_bytes(schema: &Schema, bytes: &[u8]) -> Result<Self, PriorsError> {
        let mut reader = Reader::new(bytes);
        if reader.bytes(MAGIC.len()) != Ok(&MAGIC) {
            return Err(PriorsError::Form);
        }
        let hash = [reader.u32_le()?, reader.u32_le()?];
        let (theirs, ours) = (u64::from(hash[1]) << 32 | u64::from(hash[0]), schema.hash());
        if theirs != ours {
            return Err(PriorsError::Schema { theirs, ours });
        }
        let mut priors = Self::generic(schema);
        let mut coder = RangeReader::new(reader.rest());
        code_levels(&mut coder, &priors.generic, &mut priors.levels);
        coder.finish()?;
        Ok(priors)
    }
}

/// Levels as what differs from others that both ends know. In a reader, `levels` is filled.
pub(super) fn code_levels(coder: &mut impl Coder, known: &[u8], levels: &mut [u8]) {
    let mut differs = [Adaptive::NEW; 8];
    let mut difference = [Number::NEW; 2];
    let mut recent = 0;
    for (&known, level) in known.iter().zip(levels) {
        let new = coder.adapt(&mut differs[recent], known != *level);
        if new {
            let model = &mut difference[recent & 1];
            let moved = model.signed(coder, i32::from(*level) - i32::from(known));
            *level = i32::from(known).saturating_add(moved).clamp(0, i32::from(LEVELS) - 1) as u8;
        } else {
            *level = known;
        }
        recent = (recent << 1 | usize::from(new)) & 7;
    }
}

/// The probability of a 1 at `level`, in 1/4096.
#[inline]
pub(super) fn one(level: u8) -> u32 {
    u32::from(ONES[usize::from(level & (LEVELS - 1))])
}

const _: () = assert!(ONE == 4096, "levels are in the coder's unit");

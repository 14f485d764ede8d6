//! One component's quantised values, a row a slot: what mirrors and replicas are made of.

use std::sync::Arc;

use super::bits::Bits;
use crate::ids::Slot;
use crate::schema::{Kind, Shape};
use crate::varint::ReadError;
use crate::wire::{Refused, Source};

/// Where a field's values stand in a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the integers.
    Int { index: usize },
    /// In the opaque values.
    Opaque { index: usize },
}

/// The rows of one component, by slot.
#[derive(Clone, Debug)]
pub struct Rows {
    pub(super) places: Arc<[Place]>,
    int_stride: usize,
    opaque_stride: usize,
    ints: Vec<i32>,
    opaques: Vec<Box<[u8]>>,
    pub(super) present: Bits,
}

impl Rows {
    pub(crate) fn new(shape: &Shape) -> Self {
        let (mut int_stride, mut opaque_stride) = (0, 0);
        let next = |count: &mut usize| std::mem::replace(count, *count + 1);
        let places = shape
            .fields
            .iter()
            .map(|field| match field.kind {
                Kind::Text { .. } | Kind::Bytes { .. } => Place::Opaque { index: next(&mut opaque_stride) },
                _ => Place::Int { index: next(&mut int_stride) },
            })
            .collect();
        Self { places, int_stride, opaque_stride, ints: vec![], opaques: vec![], present: Bits::default() }
    }

    /// Whether the slot has this component.
    pub fn contains(&self, slot: Slot) -> bool {
        self.present.contains(slot)
    }

    /// The slot's row.
    pub fn get(&self, slot: Slot) -> Option<Row<'_>> {
        self.row(slot, &self.places)
    }

    /// The slot's values at these places.
    pub(super) fn row<'a>(&'a self, slot: Slot, places: &'a [Place]) -> Option<Row<'a>> {
        self.contains(slot).then(|| Row { places, ints: self.ints(slot), opaques: self.opaques(slot) })
    }

    /// The slots that have this component, ascending.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.present.iter()
    }

    /// Whether both, which are of one component, have the same row for the slot, or both none.
    pub(crate) fn agrees(&self, other: &Rows, slot: Slot) -> bool {
        let there = self.contains(slot);
        there == other.contains(slot)
            && (!there || self.ints(slot) == other.ints(slot) && self.opaques(slot) == other.opaques(slot))
    }

    /// Becomes equal to `other`, which is of the same component.
    pub(crate) fn copy_from(&mut self, other: &Rows) {
        self.ints.clone_from(&other.ints);
        self.opaques.clone_from(&other.opaques);
        self.present.clone_from(&other.present);
    }

    /// The slot's integers; it must have had a row.
    pub(super) fn ints(&self, slot: Slot) -> &[i32] {
        let start = slot as usize * self.int_stride;
        &self.ints[start..start + self.int_stride]
    }

    pub(super) fn ints_mut(&mut self, slot: Slot) -> &mut [i32] {
        let start = slot as usize * self.int_stride;
        &mut self.ints[start..start + self.int_stride]
    }

    pub(super) fn opaques(&self, slot: Slot) -> &[Box<[u8]>] {
        let start = slot as usize * self.opaque_stride;
        &self.opaques[start..start + self.opaque_stride]
    }

    pub(super) fn row_mut(&mut self, slot: Slot) -> (&mut [i32], &mut [Box<[u8]>]) {
        let (int, opaque) = (slot as usize * self.int_stride, slot as usize * self.opaque_stride);
        (&mut self.ints[int..int + self.int_stride], &mut self.opaques[opaque..opaque + self.opaque_stride])
    }

    /// Adds the slot if it is new, with whatever its row held last.
    pub(super) fn insert(&mut self, slot: Slot) -> bool {
        let rows = slot as usize + 1;
        if self.ints.len() < rows * self.int_stride {
            self.ints.resize(rows * self.int_stride, 0);
        }
        if self.opaques.len() < rows * self.opaque_stride {
            self.opaques.resize_with(rows * self.opaque_stride, Box::default);
        }
        self.present.insert(slot)
    }

    /// Makes this slot's opaque values equal to `other`'s.
    pub(super) fn copy_opaques(&mut self, other: &Rows, slot: Slot) {
        let (_, opaques) = self.row_mut(slot);
        for (mine, theirs) in opaques.iter_mut().zip(other.opaques(slot)) {
            mine.clone_from(theirs);
        }
    }

    fn mix_into(&self, mut hash: u32) -> u32 {
        for slot in self.slots() {
            hash = mix(hash, slot);
            for place in self.places.iter() {
                match *place {
                    Place::Int { index } => hash = mix(hash, self.ints(slot)[index] as u32),
                    Place::Opaque { index } => {
                        let bytes = &self.opaques(slot)[index];
                        hash = mix(hash, bytes.len() as u32);
                        hash = bytes.iter().fold(hash, |hash, &byte| mix(hash, byte.into()));
                    }
                }
            }
        }
        mix(hash, u32::MAX)
    }
}

/// The snapshot hash of a state: the same on every machine and in every language.
pub(super) fn snapshot_hash<'a>(tables: impl IntoIterator<Item = &'a Rows>) -> u32 {
    tables.into_iter().fold(0x811C_9DC5, |hash, rows| rows.mix_into(hash))
}

#[inline]
fn mix(hash: u32, value: u32) -> u32 {
    (hash ^ value).rotate_left(13).wrapping_mul(0x9E37_79B1).wrapping_add(0x85EB_CA6B)
}

/// One slot's values of one component, read field by field by [`Wire::read`](crate::wire::Wire::read).
#[derive(Clone, Debug)]
pub struct Row<'a> {
    places: &'a [Place],
    ints: &'a [i32],
    opaques: &'a [Box<[u8]>],
}

impl Source for Row<'_> {
    #[inline]
    fn int(&mut self) -> Result<i32, Refused> {
        match self.places.split_first() {
            Some((&Place::Int { index }, rest)) => {
                self.places = rest;
                Ok(self.ints[index])
            }
            _ => Err(ReadError::Truncated.into()),
        }
    }

    fn opaque(&mut self) -> Result<&[u8], Refused> {
        match self.places.split_first() {
            Some((&Place::Opaque { index }, rest)) => {
                self.places = rest;
                Ok(&self.opaques[index])
            }
            _ => Err(ReadError::Truncated.into()),
        }
    }
}

//! What the plain forms of a snapshot would cost, to compare the codec with: the full state in bincode, and a mask of changed fields
//! with their differences as varints.

use std::collections::BTreeMap;

use tickwire_protocol::Slot;

use crate::trace::{ColumnKind, Header};

type Tables = [BTreeMap<Slot, Vec<i32>>];

/// Bytes of all rows as a bincode list of `(slot: u32, fields: i32 …)`, a list for each component.
pub(super) fn full_bytes(tables: &Tables) -> u64 {
    let row = |(&slot, values): (&Slot, &Vec<i32>)| {
        unsigned_bytes(slot) + values.iter().map(|&value| unsigned_bytes(zigzag(value))).sum::<u64>()
    };
    tables.iter().map(|rows| unsigned_bytes(rows.len() as u32) + rows.iter().map(row).sum::<u64>()).sum()
}

/// A bincode unsigned integer.
fn unsigned_bytes(value: u32) -> u64 {
    match value {
        0..251 => 1,
        251..=0xFFFF => 3,
        _ => 5,
    }
}

/// The varint form, tick by tick.
pub(super) struct Varint {
    angles: Vec<Vec<Option<u8>>>,
    last: Vec<BTreeMap<Slot, Vec<i32>>>,
}

impl Varint {
    pub(super) fn new(header: &Header) -> Self {
        let angles = header.components.iter().map(|component| {
            let bits = |kind| match kind {
                ColumnKind::Angle { bits } => Some(bits),
                ColumnKind::Int => None,
            };
            component.fields.iter().map(|column| bits(column.kind)).collect()
        });
        Self { angles: angles.collect(), last: vec![BTreeMap::new(); header.components.len()] }
    }

    /// Bytes from the last tick to this one. Per component: slots gone, rows new, rows changed; each a count and distances between slots; a
    /// changed row a mask and the differences of its changed fields.
    pub(super) fn delta_bytes(&mut self, tables: &Tables) -> u64 {
        let mut bytes = 0;
        for ((rows, last), angles) in tables.iter().zip(&mut self.last).zip(&self.angles) {
            let gone: Vec<Slot> = last.keys().filter(|slot| !rows.contains_key(slot)).copied().collect();
            bytes += slots_bytes(&gone);
            let new: Vec<Slot> = rows.keys().filter(|slot| !last.contains_key(slot)).copied().collect();
            bytes += slots_bytes(&new);
            bytes += new.iter().flat_map(|slot| &rows[slot]).map(|&value| varint_bytes(zigzag(value))).sum::<u64>();
            let changed: Vec<Slot> = rows
                .iter()
                .filter(|(slot, values)| last.get(slot).is_some_and(|last| last != *values))
                .map(|(&slot, _)| slot)
                .collect();
            bytes += slots_bytes(&changed);
            for slot in &changed {
                bytes += changes_bytes(&last[slot], &rows[slot], angles);
            }
            last.clone_from(rows);
        }
        bytes
    }
}

fn changes_bytes(old: &[i32], new: &[i32], angles: &[Option<u8>]) -> u64 {
    let mut mask = 0;
    let mut bytes = 0;
    for (field, ((old, new), angle)) in old.iter().zip(new).zip(angles).enumerate() {
        if old != new {
            mask |= 1 << field;
            let difference = new.wrapping_sub(*old);
            let difference = angle.map_or(difference, |bits| difference << (32 - bits) >> (32 - bits));
            bytes += varint_bytes(zigzag(difference));
        }
    }
    varint_bytes(mask) + bytes
}

fn slots_bytes(slots: &[Slot]) -> u64 {
    let mut next = 0;
    let gaps = slots.iter().map(|&slot| varint_bytes(slot - std::mem::replace(&mut next, slot + 1))).sum::<u64>();
    varint_bytes(slots.len() as u32) + gaps
}

fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

fn varint_bytes(value: u32) -> u64 {
    u64::from(32 - (value | 1).leading_zeros()).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_forms() {
        assert_eq!([0, 127, 128, u32::MAX].map(varint_bytes), [1, 1, 2, 5]);
        assert_eq!([250, 251, 65_536].map(unsigned_bytes), [1, 3, 5]);
        assert_eq!([0, -1, 1, i32::MIN].map(zigzag), [0, 1, 2, u32::MAX]);
        // An angle goes the shorter way: mask, difference of 8.
        assert_eq!(changes_bytes(&[1020], &[4], &[Some(10)]), 2);
        assert_eq!(changes_bytes(&[1020], &[4], &[None]), 3);
    }
}

//! Tables in, snapshots out: deltas against the mirror, and resyncs from what the mirror remembers.

use super::rows::{Place, Rows, snapshot_hash};
use super::table::Tables;
use super::{FLAG_HASH, check_byte};
use crate::ids::{Slot, Tick};
use crate::varint::{put_opaque, put_varint, put_zigzag};

/// Ticks back to which a resync can reach; a client further behind gets a keyframe. Eight seconds at 30 Hz: a stall of a
/// mobile link; longer ones have so much to mend that a keyframe is as short.
pub const RESYNC_WINDOW: u32 = 256;

/// Encodes one stream of snapshots. After the first few ticks a delta allocates nothing.
#[derive(Debug)]
pub struct Encoder {
    /// What every decoder in step has.
    mirror: Vec<Rows>,
    /// By table and slot: the last tick at which the row was added, changed or removed.
    touched: Vec<Vec<Tick>>,
    /// By slot: the last tick at which it was despawned.
    despawned: Vec<Tick>,
    tick: Tick,
    lists: Lists,
}

/// One table's work in one delta, sorted by what has to be said.
#[derive(Debug, Default)]
struct Lists {
    despawned: Vec<Slot>,
    removed: Vec<Slot>,
    whole: Vec<Slot>,
    changed: Vec<Slot>,
}

impl Encoder {
    /// An encoder whose mirror is empty, for tables of the same schema.
    pub fn new(tables: &Tables) -> Self {
        let mirror: Vec<Rows> = tables.schema.components.iter().map(Rows::new).collect();
        Self {
            touched: vec![Vec::new(); mirror.len()],
            mirror,
            despawned: Vec::new(),
            tick: 0,
            lists: Lists::default(),
        }
    }

    /// The tick of the last delta, 0 before the first.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The snapshot hash of the mirror.
    pub fn hash(&self) -> u32 {
        snapshot_hash(&self.mirror)
    }

    /// Appends the delta from the last one's tick to `tick`, with the snapshot hash if asked, and moves the mirror.
    ///
    /// # Panics
    /// If `tick` is not above the last one.
    pub fn delta(&mut self, tables: &mut Tables, tick: Tick, with_hash: bool, out: &mut Vec<u8>) {
        assert!(tick > self.tick, "ticks ascend");
        let base = std::mem::replace(&mut self.tick, tick);
        self.despawn(tables, tick);
        let start = out.len();
        // The check byte and, if asked, the hash are filled in at the end.
        out.push(0);
        put_varint(out, tick);
        // The first delta starts from nothing: it is a keyframe.
        put_varint(out, if base == 0 { 0 } else { tick - base });
        out.push(if with_hash { FLAG_HASH } else { 0 });
        let hash_at = out.len();
        if with_hash {
            out.extend_from_slice(&[0; 4]);
        }
        put_slots(out, &self.lists.despawned);
        for index in 0..self.mirror.len() {
            self.table_delta(tables, index, out);
        }
        if with_hash {
            let hash = self.hash();
            out[hash_at..hash_at + 4].copy_from_slice(&hash.to_le_bytes());
        }
        out[start] = check_byte(&out[start + 1..]);
    }

    fn despawn(&mut self, tables: &mut Tables, tick: Tick) {
        self.lists.despawned.clear();
        for slot in tables.despawned.iter() {
            let mut known = false;
            for (rows, touched) in self.mirror.iter_mut().zip(&mut self.touched) {
                if rows.present.remove(slot) {
                    touched[slot as usize] = tick;
                    known = true;
                }
            }
            if known {
                if self.despawned.len() <= slot as usize {
                    self.despawned.resize(slot as usize + 1, 0);
                }
                self.despawned[slot as usize] = tick;
                self.lists.despawned.push(slot);
            }
        }
        tables.despawned.clear();
    }

    fn table_delta(&mut self, tables: &mut Tables, index: usize, out: &mut Vec<u8>) {
        let table = &mut tables.tables[index];
        let (mirror, touched, lists) = (&mut self.mirror[index], &mut self.touched[index], &mut self.lists);
        lists.removed.clear();
        lists.whole.clear();
        lists.changed.clear();
        for slot in table.dirty.iter() {
            let list = match (mirror.contains(slot), table.rows.contains(slot)) {
                (false, false) => continue,
                (false, true) => &mut lists.whole,
                (true, false) => &mut lists.removed,
                (true, true) if same_row(mirror, &table.rows, slot) => continue,
                (true, true) => &mut lists.changed,
            };
            list.push(slot);
            if touched.len() <= slot as usize {
                touched.resize(slot as usize + 1, 0);
            }
            touched[slot as usize] = self.tick;
        }
        table.dirty.clear();

        put_slots(out, &lists.removed);
        for &slot in &lists.removed {
            mirror.present.remove(slot);
        }
        put_whole_rows(out, &table.rows, &lists.whole);
        for &slot in &lists.whole {
            mirror.copy_row(&table.rows, slot);
        }
        put_varint(out, lists.changed.len() as u32);
        let mut gaps = Gaps::default();
        for &slot in &lists.changed {
            put_varint(out, gaps.next(slot));
            put_changes(out, mirror, &table.rows, slot);
            mirror.copy_row(&table.rows, slot);
        }
    }

    /// `base`, if a resync to the next tick can start there; none if it is out of reach or not yet come, and gets a keyframe.
    pub fn resync_base(&self, base: Option<Tick>) -> Option<Tick> {
        base.filter(|&base| base > 0 && base <= self.tick && self.tick - base <= RESYNC_WINDOW)
    }

    /// Appends what brings a decoder at `base` to the last delta's tick; a keyframe if there is no base, or if it is out of
    /// reach or not yet come. Returns the base it starts from, none for a keyframe. Costs bytes by what was touched since.
    pub fn resync(&mut self, base: Option<Tick>, out: &mut Vec<u8>) -> Option<Tick> {
        let tick = self.tick;
        // From here to here is no way: whoever asks knows better why, and gets a keyframe.
        let base = self.resync_base(base).filter(|&base| base < tick);
        let since = base.unwrap_or(0);
        let start = out.len();
        out.push(0);
        put_varint(out, tick);
        put_varint(out, base.map_or(0, |base| tick - base));
        out.push(FLAG_HASH);
        out.extend_from_slice(&self.hash().to_le_bytes());

        let Lists { despawned, removed, whole, .. } = &mut self.lists;
        let after = |ticks: &[Tick], slot: Slot| ticks.get(slot as usize).is_some_and(|&tick| tick > since);
        despawned.clear();
        if base.is_some() {
            despawned.extend((0..self.despawned.len() as Slot).filter(|&slot| after(&self.despawned, slot)));
        }
        put_slots(out, despawned);
        for (rows, touched) in self.mirror.iter().zip(&self.touched) {
            removed.clear();
            if base.is_some() {
                let gone = |&slot: &Slot| after(touched, slot) && !rows.contains(slot);
                removed.extend((0..touched.len() as Slot).filter(gone));
            }
            put_slots(out, removed);
            whole.clear();
            whole.extend(rows.slots().filter(|&slot| after(touched, slot)));
            put_whole_rows(out, rows, whole);
            put_varint(out, 0);
        }
        out[start] = check_byte(&out[start + 1..]);
        base
    }
}

fn same_row(one: &Rows, other: &Rows, slot: Slot) -> bool {
    one.ints(slot) == other.ints(slot) && one.opaques(slot) == other.opaques(slot)
}

/// Slots in ascending order as the distances between them.
#[derive(Default)]
struct Gaps {
    next: Slot,
}

impl Gaps {
    fn next(&mut self, slot: Slot) -> u32 {
        let gap = slot - self.next;
        self.next = slot + 1;
        gap
    }
}

fn put_slots(out: &mut Vec<u8>, slots: &[Slot]) {
    put_varint(out, slots.len() as u32);
    let mut gaps = Gaps::default();
    for &slot in slots {
        put_varint(out, gaps.next(slot));
    }
}

fn put_whole_rows(out: &mut Vec<u8>, rows: &Rows, slots: &[Slot]) {
    put_varint(out, slots.len() as u32);
    let mut gaps = Gaps::default();
    for &slot in slots {
        put_varint(out, gaps.next(slot));
        for place in rows.places.iter() {
            match *place {
                Place::Int { index, .. } => put_zigzag(out, rows.ints(slot)[index]),
                Place::Opaque { index } => put_opaque(out, &rows.opaques(slot)[index]),
            }
        }
    }
}

/// A mask of the fields that differ, then how.
fn put_changes(out: &mut Vec<u8>, old: &Rows, new: &Rows, slot: Slot) {
    let (old_ints, new_ints) = (old.ints(slot), new.ints(slot));
    let (old_opaques, new_opaques) = (old.opaques(slot), new.opaques(slot));
    let changed = |place: &Place| match *place {
        Place::Int { index, .. } => old_ints[index] != new_ints[index],
        Place::Opaque { index } => old_opaques[index] != new_opaques[index],
    };
    let mask = new.places.iter().enumerate().fold(0, |mask, (field, place)| mask | u32::from(changed(place)) << field);
    put_varint(out, mask);
    for place in new.places.iter().filter(|place| changed(place)) {
        match *place {
            Place::Int { index, angle } => put_zigzag(out, difference(old_ints[index], new_ints[index], angle)),
            Place::Opaque { index } => put_opaque(out, &new_opaques[index]),
        }
    }
}

/// What has to be added to `old`; for an angle, the shorter way round.
fn difference(old: i32, new: i32, angle: Option<u8>) -> i32 {
    let difference = new.wrapping_sub(old);
    match angle {
        // Sign-extends the low bits.
        Some(bits) => difference << (32 - bits) >> (32 - bits),
        None => difference,
    }
}

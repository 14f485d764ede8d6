//! What brings a decoder up to date: from a tick that it has, or from nothing.
//!
//! Slots that have done no more than coast since the base are settled at both ends: they need only to be told how many steps.
//! All others are sent whole.

use super::encoder::Encoder;
use super::prior::code_levels;
use super::range::RangeWriter;
use super::{check_byte, flags};
use crate::ids::{Slot, Tick};
use crate::varint::put_varint;

/// Ticks back to which a resync can reach; a client further behind gets a keyframe. Eight seconds at 30 Hz: a stall of a
/// mobile link; longer ones have so much to mend that a keyframe is as short.
pub const RESYNC_WINDOW: u32 = 256;

impl Encoder {
    /// `base`, if a resync to the next delta's tick can start there; none if it is out of reach or not yet come, and gets a keyframe.
    pub fn resync_base(&self, base: Option<Tick>) -> Option<Tick> {
        base.filter(|base| self.ticks.binary_search(base).is_ok())
    }

    /// Appends what brings a decoder of this stream at `base` to the last delta's tick; a keyframe if there is no base, or if the
    /// stream has no such tick in reach. Returns the base it starts from, none for a keyframe. Costs bytes by what was touched
    /// since.
    pub fn resync(&mut self, base: Option<Tick>, out: &mut Vec<u8>) -> Option<Tick> {
        let known = base.and_then(|base| Some((base, self.ticks.binary_search(&base).ok()?)));
        let steps = known.map(|(base, place)| (base, self.ticks.len() - 1 - place)).filter(|&(_, steps)| steps > 0);
        let Some((base, steps)) = steps else {
            self.keyframe(true, out);
            return None;
        };
        self.list_touched(Some(base));
        self.write(Some((base, steps as u32)), base < self.epoch, true, out);
        Some(base)
    }

    /// Appends a keyframe, with the snapshot hash if asked.
    pub(super) fn keyframe(&mut self, with_hash: bool, out: &mut Vec<u8>) {
        self.list_touched(None);
        self.write(None, self.priors.levels[..] != self.priors.generic[..], with_hash, out);
    }

    /// Lists what was touched after the base; all that is there if there is none.
    fn list_touched(&mut self, base: Option<Tick>) {
        let since = base.unwrap_or(0);
        let after = |ticks: &[Tick], slot: Slot| ticks.get(slot as usize).is_some_and(|&tick| tick > since);
        self.lists.clear();
        if base.is_some() {
            let gone = (0..self.despawned.len() as Slot).filter(|&slot| after(&self.despawned, slot));
            self.lists.despawned.extend(gone);
        }
        for ((mirror, touched), lists) in self.mirror.tables.iter().zip(&self.touched).zip(&mut self.lists.tables) {
            if base.is_some() {
                let gone = |&slot: &Slot| after(touched, slot) && !mirror.rows.contains(slot);
                lists.removed.extend((0..touched.len() as Slot).filter(gone));
            }
            lists.slots.extend(mirror.rows.slots().filter(|&slot| after(touched, slot)));
        }
    }

    fn write(&mut self, base: Option<(Tick, u32)>, with_priors: bool, with_hash: bool, out: &mut Vec<u8>) {
        let start = out.len();
        let lists = !self.lists.is_empty();
        out.push(0);
        put_varint(out, self.tick);
        put_varint(out, base.map_or(0, |(base, _)| self.tick - base));
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(with_hash, flags::HASH)
                | flag(base.is_some(), flags::RESYNC)
                | flag(with_priors, flags::PRIORS)
                | flag(lists, flags::LISTS),
        );
        if with_hash {
            out.extend_from_slice(&self.mirror.hash().to_le_bytes());
        }
        if let Some((_, steps)) = base {
            put_varint(out, steps);
        }
        if with_priors || lists {
            let mut coder = RangeWriter::new(out);
            if with_priors {
                code_levels(&mut coder, &self.priors.generic, &mut self.priors.levels.clone());
            }
            if lists {
                self.lists.write(&mut coder, &self.mirror);
            }
            coder.finish();
        }
        out[start] = check_byte(&out[start + 1..]);
    }
}

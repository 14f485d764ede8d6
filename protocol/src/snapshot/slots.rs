//! Which slots are given, free or resting.

use std::collections::VecDeque;

use super::RESYNC_WINDOW;
use crate::ids::{MAX_SLOTS, Slot, Tick};

/// Gives slots to entities and takes them back. A slot rests until no resync can speak of its last entity any more.
#[derive(Clone, Debug, Default)]
pub struct SlotPool {
    /// Freed slots and the tick from which they may be given again.
    resting: VecDeque<(Tick, Slot)>,
    /// The lowest slot never given.
    unused: Slot,
}

impl SlotPool {
    /// A slot for an entity that is new at `tick`; none if all [`MAX_SLOTS`] are taken or resting.
    pub fn give(&mut self, tick: Tick) -> Option<Slot> {
        if let Some((_, slot)) = self.resting.pop_front_if(|(until, _)| *until <= tick) {
            return Some(slot);
        }
        let slot = (self.unused < MAX_SLOTS).then_some(self.unused)?;
        self.unused += 1;
        Some(slot)
    }

    /// Takes back the slot of an entity that is gone at `tick`. Ticks ascend from call to call.
    pub fn take_back(&mut self, slot: Slot, tick: Tick) {
        self.resting.push_back((tick.saturating_add(RESYNC_WINDOW + 1), slot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_rests_before_it_is_given_again() {
        let mut pool = SlotPool::default();
        assert_eq!((pool.give(1), pool.give(1)), (Some(0), Some(1)));
        pool.take_back(0, 10);
        assert_eq!(pool.give(10 + RESYNC_WINDOW), Some(2));
        assert_eq!(pool.give(11 + RESYNC_WINDOW), Some(0));
    }

    #[test]
    fn slots_run_out() {
        let mut pool = SlotPool { unused: MAX_SLOTS - 1, ..SlotPool::default() };
        assert_eq!((pool.give(1), pool.give(1)), (Some(MAX_SLOTS - 1), None));
    }
}

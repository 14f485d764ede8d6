//! The tokens for single use that were used, each remembered until it is worthless anyway.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use super::Flaw;

/// Their ids. Times are seconds since 1970.
pub(super) struct Used {
    most: usize,
    ids: HashSet<Arc<str>>,
    /// By when they can be forgotten.
    ends: BinaryHeap<Reverse<(u64, Arc<str>)>>,
    /// The latest end of those that were forgotten: a clock that is set back makes none of them good again.
    forgotten: u64,
}

impl Used {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ids: HashSet::new(), ends: BinaryHeap::new(), forgotten: 0 }
    }

    /// Whether the token of this id, good until `until`, may still be used.
    pub(super) fn check(&mut self, now: u64, until: u64, id: &str) -> Result<(), Flaw> {
        while self.ends.peek().is_some_and(|Reverse((end, _))| *end <= now)
            && let Some(Reverse((end, id))) = self.ends.pop()
        {
            self.ids.remove(&id);
            self.forgotten = end;
        }
        if until <= self.forgotten {
            Err(Flaw::Expired)
        } else if self.ids.contains(id) {
            Err(Flaw::Used)
        } else {
            Ok(())
        }
    }

    /// Uses it up.
    pub(super) fn use_up(&mut self, now: u64, until: u64, id: &str) -> Result<(), Flaw> {
        self.check(now, until, id)?;
        if self.ids.len() >= self.most {
            return Err(Flaw::Full);
        }
        let id: Arc<str> = id.into();
        self.ids.insert(id.clone());
        self.ends.push(Reverse((until, id)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_remembered_until_its_end_and_none_is_forgotten_for_another() {
        let mut used = Used::new(2);
        assert_eq!(used.use_up(0, 10, "a"), Ok(()));
        assert_eq!(used.use_up(0, 20, "b"), Ok(()));
        assert_eq!(used.use_up(5, 20, "c"), Err(Flaw::Full));
        assert_eq!(used.check(5, 20, "c"), Ok(()), "it was not used");
        assert_eq!(used.use_up(9, 10, "a"), Err(Flaw::Used));
        assert_eq!(used.use_up(10, 20, "c"), Ok(()), "the first made room");
        assert_eq!(used.use_up(10, 20, "b"), Err(Flaw::Used));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_none_good_again() {
        let mut used = Used::new(2);
        assert_eq!(used.use_up(0, 10, "a"), Ok(()));
        assert_eq!(used.use_up(50, 60, "b"), Ok(()));
        assert_eq!(used.use_up(0, 10, "a"), Err(Flaw::Expired));
    }
}

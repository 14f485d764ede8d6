//! How a stream learns its priors: it counts its own decisions and, where better probabilities would pay, announces them.

use super::prior::{COSTS, LEVELS, one};
use super::walk::Tally;

/// The first look at the counts, in deltas: two seconds at 30 Hz, when most of what a game does has been seen.
const FIRST_LOOK: u32 = 60;
/// Looks come at twice the distance each time, up to this.
const LAST_DISTANCE: u32 = 1920;
/// What a changed level costs in an announcement, about, in 1/1024 bit.
const CHANGE_COST: u64 = 12 << 10;
/// What a level that stays costs there, about, in 1/1024 bit.
const STAY_COST: u64 = 1 << 8;
/// Decisions that the level in force counts for: what was never seen is not called impossible.
const BELIEF: u64 = 2;

/// Counts of decisions, and when to look at them.
#[derive(Clone, Debug)]
pub(super) struct Learner {
    /// By context: zeros and ones.
    counts: Vec<[u32; 2]>,
    deltas: u32,
    next_look: u32,
    distance: u32,
}

impl Learner {
    /// Nothing counted yet, of so many contexts.
    pub(super) fn new(contexts: usize) -> Self {
        Self { counts: vec![[0; 2]; contexts], deltas: 0, next_look: FIRST_LOOK, distance: FIRST_LOOK }
    }

    /// A delta was coded. If it is time to look and better levels than these would have paid twice for their announcement, puts
    /// them into `better` and returns true.
    pub(super) fn look(&mut self, levels: &[u8], better: &mut Vec<u8>) -> bool {
        self.deltas = self.deltas.saturating_add(1);
        if self.deltas < self.next_look {
            return false;
        }
        let pays = self.improve(levels, better) > 0;
        self.distance = (self.distance * 2).min(LAST_DISTANCE);
        self.next_look = self.deltas.saturating_add(self.distance / 2);
        if self.distance == LAST_DISTANCE {
            // What was long ago counts less and less.
            self.counts.iter_mut().flatten().for_each(|count| *count /= 2);
        }
        pays
    }

    /// The best levels for what was counted, where they pay; by how much all of them do.
    fn improve(&self, levels: &[u8], better: &mut Vec<u8>) -> i64 {
        better.clear();
        let (mut gain, mut cost) = (0, 0);
        for (&counts, &level) in self.counts.iter().zip(levels) {
            let best = best_level(counts, level);
            let saved = price(counts.map(u64::from), level).saturating_sub(price(counts.map(u64::from), best));
            let pays = saved > 2 * CHANGE_COST;
            better.push(if pays { best } else { level });
            gain += if pays { saved } else { 0 };
            cost += if pays { CHANGE_COST } else { STAY_COST };
        }
        gain as i64 - 2 * cost as i64
    }

    /// The best levels for what was counted, where they differ by more than they cost.
    pub(super) fn learnt(&self, levels: &[u8]) -> Vec<u8> {
        let mut better = Vec::new();
        self.improve(levels, &mut better);
        better
    }
}

impl Tally for Learner {
    #[inline]
    fn count(&mut self, context: usize, bit: bool) {
        let count = &mut self.counts[context][usize::from(bit)];
        *count = count.saturating_add(1);
    }
}

/// What so many zeros and ones cost at a level, in the unit of [`COSTS`] by count.
fn price(counts: [u64; 2], level: u8) -> u64 {
    let [zeros, ones] = counts;
    zeros * u64::from(COSTS[usize::from(LEVELS - 1 - level)]) + ones * u64::from(COSTS[usize::from(level)])
}

/// The level at which the counts cost least, seen from the level in force.
pub(super) fn best_level(counts: [u32; 2], level: u8) -> u8 {
    if counts == [0; 2] {
        return level;
    }
    let belief = [4096 - u64::from(one(level)), u64::from(one(level))].map(|part| part * BELIEF);
    let counts = [0, 1].map(|bit| (u64::from(counts[bit]) << 12) + belief[bit]);
    (0..LEVELS).min_by_key(|&level| price(counts, level)).expect("there are levels")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What was counted, by context: zeros and ones.
    pub(in super::super) fn counts(learner: &Learner) -> &[[u32; 2]] {
        &learner.counts
    }

    #[test]
    fn the_best_level_is_that_of_the_odds() {
        let fair = best_level([1000, 1000], 5);
        assert!((31..=32).contains(&fair), "{fair}");
        assert!(best_level([0, 9000], 31) > 58 && best_level([9000, 0], 31) < 5);
        // A few decisions move it only so far.
        assert!((32..45).contains(&best_level([0, 3], 32)));
    }

    #[test]
    fn what_does_not_pay_is_not_announced() {
        let levels = vec![31; 400];
        let mut better = Vec::new();
        let mut learner = Learner::new(levels.len());
        let mut looks = 0;
        for delta in 1..1000 {
            for context in 0..if delta > 500 { 100 } else { 1 } {
                // One context alone is too rare to pay.
                if delta > 500 || delta % 20 == 0 {
                    learner.count(context, true);
                }
            }
            if learner.look(&levels, &mut better) {
                looks += 1;
                assert!(delta > 500);
                assert!(better[50] > 50 && better[200] == 31);
            }
        }
        assert_eq!(looks, 1);
    }
}

//! When ticks are due: absolute times from one origin, and what happens to a room that falls behind.

use std::time::{Duration, Instant};

use tickwire_protocol::Tick;

/// Ticks that may be made up for in a row. A hiccup of three ticks (100 ms at 30 Hz) goes unseen; making up for more would only
/// make the next tick late as well.
pub const MAX_CATCH_UP: u32 = 3;

/// The due times of a room's ticks: so many periods from one origin, in integer nanoseconds, so that nothing drifts.
#[derive(Clone, Debug)]
pub struct Pace {
    rate: u32,
    origin: Instant,
    /// The tick at the origin.
    before: Tick,
}

impl Pace {
    /// The tick after `before` is due one period after `start`; `rate` in Hz.
    ///
    /// # Panics
    /// If `rate` is 0.
    pub fn new(rate: u32, start: Instant, before: Tick) -> Self {
        assert!(rate > 0, "a room ticks");
        Self { rate, origin: start, before }
    }

    /// When `tick` is due.
    pub fn due(&self, tick: Tick) -> Instant {
        self.origin + self.ticks(tick.saturating_sub(self.before))
    }

    /// If the room, with `next` to be simulated next, is more than [`MAX_CATCH_UP`] ticks behind `now`: moves all due times so that it is
    /// behind by just that, and returns how many ticks of time were dropped.
    pub fn drop_lost(&mut self, next: Tick, now: Instant) -> u32 {
        let late = now.saturating_duration_since(self.due(next));
        let lost = (late.as_nanos() * u128::from(self.rate) / 1_000_000_000) as u32;
        let dropped = lost.saturating_sub(MAX_CATCH_UP);
        self.origin += self.ticks(dropped);
        dropped
    }

    fn ticks(&self, count: u32) -> Duration {
        Duration::from_nanos(u64::from(count) * 1_000_000_000 / u64::from(self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_hertz_do_not_drift() {
        let start = Instant::now();
        let pace = Pace::new(30, start, 0);
        assert_eq!(pace.due(1) - start, Duration::from_nanos(33_333_333));
        assert_eq!(pace.due(30 * 3600), start + Duration::from_secs(3600));
    }

    #[test]
    fn a_short_hiccup_is_made_up_for_and_a_long_one_dropped() {
        let start = Instant::now();
        let mut pace = Pace::new(10, start, 100);
        let due = pace.due(105);
        assert_eq!(pace.drop_lost(105, due + Duration::from_millis(350)), 0);
        assert_eq!(pace.due(105), due);
        let now = due + Duration::from_millis(1_050);
        assert_eq!(pace.drop_lost(105, now), 10 - MAX_CATCH_UP);
        assert_eq!(now - pace.due(105), Duration::from_millis(350));
    }
}

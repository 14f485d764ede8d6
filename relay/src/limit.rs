//! How often is too often: a rate limit that is told the time.

use std::sync::Mutex;
use std::time::{Duration, Instant};

/// So much a second, and so much at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units a second, at least 1.
    pub per_second: u32,
    /// Units at once, at least 1.
    pub burst: u32,
}

/// The generic cell rate algorithm: a [`Rate`] in one timestamp, the time at which the bucket would be empty again.
#[derive(Clone, Debug)]
pub(crate) struct Gcra {
    unit: Duration,
    tolerance: Duration,
    empty_at: Option<Instant>,
}

impl Gcra {
    pub(crate) fn new(rate: Rate) -> Self {
        Self::per(Duration::from_secs(1) / rate.per_second.max(1), rate.burst)
    }

    /// One unit in so much time, and `burst` at once.
    pub(crate) fn per(unit: Duration, burst: u32) -> Self {
        Self { unit, tolerance: unit * burst.max(1), empty_at: None }
    }

    /// Lets `units` pass, or says how long to wait until they would.
    pub(crate) fn check(&mut self, now: Instant, units: u32) -> Result<(), Duration> {
        self.empty_at = Some(self.after(now, units)?);
        Ok(())
    }

    /// Whether `units` could pass now.
    pub(crate) fn has_room(&self, now: Instant, units: u32) -> bool {
        self.after(now, units).is_ok()
    }

    /// When the bucket is empty, or was; none if nothing has ever passed.
    pub(crate) fn empty_at(&self) -> Option<Instant> {
        self.empty_at
    }

    /// When the bucket would be empty again, or how long to wait until `units` have room in it.
    fn after(&self, now: Instant, units: u32) -> Result<Instant, Duration> {
        let empty_at = self.empty_at.map_or(now, |at| at.max(now)) + self.unit * units;
        let wait = empty_at.saturating_duration_since(now + self.tolerance);
        if wait.is_zero() { Ok(empty_at) } else { Err(wait) }
    }
}

/// Lets something into the log once a second, however often whoever is at the other end makes it happen.
#[derive(Debug)]
pub(crate) struct Seldom(Mutex<Gcra>);

impl Default for Seldom {
    fn default() -> Self {
        Self(Mutex::new(Gcra::per(Duration::from_secs(1), 1)))
    }
}

impl Seldom {
    /// Whether to tell of it this time.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.0.lock().expect("nothing panics while it holds a limit").check(now, 1).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut limit = Gcra::new(Rate { per_second: 10, burst: 5 });
        assert_eq!((0..8).filter(|_| limit.check(start, 1).is_ok()).count(), 5);
        assert_eq!(limit.check(start, 1), Err(Duration::from_millis(100)));
        let after = |tenths: u64| start + Duration::from_millis(100 * tenths);
        assert_eq!((1..=30).filter(|&tenths| limit.check(after(tenths), 1).is_ok()).count(), 30);
        assert!(limit.check(after(1000), 5).is_ok());
        assert!(limit.check(after(1000), 1).is_err());
    }
}

//! How often is too often: a rate limit that is told the time.

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
        let unit = Duration::from_secs(1) / rate.per_second.max(1);
        Self { unit, tolerance: unit * rate.burst.max(1), empty_at: None }
    }

    /// Lets `units` pass, or says how long to wait until they would.
    pub(crate) fn check(&mut self, now: Instant, units: u32) -> Result<(), Duration> {
        let empty_at = self.empty_at.map_or(now, |at| at.max(now)) + self.unit * units;
        match empty_at.checked_duration_since(now + self.tolerance) {
            Some(wait) if wait > Duration::ZERO => Err(wait),
            _ => {
                self.empty_at = Some(empty_at);
                Ok(())
            }
        }
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

//! How long to wait before the next attempt to connect.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// Full jitter: a random time from nothing to a cap that doubles with each attempt, so that a thousand clients that lost their
/// server at once do not come back at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Default for Backoff {
    /// From 100 ms to 5 s.
    fn default() -> Self {
        Self { first: Duration::from_millis(100), most: Duration::from_secs(5), attempts: 0 }
    }
}

impl Backoff {
    /// How long to wait before the next attempt.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let cap = self.first.saturating_mul(1 << self.attempts.min(20)).min(self.most);
        self.attempts += 1;
        cap.mul_f64(rng.random_range(0.0..1.0))
    }

    /// An attempt was a success: the next wait is short again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::ChaCha12Rng;

    #[test]
    fn waits_grow_to_a_cap_and_differ() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = (0..200).map(|_| backoff.next(&mut rng)).collect();
        assert!(waits[0] < Duration::from_millis(100) && waits[1] < Duration::from_millis(200));
        assert!(waits.iter().all(|&wait| wait < Duration::from_secs(5)));
        let late: Duration = waits[100..].iter().sum::<Duration>() / 100;
        assert!(late > Duration::from_secs(2) && late < Duration::from_secs(3), "the mean is half the cap: {late:?}");
        backoff.reset();
        assert!(backoff.next(&mut rng) < Duration::from_millis(100));
    }
}

//! Times as they are reported.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What a histogram of nanoseconds comes to, in milliseconds. All 0 if it is empty.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// One in a hundred is larger.
    pub p99: f64,
    /// None is larger.
    pub max: f64,
}

impl Quantiles {
    /// Of times in nanoseconds.
    pub fn of(nanos: &Histogram<u64>) -> Self {
        let at = |quantile| nanos.value_at_quantile(quantile) as f64 / 1e6;
        Self { p50: at(0.5), p99: at(0.99), max: nanos.max() as f64 / 1e6 }
    }
}

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:8.3} {:8.3} {:8.3} ms", self.p50, self.p99, self.max)
    }
}

/// For times up to a minute, in nanoseconds.
pub fn nanos() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds and digits are in range")
}

//! The floor: a thread that sleeps until instants at an even rate, and looks how late it wakes.

use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};
use tickwire_benches::load::nanos;

/// The thread.
pub(crate) struct Sleeper(JoinHandle<Histogram<u64>>);

impl Sleeper {
    pub(crate) fn start(hz: u32, time: Duration) -> Self {
        Self(std::thread::spawn(move || sleep(hz, time)))
    }

    /// Waits for its end; how late it was, in nanoseconds.
    pub(crate) fn end(self) -> Histogram<u64> {
        self.0.join().expect("it only sleeps")
    }
}

fn sleep(hz: u32, time: Duration) -> Histogram<u64> {
    const SECOND: u64 = 1_000_000_000;
    let mut late = nanos();
    let start = now();
    for tick in 1..=time.as_nanos() as u64 * u64::from(hz) / SECOND {
        let due = start + tick * SECOND / u64::from(hz);
        let until = Timespec { tv_sec: (due / SECOND) as i64, tv_nsec: (due % SECOND) as i64 };
        // A signal may cut a sleep short; then it goes on.
        while clock_nanosleep_absolute(ClockId::Monotonic, &until).is_err() {}
        late.saturating_record(now().saturating_sub(due));
    }
    late
}

/// Nanoseconds of the clock that the sleep goes by.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

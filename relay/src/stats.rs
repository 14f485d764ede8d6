//! What tells whether a room is healthy.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tickwire_protocol::Tick;

/// What a room shows of itself, shared with everyone who looks.
#[derive(Debug)]
pub(crate) struct RoomInfo {
    pub(crate) name: String,
    pub(crate) tick_rate: u32,
    pub(crate) sessions: AtomicUsize,
    pub(crate) closed: AtomicBool,
    pub(crate) counters: Counters,
    /// The last tick and when it was due.
    last: Mutex<(Tick, Instant)>,
    ticks: Mutex<Ticks>,
}

/// How long ticks took: in the last while that is whole, and in the one that runs.
#[derive(Debug)]
struct Ticks {
    before: Histogram<u64>,
    now: Histogram<u64>,
}

/// Seconds after which a new while begins.
const WHILE: u64 = 10;

/// Things counted since the room was opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes: AtomicU64,
    pub(crate) session_ticks: AtomicU64,
    pub(crate) overruns: AtomicU64,
    pub(crate) lost_ticks: AtomicU64,
    pub(crate) inputs: AtomicU64,
    pub(crate) inputs_refused: AtomicU64,
    pub(crate) resyncs: AtomicU64,
    pub(crate) desyncs: AtomicU64,
}

/// A room's health since it was opened. Differences of two tell of the time between.
#[derive(Clone, Debug)]
pub struct RoomStats {
    /// Its name.
    pub name: String,
    /// The last tick simulated.
    pub tick: Tick,
    /// Ticks a second, as wished.
    pub tick_rate: u32,
    /// Sessions in it.
    pub sessions: usize,
    /// Bytes put into sessions' outboxes.
    pub bytes: u64,
    /// Snapshots put into sessions' outboxes, resyncs not counted.
    pub session_ticks: u64,
    /// Ticks that took longer than their time.
    pub overruns: u64,
    /// Ticks of time that were dropped because the room was too far behind.
    pub lost_ticks: u64,
    /// Inputs that reached the room.
    pub inputs: u64,
    /// Inputs that the room refused: late, early, twice.
    pub inputs_refused: u64,
    /// Resyncs and keyframes asked for, those of joins included.
    pub resyncs: u64,
    /// Resyncs asked for because a snapshot hash differed or a snapshot could not be read: each is a bug, or a hostile client.
    pub desyncs: u64,
    /// How long ticks took, from due commands to the last send, in nanoseconds; of the last 10-20 seconds.
    pub tick_nanos: Histogram<u64>,
}

impl RoomInfo {
    /// Of a room that is at `tick` when it starts.
    pub(crate) fn new(name: &str, tick_rate: u32, start: Instant, tick: Tick) -> Self {
        Self {
            name: name.to_owned(),
            tick_rate,
            sessions: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            counters: Counters::default(),
            last: Mutex::new((tick, start)),
            ticks: Mutex::new(Ticks { before: nanos(), now: nanos() }),
        }
    }

    /// A tick that was due at `due` has run for `took`.
    pub(crate) fn ticked(&self, tick: Tick, due: Instant, took: Duration) {
        *self.last() = (tick, due);
        if took * self.tick_rate > Duration::from_secs(1) {
            self.counters.overruns.fetch_add(1, Ordering::Relaxed);
        }
        let mut ticks = self.ticks();
        if ticks.now.len() >= WHILE * u64::from(self.tick_rate) {
            let Ticks { before, now } = &mut *ticks;
            std::mem::swap(before, now);
            now.reset();
        }
        ticks.now.saturating_record(took.as_nanos() as u64);
    }

    /// The last tick and the part of a tick that has passed since it was due, in 1/65,536.
    pub(crate) fn progress(&self, now: Instant) -> (Tick, u16) {
        let (tick, due) = *self.last();
        let passed = now.saturating_duration_since(due).as_secs_f64() * f64::from(self.tick_rate);
        (tick, (passed * 65_536.0).min(65_535.0) as u16)
    }

    pub(crate) fn stats(&self) -> RoomStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RoomStats {
            name: self.name.clone(),
            tick: self.last().0,
            tick_rate: self.tick_rate,
            sessions: self.sessions.load(Ordering::Relaxed),
            bytes: count(&self.counters.bytes),
            session_ticks: count(&self.counters.session_ticks),
            overruns: count(&self.counters.overruns),
            lost_ticks: count(&self.counters.lost_ticks),
            inputs: count(&self.counters.inputs),
            inputs_refused: count(&self.counters.inputs_refused),
            resyncs: count(&self.counters.resyncs),
            desyncs: count(&self.counters.desyncs),
            tick_nanos: self.tick_nanos(),
        }
    }

    fn last(&self) -> MutexGuard<'_, (Tick, Instant)> {
        self.last.lock().expect("nothing panics while it holds the tick")
    }

    fn tick_nanos(&self) -> Histogram<u64> {
        let ticks = self.ticks();
        let mut all = ticks.before.clone();
        all.add(&ticks.now).expect("both have the same bounds");
        all
    }

    fn ticks(&self) -> MutexGuard<'_, Ticks> {
        self.ticks.lock().expect("nothing panics while it holds the histograms")
    }
}

/// For times up to a minute.
fn nanos() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("the bounds and digits are in range")
}

/// A relay's health.
#[derive(Clone, Debug)]
pub struct RelayStats {
    /// Its rooms, by name.
    pub rooms: Vec<RoomStats>,
    /// Connections, in a room or not.
    pub connections: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_tick_is_forgotten_after_a_while() {
        let now = Instant::now();
        let room = RoomInfo::new("lobby", 30, now, 0);
        room.ticked(1, now, Duration::from_millis(900));
        let (quick, mut slowest) = (Duration::from_micros(50), Vec::new());
        for tick in 2..=700 {
            room.ticked(tick, now, quick);
            slowest.push(room.stats().tick_nanos.max());
        }
        assert!(slowest[298] > 800_000_000 && slowest[500] > 800_000_000, "of the last 10 to 20 seconds");
        assert!(slowest[698] < 100_000);
    }
}

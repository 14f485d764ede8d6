//! What tells whether a room is healthy.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tickwire_protocol::Tick;
use tickwire_sim::SimOptions;

/// What a room shows of itself, shared with everyone who looks.
#[derive(Debug)]
pub(crate) struct RoomInfo {
    pub(crate) name: String,
    pub(crate) tick_rate: u32,
    pub(crate) snapshot_every: u32,
    pub(crate) sessions: AtomicUsize,
    pub(crate) slow_sessions: AtomicUsize,
    pub(crate) closed: AtomicBool,
    pub(crate) counters: Counters,
    /// The last tick and when it was due.
    last: Mutex<(Tick, Instant)>,
    ticks: Mutex<Recent>,
    lateness: Mutex<Recent>,
    fanout: Mutex<Recent>,
}

/// Times in nanoseconds, of the last while that is whole and of the one that runs.
#[derive(Debug)]
struct Recent {
    before: Histogram<u64>,
    now: Histogram<u64>,
}

/// Seconds after which a new while begins.
const WHILE: u64 = 10;

impl Recent {
    fn new() -> Mutex<Self> {
        // For times up to a minute.
        let empty = Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("the bounds and digits are in range");
        Mutex::new(Self { before: empty.clone(), now: empty })
    }

    /// Notes one time of so many a second.
    fn note(this: &Mutex<Self>, time: Duration, rate: u32) {
        let mut recent = Self::lock(this);
        if recent.now.len() >= WHILE * u64::from(rate) {
            let Self { before, now } = &mut *recent;
            std::mem::swap(before, now);
            now.reset();
        }
        recent.now.saturating_record(time.as_nanos() as u64);
    }

    fn all(this: &Mutex<Self>) -> Histogram<u64> {
        let recent = Self::lock(this);
        let mut all = recent.before.clone();
        all.add(&recent.now).expect("both have the same bounds");
        all
    }

    fn lock(this: &Mutex<Self>) -> MutexGuard<'_, Self> {
        this.lock().expect("nothing panics while it holds the histograms")
    }
}

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
    pub(crate) snapshots_left_out: AtomicU64,
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
    /// Sessions that are behind and ride a slower stream, or get resyncs alone.
    pub slow_sessions: usize,
    /// Snapshots of the room that were left out because sending those before took too long.
    pub snapshots_left_out: u64,
    /// Resyncs asked for because a snapshot hash differed or a snapshot could not be read: each is a bug, or a hostile client.
    pub desyncs: u64,
    /// How long ticks took, from due commands to handing over what is to be sent, in nanoseconds; of the last 10-20 seconds.
    pub tick_nanos: Histogram<u64>,
    /// How late ticks began, in nanoseconds; of the last 10-20 seconds.
    pub late_nanos: Histogram<u64>,
    /// How long a tick's fan-out took, from the first session to the last, in nanoseconds; of the last 10-20 seconds.
    pub fanout_nanos: Histogram<u64>,
}

impl RoomInfo {
    /// Of a room that is at `tick` when it starts.
    pub(crate) fn new(name: &str, options: &SimOptions, start: Instant, tick: Tick) -> Self {
        Self {
            name: name.to_owned(),
            tick_rate: options.tick_rate,
            snapshot_every: options.snapshot_every,
            sessions: AtomicUsize::new(0),
            slow_sessions: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            counters: Counters::default(),
            last: Mutex::new((tick, start)),
            ticks: Recent::new(),
            lateness: Recent::new(),
            fanout: Recent::new(),
        }
    }

    /// A tick that was due at `due` has begun at `begun` and run for `took`.
    pub(crate) fn ticked(&self, tick: Tick, due: Instant, begun: Instant, took: Duration) {
        *self.last() = (tick, due);
        if took * self.tick_rate > Duration::from_secs(1) {
            count(&self.counters.overruns, 1);
        }
        Recent::note(&self.ticks, took, self.tick_rate);
        Recent::note(&self.lateness, begun.saturating_duration_since(due), self.tick_rate);
    }

    /// What a tick said was sent to everyone in this time.
    pub(crate) fn fanned_out(&self, took: Duration) {
        Recent::note(&self.fanout, took, self.tick_rate);
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
            slow_sessions: self.slow_sessions.load(Ordering::Relaxed),
            snapshots_left_out: count(&self.counters.snapshots_left_out),
            desyncs: count(&self.counters.desyncs),
            tick_nanos: Recent::all(&self.ticks),
            late_nanos: Recent::all(&self.lateness),
            fanout_nanos: Recent::all(&self.fanout),
        }
    }

    fn last(&self) -> MutexGuard<'_, (Tick, Instant)> {
        self.last.lock().expect("nothing panics while it holds the tick")
    }
}

/// Counts so many more.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
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
        let room = RoomInfo::new("lobby", &SimOptions::default(), now, 0);
        room.ticked(1, now, now, Duration::from_millis(900));
        let (quick, mut slowest) = (Duration::from_micros(50), Vec::new());
        for tick in 2..=700 {
            room.ticked(tick, now, now, quick);
            slowest.push(room.stats().tick_nanos.max());
        }
        assert!(slowest[298] > 800_000_000 && slowest[500] > 800_000_000, "of the last 10 to 20 seconds");
        assert!(slowest[698] < 100_000);
    }
}

//! What tells whether a room is healthy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use hdrhistogram::{Counter, Histogram};
use tickwire_protocol::{CloseCode, ErrorCode, Labels, Role, RoomListing, Tick};
use tickwire_sim::SimOptions;

use crate::options::RoomOptions;

/// What a room shows of itself, shared with everyone who looks.
#[derive(Debug)]
pub(crate) struct RoomInfo {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The join code of a private room.
    pub(crate) code: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) tick_rate: u32,
    pub(crate) snapshot_every: u32,
    /// Ticks by which spectators see and hear everything later.
    spectator_delay: u32,
    /// All seats.
    pub(crate) seats: u16,
    /// Seats that are taken or reserved.
    pub(crate) players: AtomicUsize,
    pub(crate) spectators: AtomicUsize,
    /// Players who have asked for a seat and have no answer yet; see [`Asking`].
    asking: AtomicUsize,
    details: Mutex<Details>,
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

/// How a room came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The embedder opened it.
    #[default]
    Opened,
    /// The player of this id asked for it, and perhaps chose its name.
    Created { by: String, named: bool },
    /// It is the match of the players of these ids.
    Matched { players: Vec<String> },
}

impl Origin {
    /// Whether this player asked for the room.
    pub(crate) fn is_creation_of(&self, player: &str) -> bool {
        matches!(self, Self::Created { by, .. } if by == player)
    }

    /// Whether the room is a match that was found for this player.
    pub(crate) fn is_match_of(&self, player: &str) -> bool {
        matches!(self, Self::Matched { players } if players.iter().any(|id| id == player))
    }

    /// Whether a player chose the room's name. A token that is for a room of that name did not mean this one.
    pub(crate) fn is_named_by_player(&self) -> bool {
        matches!(self, Self::Created { named: true, .. })
    }
}

/// What may be changed of a room while it is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) labels: Labels,
    pub(crate) metadata: String,
    pub(crate) locked: bool,
}

/// A player who has asked for a seat: counted until it is dropped, with the answer or with the room that gives none.
#[derive(Debug)]
pub(crate) struct Asking(Arc<RoomInfo>);

impl Asking {
    pub(crate) fn of(room: &Arc<RoomInfo>) -> Self {
        room.asking.fetch_add(1, Ordering::Relaxed);
        Self(room.clone())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Times in nanoseconds, of the last while that is whole and of the one that runs. A while has at most 10,000, so that a count is two bytes:
/// with eight, these would be more than half of what an empty room takes.
#[derive(Debug)]
struct Recent {
    before: Histogram<u16>,
    now: Histogram<u16>,
}

/// Seconds after which a new while begins.
const WHILE: u64 = 10;

/// For times up to a minute.
fn nanos<C: Counter>() -> Histogram<C> {
    Histogram::new_with_bounds(1, 60_000_000_000, 2).expect("the bounds and digits are in range")
}

impl Recent {
    fn new() -> Mutex<Self> {
        Mutex::new(Self { before: nanos(), now: nanos() })
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
        let mut all = nanos();
        for times in [&recent.before, &recent.now] {
            for time in times.iter_recorded() {
                all.saturating_record_n(time.value_iterated_to(), time.count_at_value().into());
            }
        }
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
    /// What it is a room of.
    pub kind: String,
    /// Ticks a second, as wished.
    pub tick_rate: u32,
    /// Sessions in it, spectators included.
    pub sessions: usize,
    /// Seats taken or reserved.
    pub players: usize,
    /// Sessions that watch.
    pub spectators: usize,
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
    pub(crate) fn new(name: &str, room: &RoomOptions, sim: &SimOptions, start: Instant, tick: Tick) -> Self {
        let RoomOptions { kind, labels, metadata, locked, spectator_delay, .. } = room.clone();
        Self {
            name: name.to_owned(),
            kind,
            code: None,
            origin: Origin::default(),
            seats: sim.seats,
            players: AtomicUsize::new(0),
            spectators: AtomicUsize::new(0),
            asking: AtomicUsize::new(0),
            details: Mutex::new(Details { labels, metadata, locked }),
            tick_rate: sim.tick_rate,
            snapshot_every: sim.snapshot_every,
            spectator_delay,
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

    /// The tick that someone sees when the room has run `tick`.
    pub(crate) fn seen_by(&self, role: Role, tick: Tick) -> Tick {
        match role {
            Role::Player => tick,
            Role::Spectator => tick.saturating_sub(self.spectator_delay),
        }
    }

    /// The last tick that someone sees, and the part of a tick that has passed since it was due, in 1/65,536.
    pub(crate) fn progress(&self, role: Role, now: Instant) -> (Tick, u16) {
        let (tick, due) = *self.last();
        let passed = now.saturating_duration_since(due).as_secs_f64() * f64::from(self.tick_rate);
        (self.seen_by(role, tick), (passed * 65_536.0).min(65_535.0) as u16)
    }

    pub(crate) fn stats(&self) -> RoomStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RoomStats {
            name: self.name.clone(),
            kind: self.kind.clone(),
            tick: self.last().0,
            tick_rate: self.tick_rate,
            players: self.players.load(Ordering::Relaxed),
            spectators: self.spectators.load(Ordering::Relaxed),
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

    /// Whether it is for a player who looks for a room.
    pub(crate) fn has_seat(&self) -> bool {
        let taken = self.players.load(Ordering::Relaxed) + self.asking.load(Ordering::Relaxed);
        taken < self.seats.into() && !self.closed.load(Ordering::Relaxed)
    }

    pub(crate) fn listing(&self) -> RoomListing {
        let Details { labels, metadata, locked } = self.details().clone();
        RoomListing {
            name: self.name.clone(),
            kind: self.kind.clone(),
            labels,
            metadata,
            players: self.players.load(Ordering::Relaxed).try_into().unwrap_or(u16::MAX),
            seats: self.seats,
            spectators: self.spectators.load(Ordering::Relaxed).try_into().unwrap_or(u32::MAX),
            locked,
        }
    }

    pub(crate) fn details(&self) -> MutexGuard<'_, Details> {
        self.details.lock().expect("nothing panics while it holds the details")
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
    /// Tasks that serve connections: one for each, or two while it becomes a WebSocket.
    pub tasks: usize,
    /// Channels of the relay.
    pub channels: usize,
    /// Players who wait for a match.
    pub queued: usize,
    /// Connections and upgrades that were refused since the relay began, by HTTP status. A connection that is closed at once counts by the status
    /// that an upgrade would have got.
    pub rejected: BTreeMap<u16, u64>,
    /// What was refused since the relay began, by reason.
    pub refused: BTreeMap<ErrorCode, u64>,
    /// Connections that the relay closed since it began, by reason.
    pub closed: BTreeMap<CloseCode, u64>,
}

/// Counts what is refused and closed in a relay, by reason.
#[derive(Debug)]
pub(crate) struct Tally {
    refused: Vec<(ErrorCode, AtomicU64)>,
    closed: Vec<(CloseCode, AtomicU64)>,
    /// A few statuses, rarely.
    rejected: Mutex<BTreeMap<u16, u64>>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            refused: ErrorCode::all().map(|code| (code, AtomicU64::new(0))).collect(),
            closed: CloseCode::all().map(|code| (code, AtomicU64::new(0))).collect(),
            rejected: Mutex::default(),
        }
    }
}

impl Tally {
    /// Something was refused.
    pub(crate) fn refused(&self, code: ErrorCode) {
        Self::one(&self.refused, code);
    }

    /// A connection or an upgrade was refused, with this HTTP status.
    pub(crate) fn rejected(&self, status: u16) {
        *self.rejections().entry(status).or_default() += 1;
    }

    fn rejections(&self) -> MutexGuard<'_, BTreeMap<u16, u64>> {
        self.rejected.lock().expect("nothing panics while it counts")
    }

    /// The relay closes a connection.
    pub(crate) fn closed(&self, code: CloseCode) {
        Self::one(&self.closed, code);
    }

    fn one<C: PartialEq + Copy>(counters: &[(C, AtomicU64)], code: C) {
        counters.iter().filter(|(other, _)| *other == code).for_each(|(_, counter)| count(counter, 1));
    }

    /// What was rejected, refused and closed, each as often as it was, if it was.
    pub(crate) fn read(&self) -> (BTreeMap<u16, u64>, BTreeMap<ErrorCode, u64>, BTreeMap<CloseCode, u64>) {
        (self.rejections().clone(), Self::some(&self.refused), Self::some(&self.closed))
    }

    fn some<C: Ord + Copy>(counters: &[(C, AtomicU64)]) -> BTreeMap<C, u64> {
        let read = |(code, counter): &(C, AtomicU64)| (*code, counter.load(Ordering::Relaxed));
        counters.iter().map(read).filter(|(_, number)| *number > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_the_last_seat_is_counted_until_there_is_an_answer() {
        let sim = SimOptions { seats: 1, ..SimOptions::default() };
        let room = Arc::new(RoomInfo::new("lobby", &RoomOptions::default(), &sim, Instant::now(), 0));
        assert!(room.has_seat());
        let asking = Asking::of(&room);
        assert!(!room.has_seat());
        drop(asking);
        assert!(room.has_seat());
    }

    #[test]
    fn a_slow_tick_is_forgotten_after_a_while() {
        let now = Instant::now();
        let room = RoomInfo::new("lobby", &RoomOptions::default(), &SimOptions::default(), now, 0);
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

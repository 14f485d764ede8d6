//! The lag policy: how far a session's client is behind, and what it rides because of that. It is told what was put into the outbox, what
//! the client has acknowledged, and when.
//!
//! A session takes the deltas of its stream while the client acknowledges them. One that does not by itself (by its inputs) is asked by a
//! probe: after half the limit and a round trip if it usually does, after twice the limit if not. If the answer is not there after the other
//! half of the limit and a round trip, the session *holds*: it takes nothing until the client has caught up, and goes on by a resync. A second
//! hold soon after is a slow link and no mere stall: the session moves to a slower stream, in the end to resyncs alone, each when the last has
//! arrived. When all went well for a while, it moves back a step. So what is under way to a client is never more than one resync and the
//! deltas of the limit (two and a half of it for a client that sends no inputs) and two round trips. The limit has at least twelve snapshots.

use std::time::{Duration, Instant};

use tickwire_protocol::Tick;
use tickwire_sim::{Every, FULL_RATE};

/// The streams that a session may ride, from the fullest; beyond the last it gets resyncs alone. Leaving out every second snapshot takes
/// three quarters of the bytes, two of three two thirds: slower ones save little more.
pub(crate) const STREAMS: [Every; 3] = [FULL_RATE, 2, 3];

/// A round trip, as long as none was measured.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(500);

/// No longer round trip is allowed for: what takes longer is a queue.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(1);

/// After so long the shortest round trip is measured anew: the route may have changed.
const ROUND_TRIP_MEMORY: Duration = Duration::from_secs(30);

/// A second hold in this time is not a stall.
const SOON: Duration = Duration::from_secs(10);

/// Without a hold before a session tries a fuller stream: first, and at most, when it has failed again and again.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_PATIENCE: Duration = Duration::from_secs(80);

/// What brings a session on: from which tick, if not from nothing, and to which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) base: Option<Tick>,
    pub(crate) every: Every,
}

/// What a session does with a delta of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    Take,
    /// Takes it, and asks for an acknowledgement behind it.
    TakeAndProbe,
    /// Not this one, nor those that wait: it holds from now on.
    Hold,
    /// Not this one.
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Takes the deltas of its stream.
    Rides,
    /// Takes nothing until all that was put in is acknowledged.
    Holds,
    /// Needs a resync that is not asked for yet.
    Needs,
    /// Awaits a resync.
    Awaits,
}

/// The lag of one session in one room. What is looked at at every tick comes first.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Lag {
    phase: Phase,
    /// Whether the client acknowledges without being asked.
    is_vocal: bool,
    /// The last disturbance was a step back to a fuller stream.
    trial: bool,
    /// The stream of the last snapshot put in.
    every: Every,
    /// The last snapshot put in, 0 before the first and when a keyframe must come next.
    tip: Tick,
    /// The first snapshot put in that is not acknowledged.
    owed: Option<Tick>,
    /// The tick that a probe asks for, until it is acknowledged.
    asked: Option<Tick>,
    /// The limit in ticks; where snapshots are rare, a few of them may be under way on the slowest stream.
    limit_ticks: Tick,
    tick_rate: u32,
    /// Of [`STREAMS`], or one more: resyncs alone.
    level: usize,
    limit: Duration,
    /// A snapshot put in to measure the round trip with, and when.
    sample: Option<(Tick, Instant)>,
    /// The shortest round trip of this while and of the one before, and when this one began.
    round_trip: (Option<Duration>, Option<Duration>),
    measured_since: Option<Instant>,
    /// The last hold, slow resync or step back to a fuller stream.
    disturbed: Option<Instant>,
    patience: Duration,
}

impl Lag {
    /// Of a session that is in no room.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            tick_rate: 1,
            limit_ticks: 0,
            phase: Phase::Awaits,
            level: 0,
            every: FULL_RATE,
            tip: 0,
            owed: None,
            asked: None,
            is_vocal: false,
            sample: None,
            round_trip: (None, None),
            measured_since: None,
            disturbed: None,
            trial: false,
            patience: PATIENCE,
        }
    }

    /// The session asks for a room: if that lets it in, it sends a keyframe unasked.
    pub(crate) fn enter(&mut self, tick_rate: u32, snapshot_every: u32) {
        *self = Self { tick_rate, ..Self::new(self.limit) };
        self.limit_ticks = self.ticks(self.limit).max(snapshot_every.saturating_mul(4 * STREAMS[STREAMS.len() - 1]));
    }

    /// The stream whose deltas are to be offered.
    pub(crate) fn every(&self) -> Every {
        self.every
    }

    /// The delta from `base` to `tick` of the stream that the session rides can be put in, if it `fits`.
    pub(crate) fn offer(&mut self, now: Instant, base: Option<Tick>, tick: Tick, fits: bool) -> Offer {
        if self.phase != Phase::Rides || tick <= self.tip {
            return Offer::Skip;
        }
        if base.is_some_and(|base| base != self.tip) {
            self.phase = Phase::Needs;
            return Offer::Skip;
        }
        let is_late = |asked| tick - asked > (self.limit_ticks / 2).saturating_add(self.ticks(self.round_trip()));
        if !fits || self.asked.is_some_and(is_late) {
            self.hold(now);
            return Offer::Hold;
        }
        let asks = self.asked.is_none() && self.is_probe_due(tick);
        self.put(now, tick);
        if !asks {
            return Offer::Take;
        }
        self.ask(now, tick);
        Offer::TakeAndProbe
    }

    /// The resync from `base` to this stream can be put in, with a probe behind it, if it `fits`. Whether it is: if it is the awaited one.
    pub(crate) fn put_resync(
        &mut self,
        now: Instant,
        every: Every,
        base: Option<Tick>,
        tick: Tick,
        fits: bool,
    ) -> bool {
        if self.phase != Phase::Awaits {
            return false;
        }
        if !fits || base.is_some_and(|base| base != self.tip) {
            self.phase = Phase::Needs;
            return false;
        }
        self.every = every;
        self.put(now, tick);
        self.ask(now, tick);
        self.phase = if self.level < STREAMS.len() { Phase::Rides } else { Phase::Holds };
        true
    }

    fn put(&mut self, now: Instant, tick: Tick) {
        self.tip = tick;
        self.owed.get_or_insert(tick);
        if self.is_vocal {
            self.sample.get_or_insert((tick, now));
        }
    }

    /// An acknowledgement is asked for behind a snapshot. One that comes unasked and late is no measure of the way.
    fn ask(&mut self, now: Instant, tick: Tick) {
        self.asked = Some(tick);
        self.sample = Some((tick, now));
    }

    /// What was put in after `tip` has been taken out again, or does not fit.
    pub(crate) fn roll_back(&mut self, now: Instant, tip: Tick) {
        self.tip = tip;
        self.owed = self.owed.filter(|&owed| owed <= tip);
        self.sample = self.sample.filter(|&(tick, _)| tick <= tip);
        self.asked = self.asked.filter(|&asked| asked <= tip);
        if self.phase == Phase::Rides {
            self.hold(now);
        }
        if self.phase == Phase::Holds && self.owed.is_none() {
            self.phase = Phase::Needs;
        }
    }

    /// The client's replica is at `base`, or at nothing, whatever was put in.
    pub(crate) fn restart(&mut self, base: Option<Tick>) {
        self.tip = base.unwrap_or(0);
        (self.owed, self.asked, self.sample) = (None, None, None);
        self.phase = Phase::Needs;
    }

    /// The client has decoded the snapshot of `tick`, and says so because it was asked or by itself.
    pub(crate) fn acknowledge(&mut self, now: Instant, tick: Tick, asked: bool) {
        if self.asked.take_if(|asked| *asked <= tick).is_some() || !asked {
            self.is_vocal = !asked;
        }
        if tick > self.tip {
            // Of the room before, or a lie.
            return;
        }
        let mut late = false;
        if let Some((_, at)) = self.sample.take_if(|(sample, _)| *sample <= tick) {
            let trip = now.saturating_duration_since(at);
            self.measure(now, trip);
            late = trip > self.limit / 2 + self.round_trip();
        }
        let Some(owed) = self.owed.filter(|&owed| owed <= tick) else { return };
        self.owed = (tick < self.tip).then_some(tick.max(owed) + 1);
        if self.phase == Phase::Holds && self.owed.is_none() {
            self.phase = Phase::Needs;
            if self.level == STREAMS.len() && late {
                self.disturbed = Some(now);
            }
        }
        let rides = self.phase == Phase::Rides || (self.phase == Phase::Needs && self.level == STREAMS.len());
        if self.level > 0 && rides && !late && self.quiet_for(now) >= self.patience {
            self.level -= 1;
            (self.disturbed, self.trial) = (Some(now), true);
            self.phase = Phase::Needs;
        }
    }

    /// The tick to ask for, if the session holds and its client would not tell by itself when it has caught up.
    pub(crate) fn take_probe(&mut self) -> Option<Tick> {
        let asks = self.phase == Phase::Holds && self.asked != Some(self.tip);
        if asks {
            self.asked = Some(self.tip);
        }
        asks.then_some(self.tip)
    }

    /// Whether there is something to ask of the room.
    pub(crate) fn is_needy(&self) -> bool {
        self.phase == Phase::Needs
    }

    /// What to ask of the room, once.
    pub(crate) fn take_want(&mut self) -> Option<Want> {
        if self.phase != Phase::Needs {
            return None;
        }
        self.phase = Phase::Awaits;
        let every = STREAMS[self.level.min(STREAMS.len() - 1)];
        let base = (self.every == every && self.tip > 0).then_some(self.tip);
        Some(Want { base, every })
    }

    fn hold(&mut self, now: Instant) {
        if self.quiet_for(now) < SOON.max(self.patience) {
            self.level = STREAMS.len().min(self.level + 1);
            if self.trial {
                self.patience = MOST_PATIENCE.min(2 * self.patience);
            }
        } else {
            self.patience = PATIENCE;
        }
        (self.disturbed, self.trial) = (Some(now), false);
        // It may be the outbox that is full, and not the client that is behind.
        self.phase = if self.owed.is_some() { Phase::Holds } else { Phase::Needs };
    }

    fn quiet_for(&self, now: Instant) -> Duration {
        self.disturbed.map_or(Duration::MAX, |at| now.saturating_duration_since(at))
    }

    fn is_probe_due(&self, tick: Tick) -> bool {
        let limit = self.limit_ticks;
        let patience = || {
            if self.is_vocal {
                (limit / 2).saturating_add(self.ticks(self.round_trip()))
            } else {
                limit.saturating_mul(2)
            }
        };
        self.owed.is_some_and(|owed| tick - owed >= patience())
    }

    fn measure(&mut self, now: Instant, trip: Duration) {
        let since = *self.measured_since.get_or_insert(now);
        if now >= since + ROUND_TRIP_MEMORY {
            self.round_trip = (None, self.round_trip.0);
            self.measured_since = Some(now);
        }
        self.round_trip.0 = Some(self.round_trip.0.map_or(trip, |shortest| shortest.min(trip)));
    }

    /// The shortest round trip of late: longer ones are what the policy is there to see.
    fn round_trip(&self) -> Duration {
        let shortest = self.round_trip.0.into_iter().chain(self.round_trip.1).min();
        shortest.unwrap_or(UNKNOWN_ROUND_TRIP).min(LONGEST_ROUND_TRIP)
    }

    /// Ticks in this time, begun ones included.
    fn ticks(&self, time: Duration) -> Tick {
        (time.as_micros() as u64 * u64::from(self.tick_rate)).div_ceil(1_000_000) as Tick
    }
}

#[cfg(test)]
mod tests;

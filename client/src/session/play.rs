//! The state of the room as it comes, and the player's inputs as they go.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tickwire_protocol::snapshot::{Applied, DecodeError};
use tickwire_protocol::{ClientMessage, Input, Resync, Sequence, Tick};

use super::{Session, Update};
use crate::replica::Replica;

/// Between requests for a resync.
pub(super) const RESYNC_EVERY: Duration = Duration::from_millis(500);

/// Inputs for one tick: one steers, a few more are a key pressed and released. A client that wakes up answers a heap of snapshots at once.
const INPUTS_A_TICK: u32 = 4;

impl Session {
    /// The player wants something, as a record. The input's sequence; none if it was not sent: without a seat in a room, before its first
    /// snapshot, and beyond [`INPUTS_A_TICK`].
    pub(crate) fn input(&mut self, now: Instant, record: Bytes) -> Option<Sequence> {
        let acked = self.replica.as_ref().map_or(0, Replica::tick);
        // Only the first snapshot tells the room's tick and where a seat that was taken over has counted to.
        if !self.is_playing() || self.seat().is_none() || acked == 0 {
            return None;
        }
        // The first tick that can still run with it.
        let arrival = self.server_tick(now).map(|tick| tick + self.trip_ticks());
        let tick = arrival.map_or(acked + 1, |tick| tick as Tick + 1);
        if self.inputs.0 != tick {
            self.inputs = (tick, 0);
        }
        if self.inputs.1 == INPUTS_A_TICK {
            return None;
        }
        self.inputs.1 += 1;
        self.sequence += 1;
        self.send(&ClientMessage::Input(Input { sequence: self.sequence, tick, acked, record }));
        Some(self.sequence)
    }

    /// Ticks that a message takes to the relay.
    fn trip_ticks(&self) -> f64 {
        self.rtt().unwrap_or_default().as_secs_f64() / 2.0 * self.tick_rate()
    }

    pub(super) fn handle_snapshot(&mut self, now: Instant, body: &Bytes) {
        let Some(replica) = &mut self.replica else {
            self.counts.errors += 1;
            return;
        };
        match replica.apply(body) {
            Ok(Applied::Fresh { tick, hash_matched }) => {
                self.counts.snapshots += 1;
                self.counts.hash_checks += u64::from(hash_matched.is_some());
                self.follow_seat();
                if hash_matched == Some(false) {
                    self.counts.hash_mismatches += 1;
                    self.ask_for_resync(now, Resync { base: None, desync: true });
                }
                self.updates.push_back(Update::Snapshot { tick });
            }
            Ok(Applied::Old) => {}
            Err(DecodeError::Gap { have, .. }) => {
                let base = Some(have).filter(|&tick| tick > 0);
                self.ask_for_resync(now, Resync { base, desync: false });
            }
            Err(_) => {
                self.counts.errors += 1;
                self.ask_for_resync(now, Resync { base: None, desync: true });
            }
        }
    }

    /// A seat taken over from another client of the same player has counted on.
    fn follow_seat(&mut self) {
        if let (Some(replica), Some(seat)) = (&self.replica, self.seat()) {
            self.sequence = self.sequence.max(replica.consumed(seat).unwrap_or(0));
        }
    }

    fn ask_for_resync(&mut self, now: Instant, resync: Resync) {
        if self.resync_asked.is_none_or(|asked| now >= asked + RESYNC_EVERY) {
            self.resync_asked = Some(now);
            self.counts.resyncs += 1;
            self.send(&ClientMessage::Resync(resync));
        }
    }
}

//! The resyncs that a room owes its sessions: encoded once for all who need the same, a few at a tick, first come, first served.

use std::collections::VecDeque;

use tickwire_protocol::{Tick, put_snapshot};
use tickwire_sim::AnySim;

use crate::form::Form;
use crate::lag::Want;
use crate::link::SessionId;
use crate::snapshot::Snapshot;

/// Resyncs encoded at one tick. Each costs about as much as six deltas of the same world; the sessions that share one cost nothing more.
const MAX_ENCODED: usize = 4;

/// What is owed, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(crate) struct Resyncs {
    wanted: VecDeque<(SessionId, Want)>,
}

impl Resyncs {
    /// A session wants one; the last that it asked for counts.
    pub(crate) fn want(&mut self, session: SessionId, want: Want) {
        self.forget(session);
        self.wanted.push_back((session, want));
    }

    /// A session has gone.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.wanted.retain(|(other, _)| *other != session);
    }

    /// Those of a sim's last tick, for at most so many sessions. Who is not among them, or wants a stream whose turn it is not, keeps the
    /// place in the queue.
    pub(crate) fn take(&mut self, sim: &mut dyn AnySim, most: usize) -> Vec<(SessionId, Snapshot)> {
        let mut encoded: Vec<(Want, Snapshot)> = Vec::new();
        let mut taken = Vec::new();
        self.wanted.retain(|&(session, want)| {
            if taken.len() == most || sim.delta(want.every).is_none() {
                return true;
            }
            let want = Want { base: sim.resync_base(want.every, want.base), ..want };
            let known = encoded.iter().find(|(other, _)| *other == want).map(|(_, snapshot)| snapshot.clone());
            if known.is_none() && encoded.len() == MAX_ENCODED {
                return true;
            }
            let snapshot = known.unwrap_or_else(|| {
                let snapshot = encode(sim, want);
                encoded.push((want, snapshot.clone()));
                snapshot
            });
            taken.push((session, snapshot));
            false
        });
        taken
    }
}

fn encode(sim: &mut dyn AnySim, want: Want) -> Snapshot {
    let mut payload = Vec::new();
    let base: Option<Tick> = sim.resync(want.every, want.base, &mut |body| put_snapshot(&mut payload, body));
    Snapshot::new(Form::Binary, want.every, (base, sim.tick()), &payload)
}

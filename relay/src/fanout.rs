//! One frame for everyone: what a tick says, to the outboxes of those who hear it.

use std::collections::BTreeMap;

use bytes::Bytes;
use tickwire_protocol::{SeatId, Tick, put_event, put_snapshot};
use tickwire_sim::{AnySim, Delta, FULL_RATE, To};

use crate::outbox::frame;
use crate::seat::{Holders, Link};

/// What a tick cost on its way out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// Bytes for all sessions together.
    pub(crate) bytes: u64,
    /// Sessions.
    pub(crate) sessions: u64,
}

/// The room's last delta, to everyone who is in step.
pub(crate) fn publish_delta(holders: &Holders, delta: Delta<'_>) -> Sent {
    let frame = frame(|out| put_snapshot(out, delta.body));
    let mut sent = Sent::default();
    for (_, link) in holders.links() {
        if link.push_snapshot(&frame, delta.base, delta.tick) {
            sent.sessions += 1;
            sent.bytes += frame.len() as u64;
        }
    }
    sent
}

/// The tick's events, to those they are for, in the order in which they were sent. One frame for all who hear the same.
pub(crate) fn publish_events(holders: &Holders, sim: &dyn AnySim) -> Sent {
    let mut shared = Vec::new();
    // What those hear who have an event of their own: all that the others hear, too.
    let mut own: BTreeMap<SeatId, Vec<u8>> = BTreeMap::new();
    sim.each_event(&mut |event, record| {
        let mut put = |payload: &mut Vec<u8>| put_event(payload, sim.tick(), event.event, record);
        match event.to {
            To::All => {
                own.values_mut().for_each(&mut put);
                put(&mut shared);
            }
            To::Seat(seat) => put(own.entry(seat).or_insert_with(|| shared.clone())),
        }
    });
    let shared = (!shared.is_empty()).then(|| frame(|out| out.extend(shared)));
    let mut sent = Sent::default();
    for (seat, link) in holders.links() {
        let own = own.remove(&seat).map(|payload| frame(|out| out.extend(payload)));
        if let Some(frame) = own.or_else(|| shared.clone()) {
            sent.bytes += frame.len() as u64;
            link.push(frame);
        }
    }
    sent
}

/// Resyncs to the room's last snapshot, each encoded once for all who start from the same tick.
#[derive(Debug, Default)]
pub(crate) struct Resyncs {
    wanted: Vec<(Option<Tick>, Link)>,
}

impl Resyncs {
    /// `link` wants what brings it from `base` up to date.
    pub(crate) fn want(&mut self, base: Option<Tick>, link: Link) {
        link.rebase(base);
        self.wanted.retain(|(_, other)| other.session != link.session);
        self.wanted.push((base, link));
    }

    /// Nobody is left to want anything.
    pub(crate) fn clear(&mut self) {
        self.wanted.clear();
    }

    /// Sends all that is wanted.
    pub(crate) fn publish(&mut self, sim: &mut dyn AnySim, tick: Tick) -> Sent {
        let mut sent = Sent::default();
        let mut encoded: Vec<(Option<Tick>, Option<Tick>, Bytes)> = Vec::new();
        for (wanted, link) in self.wanted.drain(..) {
            if !encoded.iter().any(|(other, ..)| *other == wanted) {
                let mut payload = Vec::new();
                let base = sim.resync(FULL_RATE, wanted, &mut |body| put_snapshot(&mut payload, body));
                encoded.push((wanted, base, frame(|out| out.extend(payload))));
            }
            for (_, base, frame) in encoded.iter().filter(|(other, ..)| *other == wanted) {
                if link.push_snapshot(frame, *base, tick) {
                    sent.bytes += frame.len() as u64;
                }
            }
        }
        sent
    }
}

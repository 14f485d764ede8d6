//! One frame for everyone: what a tick says, to the outboxes of those who hear it.

use std::collections::BTreeSet;

use bytes::Bytes;
use tickwire_protocol::{SeatId, Tick, put_event, put_snapshot};
use tickwire_sim::{AnySim, Delta, Every, To};

use crate::outbox::frame;
use crate::seat::{Holders, Link};

/// The stream that everyone rides.
pub(crate) const FULL_RATE: Every = 1;

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
        if link.outbox.push_snapshot(&frame, delta.base, delta.tick) {
            sent.sessions += 1;
            sent.bytes += frame.len() as u64;
        }
    }
    sent
}

/// The tick's events, to those they are for, in the order in which they were sent. One frame for everyone who hears the same.
pub(crate) fn publish_events(holders: &Holders, sim: &dyn AnySim) -> Sent {
    let events = |mine: Option<SeatId>| {
        let mut payload = Vec::new();
        sim.each_event(&mut |event, record| {
            if event.to == To::All || mine.is_some_and(|seat| event.to == To::Seat(seat)) {
                put_event(&mut payload, sim.tick(), event.event, record);
            }
        });
        payload
    };
    let mut named = BTreeSet::new();
    sim.each_event(&mut |event, _| {
        if let To::Seat(seat) = event.to {
            named.insert(seat);
        }
    });
    let shared =
        Some(events(None)).filter(|payload| !payload.is_empty()).map(|payload| frame(|out| out.extend(payload)));
    let mut sent = Sent::default();
    for (seat, link) in holders.links() {
        let own = named.contains(&seat).then(|| frame(|out| out.extend(events(Some(seat)))));
        if let Some(frame) = own.or_else(|| shared.clone()) {
            sent.bytes += frame.len() as u64;
            link.outbox.push(frame);
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
        link.outbox.rebase(base);
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
                if link.outbox.push_snapshot(frame, *base, tick) {
                    sent.bytes += frame.len() as u64;
                }
            }
        }
        sent
    }
}

//! What a tick says, once for everyone, and the shards that carry it to the outboxes: a room hands a [`Publication`] over, and the
//! shards' threads write it to the sockets while the room goes on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use crossbeam_channel::{Receiver, SendError, Sender, unbounded};
use tickwire_protocol::{CloseCode, Probe, SeatId, ServerMessage, Tick, put_event, put_snapshot};
use tickwire_sim::{AnySim, Delta, Every, To};

use crate::frame::{MAX_HEADER, Opcode, frame, put_frame};
use crate::seat::{Link, SessionId};
use crate::stats::{RoomInfo, count};

/// Sessions of a room in one shard before the next is used: four milliseconds' worth of sends. To send from two threads at once takes a
/// little more of the processor for each.
const SHARD_SESSIONS: usize = 1024;

/// Sessions whose memory is fetched at once. Fetched one by one, each between two sends, it took a twentieth of a fan-out to 1,000.
const WARMED: usize = 32;

/// Publications of a room that may wait for its shards. Beyond it snapshots are left out: the shards are too busy to keep up.
const MAX_UNSENT: usize = 8;

/// Publications of a room that may wait, whatever is in them: events can't be left out. Beyond it the sessions end.
const MOST_UNSENT: usize = 1024;

/// A delta or a resync, framed.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) every: Every,
    pub(crate) base: Option<Tick>,
    pub(crate) tick: Tick,
    /// A WebSocket frame.
    pub(crate) frame: Bytes,
    /// The same, and a second one behind it that asks for an acknowledgement.
    pub(crate) probing: Bytes,
}

impl Snapshot {
    pub(crate) fn of_delta(every: Every, delta: Delta<'_>) -> Self {
        let mut payload = Vec::with_capacity(delta.body.len() + MAX_HEADER);
        put_snapshot(&mut payload, delta.body);
        Self::new(every, delta.base, delta.tick, &payload)
    }

    /// Around one or more messages.
    pub(crate) fn new(every: Every, base: Option<Tick>, tick: Tick, payload: &[u8]) -> Self {
        let mut out = BytesMut::with_capacity(payload.len() + 3 * MAX_HEADER);
        put_frame(&mut out, Opcode::Binary, payload);
        let length = out.len();
        let mut probe = Vec::new();
        ServerMessage::Probe(Probe { nonce: tick }).encode(&mut probe);
        put_frame(&mut out, Opcode::Binary, &probe);
        let probing = out.freeze();
        Self { every, base, tick, frame: probing.slice(..length), probing }
    }
}

/// What a tick says to everyone in its room.
#[derive(Debug)]
pub(crate) struct Publication {
    /// Of each stream whose turn it is.
    pub(crate) deltas: Vec<Snapshot>,
    /// For sessions that wanted one.
    pub(crate) resyncs: Vec<(SessionId, Snapshot)>,
    /// For all who have no events of their own.
    pub(crate) events: Option<Bytes>,
    /// All that these seats hear, what the others hear included.
    pub(crate) own_events: BTreeMap<SeatId, Bytes>,
}

impl Publication {
    /// The events of a sim's last tick, in the order in which they were sent: one frame for all who hear the same.
    pub(crate) fn of_events(sim: &dyn AnySim) -> Self {
        let mut shared = Vec::new();
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
        let framed = |payload: Vec<u8>| frame(|out| out.extend(payload));
        Self {
            deltas: Vec::new(),
            resyncs: Vec::new(),
            events: (!shared.is_empty()).then(|| framed(shared)),
            own_events: own.into_iter().map(|(seat, payload)| (seat, framed(payload))).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        let Self { deltas, resyncs, events, own_events } = self;
        deltas.is_empty() && resyncs.is_empty() && events.is_none() && own_events.is_empty()
    }
}

/// A publication on its way through a room's shards.
#[derive(Debug)]
pub(crate) struct Round {
    publication: Publication,
    info: Arc<RoomInfo>,
    /// When the first shard began.
    begun: OnceLock<Instant>,
    /// Shards that have not ended.
    left: AtomicUsize,
    /// See [`Audience::is_behind`] and [`Audience::is_swamped`].
    _unsent: Arc<()>,
}

/// A session in a shard.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) seat: SeatId,
    pub(crate) link: Link,
}

impl Round {
    /// Puts what is for them into the outboxes of these sessions.
    pub(crate) fn deliver(&self, now: Instant, listeners: &[Listener]) {
        self.begun.get_or_init(|| now);
        let Publication { deltas, resyncs, events, own_events } = &self.publication;
        let (mut bytes, mut sessions) = (0, 0);
        for listeners in listeners.chunks(WARMED) {
            listeners.iter().for_each(|listener| listener.link.outbox.warm());
            for Listener { seat, link } in listeners {
                let resync = resyncs.iter().find(|(session, _)| *session == link.session);
                bytes += resync.map_or(0, |(_, resync)| link.put_resync(now, resync));
                if !deltas.is_empty() {
                    let sent = link.offer(now, deltas);
                    bytes += sent;
                    sessions += u64::from(sent > 0);
                }
                if let Some(frame) = own_events.get(seat).or(events.as_ref()) {
                    bytes += frame.len();
                    link.push(now, frame.clone());
                }
            }
        }
        count(&self.info.counters.bytes, bytes as u64);
        count(&self.info.counters.session_ticks, sessions);
    }

    /// A shard has delivered all.
    pub(crate) fn end(&self, now: Instant) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.info.fanned_out(now.saturating_duration_since(*self.begun.get_or_init(|| now)));
        }
    }
}

/// A room's number in its relay, never used twice.
pub(crate) type RoomId = u64;

/// What a room asks of a shard.
#[derive(Debug)]
pub(crate) enum Op {
    Add(RoomId, Listener),
    Remove(RoomId, SessionId),
    Publish(RoomId, Arc<Round>),
    End(RoomId, CloseCode, String),
}

/// Some sessions of some rooms. One thread owns it.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    rooms: HashMap<RoomId, Vec<Listener>>,
}

impl Shard {
    /// Does what a room asks; what is left to be done is a round, to be delivered to the room's listeners.
    pub(crate) fn handle(&mut self, op: Op) -> Option<(Arc<Round>, &[Listener])> {
        match op {
            Op::Add(room, listener) => self.rooms.entry(room).or_default().push(listener),
            Op::Remove(room, session) => {
                let listeners = self.rooms.get_mut(&room)?;
                listeners.retain(|listener| listener.link.session != session);
                if listeners.is_empty() {
                    self.rooms.remove(&room);
                }
            }
            Op::Publish(room, round) => return Some((round, self.rooms.get(&room).map_or(&[], Vec::as_slice))),
            Op::End(room, code, reason) => {
                self.rooms.remove(&room)?.iter().for_each(|listener| listener.link.end(code, &reason));
            }
        }
        None
    }
}

/// The way to all shards of a relay.
#[derive(Clone, Debug)]
pub(crate) struct Fanout {
    shards: Arc<[Sender<Op>]>,
}

impl Fanout {
    /// So many shards; each receiver is for a thread to read.
    pub(crate) fn new(shards: usize) -> (Self, Vec<Receiver<Op>>) {
        let (senders, receivers): (Vec<_>, _) = (0..shards).map(|_| unbounded()).unzip();
        (Self { shards: senders.into() }, receivers)
    }
}

/// A room's sessions, spread over the shards.
#[derive(Debug)]
pub(crate) struct Audience {
    room: RoomId,
    fanout: Fanout,
    /// Sessions by shard, in the order in which this room fills them.
    sizes: Vec<(usize, usize)>,
    /// The place in `sizes` of each session's shard.
    places: HashMap<SessionId, usize>,
    /// As many holders as rounds on their way, and this one.
    unsent: Arc<()>,
}

impl Audience {
    pub(crate) fn new(room: RoomId, fanout: Fanout) -> Self {
        let count = fanout.shards.len();
        let sizes = (0..count).map(|index| ((room as usize + index) % count, 0)).collect();
        Self { room, fanout, sizes, places: HashMap::new(), unsent: Arc::new(()) }
    }

    /// From now on the session hears what is published.
    pub(crate) fn add(&mut self, seat: SeatId, link: Link) {
        let roomy = self.sizes.iter().position(|(_, size)| *size < SHARD_SESSIONS);
        let smallest = || (0..self.sizes.len()).min_by_key(|&place| self.sizes[place].1);
        let Some(place) = roomy.or_else(smallest) else { return };
        self.places.insert(link.session, place);
        self.sizes[place].1 += 1;
        self.send(place, Op::Add(self.room, Listener { seat, link }));
    }

    /// The session hears no more; nothing happens if it did not.
    pub(crate) fn remove(&mut self, session: SessionId) {
        if let Some(place) = self.places.remove(&session) {
            self.sizes[place].1 -= 1;
            self.send(place, Op::Remove(self.room, session));
        }
    }

    /// Whether the shards have so much of this room to send that its snapshots must be left out.
    pub(crate) fn is_behind(&self) -> bool {
        Arc::strong_count(&self.unsent) > MAX_UNSENT
    }

    /// Whether even events pile up.
    pub(crate) fn is_swamped(&self) -> bool {
        Arc::strong_count(&self.unsent) > MOST_UNSENT
    }

    /// Hands a publication to the shards.
    pub(crate) fn publish(&self, publication: Publication, info: &Arc<RoomInfo>) {
        let places = || (0..self.sizes.len()).filter(|&place| self.sizes[place].1 > 0);
        if publication.is_empty() || self.places.is_empty() {
            return;
        }
        let round = Arc::new(Round {
            publication,
            info: info.clone(),
            begun: OnceLock::new(),
            left: places().count().into(),
            _unsent: self.unsent.clone(),
        });
        places().for_each(|place| self.send(place, Op::Publish(self.room, round.clone())));
    }

    /// Ends all sessions, after what was published before.
    pub(crate) fn end(&mut self, code: CloseCode, reason: &str) {
        (0..self.sizes.len()).for_each(|place| self.send(place, Op::End(self.room, code, reason.to_owned())));
        self.places.clear();
    }

    fn send(&self, place: usize, op: Op) {
        // A shard lasts as long as there is a way to it, if the system had a thread for it.
        if let Err(SendError(Op::Add(_, listener))) = self.fanout.shards[self.sizes[place].0].send(op) {
            listener.link.end(CloseCode::Overloaded, CloseCode::Overloaded.reason());
        }
    }
}

#[cfg(test)]
mod tests;

//! What a tick says, once for everyone, and the shards that carry it to the outboxes: a room hands a [`Publication`] over, and the
//! shards' threads write it to the sockets while the room goes on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use crossbeam_channel::{Receiver, SendError, Sender, unbounded};
use tickwire_protocol::CloseCode;

use crate::link::{Link, SessionId};
use crate::outbox::Outbox;
use crate::post::Mail;
use crate::snapshot::Snapshot;
use crate::stats::{RoomInfo, count};

/// Sessions of a room in one shard before the next is used: four milliseconds' worth of sends. To send from two threads at once takes a
/// little more of the processor for each.
const SHARD_SESSIONS: usize = 1024;

/// Publications of a room that may wait for its shards. Beyond it snapshots are left out: the shards are too busy to keep up.
const MAX_UNSENT: usize = 8;

/// Publications of a room that may wait, whatever is in them: events can't be left out. Beyond it the sessions end.
const MOST_UNSENT: usize = 1024;

/// What a tick says in one form.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    /// Of each stream whose turn it is.
    pub(crate) deltas: Vec<Snapshot>,
    /// For sessions that wanted one.
    pub(crate) resyncs: Vec<(SessionId, Snapshot)>,
    /// What must not be lost.
    pub(crate) mail: Mail,
}

impl Publication {
    fn is_empty(&self) -> bool {
        let Self { deltas, resyncs, mail: Mail { shared, own } } = self;
        deltas.is_empty() && resyncs.is_empty() && shared.is_none() && own.is_empty()
    }
}

/// A publication on its way through a room's shards.
#[derive(Debug)]
pub(crate) struct Round {
    publication: Arc<Publication>,
    info: Arc<RoomInfo>,
    /// When the first shard began.
    begun: OnceLock<Instant>,
    /// Shards that have not ended.
    left: AtomicUsize,
    /// See [`Audience::is_behind`] and [`Audience::is_swamped`].
    _unsent: Arc<()>,
}

impl Round {
    /// Puts what is for them into the outboxes of these sessions.
    pub(crate) fn deliver(&self, now: Instant, listeners: &[Link]) {
        self.begun.get_or_init(|| now);
        let Publication { deltas, resyncs, mail } = &*self.publication;
        let (mut bytes, mut sessions) = (0, 0);
        for (index, link) in listeners.iter().enumerate() {
            if let Some(next) = listeners.get(index + 1) {
                // It comes into the caches while this one's frame is sent.
                next.outbox.prefetch();
            }
            let resync = resyncs.iter().find(|(session, _)| *session == link.session);
            bytes += resync.map_or(0, |(_, resync)| link.put_resync(now, resync));
            if !deltas.is_empty() {
                let sent = link.offer(now, deltas);
                bytes += sent;
                sessions += u64::from(sent > 0);
            }
            let own = mail.own.get(&link.session).or(mail.shared.as_ref());
            if let Some(frame) = own.filter(|frame| !frame.is_empty()) {
                bytes += frame.len();
                link.push(now, frame.clone());
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

/// The number of a part of a room, never used twice in a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RoomId(u64);

/// Parts that a room may have.
const PARTS: u64 = 4;

impl RoomId {
    /// A room's so many-th in its relay.
    pub(crate) fn new(room: u64) -> Self {
        Self(room * PARTS)
    }

    /// One of its parts.
    pub(crate) fn part(self, part: u64) -> Self {
        Self(self.0 + part % PARTS)
    }

    /// Where to begin to look for room.
    fn first_shard(self, shards: usize) -> usize {
        (self.0 / PARTS) as usize % shards
    }
}

/// What a room asks of a shard.
#[derive(Debug)]
pub(crate) enum Op {
    Add(RoomId, Link),
    Remove(RoomId, SessionId),
    Publish(RoomId, Arc<Round>),
    End(RoomId, CloseCode, String),
    /// Something of no room, for these.
    Spread(Bytes, Vec<Arc<Outbox>>),
}

/// Some sessions of some rooms. One thread owns it.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    rooms: HashMap<RoomId, Vec<Link>>,
}

impl Shard {
    /// Does what a room asks; what is left to be done is a round, to be delivered to the room's listeners.
    pub(crate) fn handle(&mut self, now: Instant, op: Op) -> Option<(Arc<Round>, &[Link])> {
        match op {
            Op::Add(room, link) => self.rooms.entry(room).or_default().push(link),
            Op::Remove(room, session) => {
                let links = self.rooms.get_mut(&room)?;
                links.retain(|link| link.session != session);
                if links.is_empty() {
                    self.rooms.remove(&room);
                }
            }
            Op::Publish(room, round) => return Some((round, self.rooms.get(&room).map_or(&[], Vec::as_slice))),
            Op::End(room, code, reason) => {
                self.rooms.remove(&room)?.iter().for_each(|link| link.end(code, &reason));
            }
            Op::Spread(frame, to) => to.iter().for_each(|outbox| outbox.push(now, frame.clone())),
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
    /// Hands something of no room over: what is handed over in order is sent in order.
    pub(crate) fn spread(&self, frame: Bytes, to: Vec<Arc<Outbox>>) {
        // One shard, so that the order is kept. If it is gone, the relay is, too.
        let _ = self.shards[0].send(Op::Spread(frame, to));
    }

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
        let sizes = (0..count).map(|index| ((room.first_shard(count) + index) % count, 0)).collect();
        Self { room, fanout, sizes, places: HashMap::new(), unsent: Arc::new(()) }
    }

    /// From now on the session hears what is published.
    pub(crate) fn add(&mut self, link: Link) {
        let roomy = self.sizes.iter().position(|(_, size)| *size < SHARD_SESSIONS);
        let smallest = || (0..self.sizes.len()).min_by_key(|&place| self.sizes[place].1);
        let Some(place) = roomy.or_else(smallest) else { return };
        self.places.insert(link.session, place);
        self.sizes[place].1 += 1;
        self.send(place, Op::Add(self.room, link));
    }

    /// The session hears no more; nothing happens if it did not.
    pub(crate) fn remove(&mut self, session: SessionId) {
        if let Some(place) = self.places.remove(&session) {
            self.sizes[place].1 -= 1;
            self.send(place, Op::Remove(self.room, session));
        }
    }

    /// Whether nobody hears it.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
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
    pub(crate) fn publish(&self, publication: Arc<Publication>, info: &Arc<RoomInfo>) {
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
        if let Err(SendError(Op::Add(_, link))) = self.fanout.shards[self.sizes[place].0].send(op) {
            link.end(CloseCode::Overloaded, CloseCode::Overloaded.reason());
        }
    }
}

#[cfg(test)]
mod tests;

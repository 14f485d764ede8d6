//! Who holds which seat of a room: by a session, or by nobody for a while after a connection was lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rand::TryRng as _;
use rand::rngs::SysRng;
use subtle::ConstantTimeEq as _;
use tickwire_protocol::{CloseCode, ResumeToken, SeatId, Tick};

use crate::fanout::Snapshot;
use crate::outbox::{Outbox, Stay};

/// A session's number in its relay, never used twice.
pub(crate) type SessionId = u64;

/// A room's way to one session. It leads nowhere once the session has left the room.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) session: SessionId,
    pub(crate) stay: Stay,
    pub(crate) outbox: Arc<Outbox>,
}

impl Link {
    /// See [`Outbox::push`].
    pub(crate) fn push(&self, now: Instant, frame: Bytes) {
        self.outbox.push_from(now, self.stay, frame);
    }

    /// See [`Outbox::offer`].
    pub(crate) fn offer(&self, now: Instant, deltas: &[Snapshot]) -> usize {
        self.outbox.offer(now, self.stay, deltas)
    }

    /// See [`Outbox::put_resync`].
    pub(crate) fn put_resync(&self, now: Instant, resync: &Snapshot) -> usize {
        self.outbox.put_resync(now, self.stay, resync)
    }

    /// See [`Outbox::end_from`].
    pub(crate) fn end(&self, code: CloseCode, reason: &str) {
        self.outbox.end_from(self.stay, code, reason);
    }
}

/// One taken seat.
#[derive(Debug)]
struct Holder {
    player: String,
    resume: ResumeToken,
    /// The tick at which the player was last told that an input was refused.
    warned: Option<Tick>,
    hold: Hold,
}

/// How a seat is held.
#[derive(Debug)]
enum Hold {
    /// By a session.
    Connected(Link),
    /// For a player whose connection was lost, until this tick.
    Lost { until: Tick },
}

/// The taken seats of a room.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    seats: BTreeMap<SeatId, Holder>,
    /// The seats of the connected sessions.
    sessions: BTreeMap<SessionId, SeatId>,
}

impl Holders {
    /// The seat that this player holds already.
    pub(crate) fn of_player(&self, player: &str) -> Option<SeatId> {
        self.seats.iter().find(|(_, holder)| holder.player == player).map(|(&seat, _)| seat)
    }

    /// The seat that this player's token takes up again. Touches nothing.
    pub(crate) fn of_token(&self, player: &str, token: &ResumeToken) -> Option<SeatId> {
        let seat = self.of_player(player)?;
        bool::from(self.seats[&seat].resume.ct_eq(token)).then_some(seat)
    }

    /// Seats `link` at `seat` with a new resume token; the session that sat there is returned.
    pub(crate) fn connect(&mut self, seat: SeatId, player: &str, link: Link) -> (ResumeToken, Option<Link>) {
        let resume = new_token();
        self.sessions.insert(link.session, seat);
        let holder = Holder { player: player.to_owned(), resume, warned: None, hold: Hold::Connected(link) };
        let old = match self.seats.insert(seat, holder) {
            Some(Holder { hold: Hold::Connected(link), .. }) => Some(link),
            _ => None,
        };
        if let Some(old) = &old {
            self.sessions.remove(&old.session);
        }
        (resume, old)
    }

    /// The seat that this session holds.
    pub(crate) fn of_session(&self, session: SessionId) -> Option<SeatId> {
        self.sessions.get(&session).copied()
    }

    /// Holds the seat until a tick for a player whose connection was lost: that of the returned session.
    pub(crate) fn lose(&mut self, seat: SeatId, until: Tick) -> Option<SessionId> {
        let hold = std::mem::replace(&mut self.seats.get_mut(&seat)?.hold, Hold::Lost { until });
        self.disconnect(hold)
    }

    /// Gives the seat up, and returns the session that held it.
    pub(crate) fn remove(&mut self, seat: SeatId) -> Option<SessionId> {
        let holder = self.seats.remove(&seat)?;
        self.disconnect(holder.hold)
    }

    fn disconnect(&mut self, hold: Hold) -> Option<SessionId> {
        let Hold::Connected(link) = hold else { return None };
        self.sessions.remove(&link.session);
        Some(link.session)
    }

    /// The seats that nobody came back for by this tick.
    pub(crate) fn expired(&self, tick: Tick) -> Vec<SeatId> {
        let expired = |holder: &Holder| matches!(holder.hold, Hold::Lost { until } if until <= tick);
        self.seats.iter().filter(|(_, holder)| expired(holder)).map(|(&seat, _)| seat).collect()
    }

    pub(crate) fn link(&self, seat: SeatId) -> Option<&Link> {
        match &self.seats.get(&seat)?.hold {
            Hold::Connected(link) => Some(link),
            Hold::Lost { .. } => None,
        }
    }

    /// The session of a seat, if it was not warned in the last `every` ticks.
    pub(crate) fn link_to_warn(&mut self, seat: SeatId, tick: Tick, every: u32) -> Option<&Link> {
        let holder = self.seats.get_mut(&seat)?;
        if holder.warned.is_some_and(|warned| tick < warned.saturating_add(every)) {
            return None;
        }
        holder.warned = Some(tick);
        self.link(seat)
    }
}

fn new_token() -> ResumeToken {
    let mut token = ResumeToken::default();
    SysRng.try_fill_bytes(&mut token).expect("the operating system has randomness once it is up");
    token
}

//! A session's way into a room, from the moment it asks for a seat. When it is dropped, for whatever reason, the room hears that the
//! connection is lost: no seat is ever left to nobody.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use tickwire_protocol::{Input, ResumeToken};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use crate::command::{Command, JoinReply, Permit, RoomHandle};
use crate::lag::Want;
use crate::outbox::Outbox;
use crate::seat::{Link, SessionId};
use crate::stats::count;

/// What a session has of the room that it is in, or wants to be in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) room: RoomHandle,
    session: SessionId,
    outbox: Arc<Outbox>,
    waiting: Arc<AtomicU32>,
    left: bool,
}

impl Place {
    /// Asks for a seat; the answer comes when the room's next tick runs.
    pub(crate) fn ask(
        room: RoomHandle,
        player: Player,
        resume: Option<ResumeToken>,
        (session, outbox): (SessionId, &Arc<Outbox>),
    ) -> (Self, oneshot::Receiver<JoinReply>) {
        let stay = outbox.enter(room.info.tick_rate, room.info.snapshot_every);
        let link = Link { session, stay, outbox: outbox.clone() };
        let (reply, answer) = oneshot::channel();
        room.send(Command::Join { player, resume, link, reply });
        (Self { room, session, outbox: outbox.clone(), waiting: Arc::default(), left: false }, answer)
    }

    /// Hands an input over; false if `limit` of them wait already.
    pub(crate) fn input(&self, input: Input, limit: u32) -> bool {
        let Some(permit) = Permit::take(&self.waiting, limit) else { return false };
        self.room.send(Command::Input { session: self.session, input, permit });
        true
    }

    /// Counts that the client's replica was not the room's.
    pub(crate) fn desynced(&self) {
        count(&self.room.info.counters.desyncs, 1);
    }

    /// Asks for what brings the replica up to date.
    pub(crate) fn resync(&self, want: Want) {
        self.room.send(Command::Resync { session: self.session, want });
    }

    /// Gives the seat up.
    pub(crate) fn leave(mut self) {
        self.left = true;
        self.room.send(Command::Leave { session: self.session });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The room may be in the middle of a tick: what it says from now on is for nobody.
        self.outbox.vacate();
        // Commands keep their order: if the join still waits, the room finds the seat when it comes to this.
        if !self.left {
            self.room.send(Command::Lost { session: self.session });
        }
    }
}

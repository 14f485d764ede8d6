//! A session's way into a room, from the moment it asks for a seat. When it is dropped, for whatever reason, the room hears that the
//! connection is lost, or that the player has left: no seat is ever left to nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use tickwire_protocol::{Input, Join, Role, Tick};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use crate::cache::prefetch;
use crate::command::{Command, JoinReply, JoinRequest, Permit, Record, Saying};
use crate::form::Form;
use crate::handle::RoomHandle;
use crate::lag::Want;
use crate::link::{Link, SessionId};
use crate::outbox::Outbox;
use crate::stats::{Asking, count};

/// What a session has of the room that it is in, or wants to be in.
#[derive(Debug)]
pub(crate) struct Place {
    room: RoomHandle,
    role: Role,
    session: SessionId,
    outbox: Arc<Outbox>,
    waiting: Arc<AtomicU32>,
    parting: Parting,
}

/// How a session leaves its place: its own choice, known also while the place is asked for and in nobody's hands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parting {
    left: Arc<AtomicBool>,
}

impl Parting {
    /// It gives the place up, which is not held when it is dropped.
    pub(crate) fn leave(&self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

impl Place {
    /// Asks for a seat; the answer comes when the room's next tick runs.
    pub(crate) fn ask(
        room: RoomHandle,
        player: Player,
        join: &Join,
        (session, form, outbox): (SessionId, Form, &Arc<Outbox>),
        parting: Parting,
    ) -> (Self, oneshot::Receiver<JoinReply>) {
        let stay = outbox.enter(room.info.tick_rate, room.info.snapshot_every);
        let link = Link { session, form, stay, outbox: outbox.clone() };
        let (reply, answer) = oneshot::channel();
        let Join { id, role, resume, .. } = join;
        let asking = (*role == Role::Player && resume.is_none()).then(|| Asking::of(&room.info));
        let (id, role, resume) = (id.clone(), *role, *resume);
        room.send(Command::Join(Box::new(JoinRequest { id, player, role, resume, link, reply, asking })));
        (Self { room, role, session, outbox: outbox.clone(), waiting: Arc::default(), parting }, answer)
    }

    /// Has the processor fetch what [`Place::input`] looks at.
    pub(crate) fn prefetch(&self) {
        prefetch(&*self.waiting);
    }

    /// Hands an input over; false if `limit` of them wait already.
    pub(crate) fn input(&self, input: &Input, limit: u32) -> bool {
        let Some(permit) = Permit::take(&self.waiting, limit) else { return false };
        let Input { sequence, tick, ref record, .. } = *input;
        let record = Record::from_slice(record);
        self.room.send(Command::Input { session: self.session, sequence, tick, record, permit });
        true
    }

    /// The same for the next tick, whichever that is.
    pub(crate) fn next_input(&self, record: &[u8], limit: u32) -> bool {
        let Some(permit) = Permit::take(&self.waiting, limit) else { return false };
        let record = Record::from_slice(record);
        self.room.send(Command::NextInput { session: self.session, record, permit });
        true
    }

    /// Hands over what the client has to say.
    pub(crate) fn say(&self, saying: Box<Saying>) {
        self.room.send(Command::Say { session: self.session, saying });
    }

    /// See [`RoomInfo::progress`](crate::stats::RoomInfo::progress).
    pub(crate) fn progress(&self, now: Instant) -> (Tick, u16) {
        self.room.info.progress(self.role, now)
    }

    /// Counts that the client's replica was not the room's.
    pub(crate) fn desynced(&self) {
        count(&self.room.info.counters.desyncs, 1);
    }

    /// Asks for what brings the replica up to date.
    pub(crate) fn resync(&self, want: Want) {
        self.room.send(Command::Resync { session: self.session, want });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The room may be in the middle of a tick: what it says from now on is for nobody.
        self.outbox.vacate();
        // Commands keep their order: if the join still waits, the room finds the seat when it comes to this.
        let session = self.session;
        self.room.send(match self.parting.left.load(Ordering::Relaxed) {
            true => Command::Leave { session },
            false => Command::Lost { session },
        });
    }
}

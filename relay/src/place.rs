//! A session's way into a room, from the moment it asks for a seat. When it is dropped, for whatever reason, the room hears that the
//! connection is lost: no seat is ever left to nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tickwire_protocol::{Input, ResumeToken, Resync};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use crate::lobby::RoomHandle;
use crate::room::{Command, JoinReply};
use crate::seat::{Link, SessionId};

/// What a session has of the room that it is in, or wants to be in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) room: RoomHandle,
    session: SessionId,
    waiting: Arc<AtomicU32>,
    left: bool,
}

impl Place {
    /// Asks for a seat; the answer comes when the room's next tick runs.
    pub(crate) fn ask(
        room: RoomHandle,
        player: Player,
        resume: Option<ResumeToken>,
        link: Link,
    ) -> (Self, oneshot::Receiver<JoinReply>) {
        let session = link.session;
        let (reply, answer) = oneshot::channel();
        room.send(Command::Join { player, resume, link, reply });
        (Self { room, session, waiting: Arc::default(), left: false }, answer)
    }

    /// Hands an input over; false if `limit` of them wait already.
    pub(crate) fn input(&self, input: Input, limit: u32) -> bool {
        let Some(permit) = Permit::take(&self.waiting, limit) else { return false };
        self.room.send(Command::Input { session: self.session, input, permit });
        true
    }

    /// Asks for what brings the replica up to date.
    pub(crate) fn resync(&self, resync: Resync) {
        self.room.send(Command::Resync { session: self.session, resync });
    }

    /// Gives the seat up.
    pub(crate) fn leave(mut self) {
        self.left = true;
        self.room.send(Command::Leave { session: self.session });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Commands keep their order: if the join still waits, the room finds the seat when it comes to this.
        if !self.left {
            self.room.send(Command::Lost { session: self.session });
        }
    }
}

/// One of the few inputs that a session may have waiting; given back when the room has taken it. So no session can fill a room's
/// queue for the others.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicU32>);

impl Permit {
    /// One more of `limit`, counted in `waiting`.
    fn take(waiting: &Arc<AtomicU32>, limit: u32) -> Option<Self> {
        // One task takes, one worker gives back: no two can take the last one.
        (waiting.load(Ordering::Acquire) < limit).then(|| {
            waiting.fetch_add(1, Ordering::AcqRel);
            Self(waiting.clone())
        })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_run_out_and_are_given_back() {
        let waiting = Arc::default();
        let first = Permit::take(&waiting, 2);
        let _second = Permit::take(&waiting, 2);
        assert!(first.is_some() && Permit::take(&waiting, 2).is_none());
        drop(first);
        assert!(Permit::take(&waiting, 2).is_some());
    }
}

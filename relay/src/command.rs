//! What sessions and the relay ask of a room, and the way into it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crossbeam_channel::Sender;
use tickwire_protocol::{CloseCode, ErrorReply, Input, ResumeToken, Schema};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use crate::lag::Want;
use crate::seat::{Link, SessionId};
use crate::stats::RoomInfo;

/// What is asked of a room, in the order of arrival. A recording of it replays the match.
#[derive(Debug)]
pub(crate) enum Command {
    /// A player wants a seat.
    Join { player: Player, resume: Option<ResumeToken>, link: Link, reply: oneshot::Sender<JoinReply> },
    /// A player's input.
    Input { session: SessionId, input: Input, permit: Permit },
    /// A session's replica must be brought up to date.
    Resync { session: SessionId, want: Want },
    /// A player gives the seat up.
    Leave { session: SessionId },
    /// A session's connection is gone.
    Lost { session: SessionId },
    /// The room ends.
    Close { code: CloseCode, reason: String },
}

/// A seat, or why there is none.
pub(crate) type JoinReply = Result<Joined, ErrorReply>;

/// What a session learns of its room.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) schema: Arc<Schema>,
    pub(crate) tick_rate: u32,
}

/// The way into a room.
#[derive(Clone, Debug)]
pub(crate) struct RoomHandle {
    pub(crate) info: Arc<RoomInfo>,
    pub(crate) commands: Sender<Command>,
}

impl RoomHandle {
    /// Hands a command over; false if the room is gone. Few enough to need no bound: joins, leaves and the client's resyncs are rate limited,
    /// the lag policy asks once for what it awaits, and inputs need a [`Permit`].
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.send(command).is_ok()
    }
}

/// One of the few inputs that a session may have waiting; given back when the room has taken it. So no session can fill a room's
/// queue for the others.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicU32>);

impl Permit {
    /// One more of `limit`, counted in `waiting`.
    pub(crate) fn take(waiting: &Arc<AtomicU32>, limit: u32) -> Option<Self> {
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

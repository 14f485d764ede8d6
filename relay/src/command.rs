//! What sessions, the lobby and embedders ask of a room.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use smallvec::SmallVec;
use tickwire_protocol::{
    CloseCode, Content, ErrorReply, MessageId, Publish, Request, Resume, Role, Schema, SeatId, Sequence, Subscribe,
    Tell, Tick, Unsubscribe,
};
use tickwire_sim::{AnySim, Player};
use tokio::sync::oneshot;

use crate::lag::Want;
use crate::link::{Link, SessionId};
use crate::stats::Asking;

/// What is asked of a room, in the order of arrival. A recording of it replays the match, as far as no embedder calls into it.
pub(crate) enum Command {
    /// A player wants in; boxed, because it is large and seldom.
    Join(Box<JoinRequest>),
    /// A player will come, and wants a seat kept.
    Reserve { player: Player, reply: oneshot::Sender<Result<(), ErrorReply>> },
    /// A player wants another match, and comes for no seat that is kept or held; or has come to another, and gives up the seat here, `taken` or
    /// not.
    Forgo { player: String, taken: bool },
    /// A player's input.
    Input { session: SessionId, sequence: Sequence, tick: Tick, record: Record, permit: Permit },
    /// A player's input that is for the next tick, whichever that is.
    NextInput { session: SessionId, record: Record, permit: Permit },
    /// A session's replica must be brought up to date.
    Resync { session: SessionId, want: Want },
    /// A session has something to say; boxed, too.
    Say { session: SessionId, saying: Box<Saying> },
    /// A player gives the seat up.
    Leave { session: SessionId },
    /// A session's connection is gone.
    Lost { session: SessionId },
    /// The embedder wants something.
    Order(Order),
    /// The room ends.
    Close { code: CloseCode, reason: String },
}

/// Inputs are what there is most of.
const _: () = assert!(size_of::<Command>() <= 64);

/// An input as its player sent it: a copy, so that the socket's buffer can be read into again at once. One of up to 24 bytes needs no memory of
/// its own, and makes a command no larger than one that does; the arena's have up to 6.
pub(crate) type Record = SmallVec<[u8; 24]>;

/// A player who wants in.
#[derive(Debug)]
pub(crate) struct JoinRequest {
    pub(crate) id: Option<MessageId>,
    pub(crate) player: Player,
    pub(crate) role: Role,
    pub(crate) resume: Option<Resume>,
    pub(crate) link: Link,
    pub(crate) reply: oneshot::Sender<JoinReply>,
    /// Counts a player, as far as a seat is what is wanted.
    pub(crate) asking: Option<Asking>,
}

/// What a session can say in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saying {
    /// It wants to hear a channel.
    Subscribe(Subscribe),
    /// It wants to hear it no more.
    Unsubscribe(Unsubscribe),
    /// It says something to others.
    Publish(Publish),
    /// It has all messages up to this number.
    Ack { number: u32 },
    /// It says something to the game.
    Tell(Tell),
    /// It asks the game.
    Request(Request),
}

impl Saying {
    /// The message's id, if it has one.
    pub(crate) fn id(&self) -> Option<&MessageId> {
        match self {
            Self::Subscribe(Subscribe { id, .. })
            | Self::Unsubscribe(Unsubscribe { id, .. })
            | Self::Publish(Publish { id, .. })
            | Self::Tell(Tell { id, .. }) => id.as_ref(),
            Self::Request(request) => Some(&request.id),
            Self::Ack { .. } => None,
        }
    }

    /// The id by which it is known again and taken once; none of what may be said as often as one likes.
    pub(crate) fn once(&self) -> Option<&MessageId> {
        match self {
            Self::Subscribe(_) | Self::Unsubscribe(_) | Self::Ack { .. } => None,
            Self::Publish(_) | Self::Tell(_) | Self::Request(_) => self.id(),
        }
    }
}

/// What an embedder can want of a room.
pub(crate) enum Order {
    /// To say something to those who hear a channel.
    Publish { channel: String, content: Content },
    /// To say something to one seat.
    Whisper { seat: SeatId, content: Content },
    /// To put whoever sits there out.
    Kick { seat: SeatId, reason: String },
    /// To keep a player out for the life of the room.
    Ban { player: String, reason: String },
    /// To know who is there.
    List { reply: oneshot::Sender<Vec<Occupant>> },
    /// To do something with the match.
    Call(Call),
}

/// Something to be done with a match.
pub(crate) type Call = Box<dyn FnOnce(&mut dyn AnySim) + Send>;

/// A taken seat, as an embedder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Where.
    pub seat: SeatId,
    /// Who.
    pub player: Player,
    /// Whether the connection is up; if not, the seat is held for a while.
    pub connected: bool,
}

/// A place in a room, or why there is none.
pub(crate) type JoinReply = Result<Joined, ErrorReply>;

/// What a session learns of its room.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) schema: Arc<Schema>,
    pub(crate) tick_rate: u32,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Join(_) => "Join",
            Self::Reserve { .. } => "Reserve",
            Self::Forgo { .. } => "Forgo",
            Self::Input { .. } => "Input",
            Self::NextInput { .. } => "NextInput",
            Self::Resync { .. } => "Resync",
            Self::Say { .. } => "Say",
            Self::Leave { .. } => "Leave",
            Self::Lost { .. } => "Lost",
            Self::Order(_) => "Order",
            Self::Close { .. } => "Close",
        })
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

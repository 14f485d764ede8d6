//! What a client learns, and what it counts.

use std::time::Duration;

use bytes::Bytes;
use tickwire_protocol::{
    CloseCode, ErrorCode, Message, MessageId, Presence, RoomList, SeatId, Subscribed, Tick, Unsubscribed, Wire, wire,
};

/// What a client learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It is in the room; the replica is empty until the first snapshot.
    Joined {
        /// Whether it has its seat again, and with it its channels in the room. If not, all begins anew.
        resumed: bool,
        /// Whether messages, events or replies are lost: there were more than the room keeps.
        lost: bool,
    },
    /// The replica is that of a new tick.
    Snapshot {
        /// The tick.
        tick: Tick,
    },
    /// The game says something.
    Event {
        /// The tick it belongs to.
        tick: Tick,
        /// The event's name in the schema.
        name: String,
        /// Its fields: see [`Update::event`].
        record: Bytes,
    },
    /// Someone says something.
    Message(Message),
    /// A channel is heard from now on; with the id of who asked for it, if anyone did.
    Subscribed(Subscribed),
    /// … no more.
    Unsubscribed(Unsubscribed),
    /// Someone has come to a channel, or gone.
    Presence(Presence),
    /// The room has another host, or none.
    Host(Option<SeatId>),
    /// What was published or told has arrived.
    Acked {
        /// What it was given when it was said.
        id: MessageId,
    },
    /// The game answers a request.
    Reply {
        /// The request's.
        id: MessageId,
        /// The reply's name in the schema.
        name: String,
        /// Its fields: see [`Update::reply`].
        record: Bytes,
    },
    /// What was said in a room before the seat there was lost, and was not answered: nobody can tell whether it has arrived. Or it was
    /// meant for a room that is gone.
    Abandoned {
        /// What it was given when it was said.
        id: MessageId,
    },
    /// The rooms that were asked for, or what has changed.
    Rooms(RoomList),
    /// The relay refused something; the connection stays.
    Refused {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        message: String,
        /// The id of what was refused, if it has one.
        id: Option<MessageId>,
        /// After which trying again may help, if the relay says so. A room, a channel (or its end) and the list of rooms are asked for again
        /// then without being told to; what was told or published is not.
        retry_in: Option<Duration>,
    },
    /// The connection is lost and will be tried again.
    Lost {
        /// The relay's close code, if it sent one.
        code: Option<CloseCode>,
        /// Why, for people.
        reason: String,
    },
}

impl Update {
    /// The event of this type, if the update is one.
    pub fn event<E: Wire>(&self) -> Option<E> {
        match self {
            Update::Event { name, record, .. } if name == E::NAME => wire::from_record(record).ok(),
            _ => None,
        }
    }

    /// The reply of this type, if the update is one.
    pub fn reply<R: Wire>(&self) -> Option<R> {
        match self {
            Update::Reply { name, record, .. } if name == R::NAME => wire::from_record(record).ok(),
            _ => None,
        }
    }
}

/// What was counted since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Payload bytes of WebSocket messages received.
    pub bytes: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Snapshots that brought a snapshot hash.
    pub hash_checks: u64,
    /// … that was not the replica's.
    pub hash_mismatches: u64,
    /// Resyncs asked for.
    pub resyncs: u64,
    /// Connections after the first that got into the room.
    pub reconnects: u64,
    /// Closes by the relay: flood, no sign of life, and the like.
    pub evicted: u64,
    /// Messages that could not be read, and refusals.
    pub errors: u64,
}

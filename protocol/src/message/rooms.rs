//! What both ends say of rooms, their channels and the people in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::json::is_sound;
use super::{MessageError, check_count, check_length, is_showable};
use crate::ids::SeatId;

/// Most bytes of a room's name.
pub const MAX_ROOM_NAME: usize = 64;

/// Most labels of a room.
pub const MAX_LABELS: usize = 16;

/// Most bytes of a label's name, and of its value.
pub const MAX_LABEL: usize = 64;

/// Most bytes of a room's metadata.
pub const MAX_METADATA: usize = 1024;

/// Most bytes of a channel's name.
pub const MAX_CHANNEL_NAME: usize = 64;

/// Most bytes of a message's content.
pub const MAX_CONTENT: usize = 2048;

/// Most bytes of a message's id.
pub const MAX_MESSAGE_ID: usize = 64;

/// Most seats that one message is addressed to by number.
pub const MAX_RECIPIENTS: usize = 64;

/// Members of a channel beyond which they are only counted: nobody reads a longer list, and everyone would hear of every change.
pub const MAX_MEMBERS: usize = 256;

/// Most players of a match that a queue puts together.
pub const MAX_PARTY: u16 = 64;

/// The channel of a room that everyone in it hears, and that a message goes to if none is named.
pub const DEFAULT_CHANNEL: &str = "main";

/// A message's id: chosen by who sends it, 1 to [`MAX_MESSAGE_ID`] bytes. Comes back in what answers the message. What a seat says to others or
/// to the game under an id that came before is taken for the same message, sent again.
pub type MessageId = String;

/// What is known of a room, for filters: at most [`MAX_LABELS`] names and values, each 1 to [`MAX_LABEL`] bytes.
pub type Labels = BTreeMap<String, String>;

/// Where a player wants to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The room of this name, 1 to [`MAX_ROOM_NAME`] bytes.
    Room(String),
    /// The private room of this join code.
    Code(String),
    /// The fullest open room that is wanted and has a seat.
    Find(Wanted),
    /// The same, or a new one if there is none.
    FindOrCreate(Creation),
    /// A new room.
    Create(Creation),
    /// A match with others who wait for the same.
    Queue(Queueing),
}

/// Which rooms are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// Those of this kind; none: of every kind.
    pub kind: Option<String>,
    /// Those that have all of these labels.
    pub labels: Labels,
}

/// A room to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Creation {
    /// What it is a room of: a kind that the relay knows; none: its first.
    pub kind: Option<String>,
    /// Its name, 1 to [`MAX_ROOM_NAME`] bytes of what [can be shown](is_showable); none: the relay chooses one.
    pub name: Option<String>,
    /// Its labels.
    pub labels: Labels,
    /// Anything that others may want to know, for people or programs; at most [`MAX_METADATA`] bytes.
    pub metadata: String,
    /// Seats, at least 1 and at most as many as its kind has; none: as many.
    pub seats: Option<u16>,
    /// Where its randomness starts; none: anywhere.
    pub seed: Option<u64>,
    /// Whether it is found by its join code alone.
    pub private: bool,
}

/// A wait for a match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Queueing {
    /// What it is a match of; none: the relay's first kind.
    pub kind: Option<String>,
    /// Labels of the match: those who wait with others wait for another.
    pub labels: Labels,
    /// Its players, at least 1 and at most [`MAX_PARTY`].
    pub players: u16,
    /// How good the player is: those of like rank are matched first, and the longer one waits, the less it has to be alike.
    pub rank: i32,
}

/// As what a session is in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// With a seat.
    #[default]
    Player,
    /// Without: it sees and hears, and plays no part.
    Spectator,
}

/// A room as the lobby shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RoomListing {
    /// Its name.
    pub name: String,
    /// What it is a room of.
    pub kind: String,
    /// Its labels.
    pub labels: Labels,
    /// What whoever opened it had to say.
    pub metadata: String,
    /// Seats that are taken or reserved.
    pub players: u16,
    /// All seats.
    pub seats: u16,
    /// Those who watch.
    pub spectators: u32,
    /// Whether it lets nobody in.
    pub locked: bool,
}

/// Where a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// In the session's room; it ends with it.
    Room,
    /// In the whole relay.
    Relay,
}

/// To whom a message goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// Whoever is subscribed to a channel.
    Channel {
        /// Where it is.
        scope: Scope,
        /// Its name, 1 to [`MAX_CHANNEL_NAME`] bytes.
        channel: String,
    },
    /// These seats of the room, at most [`MAX_RECIPIENTS`].
    Seats(Vec<SeatId>),
    /// The room's host.
    Host,
}

/// What a message says; at most [`MAX_CONTENT`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// JSON, as text.
    Json(String),
    /// Anything.
    Bytes(Vec<u8>),
}

/// Someone in a room or in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Their session's number in the relay; another one after a reconnection.
    pub session: u64,
    /// Their seat in the room; none for spectators, and in the relay's channels.
    pub seat: Option<SeatId>,
    /// Their name.
    pub name: String,
}

impl Target {
    /// Whether it keeps to the caps.
    ///
    /// # Errors
    /// The cap that it breaks.
    pub fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Room(name) => check_length("room", name, MAX_ROOM_NAME),
            Self::Code(code) => check_length("code", code, MAX_ROOM_NAME),
            Self::Find(wanted) => wanted.check(),
            Self::FindOrCreate(creation) | Self::Create(creation) => creation.check(),
            Self::Queue(Queueing { kind, labels, players, .. }) => {
                check_kind(kind)?;
                if *players == 0 {
                    return Err(MessageError::NoPlayers);
                }
                check_count("players", (*players).into(), MAX_PARTY.into())?;
                check_labels(labels)
            }
        }
    }
}

impl Wanted {
    /// Whether a room of this kind and with these labels is.
    pub fn is_met_by(&self, kind: &str, labels: &Labels) -> bool {
        self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
    }

    /// Whether it keeps to the caps.
    ///
    /// # Errors
    /// The cap that it breaks.
    pub fn check(&self) -> Result<(), MessageError> {
        check_kind(&self.kind)?;
        check_labels(&self.labels)
    }
}

impl Creation {
    /// Whether it keeps to the caps.
    ///
    /// # Errors
    /// The cap that it breaks.
    pub fn check(&self) -> Result<(), MessageError> {
        check_kind(&self.kind)?;
        if let Some(name) = &self.name {
            check_length("name", name, MAX_ROOM_NAME)?;
            if !is_showable(name) {
                return Err(MessageError::Unshowable("name"));
            }
        }
        if self.seats == Some(0) {
            return Err(MessageError::NoSeats);
        }
        check_count("bytes of metadata", self.metadata.len(), MAX_METADATA)?;
        check_labels(&self.labels)
    }
}

impl Address {
    /// A room's default channel.
    pub fn room() -> Self {
        Self::Channel { scope: Scope::Room, channel: DEFAULT_CHANNEL.into() }
    }

    pub(super) fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Channel { channel, .. } => check_channel(channel),
            Self::Seats(seats) => check_count("recipients", seats.len(), MAX_RECIPIENTS),
            Self::Host => Ok(()),
        }
    }
}

impl Content {
    /// Its bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn check(&self) -> Result<(), MessageError> {
        check_count("bytes of content", self.len(), MAX_CONTENT)?;
        match self {
            // Others will put it into JSON of their own.
            Self::Json(text) if !is_sound(text) => Err(MessageError::NotJson),
            _ => Ok(()),
        }
    }
}

pub(super) fn check_channel(name: &str) -> Result<(), MessageError> {
    check_length("channel", name, MAX_CHANNEL_NAME)
}

fn check_kind(kind: &Option<String>) -> Result<(), MessageError> {
    kind.as_ref().map_or(Ok(()), |kind| check_length("kind", kind, MAX_ROOM_NAME))
}

fn check_labels(labels: &Labels) -> Result<(), MessageError> {
    check_count("labels", labels.len(), MAX_LABELS)?;
    labels.iter().try_for_each(|(name, value)| {
        check_length("label", name, MAX_LABEL)?;
        check_length("label", value, MAX_LABEL)
    })
}

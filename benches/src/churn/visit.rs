//! One visit: who comes, from where, and in which of the ways.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use tickwire::Relay;

use super::caller::{Caller, Outcome, Trouble};

/// How a visitor comes, and how the visit ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Connects, says nothing or half of something, and is gone.
    Dial,
    /// Shows a token that nobody believes.
    ForgedToken,
    /// Shows a token, wants no room, and is gone.
    NoRoom,
    /// Plays in a room that stays.
    Play,
    /// Has a room found or created.
    FindOrCreate,
    /// Has one created that is private, and brings a friend by its code.
    CreatePrivate,
    /// Looks for a room that need not be there.
    Find,
    /// Watches.
    Watch,
    /// Is cut off, and comes back with its token.
    Resume,
    /// The same with a token that is wrong.
    WrongResume,
    /// The same with another player's.
    StolenResume,
    /// Is gone while the room is asked for a seat.
    CutWhileJoining,
    /// Leaves while the room is asked for a seat.
    LeaveWhileJoining,
    /// Is gone while it waits for a match.
    CutInQueue,
    /// Gives up waiting for a match, and plays elsewhere.
    LeaveQueue,
    /// Waits for a match until there is one, or none.
    Match,
    /// Comes twice at once.
    Replaced,
    /// From one room to the next.
    Move,
    /// Hears and says something in the relay's channels.
    Talk,
    /// Has a seat reserved by HTTP, and may come.
    Reserve,
    /// Watches the list of rooms.
    WatchRooms,
    /// Is refused by the game.
    Unwelcome,
    /// Is put out.
    Kicked,
    /// Is in a room that ends, or about to be.
    RoomEnds,
    /// Says what is no message.
    Malformed,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Dial,
        Self::ForgedToken,
        Self::NoRoom,
        Self::Play,
        Self::FindOrCreate,
        Self::CreatePrivate,
        Self::Find,
        Self::Watch,
        Self::Resume,
        Self::WrongResume,
        Self::StolenResume,
        Self::CutWhileJoining,
        Self::LeaveWhileJoining,
        Self::CutInQueue,
        Self::LeaveQueue,
        Self::Match,
        Self::Replaced,
        Self::Move,
        Self::Talk,
        Self::Reserve,
        Self::WatchRooms,
        Self::Unwelcome,
        Self::Kicked,
        Self::RoomEnds,
        Self::Malformed,
    ];
}

/// Who comes.
pub(crate) struct Visit {
    pub(super) relay: Relay,
    pub(super) addr: SocketAddr,
    pub(super) from: Ipv4Addr,
    pub(super) number: u64,
    pub(super) rng: ChaCha12Rng,
    way: Way,
    /// Connections made.
    pub(super) connections: u64,
}

/// What came of one.
pub(crate) struct Made {
    way: Way,
    outcome: Outcome,
    connections: u64,
}

impl Visit {
    pub(crate) fn new(relay: Relay, addr: SocketAddr, from: Ipv4Addr, seed: u64, number: u64) -> Self {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let way = Way::ALL[rng.random_range(..Way::ALL.len())];
        Self { relay, addr, from, number, rng, way, connections: 0 }
    }

    pub(crate) async fn make(mut self) -> Made {
        let way = self.way;
        let outcome = Box::pin(self.go(way)).await;
        Made { way, outcome, connections: self.connections }
    }

    /// One more connection of the visitor.
    pub(super) async fn connect(&mut self) -> Outcome<Caller> {
        self.connections += 1;
        Caller::connect(self.addr, self.from).await
    }

    /// One that has shown its token.
    pub(super) async fn come(&mut self, token: &str) -> Outcome<Caller> {
        let mut caller = self.connect().await?;
        caller.introduce(token).await?;
        Ok(caller)
    }

    /// The token of a player that this visit alone has, for each letter another.
    pub(super) fn token(&self, letter: char) -> String {
        format!("visitor.{letter}{}", self.number)
    }

    /// Whether something of this probability is so.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    /// Lets less than so many milliseconds pass.
    pub(super) async fn dawdle(&mut self, most: u64) {
        let millis = self.rng.random_range(0..most);
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
    }
}

/// What became of visits.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Turnout {
    /// Visits.
    pub visits: u64,
    /// Connections of theirs.
    pub connections: u64,
    /// Those that went as they were meant to.
    pub as_meant: BTreeMap<Way, u64>,
    /// Why others did not: rooms were full, were gone when someone came, and the like.
    pub otherwise: BTreeMap<Way, BTreeMap<String, u64>>,
    /// Visitors who waited in vain for an answer.
    pub unanswered: u64,
}

impl Turnout {
    pub(crate) fn note(&mut self, Made { way, outcome, connections }: Made) {
        self.visits += 1;
        self.connections += connections;
        match outcome {
            Ok(()) => *self.as_meant.entry(way).or_default() += 1,
            Err(trouble) => {
                self.unanswered += u64::from(trouble == Trouble::Silence);
                *self.otherwise.entry(way).or_default().entry(format!("{trouble:?}")).or_default() += 1;
            }
        }
    }

    /// The ways that nobody has gone as they were meant to.
    pub fn untrodden(&self) -> Vec<Way> {
        Way::ALL.into_iter().filter(|way| !self.as_meant.contains_key(way)).collect()
    }
}

//! Who is in a room: on seats, which outlive a lost connection, or watching.

use std::collections::{BTreeMap, BTreeSet};

use rand::TryRng as _;
use rand::rngs::SysRng;
use subtle::ConstantTimeEq as _;
use tickwire_protocol::{Member, ResumeToken, Role, SeatId, Tick};
use tickwire_sim::Player;

use crate::link::{Link, SessionId};
use crate::seen::Seen;

/// Someone in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Person {
    /// A player, here or for a while not.
    Seat(SeatId),
    /// A spectator.
    Spectator(SessionId),
}

impl Person {
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Seat(_) => Role::Player,
            Self::Spectator(_) => Role::Spectator,
        }
    }
}

/// One taken seat.
#[derive(Debug)]
struct Holder {
    player: Player,
    resume: ResumeToken,
    /// The tick at which the player was last told that an input was refused.
    warned: Option<Tick>,
    /// The number of the newest message that the player is known to have.
    received: u32,
    /// The ids of the messages that came from the player.
    seen: Seen,
    hold: Hold,
}

/// How a seat is held.
#[derive(Debug)]
enum Hold {
    /// By a session: the room's so many-th.
    Connected { link: Link, since: u64 },
    /// For a player whose connection was lost.
    Lost,
}

#[derive(Debug)]
struct Spectator {
    player: Player,
    link: Link,
    seen: Seen,
}

/// Everyone in a room.
#[derive(Debug, Default)]
pub(crate) struct People {
    seats: BTreeMap<SeatId, Holder>,
    spectators: BTreeMap<SessionId, Spectator>,
    /// The seats of the connected sessions.
    sessions: BTreeMap<SessionId, SeatId>,
    /// Until when seats are held whose connection was lost.
    lost: BTreeMap<SeatId, Tick>,
    /// Seats kept for players who were told to come, until these ticks.
    reserved: BTreeMap<String, Tick>,
    /// Players who may not come back.
    banned: BTreeSet<String>,
    /// Sessions seated so far.
    seated: u64,
}

impl People {
    /// The seat that this player holds already.
    pub(crate) fn of_player(&self, player: &str) -> Option<SeatId> {
        self.seats.iter().find(|(_, holder)| holder.player.id == player).map(|(&seat, _)| seat)
    }

    /// Everyone in the room who is this player.
    pub(crate) fn all_of_player(&self, player: &str) -> Vec<Person> {
        let watching = self.spectators.iter().filter(|(_, spectator)| spectator.player.id == player);
        let seat = self.of_player(player).map(Person::Seat);
        seat.into_iter().chain(watching.map(|(&session, _)| Person::Spectator(session))).collect()
    }

    /// The seat that this player's token takes up again. Touches nothing.
    pub(crate) fn of_token(&self, player: &str, token: &ResumeToken) -> Option<SeatId> {
        let seat = self.of_player(player)?;
        bool::from(self.seats[&seat].resume.ct_eq(token)).then_some(seat)
    }

    /// Who this session is.
    pub(crate) fn of_session(&self, session: SessionId) -> Option<Person> {
        let seat = self.sessions.get(&session).map(|&seat| Person::Seat(seat));
        seat.or_else(|| self.spectators.contains_key(&session).then_some(Person::Spectator(session)))
    }

    /// Seats `link` at `seat` with a new resume token; the session that sat there is returned. The seat's past stays its own.
    pub(crate) fn connect(&mut self, seat: SeatId, player: &Player, link: Link) -> (ResumeToken, Option<Link>) {
        let resume = new_token();
        self.reserved.remove(&player.id);
        self.sessions.insert(link.session, seat);
        self.lost.remove(&seat);
        self.seated += 1;
        let hold = Hold::Connected { link, since: self.seated };
        let Some(holder) = self.seats.get_mut(&seat) else {
            let (player, seen) = (player.clone(), Seen::default());
            self.seats.insert(seat, Holder { player, resume, warned: None, received: 0, seen, hold });
            return (resume, None);
        };
        holder.resume = resume;
        holder.player.name.clone_from(&player.name);
        let Hold::Connected { link: old, .. } = std::mem::replace(&mut holder.hold, hold) else {
            return (resume, None);
        };
        self.sessions.remove(&old.session);
        (resume, Some(old))
    }

    /// Lets a spectator in.
    pub(crate) fn watch(&mut self, player: Player, link: Link) {
        self.spectators.insert(link.session, Spectator { player, link, seen: Seen::default() });
    }

    /// Holds the seat until a tick for a player whose connection was lost: that of the returned session.
    pub(crate) fn lose(&mut self, seat: SeatId, until: Tick) -> Option<Link> {
        let hold = std::mem::replace(&mut self.seats.get_mut(&seat)?.hold, Hold::Lost);
        self.lost.insert(seat, until);
        self.disconnect(hold)
    }

    /// Takes someone out, and returns the session that was theirs.
    pub(crate) fn remove(&mut self, person: Person) -> Option<Link> {
        match person {
            Person::Seat(seat) => {
                let holder = self.seats.remove(&seat)?;
                self.lost.remove(&seat);
                self.disconnect(holder.hold)
            }
            Person::Spectator(session) => self.spectators.remove(&session).map(|spectator| spectator.link),
        }
    }

    fn disconnect(&mut self, hold: Hold) -> Option<Link> {
        let Hold::Connected { link, .. } = hold else { return None };
        self.sessions.remove(&link.session);
        Some(link)
    }

    /// The seats that nobody came back for by this tick.
    pub(crate) fn expired(&self, tick: Tick) -> Vec<SeatId> {
        self.lost.iter().filter(|(_, until)| **until <= tick).map(|(&seat, _)| seat).collect()
    }

    /// Forgets the reservations that nobody came for by this tick; whether there were any.
    pub(crate) fn release(&mut self, tick: Tick) -> bool {
        let before = self.reserved.len();
        self.reserved.retain(|_, until| *until > tick);
        self.reserved.len() < before
    }

    /// Keeps a seat for a player until a tick.
    pub(crate) fn reserve(&mut self, player: &str, until: Tick) {
        self.reserved.insert(player.to_owned(), until);
    }

    /// Keeps none.
    pub(crate) fn unreserve(&mut self, player: &str) {
        self.reserved.remove(player);
    }

    pub(crate) fn has_reserved(&self, player: &str) -> bool {
        self.reserved.contains_key(player)
    }

    /// Seats taken, and seats kept for others than `player`.
    pub(crate) fn taken_for(&self, player: &str) -> usize {
        self.seats.len() + self.reserved.len() - usize::from(self.has_reserved(player))
    }

    /// Seats taken or reserved.
    pub(crate) fn players(&self) -> usize {
        self.seats.len() + self.reserved.len()
    }

    /// Everyone, connected or not.
    pub(crate) fn count(&self) -> usize {
        self.seats.len() + self.spectators.len()
    }

    pub(crate) fn spectators(&self) -> usize {
        self.spectators.len()
    }

    /// Whether nobody is here, and nobody is expected.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty() && self.spectators.is_empty() && self.reserved.is_empty()
    }

    /// Keeps a player out for good.
    pub(crate) fn ban(&mut self, player: &str) {
        self.unreserve(player);
        self.banned.insert(player.to_owned());
    }

    pub(crate) fn is_banned(&self, player: &str) -> bool {
        self.banned.contains(player)
    }

    /// The seat that has been connected for longest.
    pub(crate) fn host(&self) -> Option<SeatId> {
        let since = |holder: &Holder| match holder.hold {
            Hold::Connected { since, .. } => Some(since),
            Hold::Lost => None,
        };
        self.seats.iter().filter_map(|(&seat, holder)| Some((since(holder)?, seat))).min().map(|(_, seat)| seat)
    }

    /// The players, by seat.
    pub(crate) fn players_seated(&self) -> impl Iterator<Item = (SeatId, &Player, bool)> {
        self.seats.iter().map(|(&seat, holder)| (seat, &holder.player, matches!(holder.hold, Hold::Connected { .. })))
    }

    /// Whether someone is in the room, connected or not.
    pub(crate) fn is_here(&self, person: Person) -> bool {
        match person {
            Person::Seat(seat) => self.seats.contains_key(&seat),
            Person::Spectator(session) => self.spectators.contains_key(&session),
        }
    }

    /// The way to someone who is connected.
    pub(crate) fn link(&self, person: Person) -> Option<&Link> {
        match person {
            Person::Seat(seat) => match &self.seats.get(&seat)?.hold {
                Hold::Connected { link, .. } => Some(link),
                Hold::Lost => None,
            },
            Person::Spectator(session) => Some(&self.spectators.get(&session)?.link),
        }
    }

    /// What someone is called who is in the room.
    pub(crate) fn name(&self, person: Person) -> Option<&str> {
        let player = match person {
            Person::Seat(seat) => &self.seats.get(&seat)?.player,
            Person::Spectator(session) => &self.spectators.get(&session)?.player,
        };
        Some(&player.name)
    }

    /// How others are told of someone who is connected.
    pub(crate) fn member(&self, person: Person) -> Option<Member> {
        let session = self.link(person)?.session;
        Some(match person {
            Person::Seat(seat) => Member { session, seat: Some(seat), name: self.seats[&seat].player.name.clone() },
            Person::Spectator(session) => {
                Member { session, seat: None, name: self.spectators[&session].player.name.clone() }
            }
        })
    }

    /// The session of a seat, if it was not warned in the last `every` ticks.
    pub(crate) fn link_to_warn(&mut self, seat: SeatId, tick: Tick, every: u32) -> Option<&Link> {
        let holder = self.seats.get_mut(&seat)?;
        if holder.warned.is_some_and(|warned| tick < warned.saturating_add(every)) {
            return None;
        }
        holder.warned = Some(tick);
        self.link(Person::Seat(seat))
    }

    /// The player has all messages up to this number. Returns the largest that was ever said.
    pub(crate) fn received(&mut self, seat: SeatId, number: u32) -> u32 {
        self.seats.get_mut(&seat).map_or(number, |holder| {
            holder.received = holder.received.max(number);
            holder.received
        })
    }

    /// The ids of the messages that came from someone.
    pub(crate) fn seen(&mut self, person: Person) -> Option<&mut Seen> {
        match person {
            Person::Seat(seat) => self.seats.get_mut(&seat).map(|holder| &mut holder.seen),
            Person::Spectator(session) => self.spectators.get_mut(&session).map(|spectator| &mut spectator.seen),
        }
    }
}

fn new_token() -> ResumeToken {
    let mut token = ResumeToken::default();
    SysRng.try_fill_bytes(&mut token).expect("the operating system has randomness once it is up");
    token
}

//! Players who wait for a match: those who want the same and are of like rank are put together, and the longer one waits, the less alike they
//! have to be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::time::{Duration, Instant};

use tickwire_protocol::{ErrorCode, ErrorReply, Labels, MAX_PARTY, Queueing};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use crate::handle::RoomHandle;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How alike ranks have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// At first.
    pub(crate) at_first: u32,
    /// More for every second that one has waited.
    pub(crate) a_second: u32,
}

/// A place in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    common: Common,
    number: Number,
}

/// A ticket's number, never used twice: by it, whoever came first is first.
type Number = u64;

/// What a player who waits hears in the end.
pub(crate) type Found = Result<RoomHandle, ErrorReply>;

/// What those who can be matched have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Common {
    kind: Option<String>,
    labels: Labels,
    players: u16,
}

/// Those who wait.
#[derive(Debug)]
pub(crate) struct Queue {
    tolerance: Tolerance,
    waiting: BTreeMap<Common, Alike>,
    /// Each player's ticket.
    tickets: HashMap<String, Ticket>,
    last: Number,
    /// When to look again: however many ask, it is looked for all.
    look_at: Option<Instant>,
}

/// Those who want the same.
#[derive(Debug, Default)]
struct Alike {
    by_age: BTreeMap<Number, Waiting>,
    by_rank: BTreeSet<(i32, Number)>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) player: Player,
    rank: i32,
    since: Instant,
    pub(crate) found: oneshot::Sender<Found>,
}

/// Players who are to play together.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) kind: Option<String>,
    pub(crate) labels: Labels,
    pub(crate) players: Vec<Waiting>,
}

impl Queue {
    pub(crate) fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, waiting: BTreeMap::new(), tickets: HashMap::new(), last: 0, look_at: None }
    }

    /// A player waits from now on, and no longer by another session.
    ///
    /// # Errors
    /// The match can't be.
    pub(crate) fn enter(
        &mut self,
        now: Instant,
        player: Player,
        wanted: Queueing,
    ) -> Result<(Ticket, oneshot::Receiver<Found>), ErrorReply> {
        let Queueing { kind, labels, players, rank } = wanted;
        if !(1..=MAX_PARTY).contains(&players) {
            return Err(ErrorReply::new(ErrorCode::Invalid, format!("a match has 1 to {MAX_PARTY} players")));
        }
        // The newest session wins: the other may be a connection that nobody knows yet to be lost.
        if let Some(old) = self.tickets.get(&player.id).cloned().and_then(|ticket| self.take(&ticket)) {
            let _ =
                old.found.send(Err(ErrorReply::new(ErrorCode::Busy, "a newer session of the player waits instead")));
        }
        let (found, answer) = oneshot::channel();
        self.last += 1;
        let ticket = Ticket { common: Common { kind, labels, players }, number: self.last };
        self.tickets.insert(player.id.clone(), ticket.clone());
        let alike = self.waiting.entry(ticket.common.clone()).or_default();
        alike.by_rank.insert((rank, ticket.number));
        alike.by_age.insert(ticket.number, Waiting { player, rank, since: now, found });
        Ok((ticket, answer))
    }

    /// A player waits no more; nothing happens if a match was found.
    pub(crate) fn leave(&mut self, ticket: &Ticket) {
        self.take(ticket);
    }

    fn take(&mut self, ticket: &Ticket) -> Option<Waiting> {
        let alike = self.waiting.get_mut(&ticket.common)?;
        let waiting = alike.take(ticket.number)?;
        if alike.by_age.is_empty() {
            self.waiting.remove(&ticket.common);
        }
        self.tickets.remove(&waiting.player.id);
        Some(waiting)
    }

    pub(crate) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// The matches that can be, at most so many, whose players wait no more; none if it was looked for them not long ago. Whoever has waited for longest chooses
    /// first, those of the likest rank.
    pub(crate) fn matches(&mut self, now: Instant, most: usize) -> Vec<Match> {
        if self.look_at.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.look_at = Some(now + LOOK_EVERY);
        let Self { tolerance, waiting, tickets, .. } = self;
        let mut matches = Vec::new();
        for (common, alike) in waiting.iter_mut() {
            // Who finds nobody will not do so when others have gone: once through is enough.
            let mut oldest = alike.oldest_after(0);
            while let Some(number) = oldest.filter(|_| matches.len() < most) {
                if let Some(party) = alike.party(now, *tolerance, usize::from(common.players), number) {
                    let players: Vec<Waiting> = party.into_iter().filter_map(|number| alike.take(number)).collect();
                    players.iter().for_each(|waiting| drop(tickets.remove(&waiting.player.id)));
                    matches.push(Match { kind: common.kind.clone(), labels: common.labels.clone(), players });
                }
                oldest = alike.oldest_after(number);
            }
        }
        waiting.retain(|_, alike| !alike.by_age.is_empty());
        matches
    }
}

impl Alike {
    fn take(&mut self, number: Number) -> Option<Waiting> {
        let waiting = self.by_age.remove(&number)?;
        self.by_rank.remove(&(waiting.rank, number));
        Some(waiting)
    }

    fn oldest_after(&self, number: Number) -> Option<Number> {
        self.by_age.range(number + 1..).next().map(|(&number, _)| number)
    }

    /// A match of so many players around one who waits, if there are enough: of the likest rank, and among those of who came first.
    fn party(&self, now: Instant, tolerance: Tolerance, players: usize, number: Number) -> Option<Vec<Number>> {
        let Waiting { rank, since, .. } = self.by_age.get(&number)?;
        let bears = tolerance.after(now.saturating_duration_since(*since));
        let here = (*rank, number);
        let apart = |&(other, number): &(i32, Number)| (other.abs_diff(*rank), number);
        let mut above = self.by_rank.range((Bound::Excluded(here), Bound::Unbounded)).map(apart).peekable();
        let mut below = self.by_rank.range(..here).rev().map(apart).peekable();
        let mut party = vec![number];
        while party.len() < players {
            let next = match (above.peek(), below.peek()) {
                (Some(up), Some(down)) if down < up => below.next(),
                (Some(_), _) => above.next(),
                (None, _) => below.next(),
            };
            let (_, other) = next.filter(|(apart, _)| *apart <= bears)?;
            party.push(other);
        }
        Some(party)
    }
}

impl Tolerance {
    fn after(self, waited: Duration) -> u32 {
        let more = u64::from(self.a_second) * waited.as_millis() as u64 / 1000;
        u32::try_from(u64::from(self.at_first) + more).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many as can be.
    const MOST: usize = usize::MAX;

    fn queue() -> Queue {
        Queue::new(Tolerance { at_first: 100, a_second: 20 })
    }

    fn enter(queue: &mut Queue, now: Instant, name: &str, players: u16, rank: i32) -> Ticket {
        let player = Player { id: name.into(), name: name.into() };
        queue.enter(now, player, Queueing { players, rank, ..Queueing::default() }).expect("it may").0
    }

    fn names(found: Vec<Match>) -> Vec<Vec<String>> {
        let names = |found: Match| found.players.into_iter().map(|waiting| waiting.player.name).collect();
        found.into_iter().map(names).collect()
    }

    #[test]
    fn the_likest_of_those_who_want_the_same_are_matched() {
        let (mut queue, now) = (queue(), Instant::now());
        enter(&mut queue, now, "ada", 2, 1000);
        enter(&mut queue, now, "bo", 2, 1090);
        enter(&mut queue, now, "cy", 2, 1010);
        enter(&mut queue, now, "di", 3, 1000);
        assert_eq!(names(queue.matches(now, MOST)), [["ada", "cy"]]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn who_waits_bears_more() {
        let (mut queue, now) = (queue(), Instant::now());
        enter(&mut queue, now, "ada", 2, 0);
        enter(&mut queue, now, "bo", 2, 300);
        assert!(queue.matches(now + Duration::from_secs(9), MOST).is_empty());
        assert!(queue.matches(now + Duration::from_millis(9_050), MOST).is_empty(), "it was looked for them just now");
        assert_eq!(names(queue.matches(now + Duration::from_secs(10), MOST)), [["ada", "bo"]]);
    }

    #[test]
    fn who_has_left_is_not_matched_and_nobody_waits_twice() {
        let (mut queue, now) = (queue(), Instant::now());
        let ada = enter(&mut queue, now, "ada", 2, 0);
        let again = queue.enter(now, Player { id: "ada".into(), name: "ada".into() }, Queueing::default());
        assert_eq!(again.err().map(|refusal| refusal.code), Some(ErrorCode::Invalid));
        let newer = enter(&mut queue, now, "ada", 2, 0);
        queue.leave(&ada);
        assert_eq!(queue.len(), 1, "the newer one waits on");
        queue.leave(&newer);
        enter(&mut queue, now, "bo", 2, 0);
        assert!(queue.matches(now, MOST).is_empty());
    }

    #[test]
    fn those_of_one_rank_are_matched_by_age() {
        let (mut queue, now) = (queue(), Instant::now());
        for name in ["ada", "bo", "cy", "di", "ed"] {
            enter(&mut queue, now, name, 2, 7);
        }
        assert_eq!(names(queue.matches(now, MOST)), [["ada", "bo"], ["cy", "di"]]);
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn those_for_whom_there_is_no_room_wait_on() {
        let (mut queue, now) = (queue(), Instant::now());
        for name in ["ada", "bo", "cy", "di"] {
            enter(&mut queue, now, name, 2, 0);
        }
        assert_eq!(names(queue.matches(now, 1)), [["ada", "bo"]]);
        assert!(queue.matches(now + LOOK_EVERY, 0).is_empty());
        assert_eq!(names(queue.matches(now + 2 * LOOK_EVERY, MOST)), [["cy", "di"]]);
    }

    #[test]
    fn a_crowd_of_ranks_far_apart_is_looked_through_at_once() {
        let (mut queue, now) = (queue(), Instant::now());
        let crowd = 100_000;
        for index in 0..crowd {
            enter(&mut queue, now, &format!("{index}"), 2, index * 20_000 - i32::MAX / 2);
        }
        assert!(queue.matches(now, MOST).is_empty());
        // Each has a neighbour now, and whoever came first is matched first.
        for index in 0..crowd {
            enter(&mut queue, now, &format!("{index}'"), 2, index * 20_000 - i32::MAX / 2 + 1);
        }
        let found = names(queue.matches(now + LOOK_EVERY, MOST));
        assert_eq!((found.len(), &found[1]), (crowd as usize, &vec!["1".to_owned(), "1'".to_owned()]));
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_farthest_ranks_there_are_do_not_overflow() {
        let (mut queue, now) = (queue(), Instant::now());
        enter(&mut queue, now, "ada", 2, i32::MIN);
        enter(&mut queue, now, "bo", 2, i32::MAX);
        assert!(queue.matches(now + Duration::from_secs(3600), MOST).is_empty());
        assert_eq!(queue.matches(now + Duration::from_secs(u32::MAX.into()), MOST).len(), 1);
    }
}

//! Players who wait for a match: those who want the same and are of like rank are put together, and the longer one waits, the less alike they
//! have to be.

use std::collections::BTreeMap;
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

/// A place in the queue, never used twice.
pub(crate) type Ticket = u64;

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
    /// By what they want, and then by age.
    waiting: BTreeMap<Common, BTreeMap<Ticket, Waiting>>,
    next: Ticket,
    /// When to look again: however many ask, it is looked for all.
    look_at: Option<Instant>,
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
        Self { tolerance, waiting: BTreeMap::new(), next: 0, look_at: None }
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
        for alike in self.waiting.values_mut() {
            for (_, old) in alike.extract_if(.., |_, waiting| waiting.player.id == player.id) {
                let refusal = ErrorReply::new(ErrorCode::Busy, "a newer session of the player waits instead");
                let _ = old.found.send(Err(refusal));
            }
        }
        let (found, answer) = oneshot::channel();
        self.next += 1;
        let alike = self.waiting.entry(Common { kind, labels, players }).or_default();
        alike.insert(self.next, Waiting { player, rank, since: now, found });
        Ok((self.next, answer))
    }

    /// A player waits no more; nothing happens if a match was found.
    pub(crate) fn leave(&mut self, ticket: Ticket) {
        self.waiting.retain(|_, alike| {
            alike.remove(&ticket);
            !alike.is_empty()
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.values().map(BTreeMap::len).sum()
    }

    /// The matches that can be, whose players wait no more; none if it was looked for them not long ago. Whoever has waited for longest chooses
    /// first, those of the likest rank.
    pub(crate) fn matches(&mut self, now: Instant) -> Vec<Match> {
        if self.look_at.is_some_and(|at| now < at) {
            return Vec::new();
        }
        self.look_at = Some(now + LOOK_EVERY);
        let mut matches = Vec::new();
        for (common, alike) in &mut self.waiting {
            while let Some(party) =
                alike.iter().find_map(|(&ticket, _)| self.tolerance.party(now, common, alike, ticket))
            {
                let players = party.iter().filter_map(|ticket| alike.remove(ticket)).collect();
                matches.push(Match { kind: common.kind.clone(), labels: common.labels.clone(), players });
            }
        }
        self.waiting.retain(|_, alike| !alike.is_empty());
        matches
    }
}

impl Tolerance {
    /// The tickets of a match around one who waits, if there are enough.
    fn party(
        self,
        now: Instant,
        common: &Common,
        alike: &BTreeMap<Ticket, Waiting>,
        ticket: Ticket,
    ) -> Option<Vec<Ticket>> {
        let needed = usize::from(common.players) - 1;
        if alike.len() <= needed {
            return None;
        }
        let Waiting { rank, since, .. } = alike.get(&ticket)?;
        let bears = self.after(now.saturating_duration_since(*since));
        let mut others: Vec<(u32, Ticket)> = alike
            .iter()
            .filter(|&(&other, _)| other != ticket)
            .map(|(&other, waiting)| (waiting.rank.abs_diff(*rank), other))
            .filter(|(apart, _)| *apart <= bears)
            .collect();
        others.sort_unstable();
        let party = std::iter::once(ticket).chain(others.into_iter().take(needed).map(|(_, other)| other));
        Some(party.collect::<Vec<_>>()).filter(|party| party.len() == needed + 1)
    }

    fn after(self, waited: Duration) -> u32 {
        let more = u64::from(self.a_second) * waited.as_millis() as u64 / 1000;
        u32::try_from(u64::from(self.at_first) + more).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(names(queue.matches(now)), [["ada", "cy"]]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn who_waits_bears_more() {
        let (mut queue, now) = (queue(), Instant::now());
        enter(&mut queue, now, "ada", 2, 0);
        enter(&mut queue, now, "bo", 2, 300);
        assert!(queue.matches(now + Duration::from_secs(9)).is_empty());
        assert!(queue.matches(now + Duration::from_millis(9_050)).is_empty(), "it was looked for them just now");
        assert_eq!(names(queue.matches(now + Duration::from_secs(10))), [["ada", "bo"]]);
    }

    #[test]
    fn who_has_left_is_not_matched_and_nobody_waits_twice() {
        let (mut queue, now) = (queue(), Instant::now());
        let ada = enter(&mut queue, now, "ada", 2, 0);
        let again = queue.enter(now, Player { id: "ada".into(), name: "ada".into() }, Queueing::default());
        assert_eq!(again.err().map(|refusal| refusal.code), Some(ErrorCode::Invalid));
        let newer = enter(&mut queue, now, "ada", 2, 0);
        queue.leave(ada);
        assert_eq!(queue.len(), 1, "the newer one waits on");
        queue.leave(newer);
        enter(&mut queue, now, "bo", 2, 0);
        assert!(queue.matches(now).is_empty());
    }

    #[test]
    fn the_farthest_ranks_there_are_do_not_overflow() {
        let (mut queue, now) = (queue(), Instant::now());
        enter(&mut queue, now, "ada", 2, i32::MIN);
        enter(&mut queue, now, "bo", 2, i32::MAX);
        assert!(queue.matches(now + Duration::from_secs(3600)).is_empty());
        assert_eq!(queue.matches(now + Duration::from_secs(u32::MAX.into())).len(), 1);
    }
}

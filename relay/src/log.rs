//! What is kept of what was said in a room, and fairly so: who says much displaces nothing of the game's, and of the others' nothing as long as
//! they say little.

use std::collections::{BTreeMap, VecDeque};

use tickwire_protocol::SeatId;

use crate::people::Person;

/// On whose account something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Voice {
    /// The game's, and the embedder's.
    Game,
    /// A player's: what they say, and what the game answers them.
    Seat(SeatId),
    /// That of all spectators: who comes as many of them has no more of it.
    Spectators,
}

impl From<Person> for Voice {
    fn from(person: Person) -> Self {
        match person {
            Person::Seat(seat) => Self::Seat(seat),
            Person::Spectator(_) => Self::Spectators,
        }
    }
}

/// The last of what has a number, within so many bytes. One half of them is the game's and one is its people's, as far as both want theirs; of
/// people, whoever takes most loses the oldest first. So what a voice said is there until it has said more: of the game more than half of the
/// bytes, of a person more than that half divided by all who are heard in it.
#[derive(Debug)]
pub(crate) struct Log<T> {
    limit: usize,
    bytes: usize,
    /// Those that have something in it.
    voices: BTreeMap<Voice, Kept<T>>,
    forgotten: u32,
}

/// What is kept of one voice.
#[derive(Debug)]
struct Kept<T> {
    bytes: usize,
    entries: VecDeque<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    number: u32,
    bytes: usize,
    what: T,
}

impl<T> Log<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, bytes: 0, voices: BTreeMap::new(), forgotten: 0 }
    }

    /// Keeps something that takes so many bytes. Its number is larger than all before.
    pub(crate) fn keep(&mut self, voice: Voice, number: u32, bytes: usize, what: T) {
        let kept = self.voices.entry(voice).or_insert_with(|| Kept { bytes: 0, entries: VecDeque::new() });
        kept.entries.push_back(Entry { number, bytes, what });
        kept.bytes += bytes;
        self.bytes += bytes;
        while self.bytes > self.limit {
            let Some(voice) = self.loudest() else { break };
            self.forget_first(voice);
        }
    }

    /// Who takes more than its share.
    fn loudest(&self) -> Option<Voice> {
        if self.voices.get(&Voice::Game).is_some_and(|game| game.bytes > self.limit / 2) {
            return Some(Voice::Game);
        }
        let people = self.voices.iter().filter(|(voice, _)| **voice != Voice::Game);
        people.max_by_key(|(_, kept)| kept.bytes).map(|(&voice, _)| voice)
    }

    fn forget_first(&mut self, voice: Voice) {
        let Some(kept) = self.voices.get_mut(&voice) else { return };
        if let Some(Entry { number, bytes, .. }) = kept.entries.pop_front() {
            kept.bytes -= bytes;
            self.bytes -= bytes;
            self.forgotten = self.forgotten.max(number);
        }
        if kept.entries.is_empty() {
            self.voices.remove(&voice);
        }
    }

    /// What is kept of what came after this number, in order.
    pub(crate) fn after(&self, number: u32) -> impl Iterator<Item = (Voice, u32, &T)> {
        let mut entries: Vec<(Voice, &Entry<T>)> = Vec::new();
        for (&voice, kept) in &self.voices {
            entries.extend(kept.entries.iter().filter(|entry| entry.number > number).map(|entry| (voice, entry)));
        }
        entries.sort_unstable_by_key(|(_, entry)| entry.number);
        entries.into_iter().map(|(voice, Entry { number, what, .. })| (voice, *number, what))
    }

    /// Whether something that came after this number is kept no more.
    pub(crate) fn has_forgotten_after(&self, number: u32) -> bool {
        self.forgotten > number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ADA: Voice = Voice::Seat(SeatId(0));
    const BOB: Voice = Voice::Seat(SeatId(1));
    const CY: Voice = Voice::Seat(SeatId(2));

    /// What is kept of what these voices say one after the other, so many bytes each, of at most 1,000.
    fn kept(said: &[(Voice, usize)]) -> Log<Voice> {
        let mut log = Log::new(1000);
        for (number, &(voice, bytes)) in (1..).zip(said) {
            log.keep(voice, number, bytes, voice);
        }
        log
    }

    fn numbers(log: &Log<Voice>, of: Voice) -> Vec<u32> {
        log.after(0).filter(|(voice, ..)| *voice == of).map(|(_, number, _)| number).collect()
    }

    #[test]
    fn what_the_game_says_outlasts_whatever_people_shout() {
        let said = [vec![(Voice::Game, 100); 5], vec![(ADA, 90); 50], vec![(BOB, 90); 50]].concat();
        let log = kept(&said);
        assert_eq!(numbers(&log, Voice::Game), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&log, BOB).len() + numbers(&log, ADA).len(), 5);
        assert!(log.has_forgotten_after(5) && !log.has_forgotten_after(105));
    }

    #[test]
    fn each_half_takes_what_the_other_leaves_and_gives_it_back() {
        let mut said = vec![(Voice::Game, 100); 12];
        assert_eq!(numbers(&kept(&said), Voice::Game), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        said.extend([(ADA, 100); 12]);
        let log = kept(&said);
        assert_eq!(numbers(&log, Voice::Game), [8, 9, 10, 11, 12]);
        assert_eq!(numbers(&log, ADA), [20, 21, 22, 23, 24]);
        assert_eq!(numbers(&kept(&[(ADA, 100); 12]), ADA).len(), 10);
    }

    #[test]
    fn of_people_the_loudest_gives_way() {
        let said = [vec![(BOB, 100), (CY, 50), (CY, 50)], vec![(ADA, 100); 30]].concat();
        let log = kept(&said);
        assert_eq!((numbers(&log, BOB), numbers(&log, CY)), (vec![1], vec![2, 3]));
        assert_eq!(numbers(&log, ADA), (26..=33).collect::<Vec<_>>());
    }

    #[test]
    fn many_spectators_are_one_voice() {
        let watching = |session| Voice::from(Person::Spectator(session));
        assert_eq!(watching(1), watching(2));
        assert_ne!(watching(1), Voice::from(Person::Seat(SeatId(1))));
    }

    #[test]
    fn what_is_larger_than_all_is_not_kept_and_what_comes_after_it_is() {
        let log = kept(&[(ADA, 1001), (ADA, 1000)]);
        assert_eq!(numbers(&log, ADA), [2]);
        assert!(log.has_forgotten_after(0) && !log.has_forgotten_after(1));
    }

    proptest! {
        #[test]
        fn every_voice_keeps_its_share(said in prop::collection::vec((0..4_usize, 0..400_usize), 0..200)) {
            let voices = [Voice::Game, ADA, BOB, Voice::Spectators];
            let said: Vec<_> = said.into_iter().map(|(voice, bytes)| (voices[voice], bytes)).collect();
            let log = kept(&said);
            let all: Vec<_> = log.after(0).map(|(_, number, _)| number).collect();
            prop_assert!(all.is_sorted_by(|one, next| one < next));
            let sizes = all.iter().map(|&number| said[number as usize - 1].1);
            prop_assert!(sizes.sum::<usize>() <= 1000);
            for (voice, share) in [(Voice::Game, 500), (ADA, 166), (BOB, 166), (Voice::Spectators, 166)] {
                let mut since = 0;
                for (index, (_, bytes)) in said.iter().enumerate().rev().filter(|(_, (whose, _))| *whose == voice) {
                    since += bytes;
                    let is_kept = all.contains(&(index as u32 + 1));
                    prop_assert!(since > share || is_kept, "the message at {index} is lost");
                }
            }
        }
    }
}

//! What a room says beside its state, in order: numbered, delivered with the tick, and kept for a while for those who come back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use tickwire_protocol::{SeatId, ServerMessage};

use crate::link::SessionId;
use crate::log::{Log, Voice};
use crate::people::{People, Person};

/// To whom something is said.
#[derive(Clone, Debug)]
pub(crate) enum Whom {
    /// Everyone in the room.
    Everyone,
    /// These.
    Some(Arc<[Person]>),
}

impl Whom {
    pub(crate) fn one(person: Person) -> Self {
        Self::Some([person].into())
    }

    fn includes(&self, person: Person) -> bool {
        match self {
            Self::Everyone => true,
            Self::Some(people) => people.contains(&person),
        }
    }
}

/// Something said.
#[derive(Clone, Debug)]
struct Posting {
    to: Whom,
    message: ServerMessage,
}

/// The post of a room.
#[derive(Debug)]
pub(crate) struct Post {
    /// What is said with the next tick.
    outgoing: Vec<Posting>,
    /// Sessions that came when so many of these had been said: they hear only what is said after.
    newcomers: BTreeMap<SessionId, usize>,
    /// The last number given.
    number: u32,
    /// What was numbered, as far as it is kept.
    log: Log<Posting>,
}

/// What a tick's post is: for all who hear no more than the others, and for each who does, all that it hears.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    pub(crate) shared: Option<Bytes>,
    pub(crate) own: BTreeMap<SessionId, Bytes>,
}

impl Post {
    /// One that keeps so many bytes of what must not be lost.
    pub(crate) fn new(log_bytes: usize) -> Self {
        let (outgoing, newcomers) = Default::default();
        Self { outgoing, newcomers, number: 0, log: Log::new(log_bytes) }
    }

    /// The last number given.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Says something that is of no use to who was not there.
    pub(crate) fn say(&mut self, to: Whom, message: ServerMessage) {
        self.outgoing.push(Posting { to, message });
    }

    /// Says something that must not be lost, with the next number.
    pub(crate) fn say_numbered(&mut self, voice: Voice, to: Whom, message: impl FnOnce(u32) -> ServerMessage) {
        self.number += 1;
        let posting = Posting { to, message: message(self.number) };
        self.log.keep(voice, self.number, posting.size(), posting.clone());
        self.outgoing.push(posting);
    }

    /// A session has come: what was said before is not for it, or was said to it again.
    pub(crate) fn greet(&mut self, session: SessionId) {
        self.newcomers.insert(session, self.outgoing.len());
    }

    /// What a seat has not heard after this number, in order, as far as it is kept and fits into so many bytes, of which a message takes
    /// `size`; and whether more may have been lost. What fits is chosen as what is kept is.
    pub(crate) fn missed(
        &self,
        seat: SeatId,
        received: u32,
        bytes: usize,
        size: impl Fn(&ServerMessage) -> usize,
    ) -> (bool, Vec<ServerMessage>) {
        let mut fitting = Log::new(bytes);
        for (voice, number, posting) in self.log.after(received) {
            if posting.to.includes(Person::Seat(seat)) {
                fitting.keep(voice, number, size(&posting.message), &posting.message);
            }
        }
        let lost = self.log.has_forgotten_after(received) || fitting.has_forgotten_after(received);
        (lost, fitting.after(received).map(|(.., &message)| message.clone()).collect())
    }

    /// Whether nothing is to be said.
    pub(crate) fn is_empty(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// All that is said with this tick, as `frames` writes it, to those whose sessions are `served`.
    pub(crate) fn mail(
        &self,
        people: &People,
        served: impl Fn(SessionId) -> bool,
        frames: impl Fn(&mut dyn Iterator<Item = &ServerMessage>) -> Bytes,
    ) -> Mail {
        let mut shared = Vec::new();
        let mut own: BTreeMap<SessionId, Vec<usize>> =
            self.newcomers.keys().map(|&session| (session, vec![])).collect();
        let is_new = |session: &SessionId, index: usize| self.newcomers.get(session).is_some_and(|&from| index < from);
        for (index, posting) in self.outgoing.iter().enumerate() {
            match &posting.to {
                Whom::Everyone => {
                    shared.push(index);
                    own.iter_mut().filter(|(session, _)| !is_new(session, index)).for_each(|(_, own)| own.push(index));
                }
                Whom::Some(listeners) => {
                    for session in listeners.iter().filter_map(|&person| Some(people.link(person)?.session)) {
                        if !is_new(&session, index) {
                            own.entry(session).or_insert_with(|| shared.clone()).push(index);
                        }
                    }
                }
            }
        }
        // Most of those who have something of their own have the same.
        let mut written: HashMap<Vec<usize>, Bytes> = HashMap::new();
        let mut write = |indices: Vec<usize>| {
            let messages = |indices: &[usize]| frames(&mut indices.iter().map(|&index| &self.outgoing[index].message));
            written.entry(indices).or_insert_with_key(|indices| messages(indices)).clone()
        };
        Mail {
            shared: (!shared.is_empty()).then(|| write(shared)),
            own: own
                .into_iter()
                .filter(|(session, _)| served(*session))
                .map(|(session, indices)| (session, if indices.is_empty() { Bytes::new() } else { write(indices) }))
                .collect(),
        }
    }

    /// It was said.
    pub(crate) fn clear(&mut self) {
        self.outgoing.clear();
        self.newcomers.clear();
    }
}

impl Posting {
    /// About how much it takes.
    fn size(&self) -> usize {
        let said = match &self.message {
            ServerMessage::Event(event) => event.record.len(),
            ServerMessage::Message(message) => message.content.len(),
            ServerMessage::Reply(reply) => reply.record.len(),
            _ => 0,
        };
        let named = match &self.to {
            Whom::Everyone => 0,
            Whom::Some(people) => size_of_val(&**people),
        };
        size_of::<Self>() + said + named
    }
}

#[cfg(test)]
mod tests {
    use tickwire_protocol::{Acked, HostChange};
    use tickwire_sim::Player;

    use super::*;
    use crate::link::Link;

    const BYTES: usize = 10_000;

    /// Sessions 1 to 3 at seats 0 to 2.
    fn people() -> People {
        let mut people = People::default();
        for seat in 0..3 {
            let player = Player { id: seat.to_string(), name: seat.to_string() };
            people.connect(SeatId(seat), &player, Link::silent(u64::from(seat) + 1));
        }
        people
    }

    fn seat(number: u16) -> Whom {
        Whom::one(Person::Seat(SeatId(number)))
    }

    fn said(text: &str) -> ServerMessage {
        ServerMessage::Acked(Acked { id: text.to_owned() })
    }

    /// What each session hears, as words.
    fn heard(post: &Post, people: &People) -> Vec<String> {
        let words = |messages: &mut dyn Iterator<Item = &ServerMessage>| {
            let word = |message: &ServerMessage| match message {
                ServerMessage::Acked(acked) => format!("{} ", acked.id),
                _ => "host ".to_owned(),
            };
            messages.map(word).collect::<String>().into()
        };
        let mail = post.mail(people, |_| true, words);
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).trim().to_owned();
        (1..=3).map(|session| mail.own.get(&session).or(mail.shared.as_ref()).map_or(String::new(), text)).collect()
    }

    #[test]
    fn everyone_hears_what_is_theirs_in_order() {
        let (mut post, people) = (Post::new(BYTES), people());
        post.say(Whom::Everyone, said("a"));
        post.say(seat(1), said("b"));
        post.say(Whom::Everyone, said("c"));
        post.say(
            Whom::Some([Person::Seat(SeatId(0)), Person::Seat(SeatId(1)), Person::Seat(SeatId(9))].into()),
            said("d"),
        );
        assert_eq!(heard(&post, &people), ["a c d", "a b c d", "a c"]);
        post.clear();
        assert!(post.is_empty());
    }

    #[test]
    fn a_newcomer_hears_nothing_of_what_was_said_before() {
        let (mut post, people) = (Post::new(BYTES), people());
        post.say(Whom::Everyone, said("a"));
        post.say(seat(2), said("b"));
        post.greet(3);
        assert_eq!(heard(&post, &people), ["a", "a", ""]);
        post.say(seat(2), said("c"));
        post.say(Whom::Everyone, said("d"));
        assert_eq!(heard(&post, &people), ["a d", "a d", "c d"]);
    }

    /// What seat 0 has missed after a number, of whose messages so many fit.
    fn missed(post: &Post, received: u32, fit: usize) -> (bool, Vec<ServerMessage>) {
        post.missed(SeatId(0), received, fit, |_| 1)
    }

    #[test]
    fn a_seat_missed_what_was_for_it() {
        let mut post = Post::new(BYTES);
        for text in ["a", "b", "c"] {
            post.say_numbered(Voice::Game, if text == "b" { seat(1) } else { Whom::Everyone }, |_| said(text));
        }
        post.say(Whom::Everyone, ServerMessage::HostChange(HostChange { host: None }));
        assert_eq!(post.number(), 3);
        assert_eq!(missed(&post, 1, 9), (false, vec![said("c")]), "the second was for another seat");
        assert_eq!(missed(&post, 0, 9), (false, vec![said("a"), said("c")]));
    }

    #[test]
    fn what_was_missed_is_kept_within_bounds() {
        let mut post = Post::new(4 * size_of::<Posting>());
        for text in ["a", "b", "c", "d", "e", "f"] {
            post.say_numbered(Voice::Game, Whom::Everyone, |_| said(text));
        }
        assert_eq!(missed(&post, 2, 9), (false, vec![said("c"), said("d"), said("e"), said("f")]));
        assert!(missed(&post, 1, 9).0, "the second is no longer kept");
    }

    #[test]
    fn of_what_was_missed_comes_what_fits_and_people_leave_the_game_its_half() {
        let mut post = Post::new(BYTES);
        for text in ["a", "b", "c"] {
            post.say_numbered(Voice::Game, Whom::Everyone, |_| said(text));
        }
        for text in ["d", "e", "f"] {
            post.say_numbered(Voice::Spectators, Whom::Everyone, |_| said(text));
        }
        assert_eq!(missed(&post, 0, 6).1.len(), 6);
        assert_eq!(missed(&post, 0, 4), (true, vec![said("b"), said("c"), said("e"), said("f")]));
        assert_eq!(missed(&post, 4, 2), (false, vec![said("e"), said("f")]));
    }
}

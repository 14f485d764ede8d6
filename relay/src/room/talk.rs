//! What people in a room say to each other and to the game, and what its embedder wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tickwire_protocol::{
    Acked, Address, Content, DEFAULT_CHANNEL, ErrorCode, ErrorReply, Member, Message, MessageId, Presence, Publish,
    Reply, Request, Scope, SeatId, ServerMessage, Subscribe, Tell, Tick, Unsubscribe, Unsubscribed,
};
use tickwire_sim::{Player, RequestId, Unheard};

use super::Room;
use crate::budget::Said;
use crate::channel::Channel;
use crate::command::{Occupant, Order, Saying};
use crate::link::Link;
use crate::log::Voice;
use crate::people::{People, Person};
use crate::post::Whom;

/// Requests of a seat that may wait for the game's answer.
const MAX_WAITING: usize = 16;

/// The requests that wait for the game's answer.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: BTreeMap<RequestId, Waiting>,
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    seat: SeatId,
    id: MessageId,
    request: u32,
    until: Tick,
}

impl Requests {
    /// Those that the game has not answered by this tick.
    pub(super) fn expired(&self, tick: Tick) -> Vec<RequestId> {
        self.waiting.iter().filter(|(_, waiting)| waiting.until <= tick).map(|(&id, _)| id).collect()
    }

    /// A seat was given up.
    pub(super) fn forget(&mut self, seat: SeatId) {
        self.waiting.retain(|_, waiting| waiting.seat != seat);
    }

    fn is_waiting(&self, seat: SeatId, id: &str) -> bool {
        self.waiting.values().any(|waiting| waiting.seat == seat && waiting.id == id)
    }

    fn of_seat(&self, seat: SeatId) -> usize {
        self.waiting.values().filter(|waiting| waiting.seat == seat).count()
    }
}

impl Room {
    pub(super) fn say(&mut self, now: Instant, person: Person, saying: Saying) {
        let Some(link) = self.people.link(person).cloned() else { return };
        let (id, once) = (saying.id().cloned(), saying.once().cloned());
        let acknowledged = !matches!(saying, Saying::Request(_));
        if let Some(id) = once.as_ref().filter(|id| self.people.seen(person).is_some_and(|seen| seen.contains(id))) {
            match (acknowledged, person) {
                (true, _) => self.acknowledge(now, &link, id),
                (false, Person::Seat(seat)) if self.requests.is_waiting(seat, id) => {}
                // Its answer was sent. If that was a refusal, a connection may have been lost with it.
                (false, _) => {
                    let reply = ErrorReply::new(ErrorCode::RequestRefused, "the request has had its answer");
                    self.refuse(now, &link, reply.of(Some(id.clone())));
                }
            }
            return;
        }
        match self.try_say(now, person, saying) {
            Ok(()) => {
                let Some(once) = once else { return };
                if acknowledged {
                    self.acknowledge(now, &link, &once);
                }
                if let Some(seen) = self.people.seen(person) {
                    seen.insert(once);
                }
            }
            Err(reply) => self.refuse(now, &link, reply.of(id)),
        }
    }

    fn acknowledge(&self, now: Instant, link: &Link, id: &MessageId) {
        self.send(now, link, ServerMessage::Acked(Acked { id: id.clone() }));
    }

    fn try_say(&mut self, now: Instant, person: Person, saying: Saying) -> Result<(), ErrorReply> {
        match saying {
            Saying::Subscribe(subscribe) => {
                self.check_presence(now, person, &subscribe.channel)?;
                self.subscribe(person, subscribe)
            }
            Saying::Unsubscribe(unsubscribe) => {
                self.check_presence(now, person, &unsubscribe.channel)?;
                self.unsubscribe(person, unsubscribe)
            }
            Saying::Publish(publish) => {
                let by = self.people.name(person).unwrap_or_default();
                self.budget.spread(now, Said::Message { by, to: &publish.to, content: &publish.content })?;
                self.publish_from(person, publish)
            }
            Saying::Ack { number } => {
                if let Person::Seat(seat) = person {
                    self.people.received(seat, number.min(self.post.number()));
                }
                Ok(())
            }
            Saying::Tell(Tell { message, record, .. }) => {
                let seat = seat_of(person)?;
                self.budget.tell(now)?;
                self.sim.message(seat, message, &record).map_err(unheard)
            }
            Saying::Request(request) => {
                let seat = seat_of(person)?;
                self.budget.tell(now)?;
                self.request(seat, request)
            }
        }
    }

    fn check_presence(&mut self, now: Instant, person: Person, channel: &str) -> Result<(), ErrorReply> {
        let by = self.people.name(person).unwrap_or_default();
        self.budget.spread(now, Said::Presence { by, channel })
    }

    fn publish_from(&mut self, person: Person, Publish { to, content, .. }: Publish) -> Result<(), ErrorReply> {
        let from = self.people.member(person);
        let to_whom = match &to {
            Address::Channel { channel, .. } => {
                if !self.channels.contains_key(channel) {
                    return Err(ErrorReply::new(
                        ErrorCode::NoChannel,
                        "nobody in the room hears that channel; one of the relay is of scope \"relay\"",
                    ));
                }
                self.publish_to(channel.clone(), person.into(), from, content);
                return Ok(());
            }
            Address::Seats(seats) => {
                // Whoever is named twice hears it once.
                let named: BTreeSet<Person> = seats.iter().map(|&seat| Person::Seat(seat)).collect();
                let here: Arc<[Person]> = named.into_iter().filter(|&seat| self.people.is_here(seat)).collect();
                Some(here).filter(|here| !here.is_empty())
            }
            Address::Host => self.host.map(|host| [Person::Seat(host)].into()),
        };
        let Some(to_whom) = to_whom else {
            return Err(ErrorReply::new(ErrorCode::NoRecipient, "nobody sits there"));
        };
        let message = |number| ServerMessage::Message(Message { number, from, to, content });
        self.post.say_numbered(person.into(), Whom::Some(to_whom), message);
        Ok(())
    }

    fn publish_to(&mut self, name: String, voice: Voice, from: Option<Member>, content: Content) {
        let Some(channel) = self.channels.get_mut(&name) else { return };
        let to = Address::Channel { scope: Scope::Room, channel: name };
        let whom = whom(&self.people, channel);
        self.post.say_numbered(voice, whom, |number| {
            let message = Message { number, from, to, content };
            channel.keep(message.clone());
            ServerMessage::Message(message)
        });
    }

    fn request(&mut self, seat: SeatId, Request { id, request, record }: Request) -> Result<(), ErrorReply> {
        if self.requests.of_seat(seat) == MAX_WAITING {
            let reason = format!("{MAX_WAITING} requests wait for their answers");
            return Err(ErrorReply::new(ErrorCode::Busy, reason));
        }
        self.requests.last += 1;
        let number = RequestId(self.requests.last);
        self.sim.request(seat, number, request, &record).map_err(unheard)?;
        let until = self.sim.tick().saturating_add(self.ticks(self.terms.request_timeout.as_millis()).max(1));
        self.requests.waiting.insert(number, Waiting { seat, id, request, until });
        Ok(())
    }

    /// A request gets its answer, or why there is none. A refusal is for those who are there.
    pub(super) fn settle(&mut self, id: RequestId, answer: Result<Bytes, (ErrorCode, String)>) {
        let Some(Waiting { seat, id, request, .. }) = self.requests.waiting.remove(&id) else { return };
        let to = Whom::one(Person::Seat(seat));
        match answer {
            Ok(record) => {
                let message = |number| ServerMessage::Reply(Reply { number, id, request, record });
                self.post.say_numbered(Voice::Seat(seat), to, message);
            }
            Err((code, reason)) => {
                self.terms.tally.refused(code);
                self.post.say(to, ServerMessage::Error(ErrorReply::new(code, reason).of(Some(id))));
            }
        }
    }

    // Channels.

    /// A channel of this name is there from now on.
    pub(super) fn open_channel(&mut self, name: &str) {
        if !self.channels.contains_key(name) {
            self.channels.insert(name.to_owned(), Channel::new(Scope::Room, name, self.terms.history));
        }
    }

    fn subscribe(&mut self, person: Person, subscribe: Subscribe) -> Result<(), ErrorReply> {
        let Subscribe { id, channel, after, .. } = subscribe;
        if !self.channels.contains_key(&channel) && self.channels.len() >= self.terms.channels {
            let reason = format!("the room has {} channels, as many as it may", self.terms.channels);
            return Err(ErrorReply::new(ErrorCode::NoChannel, reason));
        }
        let is_new = self.channels.get(&channel).is_none_or(|channel| !channel.has(person));
        if is_new && self.channels_of(person).len() >= self.terms.subscriptions {
            let reason = format!("{} channels are as many as one may hear", self.terms.subscriptions);
            return Err(ErrorReply::new(ErrorCode::NoChannel, reason));
        }
        self.open_channel(&channel);
        self.enter_channel(person, &channel, id);
        if is_new {
            // A number that was not given yet is of another room.
            self.tell_history(person, &channel, after.filter(|&after| after <= self.post.number()).unwrap_or(0));
        }
        Ok(())
    }

    /// Someone hears a channel from now on, or again; with the id of the message that asked for it, if one did.
    pub(super) fn enter_channel(&mut self, person: Person, name: &str, id: Option<MessageId>) {
        let Some(member) = self.people.member(person) else { return };
        let Some(channel) = self.channels.get_mut(name) else { return };
        let told = channel.add(person, member);
        let subscribed = ServerMessage::Subscribed(channel.subscribed(id));
        self.tell(person, name, told);
        self.post.say(Whom::one(person), subscribed);
    }

    /// Says again what is kept of a channel.
    pub(super) fn tell_history(&mut self, person: Person, name: &str, after: u32) {
        let Some(channel) = self.channels.get(name) else { return };
        for message in channel.said_after(after) {
            self.post.say(Whom::one(person), ServerMessage::Message(message.clone()));
        }
    }

    fn unsubscribe(&mut self, person: Person, unsubscribe: Unsubscribe) -> Result<(), ErrorReply> {
        let Unsubscribe { id, channel, .. } = unsubscribe;
        if self.channels.get(&channel).is_none_or(|channel| !channel.has(person)) {
            return Err(ErrorReply::new(ErrorCode::NoChannel, "the channel is not subscribed to"));
        }
        self.leave_channel(person, &channel);
        let told = Unsubscribed { id, scope: Scope::Room, channel };
        self.post.say(Whom::one(person), ServerMessage::Unsubscribed(told));
        Ok(())
    }

    fn leave_channel(&mut self, person: Person, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let told = channel.remove(person);
        if channel.is_idle() && name != DEFAULT_CHANNEL {
            self.channels.remove(name);
        } else {
            self.tell(person, name, told);
        }
    }

    /// Someone is in no channel any more.
    pub(super) fn leave_channels(&mut self, person: Person) {
        self.channels_of(person).iter().for_each(|name| self.leave_channel(person, name));
    }

    /// Someone's connection is lost: the channels stay theirs.
    pub(super) fn miss_channels(&mut self, person: Person) {
        for name in self.channels_of(person) {
            let told = self.channels.get_mut(&name).and_then(|channel| channel.miss(person));
            self.tell(person, &name, told);
        }
    }

    pub(super) fn channels_of(&self, person: Person) -> Vec<String> {
        self.channels.iter().filter(|(_, channel)| channel.has(person)).map(|(name, _)| name.clone()).collect()
    }

    /// Tells the others of a channel that someone has come or gone.
    fn tell(&mut self, who: Person, name: &str, told: impl IntoIterator<Item = Presence>) {
        let Some(channel) = self.channels.get(name) else { return };
        for presence in told {
            let others: Arc<[Person]> = channel.members().filter(|&other| other != who).collect();
            self.post.say(Whom::Some(others), ServerMessage::Presence(presence));
        }
    }

    // What the embedder wants.

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Publish { channel, content } => self.publish_to(channel, Voice::Game, None, content),
            Order::Whisper { seat, content } => {
                let message = |number| {
                    let to = Address::Seats(vec![seat]);
                    ServerMessage::Message(Message { number, from: None, to, content })
                };
                self.post.say_numbered(Voice::Game, Whom::one(Person::Seat(seat)), message);
            }
            Order::Kick { seat, reason } => self.kick(Person::Seat(seat), &reason),
            Order::Ban { player, reason } => {
                self.people.ban(&player);
                for person in self.people.all_of_player(&player) {
                    self.kick(person, &reason);
                }
                self.count_people();
            }
            Order::List { reply } => {
                let occupant = |(seat, player, connected): (SeatId, &Player, bool)| Occupant {
                    seat,
                    player: player.clone(),
                    connected,
                };
                // If nobody listens any more, nobody has to know.
                let _ = reply.send(self.people.players_seated().map(occupant).collect());
            }
            Order::Call(call) => call(&mut *self.sim),
        }
    }
}

/// All who belong to a channel: those whose connection is lost hear it when they are back.
fn whom(people: &People, channel: &Channel<Person>) -> Whom {
    let members = channel.members();
    if members.len() == people.count() { Whom::Everyone } else { Whom::Some(members.collect()) }
}

fn seat_of(person: Person) -> Result<SeatId, ErrorReply> {
    match person {
        Person::Seat(seat) => Ok(seat),
        Person::Spectator(_) => Err(ErrorReply::new(ErrorCode::Forbidden, "spectators play no part")),
    }
}

fn unheard(error: Unheard) -> ErrorReply {
    ErrorReply::new(ErrorCode::Invalid, error.to_string())
}

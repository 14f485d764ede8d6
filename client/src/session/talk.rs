//! What is said and heard beside the state: channels, messages, requests, the list of rooms.

use std::time::{Duration, Instant};

use tickwire_protocol::{
    Address, ClientMessage, Content, Event, ListRooms, Message, MessageError, MessageId, Publish, Reply, Request,
    RoomList, Schema, Scope, Shape, Subscribed, Tell, Unsubscribe, Unsubscribed, Wanted, Wire, wire,
};

use super::unanswered::scope;
use super::{Session, State, Update};

/// Why something was not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TalkError {
    /// It is longer than the protocol allows, or not what it says it is.
    #[error(transparent)]
    Invalid(#[from] MessageError),
    /// The room's game has no such message or request, or has another one of that name; or no room has been entered yet.
    #[error("the room's game knows no `{0}` of this shape")]
    Unknown(&'static str),
    /// 256 messages wait for their answers already.
    #[error("too many messages wait for their answers")]
    TooMany,
}

impl Session {
    /// The player wants to hear a channel, from now on and after every reconnection.
    pub(crate) fn subscribe(&mut self, scope: Scope, channel: String) -> Result<MessageId, TalkError> {
        self.wish(scope, channel, true)
    }

    /// The player wants to hear a channel no more.
    pub(crate) fn unsubscribe(&mut self, scope: Scope, channel: String) -> Result<MessageId, TalkError> {
        self.wish(scope, channel, false)
    }

    fn wish(&mut self, scope: Scope, channel: String, hear: bool) -> Result<MessageId, TalkError> {
        ClientMessage::Unsubscribe(Unsubscribe { id: None, scope, channel: channel.clone() }).check()?;
        let id = self.ids.next();
        let said = self.channels.wish(id.clone(), scope, channel, hear);
        if self.is_open(scope) {
            self.send(&said);
        }
        Ok(id)
    }

    /// The player says something to others.
    pub(crate) fn publish(&mut self, to: Address, content: Content) -> Result<MessageId, TalkError> {
        self.say(|id| ClientMessage::Publish(Publish { id: Some(id), to, content }))
    }

    /// The player says something to the game.
    pub(crate) fn tell<M: Wire>(&mut self, message: &M) -> Result<MessageId, TalkError> {
        let known = |schema: &Schema| index::<M>(schema.messages.iter());
        let index = self.schema().and_then(known).ok_or(TalkError::Unknown(M::NAME))?;
        let record = wire::to_record(message).into();
        self.say(|id| ClientMessage::Tell(Tell { id: Some(id), message: index, record }))
    }

    /// The player asks something of the game.
    pub(crate) fn request<Q: Wire>(&mut self, request: &Q) -> Result<MessageId, TalkError> {
        let asked = |schema: &Schema| index::<Q>(schema.requests.iter().map(|exchange| &exchange.request));
        let index = self.schema().and_then(asked).ok_or(TalkError::Unknown(Q::NAME))?;
        let record = wire::to_record(request).into();
        self.say(|id| ClientMessage::Request(Request { id, request: index, record }))
    }

    /// The player wants to know which rooms there are, and with `live` what becomes of them.
    pub(crate) fn list_rooms(&mut self, wanted: Wanted, live: bool) -> Result<MessageId, TalkError> {
        wanted.check()?;
        let id = self.ids.next();
        self.list = Some(ListRooms { id: Some(id.clone()), wanted, live });
        if self.is_open(Scope::Relay) {
            self.ask_for_list();
        }
        Ok(id)
    }

    fn ask_for_list(&mut self) {
        self.next_list = None;
        if let Some(list) = self.list.clone() {
            self.send(&ClientMessage::ListRooms(list));
        }
    }

    /// Says what `message` makes of its id, now or when it can be said, and again after every reconnection until it is answered.
    fn say(&mut self, message: impl FnOnce(MessageId) -> ClientMessage) -> Result<MessageId, TalkError> {
        if self.unanswered.is_full() {
            return Err(TalkError::TooMany);
        }
        let id = self.ids.next();
        let message = message(id.clone());
        message.check()?;
        let open = self.is_open(scope(&message));
        if let Some(now) = self.unanswered.keep(id.clone(), message, open) {
            self.send(&now);
        }
        Ok(id)
    }

    /// Whether something can be said there now.
    fn is_open(&self, scope: Scope) -> bool {
        match scope {
            Scope::Room => self.state == State::Playing,
            Scope::Relay => matches!(self.state, State::Joining | State::Playing),
        }
    }

    fn schema(&self) -> Option<&Schema> {
        self.welcome().map(|welcome| &*welcome.schema)
    }

    // What happened.

    /// The relay listens: what was asked of it before is asked again.
    pub(super) fn handle_accepted(&mut self, now: Instant) {
        self.channels.reconnected().iter().for_each(|said| self.send(said));
        self.ask_for_list();
        self.say_lot(now);
    }

    /// The room listens to the seat that it has listened to before.
    pub(super) fn handle_resumed(&mut self, now: Instant) {
        self.channels.resumed().iter().for_each(|said| self.send(said));
        self.say_lot(now);
    }

    /// The room listens to a new seat, or to a spectator. With `elsewhere` it is not the one that it was before.
    pub(super) fn handle_joined_anew(&mut self, now: Instant, elsewhere: bool) {
        self.channels.joined().iter().for_each(|said| self.send(said));
        // The room would not know again what has arrived.
        let abandoned = self.unanswered.abandon(elsewhere).into_iter();
        self.updates.extend(abandoned.map(|id| Update::Abandoned { id }));
        self.say_lot(now);
    }

    /// When to call [`Session::handle_turn`].
    pub(super) fn next_turn(&self) -> Option<Instant> {
        [self.next_list, self.channels.deadline(), self.unanswered.deadline()].into_iter().flatten().min()
    }

    /// It may be the turn of something that had to wait.
    pub(super) fn handle_turn(&mut self, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| now >= at);
        if is_due(self.next_list) {
            self.ask_for_list();
        }
        if is_due(self.channels.deadline())
            && let Some(said) = self.channels.again(now)
        {
            self.send(&said);
        }
        if is_due(self.unanswered.deadline()) {
            self.say_lot(now);
        }
    }

    /// What has this id was refused. Whether that is news.
    pub(super) fn handle_refused(&mut self, now: Instant, id: &MessageId, retry_in: Option<Duration>) -> bool {
        if self.list.as_ref().is_some_and(|list| list.id.as_ref() == Some(id)) {
            self.next_list = retry_in.map(|wait| now + wait);
            self.list.take_if(|_| retry_in.is_none());
            return true;
        }
        // A request that was said again while its answer was on its way has had that.
        self.channels.refused(now, id, retry_in) || self.unanswered.answered(id)
    }

    /// Says some of what had to wait.
    fn say_lot(&mut self, now: Instant) {
        let (room, relay) = (self.is_open(Scope::Room), self.is_open(Scope::Relay));
        let lot = self.unanswered.lot(now, |scope| if scope == Scope::Room { room } else { relay });
        lot.iter().for_each(|said| self.send(said));
    }

    pub(super) fn handle_event(&mut self, Event { number, tick, event, record }: Event) {
        if !self.is_new(number) {
            return;
        }
        let name = self.schema().and_then(|schema| Some(schema.events.get(event as usize)?.name.clone()));
        self.tell_update(name.map(|name| Update::Event { tick, name, record }));
    }

    pub(super) fn handle_reply(&mut self, Reply { number, id, request, record }: Reply) {
        self.unanswered.answered(&id);
        if !self.is_new(number) {
            return;
        }
        let name = self.schema().and_then(|schema| Some(schema.requests.get(request as usize)?.reply.name.clone()));
        self.tell_update(name.map(|name| Update::Reply { id, name, record }));
    }

    pub(super) fn handle_talk(&mut self, message: Message) {
        // What a channel keeps for newcomers comes out of turn.
        let new = match &message.to {
            Address::Channel { scope: Scope::Room, channel } => {
                self.received = self.received.max(message.number);
                self.channels.is_new(Scope::Room, channel, message.number)
            }
            Address::Channel { scope, channel } => self.channels.is_new(*scope, channel, message.number),
            Address::Seats(_) | Address::Host => self.is_new(message.number),
        };
        if new {
            self.updates.push_back(Update::Message(message));
        }
    }

    pub(super) fn handle_subscribed(&mut self, subscribed: Subscribed) {
        subscribed.id.iter().for_each(|id| self.channels.granted(id));
        self.updates.push_back(Update::Subscribed(subscribed));
    }

    pub(super) fn handle_unsubscribed(&mut self, unsubscribed: Unsubscribed) {
        unsubscribed.id.iter().for_each(|id| self.channels.granted(id));
        self.updates.push_back(Update::Unsubscribed(unsubscribed));
    }

    pub(super) fn handle_room_list(&mut self, list: RoomList) {
        if list.whole {
            // One that is not live is done.
            self.list.take_if(|asked| asked.id == list.id && !asked.live);
        }
        self.updates.push_back(Update::Rooms(list));
    }

    /// Whether what has this number in the room, and was said in no channel, has not come yet.
    fn is_new(&mut self, number: u32) -> bool {
        let new = number > self.heard;
        self.heard = self.heard.max(number);
        self.received = self.received.max(number);
        new
    }

    /// Tells what the schema has a name for.
    fn tell_update(&mut self, update: Option<Update>) {
        match update {
            Some(update) => self.updates.push_back(update),
            None => self.counts.errors += 1,
        }
    }
}

/// Where a type stands in a list of the schema. Its whole shape has to be the same: the game would misread a record of another.
fn index<'a, T: Wire>(mut shapes: impl Iterator<Item = &'a Shape>) -> Option<u32> {
    let shape = T::shape();
    let index = shapes.position(|known| *known == shape)?;
    Some(index as u32)
}

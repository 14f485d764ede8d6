//! What a [`Raw`] client says to others and to the game, and what it hears.

use tickwire::{Labels, Wire};
use tickwire_protocol::{
    Ack, Address, ClientMessage, Content, ErrorCode, Event, Join, Message, Publish, Reply, Request, Resume, Role,
    Scope, SeatId, ServerMessage, Subscribe, Subscribed, Target, Tell, Unsubscribe, Welcome, wire,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Host, Raw};

/// Names and values as labels.
pub fn labels(of: &[(&str, &str)]) -> Labels {
    of.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A room by name.
pub fn room(name: &str) -> Target {
    Target::Room(name.into())
}

/// A channel of the room.
pub fn in_room(channel: &str) -> Address {
    Address::Channel { scope: Scope::Room, channel: channel.into() }
}

/// A channel of the relay.
pub fn in_relay(channel: &str) -> Address {
    Address::Channel { scope: Scope::Relay, channel: channel.into() }
}

/// Words as content.
pub fn words(text: &str) -> Content {
    Content::Json(serde_json::Value::from(text).to_string())
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Asks for a place.
    pub async fn join_to(&mut self, target: Target, role: Role, resume: Option<Resume>) {
        self.say(ClientMessage::Join(Join { id: None, target, role, resume })).await;
    }

    /// Gets in, as a player.
    pub async fn enter_to(&mut self, token: &str, target: Target) -> Box<Welcome> {
        self.enter_as(token, target, Role::Player).await
    }

    /// Gets in.
    pub async fn enter_as(&mut self, token: &str, target: Target, role: Role) -> Box<Welcome> {
        self.auth(token).await;
        self.join_to(target, role, None).await;
        self.welcome().await
    }

    /// Comes back to the room of a welcome, with all messages up to `received`.
    pub async fn come_back(&mut self, token: &str, welcome: &Welcome, received: u32) -> Box<Welcome> {
        self.auth(token).await;
        let resume = Some(Resume { token: welcome.resume, received });
        self.join_to(Target::Room(welcome.room.clone()), Role::Player, resume).await;
        self.welcome().await
    }

    /// Wants to hear a channel, and awaits the answer.
    pub async fn subscribe(&mut self, scope: Scope, channel: &str) -> Subscribed {
        self.ask_for(scope, channel, None).await;
        self.subscribed(scope, channel).await
    }

    /// Wants to hear a channel, what was said after a number included.
    pub async fn ask_for(&mut self, scope: Scope, channel: &str, after: Option<u32>) {
        self.say(ClientMessage::Subscribe(Subscribe { id: None, scope, channel: channel.into(), after })).await;
    }

    /// Wants to hear a channel no more.
    pub async fn unsubscribe(&mut self, scope: Scope, channel: &str) {
        self.say(ClientMessage::Unsubscribe(Unsubscribe { id: None, scope, channel: channel.into() })).await;
        self.hear(|message| match message {
            ServerMessage::Unsubscribed(gone) => (gone.channel == channel).then_some(()),
            _ => None,
        })
        .await;
    }

    /// Awaits that a channel is heard.
    pub async fn subscribed(&mut self, scope: Scope, channel: &str) -> Subscribed {
        self.hear(|message| match message {
            ServerMessage::Subscribed(subscribed) => {
                Some(subscribed).filter(|heard| heard.scope == scope && heard.channel == channel)
            }
            _ => None,
        })
        .await
    }

    /// Says something to others; without an id if it is empty.
    pub async fn publish(&mut self, id: &str, to: Address, text: &str) {
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        self.say(ClientMessage::Publish(Publish { id, to, content: words(text) })).await;
    }

    /// Acknowledges all messages up to a number.
    pub async fn ack(&mut self, number: u32) {
        self.say(ClientMessage::Ack(Ack { number })).await;
    }

    /// Tells the game something, by its place in the schema.
    pub async fn tell(&mut self, id: &str, message: u32, what: &impl Wire) {
        let id = Some(id.to_owned()).filter(|id| !id.is_empty());
        self.say(ClientMessage::Tell(Tell { id, message, record: wire::to_record(what).into() })).await;
    }

    /// Asks the game something, by its place in the schema.
    pub async fn request(&mut self, id: &str, request: u32, what: &impl Wire) {
        self.say(ClientMessage::Request(Request { id: id.into(), request, record: wire::to_record(what).into() }))
            .await;
    }

    /// Awaits what someone says.
    pub async fn message(&mut self) -> Message {
        self.hear(|message| match message {
            ServerMessage::Message(message) => Some(message),
            _ => None,
        })
        .await
    }

    /// Awaits what someone says: the words.
    pub async fn heard(&mut self) -> String {
        match self.message().await.content {
            Content::Json(text) => text.trim_matches('"').to_owned(),
            Content::Bytes(bytes) => panic!("{bytes:?} are no words"),
        }
    }

    /// Awaits that something has arrived: its id.
    pub async fn acked(&mut self) -> String {
        self.hear(|message| match message {
            ServerMessage::Acked(acked) => Some(acked.id),
            _ => None,
        })
        .await
    }

    /// Awaits an event.
    pub async fn event(&mut self) -> Event {
        self.hear(|message| match message {
            ServerMessage::Event(event) => Some(event),
            _ => None,
        })
        .await
    }

    /// Awaits the game's answer.
    pub async fn reply(&mut self) -> Reply {
        self.hear(|message| match message {
            ServerMessage::Reply(reply) => Some(reply),
            _ => None,
        })
        .await
    }

    /// Awaits that the room has another host.
    pub async fn host_change(&mut self) -> Option<SeatId> {
        self.hear(|message| match message {
            ServerMessage::HostChange(change) => Some(change.host),
            _ => None,
        })
        .await
    }
}

impl Host {
    /// Why a newcomer does not get in.
    pub async fn refused(&self, token: &str, target: Target) -> (ErrorCode, String) {
        let mut raw = self.raw().await;
        raw.auth(token).await;
        raw.join_to(target, Role::Player, None).await;
        let refusal = raw.refusal().await;
        (refusal.code, refusal.message)
    }
}

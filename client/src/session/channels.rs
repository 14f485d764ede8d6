//! Which channels a client wants to hear, and how far it has heard them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tickwire_protocol::{ClientMessage, DEFAULT_CHANNEL, MessageId, Scope, Subscribe, Unsubscribe};

/// Between one wish that was put off and the next. A relay takes 10 messages a second by default, and the player has more to say.
const AGAIN_EVERY: Duration = Duration::from_millis(250);

/// A channel's name, and where it is.
type Key = (Scope, String);

/// The channels of one client, over one connection after the other.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// What the client has asked for.
    wishes: BTreeMap<Key, Wish>,
    /// What has come of channels, asked for or not.
    heard: BTreeMap<Key, Heard>,
    /// When to say the first wish of those that were put off; none if none was.
    next: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Wish {
    /// What the relay names it by, however often it is said.
    id: MessageId,
    /// To hear it, or to hear it no more.
    hear: bool,
    stands: Stands,
}

/// How a wish stands with the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    /// It was said, or will be when the relay listens.
    Open,
    /// It was said when the relay heard too much.
    PutOff,
    /// It is so.
    Granted,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    /// The number of its newest message.
    newest: u32,
    /// Whether that came by another connection, and the channel may have begun anew since: the relay forgets the ones that nobody hears.
    /// What it sends then is what it was asked for, however it is numbered.
    before: bool,
}

impl Channels {
    /// What to say to hear a channel, or to hear it no more.
    pub(super) fn wish(&mut self, id: MessageId, scope: Scope, channel: String, hear: bool) -> ClientMessage {
        let (key, wish) = ((scope, channel), Wish { id, hear, stands: Stands::Open });
        let said = self.ask(&key, &wish);
        self.wishes.insert(key, wish);
        said
    }

    /// The relay says that it is as the wish of this id has it.
    pub(super) fn granted(&mut self, id: &MessageId) {
        if let Some((_, wish)) = self.named(id) {
            wish.stands = Stands::Granted;
        }
    }

    /// The relay refuses the wish of this id: for now, if it says how long to wait. Whether there is such a wish.
    pub(super) fn refused(&mut self, now: Instant, id: &MessageId, retry_in: Option<Duration>) -> bool {
        let Some((key, wish)) = self.named(id) else { return false };
        match retry_in {
            Some(wait) => {
                wish.stands = Stands::PutOff;
                self.next = self.next.max(Some(now + wait));
            }
            None if wish.hear => {
                let key = key.clone();
                self.wishes.remove(&key);
            }
            // It was not heard.
            None => wish.stands = Stands::Granted,
        }
        true
    }

    /// When to call [`Channels::again`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// What to say of the wishes that were put off: one at a time, or most of them would be again.
    pub(super) fn again(&mut self, now: Instant) -> Option<ClientMessage> {
        let mut put_off = self.wishes.iter_mut().filter(|(_, wish)| wish.stands == Stands::PutOff);
        let first = put_off.next().map(|(key, wish)| {
            wish.stands = Stands::Open;
            (key.clone(), wish.clone())
        });
        self.next = put_off.next().map(|_| now + AGAIN_EVERY);
        first.map(|(key, wish)| self.ask(&key, &wish))
    }

    /// The connection is gone: with the next one all is said anew.
    pub(super) fn lost(&mut self) {
        self.next = None;
        let put_off = self.wishes.values_mut().filter(|wish| wish.stands == Stands::PutOff);
        put_off.for_each(|wish| wish.stands = Stands::Open);
    }

    fn named(&mut self, id: &MessageId) -> Option<(&Key, &mut Wish)> {
        self.wishes.iter_mut().find(|(_, wish)| wish.id == *id)
    }

    /// Whether a channel's message of this number has not come yet.
    pub(super) fn is_new(&mut self, scope: Scope, channel: &str, number: u32) -> bool {
        let unheard = Heard { newest: 0, before: false };
        let heard = self.heard.entry((scope, channel.to_owned())).or_insert(unheard);
        let new = heard.before || number > heard.newest;
        if new {
            *heard = Heard { newest: number, before: false };
        }
        new
    }

    /// There is a new connection: what to say to hear the relay's channels by it.
    pub(super) fn reconnected(&mut self) -> Vec<ClientMessage> {
        for (_, heard) in self.heard.iter_mut().filter(|((scope, _), _)| *scope == Scope::Relay) {
            heard.before = true;
        }
        self.anew(Scope::Relay)
    }

    /// The seat was resumed, and the room's channels with it: what to say of those whose last wish may not have arrived.
    pub(super) fn resumed(&self) -> Vec<ClientMessage> {
        let is_open = |(scope, _): &Key, wish: &Wish| *scope == Scope::Room && wish.stands != Stands::Granted;
        let open = self.wishes.iter().filter(|(key, wish)| is_open(key, wish));
        open.map(|(key, wish)| self.ask(key, wish)).collect()
    }

    /// The seat is a new one: what to say to hear the room's channels from it.
    pub(super) fn joined(&mut self) -> Vec<ClientMessage> {
        self.heard.retain(|(scope, _), _| *scope != Scope::Room);
        self.anew(Scope::Room)
    }

    /// What to say where only what everyone hears is heard yet.
    fn anew(&mut self, scope: Scope) -> Vec<ClientMessage> {
        let everyone_hears = |(scope, channel): &Key| *scope == Scope::Room && channel == DEFAULT_CHANNEL;
        self.wishes.retain(|key, wish| key.0 != scope || wish.hear != everyone_hears(key));
        self.wishes.iter_mut().filter(|(key, _)| key.0 == scope).for_each(|(_, wish)| wish.stands = Stands::Open);
        let of_scope = self.wishes.iter().filter(|(key, _)| key.0 == scope);
        of_scope.map(|(key, wish)| self.ask(key, wish)).collect()
    }

    fn ask(&self, key: &Key, wish: &Wish) -> ClientMessage {
        let ((scope, channel), id) = (key.clone(), Some(wish.id.clone()));
        if wish.hear {
            let after = self.heard.get(key).map(|heard| heard.newest);
            ClientMessage::Subscribe(Subscribe { id, scope, channel, after })
        } else {
            ClientMessage::Unsubscribe(Unsubscribe { id, scope, channel })
        }
    }
}

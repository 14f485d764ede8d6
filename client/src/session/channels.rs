//! Which channels a client wants to hear, and how far it has heard them.

use std::collections::BTreeMap;

use tickwire_protocol::{ClientMessage, DEFAULT_CHANNEL, Scope, Subscribe, Unsubscribe};

/// A channel's name, and where it is.
type Key = (Scope, String);

/// The channels of one client, over one connection after the other.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// What the client has asked for.
    wishes: BTreeMap<Key, Wish>,
    /// What has come of channels, asked for or not.
    heard: BTreeMap<Key, Heard>,
}

#[derive(Clone, Copy, Debug)]
struct Wish {
    /// To hear it, or to hear it no more.
    hear: bool,
    /// Whether the relay has said that it is so.
    granted: bool,
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
    pub(super) fn wish(&mut self, scope: Scope, channel: String, hear: bool) -> ClientMessage {
        let key = (scope, channel);
        let said = self.ask(&key, hear);
        self.wishes.insert(key, Wish { hear, granted: false });
        said
    }

    /// The relay says that a channel is heard, or heard no more.
    pub(super) fn granted(&mut self, scope: Scope, channel: &str, hear: bool) {
        if let Some(wish) = self.wishes.get_mut(&(scope, channel.to_owned())) {
            wish.granted = wish.hear == hear;
        }
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
        let open = self.wishes.iter().filter(|((scope, _), wish)| *scope == Scope::Room && !wish.granted);
        open.map(|(key, wish)| self.ask(key, wish.hear)).collect()
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
        self.wishes.iter_mut().filter(|(key, _)| key.0 == scope).for_each(|(_, wish)| wish.granted = false);
        let of_scope = self.wishes.iter().filter(|(key, _)| key.0 == scope);
        of_scope.map(|(key, wish)| self.ask(key, wish.hear)).collect()
    }

    fn ask(&self, key: &Key, hear: bool) -> ClientMessage {
        let (scope, channel) = key.clone();
        if hear {
            let after = self.heard.get(key).map(|heard| heard.newest);
            ClientMessage::Subscribe(Subscribe { scope, channel, after })
        } else {
            ClientMessage::Unsubscribe(Unsubscribe { scope, channel })
        }
    }
}

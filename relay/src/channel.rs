//! A topic that some hear: in a room or in the whole relay.

use std::collections::{BTreeMap, VecDeque};

use tickwire_protocol::{MAX_MEMBERS, Member, Message, MessageId, Presence, Scope, Subscribed};

/// What a channel keeps for those who come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Messages.
    pub(crate) messages: usize,
    /// Bytes of their content.
    pub(crate) bytes: usize,
}

/// A channel and those who hear it, by whatever names them.
#[derive(Debug)]
pub(crate) struct Channel<K> {
    scope: Scope,
    name: String,
    keep: Keep,
    members: BTreeMap<K, Heard>,
    history: VecDeque<Message>,
    bytes: usize,
}

/// One who hears a channel.
#[derive(Debug)]
struct Heard {
    /// None while the connection is lost.
    member: Option<Member>,
}

impl<K: Ord + Copy> Channel<K> {
    pub(crate) fn new(scope: Scope, name: &str, keep: Keep) -> Self {
        let (members, history) = Default::default();
        Self { scope, name: name.to_owned(), keep, members, history, bytes: 0 }
    }

    /// Someone hears it from now on, or is back, perhaps by another session. What the others are told; nothing if they know.
    pub(crate) fn add(&mut self, who: K, member: Member) -> Vec<Presence> {
        let before = self.members.insert(who, Heard { member: Some(member.clone()) }).and_then(|heard| heard.member);
        if before.as_ref() == Some(&member) {
            return Vec::new();
        }
        let gone = before.and_then(|before| self.presence(before, false));
        gone.into_iter().chain(self.presence(member, true)).collect()
    }

    /// Someone hears it no more. What the others are told.
    pub(crate) fn remove(&mut self, who: K) -> Option<Presence> {
        let member = self.members.remove(&who)?.member?;
        self.presence(member, false)
    }

    /// Someone's connection is lost: nothing is said to them, but they belong to it still. What the others are told.
    pub(crate) fn miss(&mut self, who: K) -> Option<Presence> {
        let member = self.members.get_mut(&who)?.member.take()?;
        self.presence(member, false)
    }

    fn presence(&self, member: Member, here: bool) -> Option<Presence> {
        let told = self.members.len() <= MAX_MEMBERS;
        told.then(|| Presence { scope: self.scope, channel: self.name.clone(), member, here })
    }

    pub(crate) fn has(&self, who: K) -> bool {
        self.members.contains_key(&who)
    }

    /// Whoever belongs to it.
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = K> {
        self.members.keys().copied()
    }

    /// What a new member is told, in answer to the message of this id.
    pub(crate) fn subscribed(&self, id: Option<MessageId>) -> Subscribed {
        let here = || self.members.values().filter_map(|heard| heard.member.as_ref());
        let (scope, channel) = (self.scope, self.name.clone());
        Subscribed {
            id,
            scope,
            channel,
            members: here().take(MAX_MEMBERS).cloned().collect(),
            count: here().count() as u32,
        }
    }

    /// Keeps a message for those who come later.
    pub(crate) fn keep(&mut self, message: Message) {
        self.bytes += message.content.len();
        self.history.push_back(message);
        while self.history.len() > self.keep.messages || self.bytes > self.keep.bytes {
            let Some(first) = self.history.pop_front() else { break };
            self.bytes -= first.content.len();
        }
    }

    /// What is kept of what was said after this number.
    pub(crate) fn said_after(&self, number: u32) -> impl Iterator<Item = &Message> {
        self.history.iter().filter(move |message| message.number > number)
    }

    /// Whether nobody would miss it.
    pub(crate) fn is_idle(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tickwire_protocol::{Address, Content};

    use super::*;

    fn member(session: u64) -> Member {
        Member { session, seat: None, name: session.to_string() }
    }

    fn message(number: u32, bytes: usize) -> Message {
        Message { number, from: None, to: Address::room(), content: Content::Bytes(vec![0; bytes]) }
    }

    #[test]
    fn the_last_messages_are_kept_within_their_bytes() {
        let mut channel = Channel::<u64>::new(Scope::Relay, "news", Keep { messages: 3, bytes: 100 });
        (1..=5).for_each(|number| channel.keep(message(number, 10)));
        assert_eq!(channel.said_after(0).map(|kept| kept.number).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(channel.said_after(4).count(), 1);
        channel.keep(message(6, 95));
        assert_eq!(channel.said_after(0).map(|kept| kept.number).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn who_comes_and_goes_is_told_once_and_not_in_a_crowd() {
        let mut channel = Channel::new(Scope::Room, "main", Keep { messages: 1, bytes: 1 });
        let here = |told: Vec<Presence>| told.iter().map(|told| (told.member.session, told.here)).collect::<Vec<_>>();
        assert_eq!(here(channel.add(1, member(1))), [(1, true)]);
        assert_eq!(here(channel.add(1, member(1))), [], "it is here already");
        assert_eq!(here(channel.add(1, member(2))), [(1, false), (2, true)], "by another session");
        assert!(channel.miss(1).is_some_and(|told| !told.here));
        assert!(channel.miss(1).is_none());
        assert_eq!((channel.subscribed(None).count, channel.members().len()), (0, 1));
        assert_eq!(here(channel.add(1, member(7))), [(7, true)], "it is back");
        (2..=MAX_MEMBERS as u64).for_each(|session| assert_eq!(channel.add(session, member(session)).len(), 1));
        assert_eq!(here(channel.add(1000, member(1000))), [], "they are a crowd");
        let told = channel.subscribed(None);
        assert_eq!((told.members.len(), told.count), (MAX_MEMBERS, MAX_MEMBERS as u32 + 1));
    }
}

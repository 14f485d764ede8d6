//! What a client has said and the relay has not answered: it is said again after a reconnection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickwire_protocol::{Address, ClientMessage, MessageId, Publish, Scope};

/// Messages that may wait for their answers: as many as a relay remembers of one seat, so that it knows each of them again.
const MOST: usize = 256;

/// Messages said at once of those that had to wait, and between one such lot and the next. A relay takes 10 a second by default, and
/// 32 KiB a second.
const LOT: usize = 4;
const LOT_EVERY: Duration = Duration::from_millis(500);

/// Publications, messages to the game and requests, oldest first.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    messages: VecDeque<Said>,
    /// When the next of those that had to wait are said; none if none had to.
    next_lot: Option<Instant>,
}

#[derive(Debug)]
struct Said {
    id: MessageId,
    message: ClientMessage,
    sent: Sent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Never,
    /// By a connection that is lost.
    Before,
    /// By the present one.
    Now,
}

impl Unanswered {
    /// Whether no more fit.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MOST
    }

    /// Keeps a message until it is answered. It is to be sent now if `open` (its scope can be spoken to) and none waits before it: then it
    /// comes back.
    pub(super) fn keep(&mut self, id: MessageId, message: ClientMessage, open: bool) -> Option<ClientMessage> {
        let sent = if open && self.next_lot.is_none() { Sent::Now } else { Sent::Never };
        let now = (sent == Sent::Now).then(|| message.clone());
        self.messages.push_back(Said { id, message, sent });
        now
    }

    /// The message was acknowledged, replied to or refused. Whether it waited for that.
    pub(super) fn answered(&mut self, id: &str) -> bool {
        let before = self.messages.len();
        self.messages.retain(|said| said.id != id);
        self.messages.len() < before
    }

    /// The connection is gone.
    pub(super) fn lost(&mut self) {
        self.next_lot = None;
        self.messages.iter_mut().filter(|said| said.sent == Sent::Now).for_each(|said| said.sent = Sent::Before);
    }

    /// Gives up what may have arrived in the room, or with `elsewhere` (the room is another) all that was meant for it. The ids.
    pub(super) fn abandon(&mut self, elsewhere: bool) -> Vec<MessageId> {
        let lost = |said: &Said| scope(&said.message) == Scope::Room && (elsewhere || said.sent == Sent::Before);
        let ids = self.messages.iter().filter(|said| lost(said)).map(|said| said.id.clone()).collect();
        self.messages.retain(|said| !lost(said));
        ids
    }

    /// When to call [`Unanswered::lot`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next_lot
    }

    /// The next of those that had to wait, where `open` says which scopes can be spoken to.
    pub(super) fn lot(&mut self, now: Instant, open: impl Fn(Scope) -> bool) -> Vec<ClientMessage> {
        let mut waiting = self.messages.iter_mut().filter(|said| said.sent != Sent::Now && open(scope(&said.message)));
        let lot = waiting.by_ref().take(LOT).map(|said| {
            said.sent = Sent::Now;
            said.message.clone()
        });
        let lot = lot.collect();
        self.next_lot = waiting.next().map(|_| now + LOT_EVERY);
        lot
    }
}

/// Where a message is heard: the game is in the room.
pub(super) fn scope(message: &ClientMessage) -> Scope {
    match message {
        ClientMessage::Publish(Publish { to: Address::Channel { scope, .. }, .. }) => *scope,
        _ => Scope::Room,
    }
}

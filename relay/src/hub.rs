//! The channels of the relay: heard by sessions in any room or in none, and sent to as soon as something is said, by the threads that send what
//! rooms publish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tickwire_protocol::{
    Acked, Address, Content, DEFAULT_CHANNEL, ErrorCode, ErrorReply, Member, Message, MessageId, Presence, Publish,
    Scope, ServerMessage, Subscribe, Unsubscribe, Unsubscribed,
};
use tickwire_sim::Player;

use crate::budget::{Allowed, Budget, Said};
use crate::channel::{Channel, Keep};
use crate::fanout::Fanout;
use crate::form::{Calendar, Form};
use crate::link::SessionId;
use crate::outbox::Outbox;
use crate::seen::Seen;
use crate::stats::Tally;

/// Between two looks for what nobody misses.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// What a relay grants its channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HubTerms {
    /// Channels.
    pub(crate) channels: usize,
    /// Channels that one session hears.
    pub(crate) subscriptions: usize,
    /// What a channel keeps.
    pub(crate) history: Keep,
    /// What everyone may say together.
    pub(crate) said: Allowed,
    /// How long a channel without members, and what is known of a player without a session, stays.
    pub(crate) memory: Duration,
    pub(crate) calendar: Calendar,
}

/// All channels of a relay.
#[derive(Debug)]
pub(crate) struct Hub {
    terms: HubTerms,
    fanout: Fanout,
    tally: Arc<Tally>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    topics: BTreeMap<String, Topic>,
    /// The largest number that a topic which is no more had given. New ones count on from it, so that no number of a channel comes again.
    number: u32,
    /// Sessions that hear something.
    listeners: BTreeMap<SessionId, Listener>,
    /// What came from players lately, so that nothing is taken twice.
    players: BTreeMap<String, Past>,
    budget: Budget,
    sweep_at: Instant,
}

#[derive(Debug)]
struct Topic {
    channel: Channel<SessionId>,
    /// The last number given.
    number: u32,
    /// Since when nobody hears it.
    idle_since: Option<Instant>,
}

#[derive(Debug)]
struct Listener {
    form: Form,
    outbox: Arc<Outbox>,
    subscriptions: usize,
}

#[derive(Debug)]
struct Past {
    seen: Seen,
    last: Instant,
}

/// A session that speaks to the hub.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Speaker<'a> {
    pub(crate) session: SessionId,
    pub(crate) form: Form,
    pub(crate) outbox: &'a Arc<Outbox>,
    pub(crate) player: &'a Player,
}

impl Speaker<'_> {
    fn member(&self) -> Member {
        Member { session: self.session, seat: None, name: self.player.name.clone() }
    }
}

impl Hub {
    pub(crate) fn new(terms: HubTerms, fanout: Fanout, tally: Arc<Tally>, now: Instant) -> Self {
        let (topics, listeners, players) = Default::default();
        let budget = Budget::new(terms.said);
        let state = State { topics, number: 0, listeners, players, budget, sweep_at: now };
        Self { terms, fanout, tally, state: Mutex::new(state) }
    }

    /// The session hears a channel from now on.
    pub(crate) fn subscribe(
        &self,
        now: Instant,
        speaker: Speaker<'_>,
        Subscribe { id, channel, after, .. }: Subscribe,
    ) {
        let (mut state, name) = (self.state(now), channel);
        let told = Said::Presence { by: &speaker.player.name, channel: &name };
        let admitted =
            state.budget.spread(now, told).and_then(|()| state.check_subscription(&self.terms, speaker.session, &name));
        if let Err(refusal) = admitted {
            return self.refuse(now, speaker, refusal.of(id));
        }
        state.open(now, &name, self.terms.history);
        let State { topics, listeners, .. } = &mut *state;
        let Some(Topic { channel, number, idle_since }) = topics.get_mut(&name) else { return };
        *idle_since = None;
        let is_new = !channel.has(speaker.session);
        let told = channel.add(speaker.session, speaker.member());
        let listener = listeners.entry(speaker.session).or_insert_with(|| Listener {
            form: speaker.form,
            outbox: speaker.outbox.clone(),
            subscriptions: 0,
        });
        listener.subscriptions += usize::from(is_new);
        let mut answer = vec![ServerMessage::Subscribed(channel.subscribed(id))];
        if is_new {
            // A number that was not given yet is of another relay.
            let after = after.filter(|after| after <= number).unwrap_or(0);
            answer.extend(channel.said_after(after).cloned().map(ServerMessage::Message));
        }
        self.send(now, speaker.form, speaker.outbox, &answer);
        self.tell(now, &state, speaker.session, told);
    }

    /// … no more.
    pub(crate) fn unsubscribe(&self, now: Instant, speaker: Speaker<'_>, Unsubscribe { id, channel, .. }: Unsubscribe) {
        let mut state = self.state(now);
        let told = Said::Presence { by: &speaker.player.name, channel: &channel };
        let admitted = match state.topics.get(&channel).is_some_and(|topic| topic.channel.has(speaker.session)) {
            true => state.budget.spread(now, told),
            false => Err(ErrorReply::new(ErrorCode::NoChannel, "the channel is not subscribed to")),
        };
        if let Err(refusal) = admitted {
            return self.refuse(now, speaker, refusal.of(id));
        }
        let told = state.remove(now, speaker.session, &channel);
        let answer = ServerMessage::Unsubscribed(Unsubscribed { id, scope: Scope::Relay, channel });
        self.send(now, speaker.form, speaker.outbox, [&answer]);
        self.tell(now, &state, speaker.session, told);
    }

    /// The session says something to a channel.
    pub(crate) fn publish(&self, now: Instant, speaker: Speaker<'_>, publish: Publish) {
        let Publish { id, to, content } = publish;
        let mut state = self.state(now);
        if id.as_ref().is_some_and(|id| state.has_seen(speaker.player, id)) {
            return self.acknowledge(now, speaker, id);
        }
        let message = Said::Message { by: &speaker.player.name, to: &to, content: &content };
        let said = match &to {
            Address::Channel { channel, .. } => state.budget.spread(now, message).and_then(|()| {
                self.say(now, &mut state, channel, Some(speaker.member()), content)
                    .ok_or_else(|| ErrorReply::new(ErrorCode::NoChannel, "nobody hears that channel of the relay"))
            }),
            _ => Err(ErrorReply::new(ErrorCode::NoRecipient, "join a room to speak to its seats")),
        };
        match said {
            Ok(()) => {
                if let Some(id) = &id {
                    state.has_come(now, speaker.player, id.clone());
                }
                self.acknowledge(now, speaker, id);
            }
            Err(refusal) => self.refuse(now, speaker, refusal.of(id)),
        }
    }

    /// The embedder says something to a channel; false if nobody hears it.
    pub(crate) fn announce(&self, now: Instant, name: &str, content: Content) -> bool {
        let mut state = self.state(now);
        self.say(now, &mut state, name, None, content).is_some()
    }

    /// The session is gone.
    pub(crate) fn leave(&self, now: Instant, session: SessionId) {
        let mut state = self.state(now);
        if !state.listeners.contains_key(&session) {
            return;
        }
        let heard = |(name, topic): (&String, &Topic)| topic.channel.has(session).then(|| name.clone());
        let names: Vec<String> = state.topics.iter().filter_map(heard).collect();
        for name in names {
            let told = state.remove(now, session, &name);
            self.tell(now, &state, session, told);
        }
    }

    /// Whether the session hears a channel.
    pub(crate) fn hears(&self, now: Instant, session: SessionId) -> bool {
        self.state(now).listeners.contains_key(&session)
    }

    /// Channels that are there.
    pub(crate) fn channels(&self, now: Instant) -> usize {
        self.state(now).topics.len()
    }

    fn say(&self, now: Instant, state: &mut State, name: &str, from: Option<Member>, content: Content) -> Option<()> {
        if name == DEFAULT_CHANNEL {
            state.open(now, name, self.terms.history);
        }
        let topic = state.topics.get_mut(name)?;
        // At the default rate after a hundred days; clients hear from their next subscription on.
        topic.number = topic.number.checked_add(1).unwrap_or(1);
        topic.idle_since = topic.idle_since.map(|_| now);
        let to = Address::Channel { scope: Scope::Relay, channel: name.to_owned() };
        let message = Message { number: topic.number, from, to, content };
        topic.channel.keep(message.clone());
        let members: Vec<SessionId> = topic.channel.members().collect();
        self.spread(now, state, &members, &ServerMessage::Message(message));
        Some(())
    }

    /// Tells the others of a channel who has come or gone.
    fn tell(&self, now: Instant, state: &State, who: SessionId, told: impl IntoIterator<Item = Presence>) {
        for presence in told {
            let Some(topic) = state.topics.get(&presence.channel) else { return };
            let others: Vec<SessionId> = topic.channel.members().filter(|&other| other != who).collect();
            self.spread(now, state, &others, &ServerMessage::Presence(presence));
        }
    }

    /// Sends one message to many, written once for each form.
    fn spread(&self, now: Instant, state: &State, to: &[SessionId], message: &ServerMessage) {
        let unix_ms = self.terms.calendar.unix_ms(now);
        for form in Form::ALL {
            let listeners = to.iter().filter_map(|session| state.listeners.get(session));
            let mut listeners = listeners.filter(|listener| listener.form == form).peekable();
            if listeners.peek().is_some() {
                let frame = form.frames([message], None, unix_ms);
                self.fanout.spread(frame, listeners.map(|listener| listener.outbox.clone()).collect());
            }
        }
    }

    fn acknowledge(&self, now: Instant, speaker: Speaker<'_>, id: Option<MessageId>) {
        if let Some(id) = id {
            self.send(now, speaker.form, speaker.outbox, [&ServerMessage::Acked(Acked { id })]);
        }
    }

    fn refuse(&self, now: Instant, speaker: Speaker<'_>, refusal: ErrorReply) {
        self.tally.refused(refusal.code);
        self.send(now, speaker.form, speaker.outbox, [&ServerMessage::Error(refusal)]);
    }

    fn send<'a>(
        &self,
        now: Instant,
        form: Form,
        outbox: &Arc<Outbox>,
        messages: impl IntoIterator<Item = &'a ServerMessage>,
    ) {
        self.fanout.spread(form.frames(messages, None, self.terms.calendar.unix_ms(now)), vec![outbox.clone()]);
    }

    fn state(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().expect("nothing panics while it holds the channels");
        if now >= state.sweep_at {
            state.sweep(now, self.terms.memory);
            state.sweep_at = now + SWEEP_EVERY;
        }
        state
    }
}

impl State {
    fn check_subscription(&self, terms: &HubTerms, session: SessionId, name: &str) -> Result<(), ErrorReply> {
        let refused = |reason: String| Err(ErrorReply::new(ErrorCode::NoChannel, reason));
        let topic = self.topics.get(name);
        if topic.is_some_and(|topic| topic.channel.has(session)) {
            return Ok(());
        }
        if topic.is_none() && self.topics.len() >= terms.channels {
            return refused(format!("the relay has {} channels, as many as it may", terms.channels));
        }
        let subscriptions = self.listeners.get(&session).map_or(0, |listener| listener.subscriptions);
        if subscriptions >= terms.subscriptions {
            return refused(format!("{subscriptions} channels are as many as one may hear"));
        }
        Ok(())
    }

    /// A channel of this name is there from now on.
    fn open(&mut self, now: Instant, name: &str, history: Keep) {
        if !self.topics.contains_key(name) {
            let channel = Channel::new(Scope::Relay, name, history);
            self.topics.insert(name.to_owned(), Topic { channel, number: self.number, idle_since: Some(now) });
        }
    }

    /// A session hears a channel no more. What the others are told.
    fn remove(&mut self, now: Instant, session: SessionId, name: &str) -> Option<Presence> {
        let topic = self.topics.get_mut(name)?;
        let told = topic.channel.remove(session);
        if topic.channel.is_idle() {
            topic.idle_since = Some(now);
        }
        if let Some(listener) = self.listeners.get_mut(&session) {
            listener.subscriptions -= 1;
            if listener.subscriptions == 0 {
                self.listeners.remove(&session);
            }
        }
        told
    }

    fn has_seen(&self, player: &Player, id: &MessageId) -> bool {
        self.players.get(&player.id).is_some_and(|past| past.seen.contains(id))
    }

    fn has_come(&mut self, now: Instant, player: &Player, id: MessageId) {
        let past = || Past { seen: Seen::default(), last: now };
        let past = self.players.entry(player.id.clone()).or_insert_with(past);
        past.seen.insert(id);
        past.last = now;
    }

    /// Forgets what nobody misses.
    fn sweep(&mut self, now: Instant, memory: Duration) {
        let gone = |topic: &Topic| topic.idle_since.is_some_and(|since| now >= since + memory);
        for (_, topic) in self.topics.extract_if(.., |_, topic| gone(topic)) {
            self.number = self.number.max(topic.number);
        }
        self.players.retain(|_, past| now < past.last + memory);
    }
}

//! The client's side of a conversation. Sans-IO: it is told what came and when, and queues what to send and what to tell.

mod channels;
mod config;
mod ids;
mod play;
mod talk;
mod unanswered;
mod update;

pub use config::ClientConfig;
pub use talk::TalkError;
pub use update::{Counts, Update};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tickwire_protocol::{
    Acked, Auth, ClientMessage, ClientProbeReply, CloseCode, ErrorCode, ErrorReply, HostChange, Join, ListRooms,
    MessageId, PROTOCOL_VERSION, Probe, Resume, ResumeToken, SeatId, Sequence, ServerMessage, Target, Tick, Welcome,
};

use channels::Channels;
use ids::Ids;
use unanswered::Unanswered;

use crate::clock::RoomClock;
use crate::replica::Replica;

/// Between probes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// For the answer to a probe. On a slow route it is still on its way when the next is due; one that was dropped is not waited for
/// for ever.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// The conversation of one client, over one connection after the other.
#[derive(Debug)]
pub(crate) struct Session {
    config: ClientConfig,
    state: State,
    ids: Ids,
    out: VecDeque<Bytes>,
    updates: VecDeque<Update>,
    /// Takes the seat up again; none without one.
    resume: Option<ResumeToken>,
    welcome: Option<Box<Welcome>>,
    /// Whether the room of the last welcome is no longer there.
    room_gone: bool,
    replica: Option<Replica>,
    sequence: Sequence,
    /// The newest tick that an input was sent for, and how many were.
    inputs: (Tick, u32),
    clock: RoomClock,
    probe: Option<(u32, Instant)>,
    next_probe: Instant,
    /// The join that has no answer yet.
    joining: Option<MessageId>,
    /// When to ask for the room again after it was refused for now.
    next_join: Option<Instant>,
    next_nonce: u32,
    resync_asked: Option<Instant>,
    /// The number of the newest event, message or reply in the room.
    received: u32,
    /// … of those that were said in no channel: these come in order.
    heard: u32,
    channels: Channels,
    unanswered: Unanswered,
    /// The list of rooms that is to come, or to be kept up to date.
    list: Option<ListRooms>,
    /// When to ask for it again after it was refused for now.
    next_list: Option<Instant>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection.
    Offline,
    /// The token is out.
    Authenticating,
    /// The token is good; the room is asked.
    Joining,
    /// In the room.
    Playing,
}

impl Session {
    /// A conversation not begun. `prefix` begins the ids of what is said in it.
    pub(crate) fn new(config: ClientConfig, prefix: u64, now: Instant) -> Self {
        Self {
            config,
            state: State::Offline,
            ids: Ids::new(prefix),
            out: VecDeque::new(),
            updates: VecDeque::new(),
            resume: None,
            welcome: None,
            room_gone: false,
            replica: None,
            sequence: 0,
            inputs: (0, 0),
            clock: RoomClock::default(),
            probe: None,
            next_probe: now,
            joining: None,
            next_join: None,
            next_nonce: 0,
            resync_asked: None,
            received: 0,
            heard: 0,
            channels: Channels::default(),
            unanswered: Unanswered::default(),
            list: None,
            next_list: None,
            counts: Counts::default(),
        }
    }

    // What there is.

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    pub(crate) fn welcome(&self) -> Option<&Welcome> {
        self.welcome.as_deref()
    }

    pub(crate) fn seat(&self) -> Option<SeatId> {
        self.welcome()?.seat
    }

    pub(crate) fn replica(&self) -> Option<&Replica> {
        self.replica.as_ref()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.clock.rtt()
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.state == State::Playing
    }

    /// The room's tick now, with its fraction.
    pub(crate) fn server_tick(&self, now: Instant) -> Option<f64> {
        self.clock.tick(now, self.tick_rate())
    }

    fn tick_rate(&self) -> f64 {
        self.welcome().map_or(0.0, |welcome| welcome.tick_rate.into())
    }

    /// The next WebSocket message to send.
    pub(crate) fn poll_out(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// The next thing to tell.
    pub(crate) fn poll_update(&mut self) -> Option<Update> {
        self.updates.pop_front()
    }

    /// When to call [`Session::handle_timeout`]; none while there is nothing to wait for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = if self.is_playing() { Some(self.next_probe) } else { self.next_join };
        own.into_iter().chain(self.next_turn()).min()
    }

    // What happened.

    /// A connection is up.
    pub(crate) fn handle_connected(&mut self) {
        self.state = State::Authenticating;
        self.out.clear();
        let token = self.config.token.clone();
        self.send(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token }));
    }

    /// A binary message came. False if the relay does not keep to the protocol: the connection is of no use.
    pub(crate) fn handle_binary(&mut self, now: Instant, bytes: Bytes) -> bool {
        self.counts.bytes += bytes.len() as u64;
        for message in ServerMessage::decode_all(bytes) {
            let Ok(message) = message else {
                self.counts.errors += 1;
                return false;
            };
            self.handle_message(now, message);
        }
        true
    }

    /// The connection is gone, by a close with this code or without one.
    pub(crate) fn handle_lost(&mut self, code: Option<CloseCode>, reason: &str) {
        if matches!(code, Some(CloseCode::Flood | CloseCode::Unresponsive | CloseCode::Overflow | CloseCode::Kicked)) {
            self.counts.evicted += 1;
        }
        self.state = State::Offline;
        (self.joining, self.next_join, self.next_list) = (None, None, None);
        self.probe = None;
        self.channels.lost();
        self.unanswered.lost();
        self.updates.push_back(Update::Lost { code, reason: reason.to_owned() });
    }

    /// [`Session::deadline`] has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.next_join.take_if(|at| now >= *at).is_some() {
            self.join();
        }
        self.handle_turn(now);
        if !self.is_playing() || now < self.next_probe {
            return;
        }
        self.next_probe = now + PROBE_EVERY;
        if self.probe.is_none_or(|(_, sent)| now >= sent + PROBE_PATIENCE) {
            let nonce = self.next_nonce;
            self.next_nonce = nonce.wrapping_add(1);
            self.probe = Some((nonce, now));
            self.send(&ClientMessage::Probe(Probe { nonce }));
        }
    }

    /// The player goes, or waits no longer for a room.
    pub(crate) fn leave(&mut self) {
        if matches!(self.state, State::Joining | State::Playing) {
            self.send(&ClientMessage::Leave);
        }
    }

    fn handle_message(&mut self, now: Instant, message: ServerMessage) {
        match message {
            ServerMessage::Accepted(_) => {
                self.state = State::Joining;
                self.join();
                self.handle_accepted(now);
            }
            ServerMessage::Welcome(welcome) => self.handle_welcome(now, welcome),
            ServerMessage::Snapshot(body) => self.handle_snapshot(now, &body),
            ServerMessage::Event(event) => self.handle_event(event),
            ServerMessage::Error(error) => self.handle_error(now, error),
            ServerMessage::Probe(Probe { nonce }) => {
                let acked = self.replica.as_ref().map_or(0, Replica::tick);
                self.send(&ClientMessage::ProbeReply(ClientProbeReply { nonce, acked }));
            }
            ServerMessage::ProbeReply(reply) => {
                let rate = self.tick_rate();
                if let Some((_, sent)) = self.probe.take_if(|(nonce, _)| *nonce == reply.nonce) {
                    self.clock.answered(sent, now, (reply.tick, reply.phase), rate);
                }
            }
            ServerMessage::Subscribed(subscribed) => self.handle_subscribed(subscribed),
            ServerMessage::Unsubscribed(unsubscribed) => self.handle_unsubscribed(unsubscribed),
            ServerMessage::Message(message) => self.handle_talk(message),
            ServerMessage::Presence(presence) => self.updates.push_back(Update::Presence(presence)),
            ServerMessage::Acked(Acked { id }) => {
                self.unanswered.answered(&id);
                self.updates.push_back(Update::Acked { id });
            }
            ServerMessage::Reply(reply) => self.handle_reply(reply),
            ServerMessage::RoomList(list) => self.handle_room_list(list),
            ServerMessage::HostChange(HostChange { host }) => {
                self.welcome.iter_mut().for_each(|welcome| welcome.host = host);
                self.updates.push_back(Update::Host(host));
            }
        }
    }

    fn handle_error(&mut self, now: Instant, ErrorReply { code, message, retry_ms, id }: ErrorReply) {
        let joining = id.is_some() && self.joining == id;
        self.joining.take_if(|_| joining);
        match code {
            ErrorCode::ResumeRefused if joining => {
                self.resume = None;
                return self.join();
            }
            // Of a private room nobody learns that it holds no such seat.
            ErrorCode::RoomNotFound if joining && (self.resume.is_some() || self.target() != self.config.target) => {
                (self.room_gone, self.resume) = (true, None);
                return self.join();
            }
            _ => {}
        }
        let retry_in = retry_ms.map(|wait| Duration::from_millis(wait.into()));
        if joining {
            self.next_join = retry_in.map(|wait| now + wait);
        } else if id.as_ref().is_some_and(|id| !self.handle_refused(now, id, retry_in)) {
            return;
        }
        self.counts.errors += 1;
        self.updates.push_back(Update::Refused { code, message, id, retry_in });
    }

    fn join(&mut self) {
        let resume = self.resume.map(|token| Resume { token, received: self.received });
        let id = Some(self.ids.next());
        self.joining = id.clone();
        self.send(&ClientMessage::Join(Join { id, target: self.target(), role: self.config.role, resume }));
    }

    /// Back to where it was as long as that is there.
    fn target(&self) -> Target {
        match self.welcome().filter(|_| !self.room_gone) {
            None => self.config.target.clone(),
            // A stranger finds a private room by its code alone.
            Some(Welcome { code: Some(code), .. }) if self.resume.is_none() => Target::Code(code.clone()),
            Some(welcome) => Target::Room(welcome.room.clone()),
        }
    }

    fn handle_welcome(&mut self, now: Instant, welcome: Box<Welcome>) {
        let awaited = self.joining.is_some() && self.joining == welcome.id;
        if welcome.schema.check().is_err() || !awaited {
            self.counts.errors += 1;
            return;
        }
        let resumed = self.resume.is_some();
        let place = |welcome: &Welcome| (welcome.room.clone(), welcome.schema_hash);
        let elsewhere = self.welcome().is_some_and(|before| place(before) != place(&welcome));
        self.counts.reconnects += u64::from(self.welcome.is_some());
        if resumed {
            self.received = self.received.max(welcome.received);
        } else {
            // A new seat counts from the start.
            (self.sequence, self.received, self.heard) = (0, welcome.received, welcome.received);
        }
        self.state = State::Playing;
        self.joining = None;
        self.resume = welcome.seat.map(|_| welcome.resume);
        self.room_gone = false;
        self.replica = Some(Replica::new(welcome.schema.clone()));
        self.clock = RoomClock::default();
        self.next_probe = now;
        self.next_join = None;
        self.resync_asked = None;
        self.updates.push_back(Update::Joined { resumed, lost: welcome.lost });
        self.welcome = Some(welcome);
        if resumed {
            self.handle_resumed(now);
        } else {
            self.handle_joined_anew(now, elsewhere);
        }
        self.handle_timeout(now);
    }

    fn send(&mut self, message: &ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.out.push_back(out.into());
    }
}

#[cfg(test)]
mod tests;

//! The client's side of a conversation. Sans-IO: it is told what came and when, and queues what to send and what to tell.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tickwire_protocol::snapshot::{Applied, DecodeError};
use tickwire_protocol::{
    Auth, ClientMessage, ClientProbeReply, CloseCode, ErrorCode, ErrorReply, Input, Join, PROTOCOL_VERSION, Probe,
    ResumeToken, Resync, Sequence, ServerMessage, Tick, Welcome, Wire, wire,
};

use crate::clock::RoomClock;
use crate::replica::Replica;

/// Between probes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// For the answer to a probe. On a slow route it is still on its way when the next is due; one that was dropped is not waited for
/// for ever.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);

/// Between requests for a resync.
const RESYNC_EVERY: Duration = Duration::from_millis(500);

/// Inputs for one tick: one steers, a few more are a key pressed and released. A client that wakes up answers a heap of snapshots at once.
const INPUTS_A_TICK: u32 = 4;

/// Where to go and who to be.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Such as `ws://127.0.0.1:7777`.
    pub url: String,
    /// What the relay's authenticator knows the player by.
    pub token: String,
    /// The room's name.
    pub room: String,
}

/// What a client learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// It is in the room; the replica is empty until the first snapshot.
    Joined,
    /// The replica is that of a new tick.
    Snapshot {
        /// The tick.
        tick: Tick,
    },
    /// The game says something.
    Event {
        /// The tick it belongs to.
        tick: Tick,
        /// The event's name in the schema.
        name: String,
        /// Its fields: see [`Update::event`].
        record: Bytes,
    },
    /// The relay refused something; the connection stays.
    Refused {
        /// Why, for programs.
        code: ErrorCode,
        /// Why, for people.
        message: String,
    },
    /// The connection is lost and will be tried again.
    Lost {
        /// The relay's close code, if it sent one.
        code: Option<CloseCode>,
        /// Why, for people.
        reason: String,
    },
}

impl Update {
    /// The event of this type, if the update is one.
    pub fn event<E: Wire>(&self) -> Option<E> {
        match self {
            Update::Event { name, record, .. } if name == E::NAME => wire::from_record(record).ok(),
            _ => None,
        }
    }
}

/// What was counted since the client was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Payload bytes of WebSocket messages received.
    pub bytes: u64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// Snapshots that brought a snapshot hash.
    pub hash_checks: u64,
    /// … that was not the replica's.
    pub hash_mismatches: u64,
    /// Resyncs asked for.
    pub resyncs: u64,
    /// Connections after the first that got into the room.
    pub reconnects: u64,
    /// Closes by the relay: flood, no sign of life, and the like.
    pub evicted: u64,
    /// Messages that could not be read, and refusals.
    pub errors: u64,
}

/// The conversation of one client, over one connection after the other.
#[derive(Debug)]
pub(crate) struct Session {
    config: ClientConfig,
    state: State,
    out: VecDeque<Bytes>,
    updates: VecDeque<Update>,
    resume: Option<ResumeToken>,
    welcome: Option<Box<Welcome>>,
    replica: Option<Replica>,
    sequence: Sequence,
    /// The newest tick that an input was sent for, and how many were.
    inputs: (Tick, u32),
    clock: RoomClock,
    probe: Option<(u32, Instant)>,
    next_probe: Instant,
    /// When to ask for the room again after it was refused for now.
    next_join: Option<Instant>,
    next_nonce: u32,
    resync_asked: Option<Instant>,
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
    pub(crate) fn new(config: ClientConfig, now: Instant) -> Self {
        Self {
            config,
            state: State::Offline,
            out: VecDeque::new(),
            updates: VecDeque::new(),
            resume: None,
            welcome: None,
            replica: None,
            sequence: 0,
            inputs: (0, 0),
            clock: RoomClock::default(),
            probe: None,
            next_probe: now,
            next_join: None,
            next_nonce: 0,
            resync_asked: None,
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
        self.clock.tick(now, f64::from(self.welcome()?.tick_rate))
    }

    /// The next WebSocket message to send.
    pub(crate) fn poll_out(&mut self) -> Option<Bytes> {
        self.out.pop_front()
    }

    /// The next thing to tell.
    pub(crate) fn poll_update(&mut self) -> Option<Update> {
        self.updates.pop_front()
    }

    /// When to call [`Session::handle_timeout`]; none without a room.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_playing() { Some(self.next_probe) } else { self.next_join }
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
        self.next_join = None;
        self.probe = None;
        self.updates.push_back(Update::Lost { code, reason: reason.to_owned() });
    }

    /// [`Session::deadline`] has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.next_join.take_if(|at| now >= *at).is_some() {
            self.join();
        }
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

    /// The player wants something, as a record. The input's sequence; none if it was not sent: outside a room, before its first snapshot,
    /// and beyond [`INPUTS_A_TICK`].
    pub(crate) fn input(&mut self, now: Instant, record: Bytes) -> Option<Sequence> {
        let acked = self.replica.as_ref().map_or(0, Replica::tick);
        // Only the first snapshot tells the room's tick and where a seat that was taken over has counted to.
        if !self.is_playing() || acked == 0 {
            return None;
        }
        // The first tick that can still run with it.
        let arrival = self.server_tick(now).map(|tick| tick + self.trip_ticks());
        let tick = arrival.map_or(acked + 1, |tick| tick as Tick + 1);
        if self.inputs.0 != tick {
            self.inputs = (tick, 0);
        }
        if self.inputs.1 == INPUTS_A_TICK {
            return None;
        }
        self.inputs.1 += 1;
        self.sequence += 1;
        self.send(&ClientMessage::Input(Input { sequence: self.sequence, tick, acked, record }));
        Some(self.sequence)
    }

    /// The player goes.
    pub(crate) fn leave(&mut self) {
        if self.is_playing() {
            self.send(&ClientMessage::Leave);
        }
    }

    /// Ticks that a message takes to the relay.
    fn trip_ticks(&self) -> f64 {
        let rate = self.welcome().map_or(0, |welcome| welcome.tick_rate);
        self.rtt().unwrap_or_default().as_secs_f64() / 2.0 * f64::from(rate)
    }

    fn handle_message(&mut self, now: Instant, message: ServerMessage) {
        match message {
            ServerMessage::Accepted(_) => {
                self.state = State::Joining;
                self.join();
            }
            ServerMessage::Welcome(welcome) => self.handle_welcome(now, welcome),
            ServerMessage::Snapshot(body) => self.handle_snapshot(now, &body),
            ServerMessage::Event(event) => match self.event_name(event.event) {
                Some(name) => self.updates.push_back(Update::Event { tick: event.tick, name, record: event.record }),
                None => self.counts.errors += 1,
            },
            ServerMessage::Error(ErrorReply { code: ErrorCode::ResumeRefused, .. }) if self.state == State::Joining => {
                self.resume = None;
                self.join();
            }
            ServerMessage::Error(ErrorReply { code, message, retry_ms }) => {
                self.counts.errors += 1;
                if let (State::Joining, Some(wait)) = (self.state, retry_ms) {
                    self.next_join = Some(now + Duration::from_millis(wait.into()));
                }
                self.updates.push_back(Update::Refused { code, message });
            }
            ServerMessage::Probe(Probe { nonce }) => {
                let acked = self.replica.as_ref().map_or(0, Replica::tick);
                self.send(&ClientMessage::ProbeReply(ClientProbeReply { nonce, acked }));
            }
            ServerMessage::ProbeReply(reply) => {
                let rate = self.welcome().map_or(0, |welcome| welcome.tick_rate);
                if let Some((_, sent)) = self.probe.take_if(|(nonce, _)| *nonce == reply.nonce) {
                    self.clock.answered(sent, now, (reply.tick, reply.phase), f64::from(rate));
                }
            }
        }
    }

    fn join(&mut self) {
        let (room, resume) = (self.config.room.clone(), self.resume);
        self.send(&ClientMessage::Join(Join { room, resume }));
    }

    fn handle_welcome(&mut self, now: Instant, welcome: Box<Welcome>) {
        if welcome.schema.check().is_err() || self.state != State::Joining {
            self.counts.errors += 1;
            return;
        }
        self.counts.reconnects += u64::from(self.welcome.is_some());
        if self.resume.is_none() {
            // A new seat counts from the start.
            self.sequence = 0;
        }
        self.state = State::Playing;
        self.resume = Some(welcome.resume);
        self.replica = Some(Replica::new(welcome.schema.clone()));
        self.clock = RoomClock::default();
        self.next_probe = now;
        self.resync_asked = None;
        self.welcome = Some(welcome);
        self.updates.push_back(Update::Joined);
        self.handle_timeout(now);
    }

    fn handle_snapshot(&mut self, now: Instant, body: &Bytes) {
        let Some(replica) = &mut self.replica else {
            self.counts.errors += 1;
            return;
        };
        match replica.apply(body) {
            Ok(Applied::Fresh { tick, hash_matched }) => {
                self.counts.snapshots += 1;
                self.counts.hash_checks += u64::from(hash_matched.is_some());
                self.follow_seat();
                if hash_matched == Some(false) {
                    self.counts.hash_mismatches += 1;
                    self.ask_for_resync(now, Resync { base: None, desync: true });
                }
                self.updates.push_back(Update::Snapshot { tick });
            }
            Ok(Applied::Old) => {}
            Err(DecodeError::Gap { have, .. }) => {
                let base = Some(have).filter(|&tick| tick > 0);
                self.ask_for_resync(now, Resync { base, desync: false });
            }
            Err(_) => {
                self.counts.errors += 1;
                self.ask_for_resync(now, Resync { base: None, desync: true });
            }
        }
    }

    /// A seat taken over from another client of the same player has counted on.
    fn follow_seat(&mut self) {
        if let (Some(replica), Some(welcome)) = (&self.replica, &self.welcome) {
            self.sequence = self.sequence.max(replica.consumed(welcome.seat).unwrap_or(0));
        }
    }

    fn ask_for_resync(&mut self, now: Instant, resync: Resync) {
        if self.resync_asked.is_none_or(|asked| now >= asked + RESYNC_EVERY) {
            self.resync_asked = Some(now);
            self.counts.resyncs += 1;
            self.send(&ClientMessage::Resync(resync));
        }
    }

    fn event_name(&self, event: u32) -> Option<String> {
        Some(self.welcome.as_ref()?.schema.events.get(event as usize)?.name.clone())
    }

    fn send(&mut self, message: &ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.out.push_back(out.into());
    }
}

#[cfg(test)]
mod tests;

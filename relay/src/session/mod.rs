//! One connection's conversation, from its first message to its close. Sans-IO: it is told what came and when, and queues what
//! to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tickwire_protocol::text::{Context, Decoded};
use tickwire_protocol::{
    Accepted, Auth, ClientMessage, CloseCode, ErrorCode, ErrorReply, Input, Join, ListRooms, MessageId,
    PROTOCOL_VERSION, Resync, Role, Schema, ServerMessage, Tick, text,
};
use tickwire_sim::Player;

mod hear;
mod limits;

use limits::{Class, Limits, Ruling};

use crate::auth::{AuthError, Grant};
use crate::command::Saying;
use crate::config::Config;
use crate::form::Form;

/// What a session wants done. Taken by [`Session::poll`] after every `handle_*`. What is large and seldom is boxed: an
/// action is no larger than an input.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Look this token up, then [`Session::handle_verdict`].
    Authenticate { token: String },
    /// Find the room and ask for a place in it, then [`Session::handle_joined`].
    Join(Box<Wish>),
    /// Give the place up, or what was asked for.
    Leave,
    /// Say something in the room.
    Say(Box<Saying>),
    /// Say something in the relay's channels.
    SayToAll(Box<Shout>),
    /// Show the rooms.
    ListRooms(Box<ListRooms>),
    /// Hand the input to the room.
    Input(Input),
    /// The same for the next tick, whichever that is.
    NextInput(Bytes),
    /// The client has decoded the snapshot of this tick.
    Acknowledge { tick: Tick },
    /// Bring the client's replica up to date from where it is.
    Resync(Resync),
    /// Answer with the room's clock.
    ProbeReply { nonce: u32 },
    /// Send a message.
    Send(Box<ServerMessage>),
    /// Count that something was refused without a word: the client was told of others not long ago.
    Count(ErrorCode),
    /// Send a WebSocket ping.
    Ping,
    /// Close and end.
    Close(CloseCode, String),
}

const _: () = assert!(size_of::<Action>() <= size_of::<Input>() + 8);

/// A place that is asked for.
#[derive(Debug, PartialEq)]
pub(crate) struct Wish {
    /// Who asks.
    pub(crate) grant: Grant,
    pub(crate) join: Join,
}

/// Something said in the relay's channels.
#[derive(Debug, PartialEq)]
pub(crate) struct Shout {
    pub(crate) player: Player,
    pub(crate) saying: Saying,
}

/// Where the conversation stands.
#[derive(Debug)]
enum State {
    /// Connected; nothing but a token is accepted.
    AwaitingToken { until: Instant },
    /// The authenticator is asked.
    LookingUp { until: Instant },
    /// Authenticated, in no room.
    Idle { until: Instant },
    /// A room is looked for, and asked for a place.
    Joining { id: Option<MessageId>, role: Role, until: Instant },
    /// In a room.
    Playing { role: Role, schema: Arc<Schema> },
    /// Over; everything that comes is ignored.
    Closed,
}

/// The conversation of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<Config>,
    form: Form,
    state: State,
    /// What the token is worth; none before it was accepted.
    grant: Option<Grant>,
    actions: VecDeque<Action>,
    limits: Limits,
    /// The last sign of life.
    heard: Instant,
    /// See [`Session::handle_listening`].
    listens: bool,
    /// The last ping since then.
    pinged: Option<Instant>,
}

impl Session {
    pub(crate) fn new(now: Instant, config: Arc<Config>, form: Form) -> Self {
        Self {
            form,
            state: State::AwaitingToken { until: now + config.handshake_timeout },
            grant: None,
            actions: VecDeque::new(),
            limits: Limits::new(&config),
            heard: now,
            listens: false,
            pinged: None,
            config,
        }
    }

    // What to do next.

    /// The next thing to do, if any.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        let next = self.actions.pop_front();
        if self.actions.is_empty() {
            // Starts at the front again: that piece of memory is in the caches.
            self.actions.clear();
        }
        next
    }

    /// When to call [`Session::handle_timeout`].
    pub(crate) fn deadline(&self) -> Instant {
        let state = match self.state {
            State::AwaitingToken { until } | State::LookingUp { until } => until,
            State::Idle { until } if !self.listens => until.min(self.heard + self.config.unresponsive),
            State::Joining { until, .. } => until.min(self.heard + self.config.unresponsive),
            _ => self.heard + self.config.unresponsive,
        };
        state.min(self.next_ping())
    }

    /// Whether the token was accepted.
    pub(crate) fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Idle { .. } | State::Joining { .. } | State::Playing { .. })
    }

    /// What travels in the session's room, if it is in one.
    pub(crate) fn schema(&self) -> Option<&Schema> {
        match &self.state {
            State::Playing { schema, .. } => Some(schema),
            _ => None,
        }
    }

    // What happened.

    /// The URL had a token: it counts as the first message, of a client that speaks this version.
    pub(crate) fn handle_token(&mut self, now: Instant, token: String) {
        self.handle_auth(now, Auth { protocol: PROTOCOL_VERSION, token });
    }

    /// A binary message came.
    pub(crate) fn handle_binary(&mut self, now: Instant, bytes: Bytes) {
        self.heard = now;
        if self.form != Form::Binary {
            return self.close(CloseCode::Unsupported, "bytes on a text session");
        }
        let mut empty = true;
        for message in ClientMessage::decode_all(bytes) {
            if matches!(self.state, State::Closed) {
                return;
            }
            empty = false;
            match message {
                Ok(message) => self.handle_message(now, message),
                Err(error) => self.close(CloseCode::Malformed, error.to_string()),
            }
        }
        // Nothing, or nothing that this version knows, costs as much as something.
        if empty {
            self.allow(now, Class::Control, None);
        }
    }

    /// A text message came.
    pub(crate) fn handle_text(&mut self, now: Instant, text: &str) {
        self.heard = now;
        if self.form != Form::Text {
            return self.close(CloseCode::Unsupported, CloseCode::Unsupported.reason());
        }
        let decoded = text::decode(text, &Context { schema: self.schema() });
        match decoded {
            Ok(Decoded::Message(message)) => self.handle_message(now, message),
            Ok(Decoded::Input { sequence: Some(sequence), tick: Some(tick), acked, record }) => {
                self.handle_input(now, Input { sequence, tick, acked: acked.unwrap_or(0), record });
            }
            Ok(Decoded::Input { record, .. }) if self.may_play(now) => {
                self.actions.push_back(Action::NextInput(record))
            }
            Ok(Decoded::Input { .. }) => {}
            // Pongs acknowledge what was sent to a text session.
            Ok(Decoded::ProbeReply { .. } | Decoded::Nothing) => drop(self.allow(now, Class::Control, None)),
            Err(error) => self.handle_bad_text(now, &error),
        }
    }

    /// A ping came and was answered.
    pub(crate) fn handle_ping(&mut self, now: Instant) {
        self.heard = now;
        self.allow(now, Class::Control, None);
    }

    /// A pong came.
    pub(crate) fn handle_pong(&mut self, now: Instant) {
        self.heard = now;
        self.allow(now, Class::Control, None);
    }

    /// Whether the client hears a channel of the relay or of changes in the list of rooms: then it need not go to a room.
    pub(crate) fn handle_listening(&mut self, now: Instant, listens: bool) {
        if self.listens && !listens && matches!(self.state, State::Idle { .. }) {
            self.state = self.idle(now);
        }
        self.listens = listens;
    }

    /// The peer accepted bytes that had waited.
    pub(crate) fn handle_progress(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The room has not taken the last inputs yet, and this one was dropped.
    pub(crate) fn handle_input_dropped(&mut self, now: Instant) {
        if self.limits.may_warn(now) {
            self.refuse(ErrorCode::RateLimited, "too many inputs wait for their tick: this one was dropped", None);
        } else {
            self.drop_silently(ErrorCode::RateLimited);
        }
    }

    /// The authenticator has spoken.
    pub(crate) fn handle_verdict(&mut self, now: Instant, verdict: Result<Grant, AuthError>) {
        if !matches!(self.state, State::LookingUp { .. }) {
            return;
        }
        match verdict {
            Ok(grant) => {
                self.send(ServerMessage::Accepted(Accepted {
                    protocol: PROTOCOL_VERSION,
                    player: grant.player.name.clone(),
                    heartbeat_ms: self.config.heartbeat.as_millis() as u32,
                }));
                self.grant = Some(grant);
                self.state = self.idle(now);
            }
            Err(error) if error.is_final() => self.close(CloseCode::Unauthorized, error.to_string()),
            Err(error) => self.close(CloseCode::Overloaded, error.to_string()),
        }
    }

    /// The room has answered: a seat (the welcome is sent by the room itself) or why not.
    pub(crate) fn handle_joined(&mut self, now: Instant, answer: Result<(Arc<Schema>, u32), ErrorReply>) {
        let State::Joining { id, role, .. } = &mut self.state else { return };
        let (id, role) = (id.take(), *role);
        self.state = match answer {
            Ok((schema, tick_rate)) => {
                self.limits.set_inputs(self.config.inputs(tick_rate));
                State::Playing { role, schema }
            }
            Err(reply) => {
                self.send(ServerMessage::Error(reply.of(id)));
                self.idle(now)
            }
        };
    }

    /// Someone else ends this session: its room, its outbox, the relay.
    pub(crate) fn handle_end(&mut self, code: CloseCode, reason: &str) {
        self.close(code, reason);
    }

    /// [`Session::deadline`] has come.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::AwaitingToken { until } if now >= *until => {
                return self.close(CloseCode::TooSlow, "no token came in time");
            }
            State::LookingUp { until } if now >= *until => {
                return self.close(CloseCode::TooSlow, "the token could not be looked up in time");
            }
            State::Idle { until, .. } if now >= *until && !self.listens => {
                return self.close(CloseCode::TooSlow, "no room was joined in time");
            }
            State::Joining { id, until, .. } if now >= *until => {
                let id = id.take();
                self.actions.push_back(Action::Leave);
                self.refuse(ErrorCode::TimedOut, "no room was found in time", id);
                self.state = self.idle(now);
            }
            State::Closed => return,
            _ => {}
        }
        if now >= self.heard + self.config.unresponsive {
            return self.close(CloseCode::Unresponsive, CloseCode::Unresponsive.reason());
        }
        if now >= self.next_ping() {
            self.pinged = Some(now);
            self.actions.push_back(Action::Ping);
        }
    }

    // How it goes on.

    /// A client that speaks need not be asked whether it is there.
    fn next_ping(&self) -> Instant {
        self.pinged.map_or(self.heard, |pinged| pinged.max(self.heard)) + self.config.heartbeat
    }

    fn is_playing(&self) -> bool {
        matches!(self.state, State::Playing { .. })
    }

    fn idle(&self, now: Instant) -> State {
        State::Idle { until: now + self.config.idle_timeout }
    }

    /// Whether a message of this class may pass.
    fn allow(&mut self, now: Instant, class: Class, id: Option<&MessageId>) -> bool {
        match self.limits.check(now, class) {
            Ruling::Pass => return true,
            Ruling::Refuse { wait } => {
                let reply = ErrorReply::new(ErrorCode::RateLimited, "too many messages: this one was dropped");
                self.send(ServerMessage::Error(reply.retry_in(wait).of(id.cloned())));
            }
            Ruling::Drop => self.drop_silently(ErrorCode::RateLimited),
            Ruling::Evict => self.flood(),
        }
        false
    }

    fn drop_silently(&mut self, code: ErrorCode) {
        self.actions.push_back(Action::Count(code));
    }

    fn flood(&mut self) {
        self.close(CloseCode::Flood, CloseCode::Flood.reason());
    }

    fn refuse(&mut self, code: ErrorCode, message: impl Into<String>, id: Option<MessageId>) {
        self.send(ServerMessage::Error(ErrorReply::new(code, message).of(id)));
    }

    fn send(&mut self, message: ServerMessage) {
        self.actions.push_back(Action::Send(Box::new(message)));
    }

    fn close(&mut self, code: CloseCode, reason: impl Into<String>) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Closed;
            self.actions.push_back(Action::Close(code, reason.into()));
        }
    }
}

#[cfg(test)]
mod tests;

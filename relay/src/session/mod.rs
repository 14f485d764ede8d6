//! One connection's conversation, from its first message to its close. Sans-IO: it is told what came and when, and queues what
//! to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tickwire_protocol::{
    Accepted, Auth, ClientMessage, CloseCode, ErrorCode, ErrorReply, Input, Join, PROTOCOL_VERSION, Probe, ResumeToken,
    Resync, Schema, ServerMessage, ServerProbeReply, Tick, wire,
};
use tickwire_sim::Player;

mod limits;

use limits::{Class, Limits, Ruling};

use crate::auth::{AuthError, Grant};
use crate::config::Config;

/// What a session wants done. Taken by [`Session::poll`] after every `handle_*`.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Look this token up, then [`Session::handle_verdict`].
    Authenticate { token: String },
    /// Ask for a seat, then [`Session::handle_joined`].
    Join { player: Player, room: String, resume: Option<ResumeToken> },
    /// Give the seat up.
    Leave,
    /// Hand the input to the room.
    Input(Input),
    /// The client has decoded the snapshot of this tick.
    Acknowledge { tick: Tick },
    /// Bring the client's replica up to date from where it is.
    Resync(Resync),
    /// Answer with the room's clock.
    ProbeReply { nonce: u32 },
    /// Send a message.
    Send(ServerMessage),
    /// Send a WebSocket ping.
    Ping,
    /// Close and end.
    Close(CloseCode, String),
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
    /// A room is asked for a seat.
    Joining { until: Instant },
    /// In a room.
    Playing { schema: Arc<Schema> },
    /// Over; everything that comes is ignored.
    Closed,
}

/// The conversation of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    config: Arc<Config>,
    state: State,
    /// What the token is worth; none before it was accepted.
    grant: Option<Grant>,
    actions: VecDeque<Action>,
    limits: Limits,
    /// The last sign of life.
    heard: Instant,
    /// The last ping since then.
    pinged: Option<Instant>,
}

impl Session {
    pub(crate) fn new(now: Instant, config: Arc<Config>) -> Self {
        Self {
            state: State::AwaitingToken { until: now + config.handshake_timeout },
            grant: None,
            actions: VecDeque::new(),
            limits: Limits::new(&config),
            heard: now,
            pinged: None,
            config,
        }
    }

    // What to do next.

    /// The next thing to do, if any.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`Session::handle_timeout`].
    pub(crate) fn deadline(&self) -> Instant {
        let state = match self.state {
            State::AwaitingToken { until } | State::LookingUp { until } => until,
            State::Idle { until, .. } | State::Joining { until, .. } => {
                until.min(self.heard + self.config.unresponsive)
            }
            _ => self.heard + self.config.unresponsive,
        };
        state.min(self.next_ping())
    }

    /// Whether the token was accepted.
    pub(crate) fn is_authenticated(&self) -> bool {
        matches!(self.state, State::Idle { .. } | State::Joining { .. } | State::Playing { .. })
    }

    // What happened.

    /// The URL had a token: it counts as the first message, of a client that speaks this version.
    pub(crate) fn handle_token(&mut self, now: Instant, token: String) {
        self.handle_auth(now, Auth { protocol: PROTOCOL_VERSION, token });
    }

    /// A binary message came.
    pub(crate) fn handle_binary(&mut self, now: Instant, bytes: Bytes) {
        self.heard = now;
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
            self.allow(now, Class::Control);
        }
    }

    /// A text message came, which this subprotocol does not have.
    pub(crate) fn handle_text(&mut self) {
        self.close(CloseCode::Unsupported, CloseCode::Unsupported.reason());
    }

    /// A ping came and was answered.
    pub(crate) fn handle_ping(&mut self, now: Instant) {
        self.heard = now;
        self.allow(now, Class::Control);
    }

    /// A pong came.
    pub(crate) fn handle_pong(&mut self, now: Instant) {
        self.heard = now;
        self.allow(now, Class::Control);
    }

    /// The peer accepted bytes that had waited.
    pub(crate) fn handle_progress(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The room has not taken the last inputs yet, and this one was dropped.
    pub(crate) fn handle_input_dropped(&mut self, now: Instant) {
        if self.limits.may_warn(now) {
            self.refuse(ErrorCode::RateLimited, "too many inputs wait for their tick: this one was dropped");
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
        if !matches!(self.state, State::Joining { .. }) {
            return;
        }
        self.state = match answer {
            Ok((schema, tick_rate)) => {
                self.limits.set_inputs(self.config.inputs(tick_rate));
                State::Playing { schema }
            }
            Err(reply) => {
                self.send(ServerMessage::Error(reply));
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
        match self.state {
            State::AwaitingToken { until } if now >= until => {
                return self.close(CloseCode::TooSlow, "no token came in time");
            }
            State::LookingUp { until } if now >= until => {
                return self.close(CloseCode::TooSlow, "the token could not be looked up in time");
            }
            State::Idle { until, .. } if now >= until => {
                return self.close(CloseCode::TooSlow, "no room was joined in time");
            }
            State::Joining { until, .. } if now >= until => {
                return self.close(CloseCode::TooSlow, "the room did not answer in time");
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

    fn handle_message(&mut self, now: Instant, message: ClientMessage) {
        if let ClientMessage::Input(input) = message {
            return self.handle_input(now, input);
        }
        let class = match message {
            ClientMessage::Join(_) => Class::Join,
            ClientMessage::Resync(_) => Class::Resync,
            _ => Class::Control,
        };
        if !self.allow(now, class) {
            return;
        }
        match message {
            ClientMessage::Auth(auth) => self.handle_auth(now, auth),
            _ if matches!(self.state, State::AwaitingToken { .. } | State::LookingUp { .. }) => {
                self.close(CloseCode::Malformed, "authenticate first");
            }
            ClientMessage::Join(join) => self.handle_join(now, join),
            ClientMessage::Leave => self.handle_leave(now),
            ClientMessage::Resync(resync) if self.is_playing() => {
                self.actions.push_back(Action::Resync(resync));
            }
            ClientMessage::Resync(_) => self.refuse(ErrorCode::NotJoined, "join a room first"),
            ClientMessage::Probe(Probe { nonce }) if self.is_playing() => {
                self.actions.push_back(Action::ProbeReply { nonce });
            }
            ClientMessage::Probe(Probe { nonce }) => {
                self.send(ServerMessage::ProbeReply(ServerProbeReply { nonce, tick: 0, phase: 0 }));
            }
            ClientMessage::ProbeReply(reply) if self.is_playing() => {
                self.actions.push_back(Action::Acknowledge { tick: reply.acked });
            }
            // From the room that was left.
            ClientMessage::ProbeReply(_) => {}
            ClientMessage::Input(_) => unreachable!("inputs were taken out above"),
        }
    }

    fn handle_auth(&mut self, now: Instant, auth: Auth) {
        match self.state {
            State::AwaitingToken { .. } if auth.protocol != PROTOCOL_VERSION => {
                let reason = format!("protocol version {} is spoken here, not {}", PROTOCOL_VERSION, auth.protocol);
                self.close(CloseCode::Version, reason);
            }
            State::AwaitingToken { .. } => {
                self.state = State::LookingUp { until: now + self.config.lookup_timeout };
                self.actions.push_back(Action::Authenticate { token: auth.token });
            }
            _ => self.close(CloseCode::Malformed, "one token is enough"),
        }
    }

    fn handle_join(&mut self, now: Instant, Join { room, resume }: Join) {
        let Some(Grant { player, room: only }) =
            self.grant.as_ref().filter(|_| matches!(self.state, State::Idle { .. }))
        else {
            return self.refuse(ErrorCode::Busy, "leave the room before you join one");
        };
        if only.as_ref().is_some_and(|only| *only != room) {
            return self.refuse(ErrorCode::Forbidden, "the token is for another room");
        }
        self.actions.push_back(Action::Join { player: player.clone(), room, resume });
        self.state = State::Joining { until: now + self.config.idle_timeout };
    }

    fn handle_leave(&mut self, now: Instant) {
        if self.is_playing() {
            self.actions.push_back(Action::Leave);
            self.state = self.idle(now);
        } else {
            self.refuse(ErrorCode::NotJoined, "there is no room to leave");
        }
    }

    fn handle_input(&mut self, now: Instant, input: Input) {
        let State::Playing { schema } = &self.state else {
            if matches!(self.state, State::AwaitingToken { .. } | State::LookingUp { .. }) {
                self.close(CloseCode::Malformed, "authenticate first");
            } else if self.allow(now, Class::Control) {
                // Sent before the client heard that it is out of the room.
                self.refuse(ErrorCode::NotJoined, "join a room first");
            }
            return;
        };
        let schema = schema.clone();
        if !self.allow(now, Class::Input) {
            return;
        }
        match wire::check_record(&schema.input, &input.record) {
            Ok(()) => self.actions.push_back(Action::Input(input)),
            // As costly as a message too many.
            Err(_) if !self.limits.tolerates(now) => self.flood(),
            Err(error) if self.limits.may_warn(now) => self.refuse(ErrorCode::InputRefused, &error.to_string()),
            Err(_) => {}
        }
    }

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
    fn allow(&mut self, now: Instant, class: Class) -> bool {
        match self.limits.check(now, class) {
            Ruling::Pass => return true,
            Ruling::Refuse { wait } => self.send(ServerMessage::Error(ErrorReply {
                code: ErrorCode::RateLimited,
                message: "too many messages: this one was dropped".into(),
                retry_ms: Some(wait.as_millis() as u32 + 1),
            })),
            Ruling::Drop => {}
            Ruling::Evict => self.flood(),
        }
        false
    }

    fn flood(&mut self) {
        self.close(CloseCode::Flood, CloseCode::Flood.reason());
    }

    fn refuse(&mut self, code: ErrorCode, message: &str) {
        self.send(ServerMessage::Error(ErrorReply { code, message: message.into(), retry_ms: None }));
    }

    fn send(&mut self, message: ServerMessage) {
        self.actions.push_back(Action::Send(message));
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

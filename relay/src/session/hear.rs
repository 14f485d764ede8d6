//! What a client says, and whether it may.

use std::time::Instant;

use tickwire_protocol::text::TextError;
use tickwire_protocol::{
    Address, Auth, ClientMessage, CloseCode, ErrorCode, Input, Join, PROTOCOL_VERSION, Probe, Publish, Role, Scope,
    ServerMessage, ServerProbeReply, Target, wire,
};

use super::limits::Class;
use super::{Action, Session, Shout, State, Wish};
use crate::auth::Grant;
use crate::command::Saying;

impl Session {
    /// Text that is no message is answered where it can be, and counts as one.
    pub(super) fn handle_bad_text(&mut self, now: Instant, error: &TextError) {
        let Some(reply) = error.reply() else { return self.close(CloseCode::Unsupported, error.to_string()) };
        if self.grant.is_none() {
            return self.close(CloseCode::Malformed, reply.message);
        }
        if self.allow(now, Class::Control, reply.id.as_ref()) {
            self.send(ServerMessage::Error(reply));
        }
    }

    pub(super) fn handle_message(&mut self, now: Instant, message: ClientMessage) {
        if let ClientMessage::Input(input) = message {
            return self.handle_input(now, input);
        }
        let class = match message {
            ClientMessage::Join(_) => Class::Join,
            ClientMessage::Resync(_) => Class::Resync,
            ClientMessage::ListRooms(_) => Class::Lookup,
            ClientMessage::Subscribe(_)
            | ClientMessage::Unsubscribe(_)
            | ClientMessage::Publish(_)
            | ClientMessage::Tell(_)
            | ClientMessage::Request(_) => Class::Message,
            _ => Class::Control,
        };
        if !self.allow(now, class, message.id()) {
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
            ClientMessage::Resync(_) => self.refuse(ErrorCode::NotJoined, "join a room first", None),
            ClientMessage::ListRooms(list) => self.actions.push_back(Action::ListRooms(Box::new(list))),
            ClientMessage::Subscribe(subscribe) => self.say(subscribe.scope, Saying::Subscribe(subscribe)),
            ClientMessage::Unsubscribe(unsubscribe) => self.say(unsubscribe.scope, Saying::Unsubscribe(unsubscribe)),
            ClientMessage::Publish(publish) => self.say(scope_of(&publish), Saying::Publish(publish)),
            ClientMessage::Tell(tell) => self.say(Scope::Room, Saying::Tell(tell)),
            ClientMessage::Request(request) => self.say(Scope::Room, Saying::Request(request)),
            // From the room that was left.
            ClientMessage::Ack(_) if !self.is_playing() => {}
            ClientMessage::Ack(ack) => self.say(Scope::Room, Saying::Ack { number: ack.number }),
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

    pub(super) fn handle_auth(&mut self, now: Instant, auth: Auth) {
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

    fn handle_join(&mut self, now: Instant, join: Join) {
        let Join { id, target, role, .. } = &join;
        let Some(grant) = self.grant.as_ref().filter(|_| matches!(self.state, State::Idle { .. })) else {
            return self.refuse(ErrorCode::Busy, "leave the room, or the queue, before you join another", id.clone());
        };
        let patience = match target {
            Target::Queue(_) => self.config.queue_timeout,
            _ => self.config.idle_timeout,
        };
        self.state = State::Joining { id: id.clone(), role: *role, until: now + patience };
        self.actions.push_back(Action::Join(Box::new(Wish { grant: grant.clone(), join })));
    }

    fn handle_leave(&mut self, now: Instant) {
        if matches!(self.state, State::Playing { .. } | State::Joining { .. }) {
            self.actions.push_back(Action::Leave);
            self.state = self.idle(now);
        } else {
            self.refuse(ErrorCode::NotJoined, "there is no room to leave", None);
        }
    }

    fn say(&mut self, scope: Scope, saying: Saying) {
        match (scope, &self.grant) {
            (Scope::Room, _) if self.is_playing() => self.actions.push_back(Action::Say(Box::new(saying))),
            (Scope::Relay, Some(Grant { player, room: None })) => {
                self.actions.push_back(Action::SayToAll(Box::new(Shout { player: player.clone(), saying })));
            }
            (Scope::Relay, _) => self.refuse(ErrorCode::Forbidden, "the token is for one room", saying.id().cloned()),
            (Scope::Room, _) => self.refuse(ErrorCode::NotJoined, "join a room first", saying.id().cloned()),
        }
    }

    pub(super) fn handle_input(&mut self, now: Instant, input: Input) {
        if !self.may_play(now) {
            return;
        }
        let checked = self.schema().map(|schema| wire::check_record(&schema.input, &input.record));
        match checked.unwrap_or(Ok(())) {
            Ok(()) => self.actions.push_back(Action::Input(input)),
            // As costly as a message too many.
            Err(_) if !self.limits.tolerates(now) => self.flood(),
            Err(error) if self.limits.may_warn(now) => self.refuse(ErrorCode::InputRefused, error.to_string(), None),
            Err(_) => self.drop_silently(ErrorCode::InputRefused),
        }
    }

    /// Whether an input may come; if not, it was answered.
    pub(super) fn may_play(&mut self, now: Instant) -> bool {
        let (code, reason) = match self.state {
            State::AwaitingToken { .. } | State::LookingUp { .. } => {
                self.close(CloseCode::Malformed, "authenticate first");
                return false;
            }
            State::Playing { role: Role::Player, .. } => return self.allow(now, Class::Input, None),
            State::Playing { .. } => (ErrorCode::Forbidden, "spectators play no part"),
            // Sent before the client heard that it is out of the room.
            _ => (ErrorCode::NotJoined, "join a room first"),
        };
        if self.allow(now, Class::Control, None) {
            self.refuse(code, reason, None);
        }
        false
    }
}

/// Where a message is said.
fn scope_of(publish: &Publish) -> Scope {
    match publish.to {
        Address::Channel { scope, .. } => scope,
        Address::Seats(_) | Address::Host => Scope::Room,
    }
}

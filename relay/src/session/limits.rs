//! How much a client may still say, by class of message: one too many is dropped with a warning, too many of those end the session.

use std::time::{Duration, Instant};

use crate::config::Config;
use crate::limit::{Gcra, Rate};

/// A client is told at most once in this time that something is dropped.
const WARN_EVERY: Duration = Duration::from_secs(1);

/// What a message counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Asks for a room.
    Join,
    /// Asks for a resync.
    Resync,
    /// Wants something in the game.
    Input,
    /// Says something to others or to the game.
    Message,
    /// Asks which rooms there are.
    Lookup,
    /// All else, WebSocket control frames and messages with nothing in them included.
    Control,
}

impl Class {
    /// Whether each message of it gets an answer.
    fn is_answered(self) -> bool {
        matches!(self, Class::Join | Class::Message | Class::Lookup)
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ruling {
    /// Take it.
    Pass,
    /// Drop it, and tell the client to wait so long.
    Refuse { wait: Duration },
    /// Drop it; the client was told of others not long ago.
    Drop,
    /// Drop it, and the client with it.
    Evict,
}

/// The limits of one session.
#[derive(Debug)]
pub(super) struct Limits {
    joins: Gcra,
    resyncs: Gcra,
    inputs: Gcra,
    messages: Gcra,
    lookups: Gcra,
    control: Gcra,
    excess: Gcra,
    warned: Option<Instant>,
}

impl Limits {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            joins: Gcra::new(config.joins),
            resyncs: Gcra::new(config.resyncs),
            // Replaced by the room's when there is one.
            inputs: Gcra::new(Rate { per_second: 1, burst: 1 }),
            messages: Gcra::new(config.messages),
            lookups: Gcra::new(config.lookups),
            control: Gcra::new(config.control_messages),
            excess: Gcra::new(config.excess),
            warned: None,
        }
    }

    /// In a room, inputs come at its rate.
    pub(super) fn set_inputs(&mut self, rate: Rate) {
        self.inputs = Gcra::new(rate);
    }

    /// Whether a message of this class may pass.
    pub(super) fn check(&mut self, now: Instant, class: Class) -> Ruling {
        let limit = match class {
            Class::Join => &mut self.joins,
            Class::Resync => &mut self.resyncs,
            Class::Input => &mut self.inputs,
            Class::Message => &mut self.messages,
            Class::Lookup => &mut self.lookups,
            Class::Control => &mut self.control,
        };
        match limit.check(now, 1) {
            Ok(()) => Ruling::Pass,
            Err(_) if !self.tolerates(now) => Ruling::Evict,
            // Who asks for something waits for the answer.
            Err(wait) if self.may_warn(now) || class.is_answered() => Ruling::Refuse { wait },
            Err(_) => Ruling::Drop,
        }
    }

    /// Counts something that was dropped; false if it was one too many.
    pub(super) fn tolerates(&mut self, now: Instant) -> bool {
        self.excess.check(now, 1).is_ok()
    }

    /// Whether the client may be told that something is dropped.
    pub(super) fn may_warn(&mut self, now: Instant) -> bool {
        let may = self.warned.is_none_or(|at| now >= at + WARN_EVERY);
        if may {
            self.warned = Some(now);
        }
        may
    }
}

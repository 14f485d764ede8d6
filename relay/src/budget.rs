//! What all people of a room, or of the relay's channels, may say together.

use std::time::Instant;

use tickwire_protocol::{ErrorCode, ErrorReply};

use crate::limit::{Gcra, Rate};

/// Bytes that a message is more than its content: who says it, in which channel, and all that the text form puts around it.
const AROUND: u32 = 128;

/// How much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// Messages to others, and apart from these to the game.
    pub(crate) messages: Rate,
    /// Bytes of what is said to others: each of them gets all of it.
    pub(crate) bytes: Rate,
}

/// How much of it is left.
#[derive(Debug)]
pub(crate) struct Budget {
    messages: Gcra,
    bytes: Gcra,
    tells: Gcra,
}

impl Budget {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self {
            messages: Gcra::new(allowed.messages),
            bytes: Gcra::new(allowed.bytes),
            tells: Gcra::new(allowed.messages),
        }
    }

    /// Whether something with so many bytes of content may be said to others, or that someone comes or goes.
    pub(crate) fn spread(&mut self, now: Instant, bytes: usize) -> Result<(), ErrorReply> {
        self.bytes.check(now, bytes as u32 + AROUND).map_err(too_much)?;
        self.messages.check(now, 1).map_err(too_much)
    }

    /// Whether something may be said to the game.
    pub(crate) fn tell(&mut self, now: Instant) -> Result<(), ErrorReply> {
        self.tells.check(now, 1).map_err(too_much)
    }
}

fn too_much(wait: std::time::Duration) -> ErrorReply {
    ErrorReply::new(ErrorCode::RateLimited, "too much is said here").retry_in(wait)
}

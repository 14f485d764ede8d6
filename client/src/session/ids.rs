//! The ids of what a client says.

use tickwire_protocol::MessageId;

/// Ids that no other message has.
#[derive(Debug)]
pub(super) struct Ids {
    /// Distinguishes this client's from those of another of the same player.
    prefix: u64,
    last: u64,
}

impl Ids {
    pub(super) fn new(prefix: u64) -> Self {
        Self { prefix, last: 0 }
    }

    pub(super) fn next(&mut self) -> MessageId {
        self.last += 1;
        format!("{:x}.{}", self.prefix, self.last)
    }
}

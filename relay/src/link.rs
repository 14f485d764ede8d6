//! A room's, or the relay's, way to one session.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use tickwire_protocol::CloseCode;

use crate::form::Form;
use crate::outbox::{Outbox, Stay};
use crate::snapshot::Snapshot;

/// A session's number in its relay, never used twice.
pub(crate) type SessionId = u64;

/// A room's way to one session. It leads nowhere once the session has left the room.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) session: SessionId,
    pub(crate) form: Form,
    pub(crate) stay: Stay,
    pub(crate) outbox: Arc<Outbox>,
}

impl Link {
    /// See [`Outbox::push`].
    pub(crate) fn push(&self, now: Instant, frame: Bytes) {
        self.outbox.push_from(now, self.stay, frame);
    }

    /// See [`Outbox::offer`].
    pub(crate) fn offer(&self, now: Instant, deltas: &[Snapshot]) -> usize {
        self.outbox.offer(now, self.stay, deltas)
    }

    /// See [`Outbox::put_resync`].
    pub(crate) fn put_resync(&self, now: Instant, resync: &Snapshot) -> usize {
        self.outbox.put_resync(now, self.stay, resync)
    }

    /// See [`Outbox::end_from`].
    pub(crate) fn end(&self, code: CloseCode, reason: &str) {
        self.outbox.end_from(self.stay, code, reason);
    }
}

#[cfg(test)]
impl Link {
    /// A session that takes everything and says nothing.
    pub(crate) fn silent(session: SessionId) -> Self {
        #[derive(Debug)]
        struct Void;
        impl crate::outbox::Sink for Void {
            fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
                Ok(bytes.len())
            }
        }
        let lag = std::time::Duration::from_secs(1);
        let caps = crate::outbox::Caps { bytes: 1000, frames: 4, lag, form: Form::Binary };
        let outbox = Arc::new(Outbox::new(Void, caps));
        Self { session, form: Form::Binary, stay: outbox.enter(30, 1), outbox }
    }
}

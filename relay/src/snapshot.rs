//! Snapshots as they lie in outboxes: framed, with and without a question behind.

use bytes::{Bytes, BytesMut};
use tickwire_protocol::{Tick, put_snapshot};
use tickwire_sim::{Delta, Every};

use crate::form::Form;
use crate::frame::{MAX_HEADER, put_frame};

/// A delta or a resync, framed.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) every: Every,
    pub(crate) base: Option<Tick>,
    pub(crate) tick: Tick,
    /// A WebSocket frame.
    pub(crate) frame: Bytes,
    /// The same, and a second one behind it that asks for an acknowledgement.
    pub(crate) probing: Bytes,
}

impl Snapshot {
    pub(crate) fn of_delta(every: Every, delta: Delta<'_>) -> Self {
        let mut payload = Vec::with_capacity(delta.body.len() + MAX_HEADER);
        put_snapshot(&mut payload, delta.body);
        Self::new(Form::Binary, every, (delta.base, delta.tick), &payload)
    }

    /// Around one or more messages, from a base to a tick.
    pub(crate) fn new(form: Form, every: Every, (base, tick): (Option<Tick>, Tick), payload: &[u8]) -> Self {
        let mut out = BytesMut::with_capacity(payload.len() + 3 * MAX_HEADER);
        put_frame(&mut out, form.opcode(), payload);
        let length = out.len();
        form.put_probe(&mut out, tick);
        let probing = out.freeze();
        Self { every, base, tick, frame: probing.slice(..length), probing }
    }
}

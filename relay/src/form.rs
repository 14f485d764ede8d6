//! How messages are written: as binary frames, or as JSON for people.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use tickwire_protocol::{Probe, SUBPROTOCOL, Schema, ServerMessage, Tick, text};

use crate::frame::{MAX_HEADER, Opcode, put_frame};

/// How a session's messages are written: by the subprotocol that it chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `tickwire.v1`.
    Binary,
    /// `tickwire.v1.json`.
    Text,
}

impl Form {
    /// Every form.
    pub(crate) const ALL: [Form; 2] = [Form::Binary, Form::Text];

    /// The WebSocket subprotocol that stands for it.
    pub(crate) fn subprotocol(self) -> &'static str {
        match self {
            Form::Binary => SUBPROTOCOL,
            Form::Text => text::SUBPROTOCOL,
        }
    }

    /// Of its frames.
    pub(crate) fn opcode(self) -> Opcode {
        match self {
            Form::Binary => Opcode::Binary,
            Form::Text => Opcode::Text,
        }
    }

    /// Messages as WebSocket frames: one binary frame for all, or a text frame each.
    pub(crate) fn frames<'a>(
        self,
        messages: impl IntoIterator<Item = &'a ServerMessage>,
        schema: Option<&Schema>,
        unix_ms: u64,
    ) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Form::Binary => {
                let mut payload = Vec::new();
                messages.into_iter().for_each(|message| message.encode(&mut payload));
                out.reserve(payload.len() + MAX_HEADER);
                put_frame(&mut out, Opcode::Binary, &payload);
            }
            Form::Text => {
                let texts = messages.into_iter().filter_map(|message| text::encode(message, schema, unix_ms));
                texts.for_each(|text| put_frame(&mut out, Opcode::Text, text.as_bytes()));
            }
        }
        out.freeze()
    }

    /// Appends a frame that asks which tick has come: a [`Probe`]; of a person's client a ping, which every client answers by itself.
    pub(crate) fn put_probe(self, out: &mut BytesMut, tick: Tick) {
        match self {
            Form::Binary => {
                let mut payload = Vec::new();
                ServerMessage::Probe(Probe { nonce: tick }).encode(&mut payload);
                put_frame(out, Opcode::Binary, &payload);
            }
            Form::Text => put_frame(out, Opcode::Ping, &tick.to_be_bytes()),
        }
    }
}

/// Bytes of a text in JSON, where six stand for a control character.
pub(crate) fn written(text: &str) -> usize {
    let of = |byte| match byte {
        0..0x20 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

/// The tick that a pong acknowledges, if its ping was a probe's.
pub(crate) fn probed_tick(pong: &[u8]) -> Option<Tick> {
    pong.try_into().ok().map(Tick::from_be_bytes)
}

/// What the date was when the relay's clock stood somewhere: from then on the clock alone tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calendar {
    start: Instant,
    unix: Duration,
}

impl Calendar {
    pub(crate) fn new(start: Instant, date: SystemTime) -> Self {
        Self { start, unix: date.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() }
    }

    /// Milliseconds since 1970.
    pub(crate) fn unix_ms(&self, now: Instant) -> u64 {
        (self.unix + now.saturating_duration_since(self.start)).as_millis() as u64
    }
}

//! What all people of a room, or of the relay's channels, may say together.

use std::time::Instant;

use tickwire_protocol::{Address, Content, ErrorCode, ErrorReply};

use crate::form::written;
use crate::limit::{Gcra, Rate};

/// Bytes that the text form puts around what a message says: its keys and numbers.
const AROUND: usize = 224;

/// Something that is said to others.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Said<'a> {
    /// By whom, to whom and what.
    Message { by: &'a str, to: &'a Address, content: &'a Content },
    /// Who comes to a channel or goes.
    Presence { by: &'a str, channel: &'a str },
}

impl Said<'_> {
    /// Bytes in text, which is the longer form.
    fn bytes(&self) -> usize {
        let (by, channel, more) = match self {
            Self::Presence { by, channel } => (by, *channel, 0),
            Self::Message { by, to, content } => {
                let (channel, seats) = match to {
                    Address::Channel { channel, .. } => (channel.as_str(), 0),
                    Address::Seats(seats) => ("", seats.len()),
                    Address::Host => ("", 0),
                };
                let content = match content {
                    Content::Json(text) => text.len(),
                    Content::Bytes(bytes) => bytes.len().div_ceil(3) * 4,
                };
                (by, channel, seats * "65535,".len() + content)
            }
        };
        // A channel of the relay is in the message's id, too.
        AROUND + written(by) + 2 * written(channel) + more
    }
}

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

    /// Whether something may be said to others.
    pub(crate) fn spread(&mut self, now: Instant, said: Said<'_>) -> Result<(), ErrorReply> {
        self.bytes.check(now, said.bytes() as u32).map_err(too_much)?;
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

#[cfg(test)]
mod tests {
    use tickwire_protocol::{Member, Message, Presence, Scope, SeatId, ServerMessage};

    use super::*;
    use crate::form::Form;

    #[test]
    fn a_message_counts_as_much_as_it_takes_in_text_and_little_more() {
        let name = "\"\\".repeat(64);
        let member = || Member { session: u64::MAX, seat: Some(SeatId(u16::MAX)), name: name.clone() };
        let channel = |scope, channel: &str| Address::Channel { scope, channel: channel.to_owned() };
        let mut all = Vec::new();
        for to in [
            channel(Scope::Room, "main"),
            channel(Scope::Relay, &"\u{1}".repeat(8)),
            Address::Seats(vec![SeatId(u16::MAX); 64]),
            Address::Host,
        ] {
            for content in [Content::Bytes(vec![7; 1000]), Content::Json("[1]".into()), Content::Json("{}".into())] {
                let said = Said::Message { by: &name, to: &to, content: &content }.bytes();
                let message = Message { number: u32::MAX, from: Some(member()), to: to.clone(), content };
                all.push((said, ServerMessage::Message(message)));
            }
            if let Address::Channel { scope, channel } = &to {
                let said = Said::Presence { by: &name, channel }.bytes();
                let (scope, channel) = (*scope, channel.clone());
                all.push((said, ServerMessage::Presence(Presence { scope, channel, member: member(), here: false })));
            }
        }
        for (said, message) in all {
            let text = Form::Text.frames([&message], None, 1 << 42).len();
            assert!((text..text + 128).contains(&said), "{said} for {text}");
        }
    }
}

//! The one table of close codes: why a connection ends, and whether trying again can help.

/// Why a connection was closed. 1000-1011 are the WebSocket's own, 4400-4503 this protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CloseCode {
    /// The client left, or the embedder ended the room in good order.
    Left,
    /// The server is going away: it restarts or stops.
    GoingAway,
    /// The WebSocket protocol itself was broken.
    Protocol,
    /// A text message on a binary session.
    Unsupported,
    /// A text message is not UTF-8.
    NotUtf8,
    /// A message above the size cap.
    TooBig,
    /// A bug in the server.
    Internal,
    /// Bytes that decode to no message, or a message that is not allowed in this state.
    Malformed,
    /// The token was refused.
    Unauthorized,
    /// The request, the token or its verdict did not come in time.
    TooSlow,
    /// A newer session of the same player took the seat.
    Replaced,
    /// The embedder or the game ended this session.
    Kicked,
    /// The client speaks a protocol version that this server does not.
    Version,
    /// More messages or bytes than the limits allow, in spite of warnings.
    Flood,
    /// Neither a byte accepted nor a ping answered in time.
    Unresponsive,
    /// What must not be lost piled up beyond the outbox's cap.
    Overflow,
    /// The room ended by a fault of the game.
    RoomFailed,
    /// No place for another session now.
    Overloaded,
}

/// Every code: its number, whether trying again can help, and what the client is told.
const TABLE: &[(CloseCode, u16, bool, &str)] = &[
    (CloseCode::Left, 1000, false, "left"),
    (CloseCode::GoingAway, 1001, true, "the server is going away"),
    (CloseCode::Protocol, 1002, false, "the WebSocket protocol was broken"),
    (CloseCode::Unsupported, 1003, false, "a message that this subprotocol does not have"),
    (CloseCode::NotUtf8, 1007, false, "a text that is not UTF-8"),
    (CloseCode::TooBig, 1009, false, "the message is too big"),
    (CloseCode::Internal, 1011, true, "internal error"),
    (CloseCode::Malformed, 4400, false, "malformed message"),
    (CloseCode::Unauthorized, 4401, false, "the token was refused"),
    (CloseCode::TooSlow, 4408, true, "too slow"),
    (CloseCode::Replaced, 4409, false, "replaced by a newer session"),
    (CloseCode::Kicked, 4410, false, "kicked"),
    (CloseCode::Version, 4426, false, "this protocol version is not spoken here"),
    (CloseCode::Flood, 4429, true, "too many messages"),
    (CloseCode::Unresponsive, 4430, true, "no sign of life"),
    (CloseCode::Overflow, 4431, true, "too far behind"),
    (CloseCode::RoomFailed, 4500, false, "the room failed"),
    (CloseCode::Overloaded, 4503, true, "no place now"),
];

impl CloseCode {
    /// All codes.
    pub fn all() -> impl Iterator<Item = CloseCode> {
        TABLE.iter().map(|row| row.0)
    }

    /// The code of a close frame.
    pub fn from_number(number: u16) -> Option<CloseCode> {
        TABLE.iter().find(|row| row.1 == number).map(|row| row.0)
    }

    /// Its number in a close frame.
    pub fn number(self) -> u16 {
        self.row().1
    }

    /// Whether a client should connect again (after a backoff). A code that is not in the table, and a connection lost without
    /// one, should be tried again too.
    pub fn retry(self) -> bool {
        self.row().2
    }

    /// What the client is told if nothing more exact is known.
    pub fn reason(self) -> &'static str {
        self.row().3
    }

    fn row(self) -> &'static (CloseCode, u16, bool, &'static str) {
        TABLE.iter().find(|row| row.0 == self).expect("every code has a row, as the test below checks")
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.reason(), self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_its_numbers_are_unique() {
        for code in CloseCode::all() {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert!(code.reason().len() <= 123, "a close frame holds 123 bytes of reason");
        }
        for &(code, number, retry, reason) in TABLE {
            let again = if retry { "retry" } else { "terminal" };
            let row = format!("| {number} | `{code:?}` | {again} | {reason} |");
            assert!(include_str!("../PROTOCOL.md").contains(&row), "PROTOCOL.md lacks {row}");
        }
        // The last variant's discriminant counts the variants.
        assert_eq!(TABLE.len(), CloseCode::Overloaded as usize + 1);
    }
}

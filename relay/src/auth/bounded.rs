//! How much a signed token, or a service, may say of a player.

use tickwire_protocol::{MAX_ROOM_NAME, is_showable};
use tickwire_sim::Player;

use super::Grant;

/// Bytes of a player's id or name, by a signed token or by a service: what others must be shown is short.
const MAX_NAME: usize = 128;

/// What of a grant is empty, too long, or can't be [shown](is_showable): `id`, `name` or `room`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfBounds(pub(crate) &'static str);

impl Grant {
    /// What is said of a player, if all of it is within bounds. A player without a name has its id for one.
    pub(crate) fn bounded(id: String, name: Option<String>, room: Option<String>) -> Result<Self, OutOfBounds> {
        let name = name.unwrap_or_else(|| id.clone());
        let is_room = |room: &String| is_bounded(room) && room.len() <= MAX_ROOM_NAME;
        match room {
            _ if !is_bounded(&id) => Err(OutOfBounds("id")),
            _ if !is_bounded(&name) => Err(OutOfBounds("name")),
            Some(room) if !is_room(&room) => Err(OutOfBounds("room")),
            room => Ok(Self { player: Player { id, name }, room }),
        }
    }
}

/// Whether it has 1 to 128 bytes, and can be shown.
pub(super) fn is_bounded(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && is_showable(text)
}

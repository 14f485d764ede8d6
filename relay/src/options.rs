//! What a room is beside its match.

use std::time::Duration;

use tickwire_protocol::Labels;

/// What a room can be given beside its game and its match's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOptions {
    /// What it is a room of, for those who look for one. Default `game`.
    pub kind: String,
    /// What is known of it, for filters. Default none.
    pub labels: Labels,
    /// Anything that others may want to know; at most [`MAX_METADATA`](crate::MAX_METADATA) bytes. Default none.
    pub metadata: String,
    /// Whether it is found by its join code alone, which its players learn, or with a token that is [for it](crate::Grant::room). Default no.
    pub private: bool,
    /// Whether it lets nobody in but those who hold a seat or a reservation. Default no.
    pub locked: bool,
    /// Spectators at once. Default 64: they cost as much to send to as players.
    pub spectators: usize,
    /// Ticks by which spectators see and hear everything later. Default 0; a game in which to know where others are is an advantage wants some
    /// seconds.
    pub spectator_delay: u32,
    /// How long it stays when nobody is in it. Default none: for ever. Rooms that players have created stay
    /// [`Config::empty_time`](crate::Config::empty_time), and matches end when all have left them.
    pub empty_time: Option<Duration>,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            kind: "game".to_owned(),
            labels: Labels::new(),
            metadata: String::new(),
            private: false,
            locked: false,
            spectators: 64,
            spectator_delay: 0,
            empty_time: None,
        }
    }
}

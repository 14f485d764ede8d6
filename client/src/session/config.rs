//! Where a client goes.

use tickwire_protocol::{Role, Target};

/// Where to go and who to be.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Such as `ws://127.0.0.1:7777`.
    pub url: String,
    /// What the relay's authenticator knows the player by.
    pub token: String,
    /// Which room to go to at first. Who has been in one goes back to it after a lost connection, and here again only when it is gone.
    pub target: Target,
    /// As what.
    pub role: Role,
}

impl ClientConfig {
    /// A player in the room of this name.
    ///
    /// ```
    /// use tickwire_client::{ClientConfig, Role};
    ///
    /// let player = ClientConfig::new("ws://127.0.0.1:7777", "ada", "lobby");
    /// let spectator = ClientConfig { role: Role::Spectator, ..player };
    /// ```
    pub fn new(url: impl Into<String>, token: impl Into<String>, room: impl Into<String>) -> Self {
        Self { url: url.into(), token: token.into(), target: Target::Room(room.into()), role: Role::Player }
    }
}

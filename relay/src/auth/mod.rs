//! Who a token stands for, and what it allows.

use std::future::{Future, ready};
use std::pin::Pin;

use tickwire_sim::Player;

#[cfg(any(feature = "jwt", feature = "webhook"))]
mod bounded;
#[cfg(feature = "jwt")]
mod jwt;

#[cfg(any(feature = "jwt", feature = "webhook"))]
pub(crate) use bounded::OutOfBounds;
#[cfg(feature = "jwt")]
pub use jwt::{Claims, ClaimsError, JwtKey, JwtTokens, KeyError, PemPair};

/// What a token is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who shows it.
    pub player: Player,
    /// The only room that it opens; none if it opens all that are not private. The room itself may be private: then this is an invitation, which
    /// opens it by its name. Into a room whose name a player chose it does not lead by that name, private or not: who granted the room meant another.
    pub room: Option<String>,
}

impl Grant {
    /// Whether it is good for the room of this name.
    pub(crate) fn opens(&self, room: &str) -> bool {
        self.room.as_deref().is_none_or(|only| only == room)
    }
}

impl From<Player> for Grant {
    /// A grant of every room.
    fn from(player: Player) -> Self {
        Self { player, room: None }
    }
}

/// Where a token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A WebSocket: a token for single use is used up.
    Socket,
    /// An HTTP request, which only looks for a room: the token is good for a WebSocket afterwards.
    Http,
}

/// Why a token was refused. The client learns no more than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It is not valid.
    #[error("the token was refused")]
    Refused,
    /// It was valid once.
    #[error("the token has expired")]
    Expired,
    /// It will be valid.
    #[error("the token is not valid yet")]
    Early,
    /// It was for single use, and is used up.
    #[error("the token was used before")]
    Used,
    /// It could not be looked up now; the client may try again.
    #[error("the token could not be looked up")]
    Unavailable,
}

impl AuthError {
    /// Whether the token itself is at fault: to show it again is of no use, and counts against the address it came from.
    pub(crate) fn is_final(self) -> bool {
        self != Self::Unavailable
    }
}

/// The verdict on a token, when it is there.
pub type Verdict = Pin<Box<dyn Future<Output = Result<Grant, AuthError>> + Send>>;

/// Knows players by their tokens.
pub trait Authenticator: Send + Sync + 'static {
    /// Looks a token up. May ask another service, but must not block: a thread of the relay polls it that reads for many sessions. Dropped after [`Config::lookup_timeout`](crate::Config::lookup_timeout).
    fn authenticate(&self, token: &str, door: Door) -> Verdict;
}

/// Believes everyone: for development only, and said so in the log.
///
/// A token is `NAME` or `NAME.ANYTHING`; the name has 1 to 24 letters, digits, spaces, `_` and `-`, the rest at most 64 letters and
/// digits. The whole token is the player's id, so two tabs with different endings are two players of one name.
#[derive(Clone, Copy, Debug, Default)]
pub struct DevelopmentTokens;

impl DevelopmentTokens {
    fn player(token: &str) -> Result<Player, AuthError> {
        let (name, ending) = token.split_once('.').unwrap_or((token, ""));
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-');
        let named = (1..=24).contains(&name.chars().count()) && name.chars().all(in_name) && name.trim() == name;
        let ended = ending.len() <= 64 && ending.chars().all(|c| c.is_ascii_alphanumeric());
        if named && ended {
            Ok(Player { id: token.to_owned(), name: name.to_owned() })
        } else {
            Err(AuthError::Refused)
        }
    }
}

impl Authenticator for DevelopmentTokens {
    fn authenticate(&self, token: &str, _: Door) -> Verdict {
        Box::pin(ready(Self::player(token).map(Grant::from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_development_token_names_its_player() {
        let player = DevelopmentTokens::player("Ada L.x7").expect("a name and an ending");
        assert_eq!((player.id.as_str(), player.name.as_str()), ("Ada L.x7", "Ada L"));
        for bad in ["", ".", ".x", " ada", "a\0b", "<b>", "ada.x.y", &"a".repeat(25)] {
            assert_eq!(DevelopmentTokens::player(bad), Err(AuthError::Refused), "{bad:?}");
        }
    }
}

//! What a signed token says.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize};

use super::Flaw;
use crate::auth::Grant;
use crate::auth::bounded::{OutOfBounds, is_bounded};

/// What a token says of its player. Times are seconds since 1970. A token may have other claims; they are not looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// `sub`: the player's id, 1 to 128 bytes.
    #[serde(rename = "sub")]
    pub player: String,
    /// What people call the player, 1 to 128 bytes; the id by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The only room that the token opens, 1 to 64 bytes; by default it opens all. See [`Grant::room`] on private ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// `exp`: from when on the token is no good.
    #[serde(rename = "exp", deserialize_with = "seconds")]
    pub expires: u64,
    /// `nbf`: from when on it is.
    #[serde(rename = "nbf", default, deserialize_with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// `iss`: who minted it.
    #[serde(rename = "iss", skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// `aud`: for whom; one text or a list of them.
    #[serde(rename = "aud", default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// `jti`: the token's own id, 1 to 128 bytes, which no other token has.
    #[serde(rename = "jti", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Whether the token opens one connection only, and none after it; it needs an id for that. Who comes back after a lost connection needs
    /// another token.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
}

/// Why claims make no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// A claim is empty, too long, or not to be [shown](tickwire_protocol::is_showable).
    #[error("`{0}` is empty, too long, or has characters that are not shown")]
    Bounds(&'static str),
    /// A token for single use has no id.
    #[error("a token for single use needs a `jti`")]
    NoId,
    /// The token would have more bytes than a client may send.
    #[error("the token would be too long")]
    TooLong,
}

impl Claims {
    /// Those of a token that opens all rooms to a player until it expires.
    pub fn new(player: impl Into<String>, expires: SystemTime) -> Self {
        Self {
            player: player.into(),
            name: None,
            room: None,
            expires: expires.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            not_before: None,
            issuer: None,
            audience: Vec::new(),
            id: None,
            once: false,
        }
    }

    /// The same of a token for single use, with a random id.
    pub fn once(mut self) -> Self {
        self.id = Some(format!("{:032x}", rand::random::<u128>()));
        self.once = true;
        self
    }

    /// Whether the relay would take them at some time.
    pub(super) fn check(&self) -> Result<(), ClaimsError> {
        let wrong = |flaw| match flaw {
            Flaw::Bounds(claim) => ClaimsError::Bounds(claim),
            _ => ClaimsError::NoId,
        };
        self.single_use_id().map_err(wrong)?;
        self.clone().into_grant().map_err(|error| wrong(error.into()))?;
        Ok(())
    }

    /// The id of a token for single use.
    pub(super) fn single_use_id(&self) -> Result<Option<&str>, Flaw> {
        match self.id.as_deref().filter(|_| self.once) {
            None if self.once => Err(Flaw::NoId),
            Some(id) if !is_bounded(id) => Err(Flaw::Bounds("jti")),
            id => Ok(id),
        }
    }

    pub(super) fn into_grant(self) -> Result<Grant, OutOfBounds> {
        Grant::bounded(self.player, self.name, self.room)
    }
}

/// The claim that says this of the player.
pub(super) fn name_of(what: &'static str) -> &'static str {
    if what == "id" { "sub" } else { what }
}

/// A `NumericDate` (RFC 7519 §2), which need not be whole.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    // Beyond either end it is as good as the end.
    f64::deserialize(deserializer).map(|seconds| seconds as u64)
}

fn maybe_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.map(|seconds| seconds as u64))
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(String),
        Many(Vec<String>),
        None,
    }
    Ok(match Audience::deserialize(deserializer)? {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
        Audience::None => Vec::new(),
    })
}

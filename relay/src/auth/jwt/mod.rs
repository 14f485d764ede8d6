//! Signed tokens: JSON Web Tokens (RFC 7519) that a key of the embedder's has signed, by HS256 or EdDSA (Ed25519).
//!
//! The key decides how a token is checked, whatever the token says of itself, and nothing that is not signed is parsed.

mod claims;
mod key;
mod used;

use std::future::ready;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tickwire_protocol::MAX_TOKEN;

pub use claims::{Claims, ClaimsError};
use key::{Algorithm, Verifier};
pub use key::{JwtKey, KeyError, PemPair};
use used::Used;

use super::{AuthError, Authenticator, Door, Grant, OutOfBounds, Verdict};

/// Seconds that the clocks of the issuer and of the relay may differ by: those that are set over the network differ by less.
const LEEWAY: u64 = 5;

/// Used tokens remembered at once, by default.
const USED_TOKENS: usize = 65_536;

/// Knows players by tokens that a key has signed. See [`Claims`] for what a token says.
pub struct JwtTokens {
    verifier: Verifier,
    issuer: Option<String>,
    audience: Option<String>,
    used: Mutex<Used>,
    clock: Box<dyn Fn() -> SystemTime + Send + Sync>,
}

/// The first part of a token.
#[derive(Deserialize)]
struct Header {
    alg: String,
    /// What the checker must understand beyond the standard; we don't.
    crit: Option<serde_json::Value>,
}

/// What is wrong with a token: for the log, never for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Flaw {
    #[error("it is not three parts of base64url, at most {MAX_TOKEN} bytes together")]
    Form,
    #[error("another key has signed it, or nobody")]
    Signature,
    #[error("its header is not that of a token signed with {}", .0.name())]
    Header(Algorithm),
    #[error("its claims lack `sub` or `exp`, or one is of the wrong type")]
    Claims,
    #[error("its claim `{0}` is empty, too long, or has characters that are not shown")]
    Bounds(&'static str),
    #[error("it is another issuer's")]
    Issuer,
    #[error("it is for another audience")]
    Audience,
    #[error("it is for single use and has no `jti`")]
    NoId,
    #[error("it has expired")]
    Expired,
    #[error("it is not valid yet")]
    Early,
    #[error("it was used before")]
    Used,
    #[error("it is for single use, and too many such are remembered: see JwtTokens::used_tokens")]
    Full,
}

impl JwtTokens {
    /// Checks tokens signed by HS256 with this secret, which has 32 bytes or more: as many as the hash.
    ///
    /// # Errors
    /// [`KeyError::Short`], [`KeyError::Pem`].
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        Verifier::hs256(secret).map(Self::new)
    }

    /// Checks tokens signed by EdDSA with the private key of this public one: Ed25519, in PEM (`PUBLIC KEY`).
    ///
    /// # Errors
    /// [`KeyError::NoPublicKey`].
    pub fn ed25519(public_key_pem: &[u8]) -> Result<Self, KeyError> {
        Verifier::ed25519(public_key_pem).map(Self::new)
    }

    /// Checks tokens that `key` mints.
    pub fn of(key: &JwtKey) -> Self {
        Self::new(key.verifier())
    }

    /// Checks tokens by the key that a file has: an Ed25519 key in PEM, public or private, or else a secret for HS256, which is all of the
    /// file but the end of its line.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, KeyError> {
        Verifier::from_bytes(file).map(Self::new)
    }

    fn new(verifier: Verifier) -> Self {
        let used = Mutex::new(Used::new(USED_TOKENS));
        Self { verifier, issuer: None, audience: None, used, clock: Box::new(SystemTime::now) }
    }

    /// Refuses tokens whose `iss` is not this. By default the claim is not looked at.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Refuses tokens whose `aud` does not name this. By default the claim is not looked at.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// How many used tokens are remembered at once, each until it expires; while they are so many, tokens for single use are answered with
    /// [`AuthError::Unavailable`], because none that could be used again is forgotten. Default 65,536: eighteen a second that are good for
    /// an hour, at most 20 MB of memory.
    pub fn used_tokens(mut self, most: usize) -> Self {
        self.used = Mutex::new(Used::new(most));
        self
    }

    /// Where the time comes from. Default: the system's clock.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Who the token stands for. At [`Door::Socket`] one for single use is used up.
    fn check(&self, token: &str, door: Door) -> Result<Grant, Flaw> {
        // A clock from before 1970 knows no time at which a token would be good.
        let now = (self.clock)().duration_since(UNIX_EPOCH).map_or(u64::MAX, |since| since.as_secs());
        let claims = self.open(token)?;
        if self.issuer.is_some() && self.issuer != claims.issuer {
            return Err(Flaw::Issuer);
        }
        if self.audience.as_ref().is_some_and(|audience| !claims.audience.contains(audience)) {
            return Err(Flaw::Audience);
        }
        if claims.not_before.is_some_and(|from| now.saturating_add(LEEWAY) < from) {
            return Err(Flaw::Early);
        }
        let until = claims.expires.saturating_add(LEEWAY);
        if now >= until {
            return Err(Flaw::Expired);
        }
        let id = claims.single_use_id()?.map(str::to_owned);
        let grant = claims.into_grant()?;
        if let Some(id) = id {
            // What is remembered is whole after every step.
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            match door {
                Door::Socket => used.use_up(now, until, &id)?,
                Door::Http => used.check(now, until, &id)?,
            }
        }
        Ok(grant)
    }

    /// The claims of a token that our key has signed.
    fn open(&self, token: &str) -> Result<Claims, Flaw> {
        if token.len() > MAX_TOKEN {
            return Err(Flaw::Form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Flaw::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(Flaw::Form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::Form);
        let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
        if !self.verifier.verifies(signed.as_bytes(), &signature) {
            return Err(Flaw::Signature);
        }
        let algorithm = self.verifier.algorithm();
        let header: Header = parse(&header).ok_or(Flaw::Header(algorithm))?;
        if header.alg != algorithm.name() || header.crit.is_some() {
            return Err(Flaw::Header(algorithm));
        }
        parse(&claims).ok_or(Flaw::Claims)
    }
}

impl Authenticator for JwtTokens {
    fn authenticate(&self, token: &str, door: Door) -> Verdict {
        let verdict = self.check(token, door).map_err(|flaw| {
            match flaw {
                Flaw::Full => tracing::warn!("a token was not taken: {flaw}"),
                _ => tracing::debug!("a token was refused: {flaw}"),
            }
            AuthError::from(flaw)
        });
        Box::pin(ready(verdict))
    }
}

impl From<OutOfBounds> for Flaw {
    fn from(OutOfBounds(claim): OutOfBounds) -> Self {
        Self::Bounds(claims::name_of(claim))
    }
}

impl From<Flaw> for AuthError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Expired => Self::Expired,
            Flaw::Early => Self::Early,
            Flaw::Used => Self::Used,
            Flaw::Full => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

impl std::fmt::Debug for JwtTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { verifier, issuer, audience, .. } = self;
        f.debug_struct("JwtTokens")
            .field("verifier", verifier)
            .field("issuer", issuer)
            .field("audience", audience)
            .finish_non_exhaustive()
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

#[cfg(test)]
mod tests;

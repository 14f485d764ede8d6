//! The keys of signed tokens: secrets that both ends know (HS256), and pairs of which the relay needs the public half alone (Ed25519).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use tickwire_protocol::MAX_TOKEN;

use super::{Claims, ClaimsError};

/// Bytes that a secret for HS256 has at least: RFC 7518 §3.2.
const MIN_SECRET: usize = 32;

/// How every PEM begins.
const PEM: &[u8] = b"-----BEGIN ";

/// What stands before the 32 bytes of the key in the DER of an Ed25519 private key (RFC 8410 §7, without the public half, which others do not
/// read where `ring` would write it), and of a public one (§4).
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Mints tokens that [`JwtTokens`](super::JwtTokens) of the same secret, or of the same pair, takes.
#[derive(Debug)]
pub struct JwtKey(Signer);

#[derive(Debug)]
enum Signer {
    Hs256(hmac::Key),
    Ed25519(Ed25519KeyPair),
}

/// An Ed25519 pair, in PEM.
#[derive(Clone)]
pub struct PemPair {
    /// For who mints (`PRIVATE KEY`, PKCS #8).
    pub private: String,
    /// For who checks (`PUBLIC KEY`).
    pub public: String,
}

/// Why something is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A secret for HS256 that can be guessed.
    #[error("a secret for tokens has at least {MIN_SECRET} bytes, and this has {0}")]
    Short(usize),
    /// PEM where a secret is asked for; perhaps a public key, which everyone may know.
    #[error("PEM is no secret")]
    Pem,
    /// No Ed25519 private key in PKCS #8 PEM.
    #[error("no Ed25519 private key in PEM (`PRIVATE KEY`)")]
    NoPrivateKey,
    /// No Ed25519 public key in PEM.
    #[error("no Ed25519 public key in PEM (`PUBLIC KEY`)")]
    NoPublicKey,
}

impl JwtKey {
    /// Signs by HS256 with this secret, which has 32 bytes or more.
    ///
    /// # Errors
    /// [`KeyError::Short`], [`KeyError::Pem`].
    pub fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        secret_key(secret).map(Signer::Hs256).map(Self)
    }

    /// Signs by EdDSA with this key: Ed25519, in PEM (`PRIVATE KEY`, PKCS #8).
    ///
    /// # Errors
    /// [`KeyError::NoPrivateKey`].
    pub fn ed25519(private_key_pem: &[u8]) -> Result<Self, KeyError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(private_key_pem).map_err(|_| KeyError::NoPrivateKey)?;
        // Most files do not hold the public half to compare with.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der());
        pair.map(Signer::Ed25519).map(Self).map_err(|_| KeyError::NoPrivateKey)
    }

    /// Signs with the key that a file has: an Ed25519 private key in PEM, or else a secret for HS256, which is all of the file but the end of
    /// its line.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn from_bytes(file: &[u8]) -> Result<Self, KeyError> {
        if is_pem(file) { Self::ed25519(file) } else { Self::hs256(without_line_end(file)) }
    }

    /// A new random secret, as text: 256 bits in 43 letters.
    pub fn new_secret() -> String {
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
    }

    /// A new random Ed25519 pair.
    pub fn new_pair() -> PemPair {
        PemPair::of(&rand::random())
    }

    /// A token that says this.
    ///
    /// # Errors
    /// The relay would never take it: see [`ClaimsError`].
    pub fn mint(&self, claims: &Claims) -> Result<String, ClaimsError> {
        claims.check()?;
        let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, self.verifier().algorithm().name());
        let claims = serde_json::to_vec(claims).expect("texts, numbers and a list of texts are JSON");
        let mut token = URL_SAFE_NO_PAD.encode(header) + "." + &URL_SAFE_NO_PAD.encode(claims);
        let signature = match &self.0 {
            Signer::Hs256(key) => URL_SAFE_NO_PAD.encode(hmac::sign(key, token.as_bytes())),
            Signer::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(token.as_bytes())),
        };
        token = token + "." + &signature;
        if token.len() <= MAX_TOKEN { Ok(token) } else { Err(ClaimsError::TooLong) }
    }

    pub(super) fn verifier(&self) -> Verifier {
        match &self.0 {
            Signer::Hs256(key) => Verifier::Hs256(key.clone()),
            Signer::Ed25519(pair) => {
                let public = pair.public_key().as_ref().try_into();
                Verifier::Ed25519(public.expect("an Ed25519 public key has 32 bytes"))
            }
        }
    }
}

impl PemPair {
    pub(super) fn of(seed: &[u8; 32]) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are the seed of a pair");
        let private = [&ED25519_PKCS8[..], seed].concat();
        let public = [&ED25519_SPKI, pair.public_key().as_ref()].concat();
        Self { private: pem("PRIVATE KEY", &private), public: pem("PUBLIC KEY", &public) }
    }
}

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    EdDsa,
}

impl Algorithm {
    /// As a token's header has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

/// Knows what a key has signed.
#[derive(Debug)]
pub(super) enum Verifier {
    Hs256(hmac::Key),
    Ed25519([u8; 32]),
}

impl Verifier {
    pub(super) fn hs256(secret: &[u8]) -> Result<Self, KeyError> {
        secret_key(secret).map(Self::Hs256)
    }

    pub(super) fn ed25519(public_key_pem: &[u8]) -> Result<Self, KeyError> {
        let key = SubjectPublicKeyInfoDer::from_pem_slice(public_key_pem).map_err(|_| KeyError::NoPublicKey)?;
        let key = key.strip_prefix(&ED25519_SPKI).and_then(|key| key.try_into().ok());
        key.map(Self::Ed25519).ok_or(KeyError::NoPublicKey)
    }

    pub(super) fn from_bytes(file: &[u8]) -> Result<Self, KeyError> {
        if !is_pem(file) {
            return Self::hs256(without_line_end(file));
        }
        Self::ed25519(file).or_else(|error| JwtKey::ed25519(file).map(|key| key.verifier()).map_err(|_| error))
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether the key has signed this; how long that takes does not depend on what is right about the signature.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Hs256(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature).is_ok(),
        }
    }
}

impl std::fmt::Debug for PemPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PemPair").field("public", &self.public).finish_non_exhaustive()
    }
}

fn secret_key(secret: &[u8]) -> Result<hmac::Key, KeyError> {
    match secret.len() {
        _ if is_pem(secret) => Err(KeyError::Pem),
        short @ ..MIN_SECRET => Err(KeyError::Short(short)),
        _ => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
    }
}

fn is_pem(file: &[u8]) -> bool {
    file.windows(PEM.len()).any(|bytes| bytes == PEM)
}

fn without_line_end(file: &[u8]) -> &[u8] {
    let line = file.strip_suffix(b"\n").unwrap_or(file);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// RFC 7468: base64 in lines of 64.
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

//! The only module that knows bincode: control messages and schemas to bytes and back, within limits.

use serde::{Serialize, de::DeserializeOwned};

/// Most bytes that one control message may claim while it is decoded. A schema is the largest; a client's are far smaller (its
/// whole WebSocket messages are capped below this).
const DECODE_LIMIT: usize = 256 * 1024;

/// The bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Too short, too long for the limit, or not of this form.
    #[error("the body is malformed")]
    Malformed,
    /// Bytes are left over.
    #[error("{0} bytes are left over")]
    Trailing(usize),
}

/// Appends `value`.
pub(crate) fn encode_into<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    let bytes = encode(value);
    out.extend_from_slice(&bytes);
}

/// `value` as bytes.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard())
        .expect("messages have no type that serde cannot write and memory does not fail")
}

/// Reads a value that takes up all of `bytes`.
///
/// # Errors
/// See [`CodecError`].
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<DECODE_LIMIT>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, config).map_err(|_| CodecError::Malformed)?;
    if read < bytes.len() { Err(CodecError::Trailing(bytes.len() - read)) } else { Ok(value) }
}

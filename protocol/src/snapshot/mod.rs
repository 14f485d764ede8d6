//! Snapshots: the quantised state of a room, and its way through the wire.
//!
//! A room's capture fills [`Tables`]; an [`Encoder`] compares them with its mirror and writes deltas, resyncs and keyframes;
//! a [`Decoder`] keeps a replica's rows by them. `PROTOCOL.md` holds the form.

mod bits;
mod decoder;
mod encoder;
mod fields;
mod rows;
mod slots;
mod table;

pub use decoder::{Applied, DecodeError, Decoder};
pub use encoder::{Encoder, RESYNC_WINDOW};
pub use fields::{Fields, Mismatch};
pub use rows::{Row, Rows};
pub use slots::SlotPool;
pub use table::{RowSink, Table, Tables};

/// A snapshot hash follows the head.
const FLAG_HASH: u8 = 1;

/// FNV-1a (32 bit), folded to a byte: catches truncation, reordering and bit flips before anything is decoded.
fn check_byte(bytes: &[u8]) -> u8 {
    let hash = bytes.iter().fold(0x811C_9DC5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_le_bytes().into_iter().fold(0, |check, byte| check ^ byte)
}

#[cfg(test)]
mod tests;

//! Snapshots: the quantised state of a room, and its way through the wire.
//!
//! A room's capture fills [`Tables`]; an [`Encoder`] compares them with its mirror and writes deltas, resyncs and keyframes;
//! a [`Decoder`] keeps a replica's rows by them. `PROTOCOL.md` holds the form.
//!
//! A delta tells what could not be foreseen. Both ends keep the same mirror (`mirror`), and for every slot and numeric field what
//! is remembered of its past; from that both guess the next value (`predict`). Where a guess is wrong the encoder codes the
//! residual, as yes-or-no decisions (`walk`), each by a probability that depends on what is known at that point (`prior`), in a
//! range coder (`range`) that spends on each no more than its surprise. The probabilities are frozen while an epoch lasts, so that
//! a decoder needs no more than them and the mirror; an encoder counts its decisions and announces better ones when that pays
//! (`learn`). What comes new is sent whole (`record`), and so is what a client has missed (`resync`): a slot to which nothing has
//! happened for three ticks is settled, and whoever missed only its rest has missed nothing.

mod bits;
mod costs;
mod decoder;
mod encoder;
mod fields;
mod learn;
mod mirror;
mod number;
mod predict;
mod prior;
mod range;
mod record;
mod resync;
mod rows;
mod slots;
mod table;
mod walk;

pub use costs::{ComponentCosts, Costs};
pub use decoder::{Applied, DecodeError, Decoder};
pub use encoder::Encoder;
pub use fields::{Fields, Mismatch};
pub use prior::{Priors, PriorsError};
pub use resync::RESYNC_WINDOW;
pub use rows::{Row, Rows};
pub use slots::SlotPool;
pub use table::{RowSink, Table, Tables};

/// What a snapshot's flags say is there.
mod flags {
    /// The snapshot hash, in the head.
    pub(super) const HASH: u8 = 1;
    /// The number of steps, in the head: it is a resync.
    pub(super) const RESYNC: u8 = 2;
    /// The priors in force.
    pub(super) const PRIORS: u8 = 4;
    /// A walk: some row is coded.
    pub(super) const CODED: u8 = 8;
    /// What came and went.
    pub(super) const LISTS: u8 = 16;
    /// The priors of the next epoch.
    pub(super) const ANNOUNCEMENT: u8 = 32;
    /// The parts in the range-coded stream.
    pub(super) const STREAM: u8 = PRIORS | CODED | LISTS | ANNOUNCEMENT;
    /// All there are.
    pub(super) const ALL: u8 = HASH | RESYNC | STREAM;
}

/// FNV-1a (32 bit), folded to a byte: catches truncation, reordering and bit flips before anything is decoded.
fn check_byte(bytes: &[u8]) -> u8 {
    let hash = bytes.iter().fold(0x811C_9DC5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_le_bytes().into_iter().fold(0, |check, byte| check ^ byte)
}

#[cfg(test)]
mod tests;

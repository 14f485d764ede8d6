//! Golden vectors: what Rust writes and every other language must read, tick by tick. The JavaScript tests read them from `tests/out`.
//!
//! A list of snapshots is a list of records: a kind byte, the u32 length of the bytes, the u32 snapshot hash after them, the bytes
//! (integers little endian). The kinds: 0 the schema as a welcome's frame, 1 a delta, 2 a keyframe for someone new, 3 a resync for
//! someone who has missed the deltas since the last record of kind 4, 4 the start of a loss (no bytes).

mod arena;
mod edges;
mod records;
mod swarm;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tickwire_protocol::snapshot::{Applied, Decoder};
use tickwire_protocol::{Schema, SeatId, ServerMessage, Welcome};

/// Ticks of a list.
const TICKS: u32 = 1500;

/// Ticks from one newcomer to the next.
const NEWCOMER_PERIOD: u32 = 111;

fn out() -> PathBuf {
    let out = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/out"));
    fs::create_dir_all(&out).expect("the project's folder can be written to");
    out
}

struct Vectors(Vec<u8>);

impl Vectors {
    fn put(&mut self, kind: u8, hash: u32, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(&hash.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

fn welcome(schema: &Arc<Schema>) -> Vec<u8> {
    let welcome = ServerMessage::Welcome(Box::new(Welcome {
        id: None,
        room: "golden".into(),
        code: None,
        session: 1,
        seat: Some(SeatId(0)),
        host: Some(SeatId(0)),
        tick: 0,
        tick_rate: 30,
        snapshot_every: 1,
        input_ahead: 32,
        input_behind: 32,
        resume: [7; 16],
        resume_ms: 20_000,
        received: 0,
        lost: false,
        schema_hash: schema.hash(),
        schema: schema.clone(),
    }));
    let mut out = Vec::new();
    welcome.encode(&mut out);
    out
}

fn apply(decoder: &mut Decoder, body: &[u8], hash: u32) {
    let applied = decoder.apply(body).expect("it follows");
    assert!(matches!(applied, Applied::Fresh { hash_matched: None | Some(true), .. }));
    assert_eq!(decoder.hash(), hash);
}

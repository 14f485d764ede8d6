//! `swarm.bin`: a recorded swarm of 1,000 entities, for other languages to time themselves on.

use std::fs;
use std::path::Path;

use tickwire_cli::trace::{Replay, Trace};
use tickwire_protocol::Predict;
use tickwire_protocol::snapshot::Encoder;

use crate::{Vectors, out, welcome};

#[test]
fn swarm() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/data/swarm-30hz.trace.zst");
    let trace = Trace::open(&path).expect("the trace lies beside the benches");
    let schema = trace.header.schema(Predict::Auto).into();
    let mut replay = Replay::new(&trace.header, schema).expect("it is the trace's own schema");
    let mut encoder = Encoder::new(replay.tables());
    let mut vectors = Vectors(Vec::new());
    vectors.put(0, 0, &welcome(&replay.tables().schema().clone()));
    for tick in &trace.ticks {
        replay.step(tick);
        let mut delta = Vec::new();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, false, &mut delta);
        replay.tables().settle();
        assert_eq!(encoder.hash(), replay.tables().hash());
        vectors.put(1, encoder.hash(), &delta);
    }
    fs::write(out().join("swarm.bin"), vectors.0).expect("the folder can be written to");
}

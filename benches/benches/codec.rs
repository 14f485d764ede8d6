//! The codec on a recorded swarm: 1,000 entities at 30 Hz, about 690 of which change in a tick.
//!
//! Throughput is in live entities. `tickwire codec --trace benches/data/swarm-30hz.trace.zst` tells the bytes.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tickwire_cli::trace::{Replay, Trace};
use tickwire_protocol::snapshot::{Decoder, Encoder};
use tickwire_protocol::{Predict, Schema};

/// Ticks before anything is timed.
const WARM_UP: usize = 60;

/// Plays the trace once, and gives the time that encoding and decoding took, and the ticks.
fn play(trace: &Trace, schema: &Arc<Schema>) -> (Duration, Duration, u32) {
    let mut replay = Replay::new(&trace.header, schema.clone()).expect("it is the trace's own schema");
    let mut encoder = Encoder::new(replay.tables());
    let mut decoder = Decoder::new(schema.clone());
    let mut delta = Vec::new();
    let (mut encoding, mut decoding, mut ticks) = Default::default();
    for (index, tick) in trace.ticks.iter().enumerate() {
        replay.step(tick);
        delta.clear();
        let start = Instant::now();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, false, &mut delta);
        replay.tables().settle();
        let encoded = Instant::now();
        black_box(decoder.apply(&delta)).expect("each follows the last");
        if index >= WARM_UP {
            encoding += encoded - start;
            decoding += encoded.elapsed();
            ticks += 1;
        }
    }
    (encoding, decoding, ticks)
}

fn swarm(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/swarm-30hz.trace.zst");
    let trace = Trace::open(&path).expect("the trace lies beside the benches");
    let schema = Arc::new(trace.header.schema(Predict::Auto));

    let mut group = criterion.benchmark_group("swarm of 1000");
    group.sample_size(10).throughput(Throughput::Elements(1000));
    type Timed = fn((Duration, Duration, u32)) -> Duration;
    let timed: [(&str, Timed); 2] =
        [("encode", |(time, _, ticks)| time / ticks), ("decode", |(_, time, ticks)| time / ticks)];
    for (name, of) in timed {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|ticks| {
                // A play has 600 ticks, more or fewer than were asked for: the mean of one stands for each.
                let plays = ticks.div_ceil(600) as u32;
                let total: Duration = (0..plays).map(|_| of(play(&trace, &schema))).sum();
                (total / plays).mul_f64(ticks as f64)
            });
        });
    }
}

criterion_group!(benches, swarm);
criterion_main!(benches);

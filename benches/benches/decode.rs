//! What a snapshot costs a client, by number of entities: a delta, with and without its snapshot hash, and a keyframe.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tickwire_benches::Match;
use tickwire_protocol::snapshot::Decoder;

/// Deltas that are applied in a row.
const RUN: usize = 64;

fn decode(criterion: &mut Criterion) {
    for entities in [100, 1_000, 10_000] {
        let mut running = Match::of(entities);
        let mut keyframe = Vec::new();
        running.sim.resync(1, None, &mut |body| keyframe.extend_from_slice(body));
        let mut start = Decoder::new(running.sim.schema().clone());
        start.apply(&keyframe).expect("a keyframe applies to nothing");
        let deltas: Vec<Vec<u8>> = (0..RUN)
            .map(|_| {
                running.steer();
                running.sim.step().expect("every tick has a snapshot").body.to_vec()
            })
            .collect();

        let mut group = criterion.benchmark_group(format!("decode of {entities}"));
        group.sample_size(20);
        group.throughput(Throughput::Elements(u64::from(entities) * RUN as u64));
        group.bench_function(format!("{RUN} deltas"), |bencher| {
            bencher.iter_batched_ref(
                || start.clone(),
                |decoder| {
                    for delta in &deltas {
                        black_box(decoder.apply(delta)).expect("each follows the last");
                    }
                },
                BatchSize::LargeInput,
            );
        });
        group.throughput(Throughput::Elements(entities.into()));
        group.bench_function("keyframe", |bencher| {
            bencher.iter_batched_ref(
                || Decoder::new(start.schema().clone()),
                |decoder| decoder.apply(&keyframe).is_ok(),
                BatchSize::LargeInput,
            );
        });
        group.bench_function("hash", |bencher| bencher.iter(|| black_box(start.hash())));
    }
}

criterion_group!(benches, decode);
criterion_main!(benches);

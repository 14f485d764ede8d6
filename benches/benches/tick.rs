//! What a tick costs: its phases one by one and together, by number of entities; a room in which nothing happens; and one
//! without a game.
//!
//! The bytes of a delta stand beside the time, as the throughput of `encode`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickwire_benches::{Match, relayed, still};

const SIZES: [u32; 3] = [100, 1_000, 10_000];

/// Ticks over which a delta's mean size is taken.
const SAMPLE: u32 = 300;

/// One phase of a tick.
#[derive(Clone, Copy)]
enum Phase {
    Simulate,
    Capture,
    Encode,
}

/// Runs `ticks` ticks and times one phase of each.
fn time(running: &mut Match, ticks: u64, timed: Phase) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..ticks {
        running.steer();
        let start = Instant::now();
        running.sim.simulate();
        let simulated = Instant::now();
        running.sim.capture();
        let captured = Instant::now();
        running.sim.encode();
        black_box(running.sim.delta(1));
        total += match timed {
            Phase::Simulate => simulated - start,
            Phase::Capture => captured - simulated,
            Phase::Encode => captured.elapsed(),
        };
    }
    total
}

fn mean_bytes(running: &mut Match) -> u64 {
    let mut bytes = 0;
    for _ in 0..SAMPLE {
        running.steer();
        bytes += running.sim.step().map_or(0, |delta| delta.body.len()) as u64;
    }
    bytes / u64::from(SAMPLE)
}

fn phases(criterion: &mut Criterion) {
    for entities in SIZES {
        let mut running = Match::of(entities);
        let bytes = mean_bytes(&mut running);
        println!("arena of {entities} entities: {bytes} bytes a tick");
        let mut group = criterion.benchmark_group(format!("tick of {entities}"));
        group.sample_size(if entities > 1_000 { 20 } else { 50 });
        group.throughput(Throughput::Elements(entities.into()));
        for (name, phase) in [("simulate", Phase::Simulate), ("capture", Phase::Capture)] {
            group.bench_function(name, |bencher| bencher.iter_custom(|ticks| time(&mut running, ticks, phase)));
        }
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function("encode", |bencher| bencher.iter_custom(|ticks| time(&mut running, ticks, Phase::Encode)));
        group.throughput(Throughput::Elements(entities.into()));
        group.bench_function("all", |bencher| {
            bencher.iter(|| {
                running.steer();
                black_box(running.sim.step());
            });
        });
    }
}

fn idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("idle tick");
    for entities in [1, 1_000] {
        let mut sim = still(entities);
        group.bench_function(BenchmarkId::from_parameter(entities), |bencher| {
            bencher.iter(|| {
                black_box(sim.step());
            });
        });
    }
}

fn without_a_game(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relayed tick");
    for players in [0, 8, 1_000] {
        let mut sim = relayed(players);
        group.bench_function(BenchmarkId::from_parameter(players), |bencher| {
            bencher.iter(|| {
                black_box(sim.step());
            });
        });
    }
}

criterion_group!(benches, phases, idle, without_a_game);
criterion_main!(benches);

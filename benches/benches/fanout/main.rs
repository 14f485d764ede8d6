//! What sending a frame to everyone costs: the relay beside its floor, raw non-blocking sends of as many bytes to as many sockets. Both run
//! in this process in turn, several times; the clients are in another.
//!
//! `cargo bench -p tickwire-benches --bench fanout -- --clients 1000 --hz 60 --bytes 300 --seconds 5 --json`

mod drain;
mod floor;
mod relay;

use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tickwire_benches::load::{Common, Crowd, Quantiles, nanos, runtime};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Clients
    #[arg(long, default_value_t = 100)]
    clients: usize,
    /// Ticks a second
    #[arg(long, default_value_t = 60)]
    hz: u32,
    /// Bytes of a frame with its WebSocket header, 130 to 60,000
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(130..=60_000))]
    bytes: u32,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Measurements of each kind, of which the median counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    #[command(flatten)]
    common: Common,
}

/// What the other process does.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Crowd(Crowd),
    Drain { addr: String, count: usize },
}

/// One measurement.
struct Measured {
    /// Of this process.
    cpu: Duration,
    client_ticks: u64,
    /// From the first send to the last, in nanoseconds.
    fanout: Histogram<u64>,
}

/// The medians. Times of the processor are in microseconds per client and tick.
#[derive(Debug, Serialize)]
struct Report {
    floor_us: f64,
    relay_us: f64,
    ratio: f64,
    fanout_ms: Quantiles,
    floor_fanout_ms: Quantiles,
    bytes_per_session: u64,
}

fn main() {
    let args = Args::parse();
    match args.common.task() {
        Some(Task::Crowd(crowd)) => return crowd.run(),
        Some(Task::Drain { addr, count }) => return drain::run(&addr, count),
        None => {}
    }
    let runtime = runtime();
    let mut floors = Vec::new();
    let mut relays = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..args.rounds.max(1) {
        floors.push(floor::measure(&args));
        let (measured, bytes) = relay::measure(&args, &runtime);
        relays.push(measured);
        memory.push(bytes);
    }
    let (floor_us, relay_us) = (median_us(&floors), median_us(&relays));
    let report = Report {
        floor_us,
        relay_us,
        ratio: relay_us / floor_us,
        fanout_ms: quantiles(&relays),
        floor_fanout_ms: quantiles(&floors),
        // Later rounds find memory that the first has left.
        bytes_per_session: memory.into_iter().max().unwrap_or(0),
    };
    args.common.print(&report, |report| {
        println!("{} clients, {} Hz, {} bytes", args.clients, args.hz, args.bytes);
        println!("  raw sends  {floor_us:.2} µs/client·tick, fan-out p50 {:.2} ms", report.floor_fanout_ms.p50);
        println!("  relay      {relay_us:.2} µs/client·tick, fan-out p50 {:.2} ms", report.fanout_ms.p50);
        println!("  ratio      {:.3}", report.ratio);
        println!("  memory     {} bytes/session", report.bytes_per_session);
    });
}

fn median_us(rounds: &[Measured]) -> f64 {
    let per = |round: &Measured| round.cpu.as_secs_f64() * 1e6 / round.client_ticks.max(1) as f64;
    let mut all: Vec<f64> = rounds.iter().map(per).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn quantiles(rounds: &[Measured]) -> Quantiles {
    let mut all = nanos();
    rounds.iter().for_each(|round| all.add(&round.fanout).expect("both have the same bounds"));
    Quantiles::of(&all)
}

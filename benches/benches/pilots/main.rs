//! What a whole room costs: an input of each client read in every tick, the world simulated and encoded, and the delta sent to all. Beside
//! it the floor, a bare loop that reads and sends as many bytes on as many sockets. Both run in this process in turn, several times; the
//! clients are in another, and each speaks at a time of its own.
//!
//! `cargo bench -p tickwire-benches --bench pilots -- --clients 500 --entities 200 --hz 30 --seconds 5 --json`

mod clients;
mod floor;
mod game;
mod relay;

use std::time::Duration;

use clap::Parser;
use serde::{Deserialize, Serialize};
use tickwire_benches::load::{Common, runtime};

use clients::{Bare, Pilots};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Clients, each of which sends an input in every tick
    #[arg(long, default_value_t = 50)]
    clients: usize,
    /// Entities in the world, beside the seats without ships: one in ten is a ship, the others are rocks
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=5_000))]
    entities: u32,
    /// Ticks a second
    #[arg(long, default_value_t = 30)]
    hz: u32,
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
    Pilots(Pilots),
    Bare(Bare),
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// Of this process.
    cpu: Duration,
    client_ticks: u64,
    /// Read.
    inputs: u64,
    /// Sent.
    bytes: u64,
}

/// The medians, per client and tick. Times of the processor are in microseconds.
#[derive(Debug, Serialize)]
struct Report {
    floor_us: f64,
    relay_us: f64,
    ratio: f64,
    bytes: f64,
    floor_inputs: f64,
    relay_inputs: f64,
}

fn main() {
    let args = Args::parse();
    match args.common.task() {
        Some(Task::Pilots(pilots)) => return pilots.run(),
        Some(Task::Bare(bare)) => return bare.run(),
        None => {}
    }
    let runtime = runtime();
    let (mut floors, mut relays) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.max(1) {
        let relay = relay::measure(&args, &runtime);
        relays.push(relay);
        floors.push(floor::measure(&args, relay.bytes / relay.client_ticks.max(1)));
    }
    let us = |round: &Measured| round.cpu.as_secs_f64() * 1e6;
    let (floor_us, relay_us) = (median(&floors, us), median(&relays, us));
    let report = Report {
        floor_us,
        relay_us,
        ratio: relay_us / floor_us,
        bytes: median(&relays, |round| round.bytes as f64),
        floor_inputs: median(&floors, |round| round.inputs as f64),
        relay_inputs: median(&relays, |round| round.inputs as f64),
    };
    args.common.print(&report, |report| {
        println!("{} clients, {} entities, {} Hz, {:.0} bytes", args.clients, args.entities, args.hz, report.bytes);
        println!("  bare loop  {floor_us:.2} µs/client·tick, {:.3} inputs", report.floor_inputs);
        println!("  relay      {relay_us:.2} µs/client·tick, {:.3} inputs", report.relay_inputs);
        println!("  ratio      {:.3}", report.ratio);
    });
}

/// Of something per client and tick.
fn median(rounds: &[Measured], of: impl Fn(&Measured) -> f64) -> f64 {
    let mut all: Vec<f64> = rounds.iter().map(|round| of(round) / round.client_ticks.max(1) as f64).collect();
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

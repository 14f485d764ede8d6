//! What sending a frame to everyone costs: the relay beside its floor, raw non-blocking sends of as many bytes to as many sockets. Both run
//! in this process in turn, several times; the clients are in another.
//!
//! `cargo bench -p tickwire-benches --bench fanout -- --clients 1000 --hz 60 --bytes 300 --seconds 5 --json`

mod clients;
mod floor;
mod relay;

use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

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
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Only connect to this address and read: the other process
    #[arg(long, hide = true)]
    connect: Option<String>,
    /// Connect as a player
    #[arg(long, hide = true)]
    player: bool,
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

#[derive(Debug, Serialize)]
struct Quantiles {
    p50: f64,
    p99: f64,
}

fn main() {
    let args = Args::parse();
    let runtime = runtime();
    if let Some(addr) = &args.connect {
        return runtime.block_on(clients::run(addr, args.clients, args.player));
    }
    let mut floors = Vec::new();
    let mut relays = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..args.rounds.max(1) {
        floors.push(floor::measure(&args));
        let (measured, bytes) = runtime.block_on(relay::measure(&args));
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
    if args.json {
        println!("{}", serde_json::to_string(&report).expect("numbers can be written"));
    } else {
        println!("{} clients, {} Hz, {} bytes", args.clients, args.hz, args.bytes);
        println!("  raw sends  {floor_us:.2} µs/client·tick, fan-out p50 {:.2} ms", report.floor_fanout_ms.p50);
        println!("  relay      {relay_us:.2} µs/client·tick, fan-out p50 {:.2} ms", report.fanout_ms.p50);
        println!("  ratio      {:.3}", report.ratio);
        println!("  memory     {} bytes/session", report.bytes_per_session);
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("the system has threads to spare")
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
    let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e6;
    Quantiles { p50: at(0.5), p99: at(0.99) }
}

/// For times up to a minute.
fn nanos() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds and digits are in range")
}

/// The processor time of this process so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("the bench runs on Linux");
    // Fields 14 and 15, counted from the one after the program's name, in ticks of 10 ms.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace().skip(11).take(2);
    Duration::from_millis(10 * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}

/// The bytes of memory that this process occupies.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the bench runs on Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
}

//! How late a room's ticks begin, with more and more clients, and beside it how late a thread wakes that does nothing but sleep until the
//! same instants. What the two have in common is the machine's.
//!
//! `cargo bench -p tickwire-benches --bench lateness -- --clients 0,100,1000 --hz 60 --seconds 5 --json`

mod sleeper;

use std::time::Duration;

use clap::Parser;
use hdrhistogram::Histogram;
use serde::Serialize;
use tickwire::{Config, RoomStats};
use tickwire_benches::load::{Common, Crowd, Host, Noisy, Process, Quantiles, runtime};
use tokio::runtime::Runtime;

use sleeper::Sleeper;

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Clients, of one measurement after the other
    #[arg(long, value_delimiter = ',', default_value = "0,100")]
    clients: Vec<usize>,
    /// Ticks a second
    #[arg(long, default_value_t = 60)]
    hz: u32,
    /// Seconds of each measurement, at most 5: rooms forget what was longer ago
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=5))]
    seconds: u64,
    /// Bytes of a frame with its WebSocket header, 130 to 60,000
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(130..=60_000))]
    bytes: u32,
    #[command(flatten)]
    common: Common,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Report {
    clients: usize,
    ticks: u64,
    lost_ticks: u64,
    overruns: u64,
    late_ms: Quantiles,
    /// Of the thread that only sleeps.
    sleeper_late_ms: Quantiles,
    tick_ms: Quantiles,
    fanout_ms: Quantiles,
}

fn main() {
    let args = Args::parse();
    if let Some(crowd) = args.common.task::<Crowd>() {
        return crowd.run();
    }
    let runtime = runtime();
    let reports: Vec<Report> = args.clients.iter().map(|&clients| measure(&args, clients, &runtime)).collect();
    args.common.print(&reports, |reports| {
        println!("{} Hz, {} bytes{:24}p50      p99      max", args.hz, args.bytes, "");
        for report in reports {
            println!("  {:5} clients  late      {}", report.clients, report.late_ms);
            println!("                 sleeper   {}", report.sleeper_late_ms);
            println!("                 tick      {}", report.tick_ms);
            println!("                 fan-out   {}", report.fanout_ms);
        }
    });
}

fn measure(args: &Args, clients: usize, runtime: &Runtime) -> Report {
    let host = Host::start(runtime, Config::default(), clients);
    host.open(0, Noisy { bytes: args.bytes as usize, rest: 0 }, args.hz, clients);
    let _crowd = (clients > 0).then(|| Process::start(&Crowd::in_one_room(&host.addr, clients)));
    host.in_step(clients);
    let report = loop {
        let before = host.room();
        let sleeper = Sleeper::start(args.hz, Duration::from_secs(args.seconds));
        let slept = sleeper.end();
        if let Some(report) = difference(clients, &before, host.room(), &slept) {
            break report;
        }
    };
    host.stop(runtime);
    report
}

/// What happened between the two; none if the room has forgotten a part of it.
fn difference(clients: usize, before: &RoomStats, after: RoomStats, slept: &Histogram<u64>) -> Option<Report> {
    let since = |mut all: Histogram<u64>, earlier: &Histogram<u64>| {
        let more = all.len().checked_sub(earlier.len())?;
        all.subtract(earlier).ok()?;
        Some((more, all))
    };
    let ticks = u64::from(after.tick - before.tick);
    let (noted, late) = since(after.late_nanos, &before.late_nanos)?;
    // The room may be in the middle of one.
    if noted.abs_diff(ticks) > 1 {
        return None;
    }
    Some(Report {
        clients,
        ticks,
        lost_ticks: after.lost_ticks - before.lost_ticks,
        overruns: after.overruns - before.overruns,
        late_ms: Quantiles::of(&late),
        sleeper_late_ms: Quantiles::of(slept),
        tick_ms: Quantiles::of(&since(after.tick_nanos, &before.tick_nanos)?.1),
        fanout_ms: Quantiles::of(&since(after.fanout_nanos, &before.fanout_nanos)?.1),
    })
}

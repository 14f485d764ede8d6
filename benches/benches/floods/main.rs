//! Attacks, one after the other, in a room of clients in good order: how each ends, what memory it takes, and what the others notice.
//!
//! `cargo bench -p tickwire-benches --bench floods -- --seconds 3 --connects 10000 --json`

mod attacks;
mod enemy;

use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Serialize};
use tickwire::Config;
use tickwire_benches::load::{
    Common, Crowd, CrowdReport, Host, Noisy, Process, Quantiles, memory, peak_memory, runtime,
};
use tokio::runtime::Runtime;

use attacks::{Attack, Kind, Outcome};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Clients in good order
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// Ticks a second
    #[arg(long, default_value_t = 30)]
    hz: u32,
    /// Bytes of a delta's frame with its WebSocket header, 130 to 60,000
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(130..=60_000))]
    bytes: u32,
    /// Seconds before, and of each attack unless it is ended sooner
    #[arg(long, default_value_t = 0.1)]
    seconds: f64,
    /// Half-open connections
    #[arg(long, default_value_t = 300)]
    connects: usize,
    /// Attacks
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = Kind::value_variants().iter().copied())]
    attacks: Vec<Kind>,
    #[command(flatten)]
    common: Common,
}

/// What the other processes do.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Crowd(Crowd),
    Attack(Attack),
}

/// One attack.
#[derive(Debug, Serialize)]
struct Report {
    attack: Kind,
    outcome: Outcome,
    /// Bytes of the server's memory, at most.
    memory: u64,
    /// At most, at once, those of the clients in good order included.
    connections: usize,
    before_ms: Quantiles,
    during_ms: Quantiles,
    /// Of the clients in good order, that lost their connections.
    lost: usize,
}

fn main() {
    let args = Args::parse();
    match args.common.task() {
        Some(Task::Crowd(crowd)) => return crowd.run(),
        Some(Task::Attack(attack)) => return attack.run(),
        None => {}
    }
    let runtime = runtime();
    let reports: Vec<Report> = args.attacks.iter().map(|&kind| measure(&args, kind, &runtime)).collect();
    args.common.print(&reports, |reports| {
        println!("{} clients, {} Hz, {} bytes{:17}p50      p99      max", args.clients, args.hz, args.bytes, "");
        for report in reports {
            let Outcome { end, after_ms, sent, refused, bytes } = &report.outcome;
            println!(
                "  {:?}: ended {end:?} after {after_ms:.1} ms, {sent} sent ({bytes} bytes), {refused} closed",
                report.attack
            );
            println!(
                "    memory {} bytes and {} connections at most, {} others lost",
                report.memory, report.connections, report.lost
            );
            println!("    interval before  {}", report.before_ms);
            println!("    … during         {}", report.during_ms);
        }
    });
}

fn measure(args: &Args, kind: Kind, runtime: &Runtime) -> Report {
    let config = Config { exempt_loopback: kind != Kind::HalfOpenCounted, ..Config::default() };
    let host = Host::start(runtime, config, args.clients);
    host.open(0, Noisy { bytes: args.bytes as usize, rest: 0 }, args.hz, args.clients + 1);
    let mut crowd = Process::start(&Task::Crowd(Crowd::in_one_room(&host.addr, args.clients)));
    host.in_step(args.clients);
    let time = Duration::from_secs_f64(args.seconds);
    let _: CrowdReport = crowd.ask();
    std::thread::sleep(time);
    let before: CrowdReport = crowd.ask();

    let occupied = memory();
    let attack = Attack { addr: host.addr.clone(), kind, time, connects: args.connects };
    let (start, mut connections) = (Instant::now(), 0);
    let mut enemy = Process::start(&Task::Attack(attack));
    let outcome: Outcome = std::thread::scope(|scope| {
        let attacked = scope.spawn(|| enemy.ask());
        // What comes of it may come after it.
        while !attacked.is_finished() || start.elapsed() < time {
            connections = connections.max(host.relay.stats().connections);
            std::thread::sleep(Duration::from_millis(2));
        }
        attacked.join().expect("the other process answers")
    });
    let most = peak_memory();
    let during: CrowdReport = crowd.ask();
    drop(crowd);
    host.stop(runtime);
    Report {
        attack: kind,
        outcome,
        memory: most.saturating_sub(occupied),
        connections,
        before_ms: before.interval_ms,
        during_ms: during.interval_ms,
        lost: during.ended,
    }
}

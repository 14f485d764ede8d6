//! What slow clients see, and what the others notice of them: one that stops reading, one that reads 1 KiB a second, one that reads four
//! fifths of what the room says, and one that reads half of it for 8 s and everything from then on; in a room of clients
//! that keep up. Beside the staleness stands what the lag policy bounds it to.
//!
//! `cargo bench -p tickwire-benches --bench slow -- --clients 100 --hz 30 --seconds 30 --json`

mod slowpokes;

use std::time::{Duration, Instant};

use clap::Parser;
use serde::{Deserialize, Serialize};
use tickwire::{Config, RoomStats};
use tickwire_benches::load::{Common, Crowd, CrowdReport, End, Host, Noisy, Process, Quantiles, memory, runtime};

use slowpokes::{Pace, Slowpokes, Stale};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Clients that keep up
    #[arg(long, default_value_t = 20)]
    clients: usize,
    /// Slow clients of each kind
    #[arg(long, default_value_t = 1)]
    each: usize,
    /// Ticks a second
    #[arg(long, default_value_t = 30)]
    hz: u32,
    /// Bytes of a delta's frame with its WebSocket header, 130 to 60,000
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u32).range(130..=60_000))]
    bytes: u32,
    /// Bytes more of a keyframe, about, at most 60,000
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(..=60_000))]
    rest: u32,
    /// Seconds in which the slow ones keep up before they are slow
    #[arg(long, default_value_t = 0)]
    ride: u64,
    /// Seconds with the slow ones, and at most 5 without; eviction takes more than 6
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    #[command(flatten)]
    common: Common,
}

/// What the other processes do.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Crowd(Crowd),
    Slowpokes(Slowpokes),
}

#[derive(Debug, Serialize)]
struct Report {
    bytes_per_second: f64,
    without_ms: Quantiles,
    with_ms: Quantiles,
    healthy_lost: usize,
    /// At most, at once.
    slow_sessions: usize,
    /// Bytes of the server's memory, at most, for each slow one, its session included.
    memory_per_slow: u64,
    /// Bytes that may wait for one, the kernel's not counted.
    outbox_cap: usize,
    slow: Vec<SlowReport>,
}

/// One slow client.
#[derive(Debug, Serialize)]
struct SlowReport {
    kind: &'static str,
    bytes_per_second: u32,
    stale_s: Stale,
    /// What is under way at most by the lag policy, and one resync, at this pace. None for one that does not read.
    bound_s: Option<f64>,
    /// The largest resync's or keyframe's.
    resync_bytes: usize,
    snapshots: u64,
    resyncs: u64,
    keyframes: u64,
    /// When it last read a snapshot that was not the next tick's, from when it began to be slow.
    gaps_until_s: f64,
    end: Option<End>,
    /// When the room missed the first of them, from when it stopped reading.
    evicted_after_s: Option<f64>,
}

/// Kinds of slow clients.
const KINDS: usize = 4;

/// How long the one that recovers is slow.
const SLOW_FOR: Duration = Duration::from_secs(8);

/// Of a stream of so many bytes a second, how many may be under way to a client that sends no inputs: two and a half times the limit's worth.
fn under_way(config: &Config, bytes_per_second: f64) -> f64 {
    2.5 * config.lag.as_secs_f64() * bytes_per_second
}

fn main() {
    let args = Args::parse();
    match args.common.task() {
        Some(Task::Crowd(crowd)) => return crowd.run(),
        Some(Task::Slowpokes(slowpokes)) => return slowpokes.run(),
        None => {}
    }
    let report = measure(&args);
    args.common.print(&report, |report| {
        println!("{} clients, {} Hz, {} bytes{:20}p50      p99      max", args.clients, args.hz, args.bytes, "");
        println!("  interval without slow ones  {}", report.without_ms);
        println!("  … with                      {}", report.with_ms);
        println!("  memory for each slow one    {} bytes", report.memory_per_slow);
        println!("  on slower streams at most   {}", report.slow_sessions);
        for slow in &report.slow {
            let Stale { p50, max } = slow.stale_s;
            let bound = slow.bound_s.map_or("none".into(), |bound| format!("{bound:.2} s"));
            println!(
                "  {:6} {:6} B/s  stale p50 {p50:.2} s, max {max:.2} s, bound {bound};",
                slow.kind, slow.bytes_per_second
            );
            println!(
                "    {} snapshots, {} resyncs, {} keyframes, gaps until {:.1} s; ended: {:?}, after {:?} s",
                slow.snapshots, slow.resyncs, slow.keyframes, slow.gaps_until_s, slow.end, slow.evicted_after_s
            );
        }
    });
}

fn measure(args: &Args) -> Report {
    let runtime = runtime();
    let config = Config::default();
    let everyone = args.clients + KINDS * args.each + 1;
    let host = Host::start(&runtime, config.clone(), everyone);
    host.open(0, Noisy { bytes: args.bytes as usize, rest: args.rest as usize }, args.hz, everyone);
    let mut crowd = Process::start(&Task::Crowd(Crowd::in_one_room(&host.addr, args.clients)));
    host.in_step(args.clients);

    let before = host.room();
    let _: CrowdReport = crowd.ask();
    let start = Instant::now();
    std::thread::sleep(Duration::from_secs(args.seconds.min(5)));
    let (without, after) = (crowd.ask::<CrowdReport>(), host.room());
    let bytes_per_second = (after.bytes - before.bytes) as f64 / args.clients as f64 / start.elapsed().as_secs_f64();

    let kinds: [_; KINDS] = [
        ("dead", Pace::Dead { silent: config.unresponsive + config.close_timeout + Duration::from_secs(1) }),
        ("1 KiB", Pace::Reads { rate: 1024 }),
        ("0.8 ×", Pace::Reads { rate: (0.8 * bytes_per_second) as u32 }),
        ("0.5 ×", Pace::Recovers { rate: (0.5 * bytes_per_second) as u32, after: SLOW_FOR }),
    ];
    let task = Slowpokes {
        addr: host.addr.clone(),
        hz: args.hz,
        ride: Duration::from_secs(args.ride),
        settle: Duration::from_secs(5).min(Duration::from_secs(args.seconds) / 2),
        paces: (0..args.each).flat_map(|_| kinds.map(|(_, pace)| pace)).collect(),
    };
    let memory_before = memory();
    let mut slowpokes = Process::start(&Task::Slowpokes(task));
    while host.room().sessions < everyone {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_secs(args.ride));
    let watched = watch(&host, everyone, Duration::from_secs(args.seconds));
    let told: Vec<slowpokes::SlowpokeReport> = slowpokes.ask();
    let with: CrowdReport = crowd.ask();

    let slow = told.into_iter().enumerate().map(|(index, told)| {
        let (kind, pace) = kinds[index % kinds.len()];
        let rate = pace.rate();
        SlowReport {
            kind,
            bytes_per_second: rate.unwrap_or(0),
            stale_s: told.stale_s,
            bound_s: rate
                .map(|rate| (under_way(&config, bytes_per_second) + told.resync_bytes as f64) / f64::from(rate)),
            resync_bytes: told.resync_bytes,
            snapshots: told.snapshots,
            resyncs: told.resyncs,
            keyframes: told.keyframes,
            gaps_until_s: told.gaps_until_s,
            end: told.end,
            evicted_after_s: watched.evicted_after_s.filter(|_| told.end.is_some()),
        }
    });
    let report = Report {
        bytes_per_second,
        without_ms: without.interval_ms,
        with_ms: with.interval_ms,
        healthy_lost: with.ended,
        slow_sessions: watched.slow_sessions,
        memory_per_slow: watched.memory.saturating_sub(memory_before) / (KINDS * args.each) as u64,
        outbox_cap: config.outbox_bytes,
        slow: slow.collect(),
    };
    drop((crowd, slowpokes));
    host.stop(&runtime);
    report
}

/// What the room shows meanwhile.
#[derive(Default)]
struct Watched {
    slow_sessions: usize,
    memory: u64,
    evicted_after_s: Option<f64>,
}

fn watch(host: &Host, everyone: usize, time: Duration) -> Watched {
    let start = Instant::now();
    let mut watched = Watched::default();
    while start.elapsed() < time {
        std::thread::sleep(Duration::from_millis(20));
        let RoomStats { sessions, slow_sessions, .. } = host.room();
        watched.slow_sessions = watched.slow_sessions.max(slow_sessions);
        watched.memory = watched.memory.max(memory());
        if sessions < everyone {
            watched.evicted_after_s.get_or_insert(start.elapsed().as_secs_f64());
        }
    }
    watched
}

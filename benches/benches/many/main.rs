//! Many rooms with a few clients each, many clients to whom almost nothing is said, and many that have shown a token and want no room: what
//! each takes of memory and of the processor, and whether the rooms keep their rate.
//!
//! `cargo bench -p tickwire-benches --bench many -- --rooms 1000 --sessions 8 --hz 5 --seconds 5 --idle 5000 --authenticated 1000 --json`,
//! and the same over TLS with `--tls`

use std::time::{Duration, Instant};

use clap::Parser;
use serde::{Deserialize, Serialize};
use tickwire::Config;
use tickwire_benches::load::{
    Certificate, Common, Crowd, CrowdReport, Host, Noisy, Process, Quantiles, answer, cpu_time, memory, runtime,
};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Rooms
    #[arg(long, default_value_t = 10)]
    rooms: usize,
    /// Sessions in each
    #[arg(long, default_value_t = 8)]
    sessions: usize,
    /// Ticks a second
    #[arg(long, default_value_t = 5)]
    hz: u32,
    /// Bytes of a frame with its WebSocket header, 130 to 60,000
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(130..=60_000))]
    bytes: u32,
    /// Seconds in which the rate and the processor are measured
    #[arg(long, default_value_t = 1)]
    seconds: u64,
    /// Sessions in rooms in which nothing happens, with one tick a second
    #[arg(long, default_value_t = 0)]
    idle: usize,
    /// Sessions in no room
    #[arg(long, default_value_t = 50)]
    authenticated: usize,
    /// Over TLS
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    common: Common,
}

/// Sessions in a room in which nothing happens.
const IDLE_ROOM: usize = 50;

#[derive(Debug, Serialize)]
struct Report {
    rooms: Part,
    idle: Part,
    authenticated: Part,
}

/// Some rooms and sessions. Memory is in bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Part {
    rooms: usize,
    memory_per_room: u64,
    /// Let in, and there to the end.
    sessions: usize,
    /// Refused or lost.
    ended: usize,
    seconds_to_enter: f64,
    memory_per_session: u64,
    /// When all have gone and as many have come again: more, if something is left behind.
    memory_per_session_again: u64,
    /// Of the snapshots a second that there should be.
    rate_held: f64,
    lost_ticks: u64,
    interval_ms: Quantiles,
    /// Microseconds of the processor for each snapshot of each session.
    cpu_us: f64,
    /// Of one core, all in all.
    cpu_share: f64,
}

/// For the relay to learn that all have gone, and for its rooms one tick more.
const LEAVING: Duration = Duration::from_millis(300);

/// What the other processes do.
#[derive(Debug, Serialize, Deserialize)]
enum Task {
    Crowd(Crowd),
    /// A part by itself: it finds no memory that another has left.
    Part(Plan),
}

/// What a part has.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    rooms: usize,
    per_room: usize,
    sessions: usize,
    /// Of a frame; 0 if nothing happens.
    bytes: usize,
    hz: u32,
    seconds: u64,
    tls: bool,
}

fn main() {
    let args = Args::parse();
    match args.common.task() {
        Some(Task::Crowd(crowd)) => return crowd.run(),
        Some(Task::Part(plan)) => return answer(|| measure(&plan)),
        None => {}
    }
    let Args { rooms, sessions: per_room, hz, seconds, idle, authenticated, tls, .. } = args;
    let bytes = args.bytes as usize;
    let part = |plan: Plan| {
        if plan.sessions == 0 { Part::default() } else { Process::start(&Task::Part(plan)).ask() }
    };
    let no_room = Plan { rooms: 0, per_room: 0, sessions: authenticated, bytes: 0, hz: 1, seconds: 0, tls };
    let report = Report {
        rooms: part(Plan { rooms, per_room, sessions: rooms * per_room, bytes, hz, seconds, tls }),
        idle: part(Plan {
            rooms: idle.div_ceil(IDLE_ROOM),
            per_room: IDLE_ROOM,
            sessions: idle,
            bytes: 0,
            hz: 1,
            seconds,
            tls,
        }),
        authenticated: part(no_room),
    };
    args.common.print(&report, |report| {
        for (name, part) in [("busy", &report.rooms), ("idle", &report.idle), ("in no room", &report.authenticated)] {
            println!("{name}: {} sessions in {} rooms, {} lost", part.sessions, part.rooms, part.ended);
            println!("  in after            {:.1} s", part.seconds_to_enter);
            println!("  memory of a room    {} bytes", part.memory_per_room);
            println!(
                "  … of a session      {} bytes, {} when others follow",
                part.memory_per_session, part.memory_per_session_again
            );
            if part.rooms > 0 {
                println!("  rate held           {:.1} %, {} ticks lost", 100.0 * part.rate_held, part.lost_ticks);
                println!("  interval            {}", part.interval_ms);
                println!("  processor           {:.2} µs/client·tick, {:.2} cores", part.cpu_us, part.cpu_share);
            }
        }
    });
}

/// Measures in this process.
fn measure(plan: &Plan) -> Part {
    let &Plan { rooms, sessions, hz, .. } = plan;
    let runtime = runtime();
    // Who has left leaves nothing behind.
    let config = Config { seat_hold: Duration::ZERO, ..Config::default() };
    let certificate = plan.tls.then(Certificate::make);
    let host = match &certificate {
        Some(certificate) => Host::start_tls(&runtime, config, sessions, certificate),
        None => Host::start(&runtime, config, sessions),
    };
    let before = memory();
    (0..rooms).for_each(|room| host.open(room, Noisy { bytes: plan.bytes, rest: 0 }, hz, plan.per_room));
    let tick = Duration::from_secs_f64(rooms.min(1) as f64 / f64::from(hz));
    std::thread::sleep(tick * 3 / 2);
    let empty = memory();

    let start = Instant::now();
    let mut crowd = enter(&host, plan, certificate.as_ref());
    let seconds_to_enter = start.elapsed().as_secs_f64();
    let full = memory();
    let (cpu, start) = (cpu_time(), Instant::now());
    let _: CrowdReport = crowd.ask();
    std::thread::sleep(Duration::from_secs(plan.seconds));
    let told: CrowdReport = crowd.ask();
    let (cpu, elapsed) = ((cpu_time() - cpu).as_secs_f64(), start.elapsed().as_secs_f64());

    drop(crowd);
    std::thread::sleep(LEAVING + tick);
    let crowd = enter(&host, plan, certificate.as_ref());
    let again = memory();
    drop(crowd);
    let lost_ticks = host.relay.stats().rooms.iter().map(|room| room.lost_ticks).sum();
    host.stop(&runtime);
    let per_session = |bytes: u64| bytes.saturating_sub(empty) / sessions as u64;
    Part {
        rooms,
        memory_per_room: empty.saturating_sub(before) / rooms.max(1) as u64,
        sessions: told.inside,
        ended: told.ended,
        seconds_to_enter,
        memory_per_session: per_session(full),
        memory_per_session_again: per_session(again),
        rate_held: told.rate / f64::from(hz),
        lost_ticks,
        interval_ms: told.interval_ms,
        cpu_us: cpu * 1e6 / told.snapshots.max(1) as f64,
        cpu_share: cpu / elapsed,
    }
}

/// Waits until all are in. The rooms are not asked: their histograms would count as memory of the sessions.
fn enter(host: &Host, plan: &Plan, certificate: Option<&Certificate>) -> Process {
    let &Plan { sessions, per_room, .. } = plan;
    let room = (plan.rooms > 0).then_some(0);
    let (addr, certificate) = (host.addr.clone(), certificate.map(Certificate::chain));
    let task = Task::Crowd(Crowd { addr, clients: sessions, room, per_room, certificate });
    let mut crowd = Process::start(&task);
    loop {
        let CrowdReport { inside, ended, .. } = crowd.ask();
        if inside + ended >= sessions {
            return crowd;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

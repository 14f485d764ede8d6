//! Thousands of players who come and go in every way there is: what a relay has left of them when they are gone. Everything that can be
//! counted must be as it was before they came; memory is reported.
//!
//! `cargo bench -p tickwire-benches --bench churn -- --visits 10000 --json`

mod allocated;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use serde::Serialize;
use tickwire_benches::churn::{Census, Turnout, Venue};
use tickwire_benches::load::{Common, memory, runtime};

/// What is measured, and how long.
#[derive(Clone, Debug, Parser)]
struct Args {
    /// Visits of a round, each of one connection or a few
    #[arg(long, default_value_t = 250)]
    visits: u64,
    /// Rounds, one after the other; what leaks shows as more in each
    #[arg(long, default_value_t = 2)]
    rounds: u64,
    /// Where the visitors' chance begins
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Serialize)]
struct Report {
    /// Before anyone came, and so it must be after each round.
    empty: Census,
    /// Whether it was.
    sound: bool,
    /// The first only warms up: histograms, arenas and the tables of a relay stay as large as they have been.
    rounds: Vec<Round>,
}

/// Some visits, and what there was when they had passed.
#[derive(Debug, Serialize)]
struct Round {
    turnout: Turnout,
    seconds: f64,
    after: Census,
    /// Bytes allocated and not freed, more than before the round.
    allocated: i64,
    allocated_per_visit: f64,
    /// Bytes that the process occupies, more than before the round.
    resident: i64,
    resident_per_visit: f64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = runtime();
    let report = runtime.block_on(measure(&args));
    args.common.print(&report, |report| {
        for (number, round) in report.rounds.iter().enumerate() {
            let Turnout { visits, connections, .. } = round.turnout;
            println!("round {number}: {visits} visits by {connections} connections in {:.1} s", round.seconds);
            println!("  allocated           {:+} bytes, {:+.1} a visit", round.allocated, round.allocated_per_visit);
            println!("  resident            {:+} bytes, {:+.1} a visit", round.resident, round.resident_per_visit);
        }
        println!("{}", if report.sound { "nothing is left of anyone" } else { "something is left" });
    });
    for round in &report.rounds {
        if round.after != report.empty {
            eprintln!("empty: {:?}\nleft:  {:?}", report.empty, round.after);
        }
        if round.turnout.unanswered > 0 {
            eprintln!("{} visitors waited in vain", round.turnout.unanswered);
        }
    }
    if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(args: &Args) -> Report {
    let venue = Venue::open().await;
    let empty = venue.census().await;
    let mut rounds = Vec::new();
    for number in 0..=args.rounds {
        let (allocated, resident) = (allocated::bytes(), memory() as i64);
        let start = Instant::now();
        let first = number * args.visits;
        let turnout = venue.receive(args.seed, first..first + args.visits).await;
        let seconds = start.elapsed().as_secs_f64();
        let after = venue.settle(&empty).await;
        let (allocated, resident) = (allocated::bytes() - allocated, memory() as i64 - resident);
        let per_visit = |bytes: i64| bytes as f64 / args.visits as f64;
        let (allocated_per_visit, resident_per_visit) = (per_visit(allocated), per_visit(resident));
        rounds.push(Round { turnout, seconds, after, allocated, allocated_per_visit, resident, resident_per_visit });
    }
    venue.close().await;
    let sound = rounds.iter().all(|round| round.after == empty && round.turnout.unanswered == 0);
    Report { empty, sound, rounds }
}

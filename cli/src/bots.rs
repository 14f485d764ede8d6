//! `tickwire bots`: many players at someone's relay, and what they saw.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tickwire_client::bots::{self, BotsOptions, Progress};

use crate::args::BotsArgs;
use crate::error::CliError;
use crate::host::interrupted;
use crate::program::Program;

pub(crate) async fn run(program: &Program, args: BotsArgs) -> Result<ExitCode, CliError> {
    let brain = program.find(args.game.as_deref())?.brain.clone();
    let seed = args.seed.unwrap_or_else(rand::random);
    let options = BotsOptions {
        trust: args.host.trust()?,
        tokens: args.host.tokens(Duration::from_secs(args.seconds))?,
        url: args.host.url,
        rooms: args.rooms.names(),
        count: args.count as usize,
        time: Some(Duration::from_secs(args.seconds)),
        seed,
        // Two runs with one seed are still different players.
        run: format!("{:x}", rand::random::<u64>()),
    };
    let progress = Arc::new(Progress::default());
    let shown = tokio::spawn(show(progress.clone(), args.count, options.length()));
    let report = bots::run(options, move |seed| brain(seed), progress, interrupted()).await;
    shown.abort();
    let report = report?;
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn show(progress: Arc<Progress>, count: u32, length: Option<Duration>) {
    let terminal = std::io::stderr().is_terminal();
    let seconds = length.unwrap_or_default().as_secs();
    let mut last = 0;
    for second in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (joined, snapshots) = (progress.joined.load(Ordering::Relaxed), progress.snapshots.load(Ordering::Relaxed));
        let (before, after) = if terminal { ("\r", "\x1b[K") } else { ("", "\n") };
        let rate = snapshots - last;
        let mut out = std::io::stderr().lock();
        let line = format!("{second} of {seconds} s · {joined} of {count} bots playing · {rate} snapshots/s");
        // Nobody may be looking.
        let _ = write!(out, "{before}{line}{after}").and_then(|()| out.flush());
        last = snapshots;
    }
}

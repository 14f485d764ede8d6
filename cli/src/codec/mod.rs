//! `tickwire codec`: what would this game cost? A trace through the real codec.

mod measure;
mod plain;
mod report;

pub use measure::{MeasureOptions, measure};
pub use report::{Distribution, Report};

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tickwire::Priors;
use tickwire_protocol::snapshot::Encoder;
use tickwire_protocol::{Predict, Schema};

use crate::args::{CodecArgs, TrainArgs};
use crate::error::CliError;
use crate::program::Program;
use crate::trace::{Header, Replay, ReplayError, Trace};

pub(crate) fn run(program: &Program, args: &CodecArgs) -> Result<ExitCode, CliError> {
    let trace = open(&args.trace)?;
    let schema = schema(program, args.game.as_deref(), &trace.header)?;
    let priors = args.priors.as_deref().map(|file| program.priors(file, &schema)).transpose()?;
    let options = MeasureOptions { schema, priors, after: args.after };
    let report = measure(&trace, &options)?;
    if report.live == 0.0 {
        return Err(CliError::NothingCounts(options.after(&trace)));
    }
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.lossless { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub(crate) fn train(program: &Program, args: &TrainArgs) -> Result<ExitCode, CliError> {
    let trace = open(&args.trace)?;
    let schema = schema(program, args.game.as_deref(), &trace.header)?;
    let until = args.until.unwrap_or(u32::MAX);
    let priors = learn(&trace, schema, until)?;
    std::fs::write(&args.out, priors.to_bytes()).map_err(|error| CliError::Write { file: args.out.clone(), error })?;
    println!("priors in {}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The best priors for a trace up to a tick.
///
/// # Errors
/// The schema is not of what the trace was recorded from.
///
/// # Panics
/// If more entities are alive or resting at once than there are slots.
pub fn learn(trace: &Trace, schema: Arc<Schema>, until: u32) -> Result<Priors, ReplayError> {
    let mut replay = Replay::new(&trace.header, schema)?;
    let mut encoder = Encoder::new(replay.tables());
    let mut delta = Vec::new();
    for tick in trace.ticks.iter().take_while(|tick| tick.tick <= until) {
        replay.step(tick);
        delta.clear();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, false, &mut delta);
        replay.tables().settle();
    }
    Ok(encoder.learnt())
}

fn open(file: &Path) -> Result<Trace, CliError> {
    Trace::open(file).map_err(|error| CliError::Trace { file: file.to_owned(), error })
}

/// The schema of the game of this name, or the trace's own.
fn schema(program: &Program, game: Option<&str>, header: &Header) -> Result<Arc<Schema>, CliError> {
    match game {
        Some(name) => Ok((program.find(Some(name))?.schema)()),
        None => Ok(header.schema(Predict::Auto).into()),
    }
}

//! `tickwire codec`: what would this game cost? A trace through the real codec.

mod measure;
mod plain;
mod report;

pub use measure::{MeasureOptions, measure};
pub use report::{Distribution, Report};

use std::process::ExitCode;

use crate::args::CodecArgs;
use crate::error::CliError;
use crate::trace::Trace;

pub(crate) fn run(args: &CodecArgs) -> Result<ExitCode, CliError> {
    let trace = Trace::open(&args.trace)?;
    let report = measure(&trace, &MeasureOptions::default());
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        println!("{report}");
    }
    Ok(if report.lossless { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

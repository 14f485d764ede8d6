//! The `tickwire` program as a library: register your games and their brains, and get every subcommand for them.
//!
//! ```no_run
//! use tickwire_arena::{Arena, ArenaBrain};
//! use tickwire_cli::Program;
//!
//! fn main() -> std::process::ExitCode {
//!     Program::new().game("arena", Arena::sized_for, ArenaBrain::new).run()
//! }
//! ```

mod args;
mod auth;
mod bots;
pub mod codec;
mod error;
mod host;
mod program;
mod record;
mod status;
mod token;
pub mod trace;

pub use program::Program;

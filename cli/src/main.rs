//! The `tickwire` program with its sample game.

use std::process::ExitCode;

use tickwire_arena::{Arena, ArenaBrain};
use tickwire_cli::Program;

fn main() -> ExitCode {
    Program::new().game("arena", Arena::sized_for, ArenaBrain::new).pages(tickwire_web::arena()).run()
}

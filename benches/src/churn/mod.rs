//! Players who come and go in every way there is, and what a relay has of them when they are gone.

mod caller;
mod census;
mod game;
mod venue;
mod visit;
mod ways;

pub use census::Census;
pub use venue::Venue;
pub use visit::{Turnout, Way};

//! A client on a real socket, at a relay that the tests play.

mod closes;
mod peer;
mod reconnection;
mod refusals;

//! What the measuring programs share: a relay under load in this process, its clients in another that is started from the same program, and
//! the numbers that come of it.

mod client;
mod crowd;
mod host;
mod numbers;
mod process;
mod tls;

pub use client::{Client, End, Heard, Kind, websocket_config};
pub use crowd::{Crowd, CrowdReport, Gaps};
pub use host::{Host, Noisy, room_name};
pub use numbers::{Quantiles, nanos};
pub use process::{Common, Process, answer, cpu_time, memory, peak_memory, runtime, threads};
pub use tls::Certificate;

//! The relay with a room of the clients.

use std::time::Duration;

use tickwire::Config;
use tickwire_benches::load::{Crowd, Host, Noisy, Process, cpu_time, memory, nanos};
use tokio::runtime::Runtime;

use crate::{Args, Measured, Task};

/// Also the bytes of memory that a session takes.
pub(crate) fn measure(args: &Args, runtime: &Runtime) -> (Measured, u64) {
    let before = memory();
    let config = Config { unauthenticated: args.clients + 16, ..Config::default() };
    let host = Host::start(runtime, config, args.clients);
    host.open(0, Noisy { bytes: args.bytes as usize, rest: 0 }, args.hz, args.clients);
    let clients = Process::start(&Task::Crowd(Crowd::in_one_room(&host.addr, args.clients)));
    host.in_step(args.clients);

    let (room, cpu) = (host.room(), cpu_time());
    std::thread::sleep(Duration::from_secs(args.seconds));
    let (after, cpu) = (host.room(), cpu_time() - cpu);
    let occupied = memory().saturating_sub(before) / args.clients as u64;
    let client_ticks = after.session_ticks - room.session_ticks;
    let sent = (after.bytes - room.bytes) / client_ticks.max(1);
    assert!(sent.abs_diff(args.bytes.into()) < 16, "a frame has {sent} bytes");

    drop(clients);
    host.stop(runtime);
    let mut fanout = nanos();
    fanout.add(&after.fanout_nanos).expect("no fan-out takes a minute");
    (Measured { cpu, client_ticks, fanout }, occupied)
}

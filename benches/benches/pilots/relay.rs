//! The relay with a room of the clients.

use std::time::Duration;

use tickwire::{Config, SimOptions};
use tickwire_benches::load::{Host, Process, cpu_time, room_name};
use tokio::runtime::Runtime;

use crate::clients::Pilots;
use crate::game::Crowded;
use crate::{Args, Measured, Task};

pub(crate) fn measure(args: &Args, runtime: &Runtime) -> Measured {
    let config = Config { unauthenticated: args.clients + 16, ..Config::default() };
    let host = Host::start(runtime, config, args.clients);
    let seats = u16::try_from(args.clients).expect("a room has at most 65,535 seats");
    let options = SimOptions { tick_rate: args.hz, seats, ..SimOptions::default() };
    host.relay.open(&room_name(0), Crowded::of(args.entities), options).expect("the relay has place for the room");
    let (addr, clients, hz) = (host.addr.clone(), args.clients, args.hz);
    let clients = Process::start(&Task::Pilots(Pilots { addr, clients, hz }));
    host.in_step(args.clients);

    let (before, cpu) = (host.room(), cpu_time());
    std::thread::sleep(Duration::from_secs(args.seconds));
    let (after, cpu) = (host.room(), cpu_time() - cpu);
    drop(clients);
    host.stop(runtime);
    Measured {
        cpu,
        client_ticks: after.session_ticks - before.session_ticks,
        inputs: (after.inputs - after.inputs_refused) - (before.inputs - before.inputs_refused),
        bytes: after.bytes - before.bytes,
    }
}

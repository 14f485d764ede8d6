//! The relay with a room whose deltas have just the bytes that are asked for.

use std::time::Duration;

use bevy_ecs::prelude::*;
use rand::Rng as _;
use tickwire::{Config, Game, Relay, Replicated, Rng, Setup, SimOptions, Wire};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::clients::Clients;
use crate::{Args, Measured, cpu_time, memory, nanos};

/// What changes every tick, and can't be foreseen.
#[derive(Component, Wire)]
struct Noise {
    #[wire(max = 65_000)]
    bytes: Vec<u8>,
}

/// No more than what can be asked for.
#[derive(Clone, Default, Wire)]
struct Nothing;

struct Noisy {
    bytes: usize,
}

impl Game for Noisy {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Noise>().systems(change);
        setup.world().spawn((Replicated, Noise { bytes: vec![0; self.bytes] }));
    }
}

fn change(mut rng: ResMut<Rng>, mut noise: Single<&mut Noise>) {
    rng.fill_bytes(&mut noise.bytes);
}

/// Also the bytes of memory that a session takes.
pub(crate) async fn measure(args: &Args) -> (Measured, u64) {
    let before = memory();
    let config = Config { connections: args.clients + 16, unauthenticated: args.clients + 16, ..Config::default() };
    let relay = Relay::builder().config(config).build().expect("the limits make sense");
    // Header, check byte, tick, base, flags, counts and lengths.
    let game = Noisy { bytes: args.bytes.saturating_sub(20) as usize };
    let options = SimOptions { tick_rate: args.hz, seats: args.clients as u16, ..SimOptions::default() };
    relay.open("lobby", game, options).expect("the relay is empty");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let served = tokio::spawn({
        let relay = relay.clone();
        async move { relay.serve(listener, async { drop(stopped.await) }).await }
    });
    let clients = Clients::start(&addr, args.clients, true);
    while relay.stats().rooms[0].sessions < args.clients {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Until all have their keyframes and are in step.
    let everyone = (args.clients as u64) * u64::from(args.hz) * 98 / 100;
    loop {
        let before = relay.stats().rooms[0].session_ticks;
        tokio::time::sleep(Duration::from_secs(1)).await;
        if relay.stats().rooms[0].session_ticks - before >= everyone {
            break;
        }
    }

    let (room, cpu) = (relay.stats().rooms.remove(0), cpu_time());
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, cpu) = (relay.stats().rooms.remove(0), cpu_time() - cpu);
    let occupied = memory().saturating_sub(before) / args.clients as u64;
    let client_ticks = after.session_ticks - room.session_ticks;
    let sent = (after.bytes - room.bytes) / client_ticks.max(1);
    assert!(sent.abs_diff(args.bytes.into()) < 16, "a frame has {sent} bytes");

    drop(clients);
    let _ = stop.send(());
    let _ = served.await;
    let mut fanout = nanos();
    fanout.add(&after.fanout_nanos).expect("no fan-out takes a minute");
    (Measured { cpu, client_ticks, fanout }, occupied)
}

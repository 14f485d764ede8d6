//! The relay, with rooms whose deltas have just the bytes that are asked for.

use std::time::Duration;

use bevy_ecs::prelude::*;
use rand::Rng as _;
use tickwire::{Config, Game, Relay, Replicated, Rng, RoomStats, Setup, SimOptions, Tls, Wire};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::Certificate;

/// What changes every tick, and can't be foreseen.
#[derive(Component, Wire)]
struct Noise {
    #[wire(max = 65_000)]
    bytes: Vec<u8>,
}

/// What is there and never changes: a keyframe has it, a delta does not.
#[derive(Component, Wire)]
struct Rest {
    #[wire(max = 65_000)]
    bytes: Vec<u8>,
}

/// What players can ask for.
#[derive(Clone, Default, Wire)]
pub struct Nothing;

/// A game in which nothing happens but noise.
#[derive(Clone, Copy, Debug)]
pub struct Noisy {
    /// Of a delta's frame; below 130 nothing happens at all.
    pub bytes: usize,
    /// More of a keyframe, about.
    pub rest: usize,
}

impl Game for Noisy {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Noise>().replicate::<Rest>().systems(change);
        // Header, check byte, tick, base, flags, counts and lengths.
        let bytes = if self.bytes < 130 { 0 } else { self.bytes - 20 };
        setup.world().spawn((Replicated, Noise { bytes: vec![0; bytes] }));
        setup.world().spawn((Replicated, Rest { bytes: (0..self.rest).map(|index| index as u8).collect() }));
    }
}

fn change(mut rng: ResMut<Rng>, mut noise: Single<&mut Noise>) {
    if !noise.bytes.is_empty() {
        rng.fill_bytes(&mut noise.bytes);
    }
}

/// A relay on a port of its own.
#[derive(Debug)]
pub struct Host {
    /// The relay itself.
    pub relay: Relay,
    /// Where it listens.
    pub addr: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// The name of the room of this number.
pub fn room_name(number: usize) -> String {
    format!("room.{number}")
}

impl Host {
    /// A relay without rooms, with these limits, but place for so many sessions, be each in a room of its own.
    pub fn start(runtime: &Runtime, config: Config, sessions: usize) -> Self {
        Self::begin(runtime, config, sessions, None)
    }

    /// The same over TLS.
    pub fn start_tls(runtime: &Runtime, config: Config, sessions: usize, certificate: &Certificate) -> Self {
        Self::begin(runtime, config, sessions, Some(certificate.tls()))
    }

    fn begin(runtime: &Runtime, config: Config, sessions: usize, tls: Option<Tls>) -> Self {
        let config = Config {
            connections: config.connections.max(sessions + 64),
            rooms: config.rooms.max(sessions + 64),
            ..config
        };
        // The default authenticator's warning goes nowhere: nobody has subscribed to it.
        let relay = runtime.block_on(async { Relay::builder().config(config).build() }).expect("the limits make sense");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port is free");
        let addr = listener.local_addr().expect("it is bound").to_string();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = runtime.spawn({
            let relay = relay.clone();
            async move {
                let stopped = async { drop(stopped.await) };
                match tls {
                    Some(tls) => relay.serve_tls(listener, tls, stopped).await,
                    None => relay.serve(listener, stopped).await,
                }
            }
        });
        Self { relay, addr, stop, served }
    }

    /// Opens a room.
    pub fn open(&self, number: usize, game: Noisy, hz: u32, seats: usize) {
        let seats = u16::try_from(seats.max(1)).expect("a room has at most 65,535 seats");
        let options = SimOptions { tick_rate: hz, seats, ..SimOptions::default() };
        self.relay.open(&room_name(number), game, options).expect("the relay has place for the room");
    }

    /// The first room.
    pub fn room(&self) -> RoomStats {
        self.relay.stats().rooms.swap_remove(0)
    }

    /// Waits until so many sessions are in the first room, have their keyframes, and are in step.
    pub fn in_step(&self, sessions: usize) {
        while self.room().sessions < sessions {
            std::thread::sleep(Duration::from_millis(20));
        }
        loop {
            let before = self.room();
            std::thread::sleep(Duration::from_millis(200));
            let after = self.room();
            let ticks = u64::from(after.tick - before.tick);
            if after.session_ticks - before.session_ticks >= ticks * sessions as u64 * 98 / 100 {
                return;
            }
        }
    }

    /// Ends the relay and all that it has.
    pub fn stop(self, runtime: &Runtime) {
        let _ = self.stop.send(());
        let _ = runtime.block_on(self.served);
    }
}

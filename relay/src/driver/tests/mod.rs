//! Whole sessions in virtual time: a room, real connections over links of any width, and clients that decode what comes.

mod client;
mod deadlines;
mod lag;
mod mixing;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bevy_ecs::prelude::*;
use bytes::Bytes;
use crossbeam_channel::Receiver;
use rand::Rng as _;
use tickwire_sim::{Events, Game, Player, Refusal, Replicated, Rng, Setup, Sim, SimOptions, TickTime, To};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::accept::{Relay, Shared};
use super::connection::{Connection, Opening};
use super::now;
use super::socket::Socket;
use super::transport::Transport;
use crate::Wire;
use crate::config::Config;
use crate::fanout::{Op, Shard};
use crate::form::Form;
use crate::options::RoomOptions;
use crate::room::{Next, Room};
use crate::stats::Origin;
use client::Client;

/// Ticks a second.
const RATE: u32 = 30;

/// What changes in a way that nobody can foresee, so that a delta has some 300 bytes.
#[derive(Component, Wire)]
struct Noise {
    #[wire(max = 64)]
    bytes: Vec<u8>,
}

/// What players ask for: nothing.
#[derive(Clone, Default, Wire)]
struct Nothing;

/// Said to everyone once a second.
#[derive(Wire)]
struct Bell {
    second: u32,
}

/// Sixty things: five change at every tick, and five of the others in turn. So a keyframe has as many bytes as six deltas, and to leave every
/// second delta out saves a quarter.
struct Noisy;

impl Game for Noisy {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.replicate::<Noise>().event::<Bell>().systems((change, ring));
        for _ in 0..60 {
            setup.world().spawn((Replicated, Noise { bytes: vec![0; 28] }));
        }
    }

    fn join(&self, _: &mut World, _: Entity, _: &Player) -> Result<(), Refusal> {
        Ok(())
    }
}

fn change(time: Res<TickTime>, mut rng: ResMut<Rng>, mut noises: Query<&mut Noise>) {
    let turn = 5 + 5 * (time.tick as usize % 11);
    for (index, mut noise) in noises.iter_mut().enumerate() {
        if index < 5 || (turn..turn + 5).contains(&index) {
            rng.fill_bytes(&mut noise.bytes);
        }
    }
}

fn ring(time: Res<TickTime>, mut events: ResMut<Events>) {
    if time.tick.is_multiple_of(RATE) {
        events.send(To::All, &Bell { second: time.tick / RATE });
    }
}

/// A room that runs in virtual time, and the way to it.
struct Match {
    shared: Arc<Shared>,
    /// The room's tick, for everyone to see.
    tick: Arc<AtomicU32>,
}

impl Match {
    fn start(config: Config) -> Self {
        let (shared, shards) = Relay::builder().config(config).assemble();
        let options = SimOptions { tick_rate: RATE, ..SimOptions::default() };
        let sim = Box::new(Sim::new(Noisy, options));
        let (room, _) =
            shared.lobby.open("lobby", (sim, RoomOptions::default()), Origin::default(), now()).expect("there is none");
        let tick = Arc::new(AtomicU32::new(0));
        tokio::spawn(run(room, shards, tick.clone()));
        Self { shared: Arc::new(shared), tick }
    }

    /// A client behind a link that carries so many bytes a second to it.
    fn join(&self, name: &str, width: u32, vocal: bool) -> Client {
        let (ours, theirs) = (Pipe::new(4096), Pipe::new(1024));
        let link = Link::new(width);
        tokio::spawn(link.clone().carry(ours.outer, theirs.inner));
        tokio::spawn(self.connect(ours.inner).serve());
        Client::start(name, theirs.outer, link, self.tick.clone(), vocal)
    }

    /// A connection that is for the caller to serve.
    fn connect(&self, stream: DuplexStream) -> Box<Connection> {
        let socket = Socket::over(Transport::Other(Box::new(stream)), Bytes::new(), Form::Binary, &self.shared.config);
        let (stranger, visit) = (self.shared.strangers.admit(), self.shared.gate.wave_through());
        let opening = Opening { form: Form::Binary, token: None };
        Connection::new(socket, opening, self.shared.clone(), (stranger, visit))
    }

    fn stats(&self) -> crate::RoomStats {
        self.shared.lobby.stats().remove(0)
    }
}

/// Runs the room's ticks when they are due, and its shards behind them.
async fn run(mut room: Room, ops: Vec<Receiver<Op>>, tick: Arc<AtomicU32>) {
    let mut shards: Vec<Shard> = ops.iter().map(|_| Shard::default()).collect();
    loop {
        tokio::time::sleep_until(room.due().into()).await;
        if room.run(now()) == Next::End {
            return;
        }
        tick.fetch_add(1, Ordering::Relaxed);
        for (shard, ops) in shards.iter_mut().zip(&ops) {
            for op in ops.try_iter() {
                if let Some((round, listeners)) = shard.handle(now(), op) {
                    round.deliver(now(), listeners);
                    round.end(now());
                }
            }
        }
    }
}

/// A stream with two ends.
struct Pipe {
    inner: DuplexStream,
    outer: DuplexStream,
}

impl Pipe {
    /// Holds so many bytes each way, as a system's socket does.
    fn new(capacity: usize) -> Self {
        let (inner, outer) = duplex(capacity);
        Self { inner, outer }
    }
}

/// Between a relay and a client: so many bytes a second to the client, and as many as it likes back.
#[derive(Clone)]
struct Link {
    width: Arc<AtomicU32>,
}

impl Link {
    fn new(width: u32) -> Self {
        Self { width: Arc::new(width.into()) }
    }

    /// From now on so many bytes a second; 0 stops it.
    fn set_width(&self, width: u32) {
        self.width.store(width, Ordering::Relaxed);
    }

    async fn carry(self, relay: DuplexStream, client: DuplexStream) {
        let (mut from_relay, mut to_relay) = tokio::io::split(relay);
        let (mut from_client, mut to_client) = tokio::io::split(client);
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_relay).await });
        let mut buffer = [0; 64];
        loop {
            let width = self.width.load(Ordering::Relaxed);
            if width == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
            let Ok(read @ 1..) = from_relay.read(&mut buffer).await else { return };
            tokio::time::sleep(Duration::from_secs_f64(read as f64 / f64::from(width))).await;
            if to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}

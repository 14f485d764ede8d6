//! A relay for visitors: rooms that stay, rooms that they ask for, and holds so short that all is over soon.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire::{
    AuthError, Authenticator, Config, DevelopmentTokens, Door, Plan, Relay, RoomOptions, SimOptions, Verdict,
};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::census::Census;
use super::game::Bustle;
use super::visit::{Turnout, Visit};

/// Visitors at once.
const AT_ONCE: usize = 96;

/// Addresses that visitors come from.
const ADDRESSES: u64 = 1000;

/// What is held for those who may come back is so for this long.
pub(super) const HOLD: Duration = Duration::from_millis(300);

/// What is not counted, such as the ids of messages that came, is forgotten within a second when its time is over.
const SWEEPING: Duration = Duration::from_secs(1);

/// How long a relay may take beyond that to have nothing left of anyone: a connection that is not closed from the other end is closed
/// after a second, and a room hears of it with its next tick.
const SETTLING: Duration = Duration::from_secs(10);

/// The seats of the room that is often full.
const FEW_SEATS: u16 = 4;

/// The token that nobody believes.
pub(super) const FORGED: &str = "forged";

/// The relay and where it listens.
#[derive(Debug)]
pub struct Venue {
    relay: Relay,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

/// Believes all but one.
struct Doorman;

impl Authenticator for Doorman {
    fn authenticate(&self, token: &str, door: Door) -> Verdict {
        match token.starts_with(FORGED) {
            true => Box::pin(std::future::ready(Err(AuthError::Refused))),
            false => DevelopmentTokens.authenticate(token, door),
        }
    }
}

/// The relay's limits and times.
fn settings() -> Config {
    Config {
        seat_hold: HOLD,
        empty_time: HOLD,
        reservation: HOLD,
        request_timeout: HOLD,
        queue_timeout: Duration::from_secs(1),
        // The addresses are this machine's own, and are to be counted.
        exempt_loopback: false,
        rooms: 200,
        relay_channels: 64,
        ..Config::default()
    }
}

fn options() -> SimOptions {
    SimOptions { tick_rate: 60, seats: 256, ..SimOptions::default() }
}

/// The rooms that stay.
pub(super) const HALL: &str = "hall";
pub(super) const BOOTH: &str = "booth";
pub(super) const BALCONY: &str = "balcony";
pub(super) const CELLAR: &str = "cellar";

impl Venue {
    /// Opens it.
    pub async fn open() -> Self {
        let plan = || Plan { game: Arc::new(Bustle), sim: options(), room: RoomOptions::default() };
        let builder = Relay::builder().config(settings()).authenticator(Doorman);
        let relay = builder.kind("bustle", move |_| Ok(plan())).build().expect("the limits make sense");
        let plain = RoomOptions { kind: "stays".into(), ..RoomOptions::default() };
        for (name, seats, room) in [
            (HALL, options().seats, plain.clone()),
            (BOOTH, FEW_SEATS, plain.clone()),
            (BALCONY, FEW_SEATS, RoomOptions { spectators: 8, spectator_delay: 20, ..plain.clone() }),
            (CELLAR, options().seats, RoomOptions { private: true, ..plain }),
        ] {
            let sim = SimOptions { seats, ..options() };
            relay.open_as(name, Plan { game: Arc::new(Bustle), sim, room }).expect("it is the first of that name");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn({
            let relay = relay.clone();
            async move { relay.serve(listener, async { drop(stopped.await) }).await }
        });
        Self { relay, addr, stop, served }
    }

    /// Receives the visits of these numbers, some at once; the same seed and number make the same visit.
    pub async fn receive(&self, seed: u64, numbers: Range<u64>) -> Turnout {
        let (places, mut visits) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        let mut turnout = Turnout::default();
        for number in numbers {
            let place = places.clone().acquire_owned().await.expect("it is never closed");
            let address = number % ADDRESSES;
            let from = Ipv4Addr::new(127, 1, (address / 250) as u8, 1 + (address % 250) as u8);
            let visit = Visit::new(self.relay.clone(), self.addr, from, seed, number);
            visits.spawn(async move {
                let outcome = visit.make().await;
                drop(place);
                outcome
            });
            while let Some(outcome) = visits.try_join_next() {
                turnout.note(outcome.expect("visits do not panic"));
            }
        }
        while let Some(outcome) = visits.join_next().await {
            turnout.note(outcome.expect("visits do not panic"));
        }
        turnout
    }

    /// Counts what there is.
    pub async fn census(&self) -> Census {
        Census::take(&self.relay).await
    }

    /// Waits until there is no more than that, and everything is forgotten that is held for those who might come back; what there is then, be
    /// it more.
    pub async fn settle(&self, empty: &Census) -> Census {
        tokio::time::sleep(HOLD + SWEEPING).await;
        let patience = Instant::now() + SETTLING;
        let mut census = self.census().await;
        while census != *empty && Instant::now() < patience {
            tokio::time::sleep(HOLD / 6).await;
            census = self.census().await;
        }
        census
    }

    /// Ends it.
    pub async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.served.await;
    }
}

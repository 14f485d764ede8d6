//! The harness of the end-to-end tests: a real relay on a real socket, a small game, honest clients and hostile ones.

mod creative;
mod dots;
mod http;
mod raw;
mod salon;
mod talk;
mod text;

use std::net::SocketAddr;
use std::time::Duration;

use tickwire::{
    Authenticator, Config, Creation, Game, Plan, Refusal, Relay, RelayBuilder, RoomHandle, SimOptions, Tls,
};
use tickwire_client::{Client, ClientConfig, Role, Target, Trust, Update};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use creative::{creative, open_duel, start_creative};
pub use dots::{Dots, Go, Jumped, Position};
pub use http::{Answer, ask, find_place};
pub use raw::Raw;
pub use salon::{Add, Die, Heard, Riddle, Salon, Say, Solution, Sum, answer_riddles};
pub use talk::{in_relay, in_room, labels, room, words};
pub use text::{Folded, Text};

/// Longer than anything here takes, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A relay with a room `lobby`, on a free port.
pub struct Host {
    /// The relay itself.
    pub relay: Relay,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whose certificates its clients believe, if it speaks TLS.
    trust: Option<Trust>,
    stop: watch::Sender<bool>,
    served: JoinHandle<std::io::Result<()>>,
}

/// Limits and times as short as tests like them.
pub fn quick() -> Config {
    Config {
        handshake_timeout: Duration::from_millis(400),
        lookup_timeout: Duration::from_millis(400),
        heartbeat: Duration::from_millis(200),
        unresponsive: Duration::from_millis(800),
        seat_hold: Duration::from_millis(1500),
        ..Config::default()
    }
}

impl Host {
    /// A relay with the defaults.
    pub async fn start() -> Self {
        Self::with(Relay::builder(), SimOptions::default()).await
    }

    /// A relay with other limits.
    pub async fn with_config(config: Config) -> Self {
        Self::with(Relay::builder().config(config), SimOptions::default()).await
    }

    /// A relay that asks for tokens.
    pub async fn asking(authenticator: impl Authenticator, config: Config) -> Self {
        Self::with(Relay::builder().authenticator(authenticator).config(config), SimOptions::default()).await
    }

    /// A relay put together elsewhere, and a room with other options.
    pub async fn with(relay: RelayBuilder, options: SimOptions) -> Self {
        Self::begin(relay, options, None).await
    }

    /// A relay that speaks TLS, and whose clients believe `trust`.
    pub async fn with_tls(config: Config, tls: Tls, trust: Trust) -> Self {
        Self::begin(Relay::builder().config(config), SimOptions::default(), Some((tls, trust))).await
    }

    async fn begin(relay: RelayBuilder, options: SimOptions, tls: Option<(Tls, Trust)>) -> Self {
        let (tls, trust) = tls.unzip();
        let relay = relay.build().expect("the limits make sense");
        relay.open("lobby", Dots, options).expect("no room is open yet");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let stop = watch::Sender::new(false);
        let mut stopped = stop.subscribe();
        let served = tokio::spawn({
            let relay = relay.clone();
            async move {
                let shutdown = async {
                    let _ = stopped.wait_for(|stopped| *stopped).await;
                };
                match tls {
                    Some(tls) => relay.serve_tls(listener, tls, shutdown).await,
                    None => relay.serve(listener, shutdown).await,
                }
            }
        });
        Self { relay, addr, trust, stop, served }
    }

    /// Its WebSocket URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.trust.is_some() { "wss" } else { "ws" }, self.addr)
    }

    /// An honest client for the lobby.
    pub fn client(&self, token: &str) -> Client {
        self.client_in("lobby", token)
    }

    /// An honest client for a room.
    pub fn client_in(&self, room: &str, token: &str) -> Client {
        let config = ClientConfig::new(self.url(), token, room);
        let client = Client::with_seed(config, 1).expect("the URL is one");
        client.trusting(self.trust.clone().unwrap_or_default())
    }

    /// An honest client in the lobby that sees the room.
    pub async fn player(&self, token: &str) -> Client {
        let mut client = self.client(token);
        until(&mut client, |client, _| client.tick() > 0).await;
        client
    }

    /// An honest client that goes anywhere, as anything.
    pub fn client_to(&self, token: &str, target: Target, role: Role) -> Client {
        let config = ClientConfig { target, role, ..ClientConfig::new(self.url(), token, "lobby") };
        Client::new(config).expect("the URL is one")
    }

    /// An open room.
    pub fn room(&self, name: &str) -> RoomHandle {
        self.relay.room(name).expect("the room is open")
    }

    /// Awaits that something is so, which nothing tells of.
    pub async fn settles(&self, so: impl Fn(&Relay) -> bool) {
        patiently(async {
            while !so(&self.relay) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// A connection that speaks JSON.
    pub async fn text(&self) -> Text {
        Text::connect(self.addr).await
    }

    /// A connection of which every byte is chosen by the test.
    pub async fn raw(&self) -> Raw {
        Raw::connect(self.addr).await
    }

    /// Shuts down in good order.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        patiently(self.served).await.expect("serving does not panic").expect("the listener was sound");
    }
}

/// A plan of rooms for [`RelayBuilder::kind`] that refuses nobody.
pub fn any<G: Game + Copy>(game: G) -> impl Fn(&Creation) -> Result<Plan<G>, Refusal> + Send + Sync + 'static {
    move |_| Ok(Plan::of(game))
}

/// Awaits updates until one satisfies; that one.
pub async fn until(client: &mut Client, mut enough: impl FnMut(&Client, &Update) -> bool) -> Update {
    let mut last = None;
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let update = client.next().await.expect("the relay wants this client").expect("the client has not left");
            if enough(client, &update) {
                return update;
            }
            last = Some(update);
        }
    })
    .await;
    found.unwrap_or_else(|_| panic!("at tick {} it has not come; last: {last:?}, {:?}", client.tick(), client.counts()))
}

/// Awaits something that must come.
pub async fn patiently<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes within the patience of a test")
}

/// A player who must not notice what goes on: sees every tick of the room, in order and sound.
pub struct Witness {
    task: JoinHandle<Client>,
    over: watch::Sender<bool>,
}

impl Witness {
    /// Joins the lobby and watches.
    pub async fn join(host: &Host) -> Self {
        Self::join_with(host, "witness").await
    }

    /// The same with a token of the test's.
    pub async fn join_with(host: &Host, token: &str) -> Self {
        let mut client = host.player(token).await;
        let over = watch::Sender::new(false);
        let mut told = over.subscribe();
        let task = tokio::spawn(async move {
            let mut last = client.tick();
            loop {
                let update = tokio::select! {
                    biased;
                    _ = told.wait_for(|over| *over) => return client,
                    update = client.next() => update.expect("the relay wants the witness").expect("it has not left"),
                };
                match update {
                    Update::Snapshot { tick } => {
                        assert_eq!(tick, last + 1, "the witness misses no tick");
                        last = tick;
                    }
                    Update::Event { .. }
                    | Update::Host(_)
                    | Update::Message(_)
                    | Update::Presence(_)
                    | Update::Subscribed(_) => {}
                    other => panic!("the witness noticed {other:?}"),
                }
            }
        });
        Self { task, over }
    }

    /// Ends the watch a few ticks from now: nothing was noticed.
    pub async fn noticed_nothing(self) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.over.send_replace(true);
        let client = patiently(self.task).await.expect("the witness noticed nothing");
        let counts = client.counts();
        assert_eq!((counts.hash_mismatches, counts.resyncs, counts.errors, counts.reconnects), (0, 0, 0, 0));
    }
}

//! Runs bots: one task each, from a staggered start to a common end.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt as _, SeedableRng as _};
use tickwire_protocol::{Sequence, Tick};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::report::{Report, Tally, Times, note};
use super::{AnyBrain, BotTokens, View};
use crate::driver::{Client, ClientError};
use crate::session::{ClientConfig, Update};
use crate::trust::Trust;

/// Between the starts of two bots: 500 a second, so that a large run does not look like an attack.
const STAGGER: Duration = Duration::from_millis(2);

/// Why the histograms can be had.
const UNBROKEN: &str = "nothing panics while it holds the times";

/// Names for bots, stars all of them.
const NAMES: [&str; 24] = [
    "Vega",
    "Rigel",
    "Altair",
    "Deneb",
    "Mira",
    "Spica",
    "Antares",
    "Capella",
    "Polaris",
    "Sirius",
    "Procyon",
    "Regulus",
    "Adhara",
    "Castor",
    "Pollux",
    "Bellatrix",
    "Alnair",
    "Atria",
    "Mimosa",
    "Hadar",
    "Shaula",
    "Avior",
    "Kochab",
    "Naos",
];

/// How many bots, where and for how long.
#[derive(Clone, Debug)]
pub struct BotsOptions {
    /// Such as `ws://127.0.0.1:7777`.
    pub url: String,
    /// Whose certificates the bots believe, if the URL is a `wss://` one.
    pub trust: Trust,
    /// The rooms' names. The bots go round: bot `i` plays in room `i % rooms.len()`; with no room there is no bot.
    pub rooms: Vec<String>,
    /// Bots.
    pub count: usize,
    /// From the last start on; none: until the stop.
    pub time: Option<Duration>,
    /// Where the bots' randomness starts.
    pub seed: u64,
    /// Distinguishes this run's players from those of another: letters and digits, at most 32.
    pub run: String,
    /// What the bots show to be let in.
    pub tokens: BotTokens,
}

impl BotsOptions {
    /// From the first start to the end; none: until the stop.
    pub fn length(&self) -> Option<Duration> {
        self.time.map(|time| STAGGER * self.count as u32 + time)
    }
}

/// How a run goes, shared with whoever shows it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bots in their rooms.
    pub joined: AtomicU64,
    /// Snapshots applied by all bots.
    pub snapshots: AtomicU64,
}

/// Runs bots until their time is over or `stop` is ready, whichever is first. `brain` makes the brain of the bot with this seed.
///
/// # Errors
/// [`ClientError::Url`], [`ClientError::NoTls`]. What goes wrong later is counted in the report.
pub async fn run(
    options: BotsOptions,
    brain: impl Fn(u64) -> Box<dyn AnyBrain>,
    progress: Arc<Progress>,
    stop: impl Future<Output = ()>,
) -> Result<Report, ClientError> {
    let start = Instant::now();
    let over = watch::Sender::new(false);
    let times = Arc::new(Mutex::new(Times::default()));
    let length = options.length();
    let mut bots = JoinSet::new();
    for (index, room) in options.rooms.iter().cycle().take(options.count).enumerate() {
        let seed = options.seed.wrapping_add(index as u64);
        let bot = Bot {
            brain: brain(seed),
            times: times.clone(),
            tally: Tally::default(),
            progress: progress.clone(),
            wants: None,
            rng: ChaCha12Rng::seed_from_u64(seed),
            sent: VecDeque::new(),
            in_room: false,
            turned_away: 0,
            last: None,
            first_tick: None,
        };
        let name = name(index);
        let id = format!("{name}.{}x{index}", options.run);
        let config = ClientConfig::new(&options.url, options.tokens.mint(&id, &name), room);
        let client = Client::with_seed(config, seed)?.trusting(options.trust.clone());
        let delay = STAGGER * index as u32;
        let over = over.subscribe();
        bots.spawn(async move {
            tokio::time::sleep(delay).await;
            bot.play(client, over).await
        });
    }
    let time = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = time => {}
    }
    over.send_replace(true);
    let tallies = bots.join_all().await;
    let times = times.lock().expect(UNBROKEN);
    Ok(Report::of(&times, &tallies, start.elapsed().as_secs_f64()))
}

fn name(index: usize) -> String {
    let name = NAMES[index % NAMES.len()];
    match index / NAMES.len() {
        0 => name.to_owned(),
        round => format!("{name} {}", round + 1),
    }
}

struct Bot {
    brain: Box<dyn AnyBrain>,
    times: Arc<Mutex<Times>>,
    tally: Tally,
    progress: Arc<Progress>,
    /// What the brain wants, and when the player's hand is as far.
    wants: Option<(Instant, Vec<u8>)>,
    rng: ChaCha12Rng,
    /// Inputs that no snapshot has shown yet, and when they were sent.
    sent: VecDeque<(Sequence, Instant)>,
    in_room: bool,
    /// Connections that led into no room.
    turned_away: u64,
    /// When the last snapshot came.
    last: Option<Instant>,
    first_tick: Option<Tick>,
}

impl Bot {
    async fn play(mut self, mut client: Client, mut over: watch::Receiver<bool>) -> Tally {
        loop {
            let due = self.wants.as_ref().map(|(due, _)| *due);
            let update = tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => break,
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => None,
                update = client.next() => Some(update),
            };
            let Some(update) = update else {
                self.send(&mut client).await;
                continue;
            };
            match update {
                Ok(Some(update)) => self.handle(&mut client, update).await,
                Ok(None) => break,
                Err(error) => {
                    self.turned_away += 1;
                    self.fault(error.to_string());
                    break;
                }
            }
        }
        // Before the farewell: what it costs is not the game's.
        self.tally.counts = client.counts();
        self.tally.counts.errors += self.turned_away;
        self.tally.ticks = self.first_tick.map_or(0, |first| u64::from(client.tick().saturating_sub(first)));
        client.leave().await;
        self.tally
    }

    fn fault(&mut self, fault: String) {
        self.tally.fault.get_or_insert(fault);
    }

    async fn handle(&mut self, client: &mut Client, update: Update) {
        match update {
            Update::Joined { .. } => {
                let theirs = client.welcome().map(|welcome| &welcome.schema.input);
                if theirs != Some(&self.brain.input_shape()) {
                    self.fault("the room plays another game than this bot".into());
                }
                self.progress.joined.fetch_add(1, Ordering::Relaxed);
                self.tally.joined = true;
                self.in_room = true;
                self.last = None;
                self.wants = None;
                self.sent.clear();
            }
            Update::Snapshot { tick } => self.snapshot(client, tick).await,
            Update::Refused { message, .. } => self.fault(message),
            Update::Lost { reason, .. } => {
                self.fault(reason);
                self.turned_away += u64::from(!self.in_room);
                self.progress.joined.fetch_sub(u64::from(std::mem::take(&mut self.in_room)), Ordering::Relaxed);
            }
            _ => {}
        }
    }

    async fn snapshot(&mut self, client: &mut Client, tick: Tick) {
        let now = Instant::now();
        let (Some(replica), Some(seat)) = (client.replica(), client.seat()) else { return };
        self.progress.snapshots.fetch_add(1, Ordering::Relaxed);
        self.first_tick.get_or_insert(tick);
        let consumed = replica.consumed(seat).unwrap_or(0);
        let mut times = self.times.lock().expect(UNBROKEN);
        if let Some(last) = self.last.replace(now) {
            note(&mut times.tick_interval, now - last);
        }
        if let Some(server) = client.server_tick() {
            times.staleness.saturating_record(((server - f64::from(tick)).max(0.0) * 1000.0) as u64);
        }
        if let Some(rtt) = client.rtt() {
            note(&mut times.rtt, rtt);
        }
        while let Some((_, sent)) = self.sent.pop_front_if(|(sequence, _)| *sequence <= consumed) {
            note(&mut times.input_to_visible, now - sent);
        }
        drop(times);
        let record = self.brain.think_record(&View { replica, seat, tick });
        // A player's key is pressed at any time, and not when a snapshot comes.
        let period = client.welcome().map_or(Duration::ZERO, |welcome| {
            Duration::from_secs(welcome.snapshot_every.into()) / welcome.tick_rate.max(1)
        });
        self.wants = Some((now + period.mul_f64(self.rng.random_range(0.0..1.0)), record));
    }

    /// Sends what the brain wanted.
    async fn send(&mut self, client: &mut Client) {
        let Some((_, record)) = self.wants.take() else { return };
        if let Some(sequence) = client.send_record(record.into()).await {
            self.sent.push_back((sequence, Instant::now()));
        }
    }
}

//! The other process: clients that read too slowly, and one that keeps up and so knows what they miss.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tickwire_benches::load::{Client, End, Heard, Kind, answer, nanos, room_name, runtime};
use tickwire_protocol::Tick;
use tokio::time::{Instant, sleep, sleep_until};

/// Between two looks at how stale a client's state is.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// From one client's connection to the next's: not all in the same tick.
const STAGGER: Duration = Duration::from_millis(7);

/// How a client reads, once it is slow.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// Not at all, for so long; then everything, to learn how it ended.
    Dead { silent: Duration },
    /// So many bytes a second.
    Reads { rate: u32 },
    /// The same, for so long; then as fast as it goes.
    Recovers { rate: u32, after: Duration },
}

impl Pace {
    /// Bytes a second, if it reads at all.
    pub(crate) fn rate(self) -> Option<u32> {
        match self {
            Self::Dead { .. } => None,
            Self::Reads { rate } | Self::Recovers { rate, .. } => Some(rate),
        }
    }
}

/// A task: so many slow clients.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Slowpokes {
    pub(crate) addr: String,
    pub(crate) hz: u32,
    /// How long a client keeps up before it is slow.
    pub(crate) ride: Duration,
    /// How long after that its staleness begins to count.
    pub(crate) settle: Duration,
    pub(crate) paces: Vec<Pace>,
}

/// Seconds that the newest snapshot read was old.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stale {
    pub(crate) p50: f64,
    pub(crate) max: f64,
}

/// How one of them is, from when it began to be slow.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SlowpokeReport {
    pub(crate) stale_s: Stale,
    /// The largest, that of its entry included.
    pub(crate) resync_bytes: usize,
    pub(crate) snapshots: u64,
    pub(crate) resyncs: u64,
    pub(crate) keyframes: u64,
    /// When it last read a snapshot that was not the next tick's.
    pub(crate) gaps_until_s: f64,
    pub(crate) end: Option<End>,
}

/// What one of them has seen.
struct Seen {
    /// When it began to be slow.
    since: Option<Instant>,
    newest: Tick,
    /// In nanoseconds.
    stale: Histogram<u64>,
    resync_bytes: usize,
    snapshots: u64,
    resyncs: u64,
    keyframes: u64,
    gaps_until: Duration,
    end: Option<End>,
}

impl Slowpokes {
    /// Connects and reads slowly, and answers with the reports in the order of the paces.
    pub(crate) fn run(self) {
        let runtime = runtime();
        let now: Arc<AtomicU32> = Arc::default();
        runtime.spawn(keep_up(self.addr.clone(), now.clone()));
        let all: Vec<Arc<Mutex<Seen>>> = self.paces.iter().map(|_| Arc::new(Mutex::new(Seen::nothing()))).collect();
        for (index, (&pace, seen)) in self.paces.iter().zip(&all).enumerate() {
            runtime.spawn(lag(self.addr.clone(), index, (self.ride, pace), seen.clone()));
        }
        runtime.spawn(look(now, all.clone(), self.hz, self.settle));
        answer(|| all.iter().map(|seen| lock(seen).report()).collect::<Vec<_>>());
    }
}

fn lock(seen: &Mutex<Seen>) -> std::sync::MutexGuard<'_, Seen> {
    seen.lock().expect("nothing panics while it holds what was seen")
}

/// The one that knows the room's tick.
async fn keep_up(addr: String, now: Arc<AtomicU32>) {
    let client = Client::connect(&addr, "witness", Some(room_name(0)), false).await;
    let mut client = client.expect("the relay takes the witness");
    while let Ok(heard) = client.next().await {
        if let Heard::Snapshot { tick, .. } = heard {
            now.store(tick, Ordering::Relaxed);
        }
    }
}

/// One that does not.
async fn lag(addr: String, index: usize, (ride, pace): (Duration, Pace), seen: Arc<Mutex<Seen>>) {
    sleep(STAGGER * index as u32).await;
    let end = async {
        let mut client = Client::connect(&addr, &format!("slow{index}"), Some(room_name(0)), true).await?;
        let (entered, mut is_slow) = (Instant::now(), false);
        let mut recovery = None;
        loop {
            let Heard::Snapshot { tick, kind, bytes } = client.next().await? else { continue };
            lock(&seen).note(tick, kind, bytes);
            if recovery.take_if(|at| Instant::now() >= *at).is_some() {
                client.throttle(u32::MAX);
            }
            if is_slow || entered.elapsed() < ride {
                continue;
            }
            is_slow = true;
            lock(&seen).since = Some(Instant::now());
            match pace {
                Pace::Dead { silent } => sleep(silent).await,
                Pace::Reads { rate } => client.throttle(rate),
                Pace::Recovers { rate, after } => {
                    client.throttle(rate);
                    recovery = Some(Instant::now() + after);
                }
            }
        }
    };
    let end: Result<(), End> = end.await;
    lock(&seen).end = end.err();
}

/// Looks at all of them again and again.
async fn look(now: Arc<AtomicU32>, all: Vec<Arc<Mutex<Seen>>>, hz: u32, settle: Duration) {
    let mut next = Instant::now();
    loop {
        next += LOOK_EVERY;
        sleep_until(next).await;
        let tick = now.load(Ordering::Relaxed);
        all.iter().for_each(|seen| lock(seen).look(tick, hz, settle));
    }
}

impl Seen {
    fn nothing() -> Self {
        Self {
            since: None,
            newest: 0,
            stale: nanos(),
            resync_bytes: 0,
            snapshots: 0,
            resyncs: 0,
            keyframes: 0,
            gaps_until: Duration::ZERO,
            end: None,
        }
    }

    fn note(&mut self, tick: Tick, kind: Kind, bytes: usize) {
        let before = std::mem::replace(&mut self.newest, tick);
        if kind != Kind::Delta {
            self.resync_bytes = self.resync_bytes.max(bytes);
        }
        let Some(since) = self.since else { return };
        self.snapshots += 1;
        self.resyncs += u64::from(kind == Kind::Resync);
        self.keyframes += u64::from(kind == Kind::Keyframe);
        if tick > before + 1 {
            self.gaps_until = since.elapsed();
        }
    }

    fn look(&mut self, tick: Tick, hz: u32, settle: Duration) {
        if self.end.is_none() && self.since.is_some_and(|since| since.elapsed() >= settle) {
            let ticks = u64::from(tick.saturating_sub(self.newest));
            self.stale.saturating_record(ticks * 1_000_000_000 / u64::from(hz));
        }
    }

    fn report(&self) -> SlowpokeReport {
        let seconds = |nanos: u64| nanos as f64 / 1e9;
        SlowpokeReport {
            stale_s: Stale { p50: seconds(self.stale.value_at_quantile(0.5)), max: seconds(self.stale.max()) },
            resync_bytes: self.resync_bytes,
            snapshots: self.snapshots,
            resyncs: self.resyncs,
            keyframes: self.keyframes,
            gaps_until_s: self.gaps_until.as_secs_f64(),
            end: self.end,
        }
    }
}

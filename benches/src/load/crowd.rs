//! Many clients in one process that do no more than they must, and how evenly they hear.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_tungstenite::Connector;

use super::tls::trust;
use super::{Client, End, Heard, Quantiles, answer, nanos, room_name, runtime};

/// Clients that have not shown their tokens yet, at once.
const ENTERING: usize = 64;

/// A task: so many clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    /// Where the relay listens.
    pub addr: String,
    /// Clients.
    pub clients: usize,
    /// The first one's room, if they want rooms.
    pub room: Option<usize>,
    /// Clients in each room.
    pub per_room: usize,
    /// The file of the relay's certificate, if it speaks TLS.
    pub certificate: Option<PathBuf>,
}

/// How the clients are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CrowdReport {
    /// Have been let in, and are still there.
    pub inside: usize,
    /// Were refused, or have lost their connections.
    pub ended: usize,
    /// Snapshots read since the last report.
    pub snapshots: u64,
    /// Snapshots a second of a client, from its first to its last since the last report.
    pub rate: f64,
    /// From one snapshot of a client to its next, since the last report.
    pub interval_ms: Quantiles,
}

/// From one snapshot to the next, by the time at which they were read.
#[derive(Debug)]
pub struct Gaps(Mutex<Histogram<u64>>);

impl Gaps {
    /// None yet.
    #[expect(clippy::new_without_default, reason = "an empty histogram is no default of anything")]
    pub fn new() -> Self {
        Self(Mutex::new(nanos()))
    }

    /// Notes a snapshot, now; `last` is when the same client read its last one.
    pub fn note(&self, last: &mut Option<Instant>) {
        let now = Instant::now();
        if let Some(before) = last.replace(now) {
            self.lock().saturating_record((now - before).as_nanos() as u64);
        }
    }

    /// All since the last call, in nanoseconds.
    pub fn take(&self) -> Histogram<u64> {
        let mut gaps = self.lock();
        let taken = gaps.clone();
        gaps.reset();
        taken
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Histogram<u64>> {
        self.0.lock().expect("nothing panics while it holds the histogram")
    }
}

/// What the clients share.
struct Shared {
    gaps: Gaps,
    inside: AtomicU64,
    ended: AtomicU64,
    entering: Semaphore,
    connector: Connector,
}

impl Crowd {
    /// So many in the first room.
    pub fn in_one_room(addr: &str, clients: usize) -> Self {
        Self { addr: addr.to_owned(), clients, room: Some(0), per_room: clients, certificate: None }
    }

    /// Connects and reads, and answers with a [`CrowdReport`], until nobody asks any more.
    pub fn run(self) {
        let shared = Arc::new(Shared {
            gaps: Gaps::new(),
            inside: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            entering: Semaphore::new(ENTERING),
            connector: self.certificate.as_deref().map_or(Connector::Plain, trust),
        });
        let runtime = runtime();
        let told = shared.clone();
        runtime.spawn(async move {
            for index in 0..self.clients {
                let room = self.room.map(|first| room_name(first + index / self.per_room.max(1)));
                tokio::spawn(stay(self.addr.clone(), format!("{}", std::process::id()), index, room, shared.clone()));
                // Not all at once: the listener's queue is short.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        answer(|| {
            let gaps = told.gaps.take();
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as usize;
            CrowdReport {
                inside: count(&told.inside),
                ended: count(&told.ended),
                snapshots: gaps.len(),
                rate: if gaps.is_empty() { 0.0 } else { 1e9 / gaps.mean() },
                interval_ms: Quantiles::of(&gaps),
            }
        });
    }
}

/// One client from its connection to its end.
async fn stay(addr: String, crowd: String, index: usize, room: Option<String>, shared: Arc<Shared>) {
    let mut entering = shared.entering.acquire().await.ok();
    let (wants_room, mut inside, mut last) = (room.is_some(), false, None);
    let end = async {
        let name = format!("{crowd}x{index}");
        let mut client = Client::connect_by(shared.connector.clone(), &addr, &name, room, false).await?;
        loop {
            let is_in = match client.next().await? {
                Heard::Accepted => {
                    entering = None;
                    !wants_room
                }
                Heard::Snapshot { .. } => {
                    shared.gaps.note(&mut last);
                    true
                }
            };
            if is_in && !std::mem::replace(&mut inside, true) {
                shared.inside.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let _: Result<(), End> = end.await;
    shared.ended.fetch_add(1, Ordering::Relaxed);
    if inside {
        shared.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

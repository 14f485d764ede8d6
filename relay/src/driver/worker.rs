//! Threads that run rooms: all rooms wait in one queue by due time, and any free thread takes the next. A thread that a room does not let
//! go is replaced.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::room::{Next, Room};
use crate::stats::RoomInfo;

/// A tick that runs longer is stuck, or as good as: no game has a second for one.
const STUCK: Duration = Duration::from_secs(1);

/// Between two looks for stuck ticks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A pool of so many free threads. They end when the pool is dropped and the tick they are in is over.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    rooms: Mutex<Waiting>,
    /// A room was added, a thread is needed to wait for the next due time, or the pool ends.
    changed: Condvar,
    /// The pool ends.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    rooms: BinaryHeap<Reverse<Due>>,
    /// Some thread sleeps until the first room is due; the others sleep until they are woken.
    has_timekeeper: bool,
    /// By thread: the room that it runs, and since when. One that was replaced is not here.
    running: BTreeMap<WorkerId, (Instant, Arc<RoomInfo>)>,
    next_worker: WorkerId,
    over: bool,
}

type WorkerId = u32;

/// Who puts a room into the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Adder {
    /// A thread that looks for the next one at once.
    Worker,
    /// Someone else.
    Guest,
}

/// A room and when its next tick is due.
#[derive(Debug)]
struct Due {
    at: Instant,
    room: Box<Room>,
}

impl Workers {
    pub(crate) fn new(threads: usize) -> Self {
        let queue = Arc::new(Queue::default());
        for _ in 0..threads {
            queue.hire();
        }
        let watched = queue.clone();
        start("tickwire-watch".into(), move || watched.watch());
        Self { queue }
    }

    pub(crate) fn run(&self, room: Room) {
        self.queue.add(Box::new(room), Adder::Guest);
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.lock().over = true;
        self.queue.changed.notify_all();
        self.queue.ended.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.rooms.lock().expect("nothing panics while it holds the queue")
    }

    /// Starts one more thread that takes rooms.
    fn hire(self: &Arc<Self>) {
        let mut waiting = self.lock();
        let id = waiting.next_worker;
        waiting.next_worker += 1;
        drop(waiting);
        let queue = self.clone();
        start(format!("tickwire-{id}"), move || queue.work(id));
    }

    /// Replaces threads that have been running one tick for too long, until the pool ends.
    fn watch(self: &Arc<Self>) {
        let mut waiting = self.lock();
        while !waiting.over {
            let now = Instant::now();
            let stuck = |(since, _): &(Instant, _)| now >= *since + STUCK;
            let found: Vec<WorkerId> =
                waiting.running.iter().filter(|(_, run)| stuck(run)).map(|(&id, _)| id).collect();
            for id in &found {
                if let Some((_, room)) = waiting.running.remove(id) {
                    tracing::error!(room = room.name, "a tick has run for over a second: its thread is replaced");
                }
            }
            drop(waiting);
            found.iter().for_each(|_| self.hire());
            waiting = self.lock();
            if !waiting.over {
                waiting =
                    self.ended.wait_timeout(waiting, LOOK_EVERY).expect("nothing panics while it holds the queue").0;
            }
        }
    }

    fn work(&self, id: WorkerId) {
        while let Some(Due { at, mut room }) = self.next(id) {
            let start = Instant::now();
            match catch_unwind(AssertUnwindSafe(|| room.run(start))) {
                Ok(Next::Tick) => {
                    room.ticked(at, start, start.elapsed());
                    self.add(room, Adder::Worker);
                }
                Ok(Next::End) => {}
                Err(_) => {
                    tracing::error!(room = room.info().name, "a panic in the game ends its room");
                    room.fail();
                }
            }
            let replaced = self.lock().running.remove(&id).is_none();
            if replaced {
                return;
            }
        }
    }

    fn add(&self, room: Box<Room>, adder: Adder) {
        let at = room.due();
        let mut waiting = self.lock();
        let is_first = waiting.rooms.peek().is_none_or(|Reverse(first)| at < first.at);
        waiting.rooms.push(Reverse(Due { at, room }));
        // The timekeeper sleeps for a later one. If there is none, a worker becomes it by itself.
        if is_first && (waiting.has_timekeeper || adder == Adder::Guest) {
            self.changed.notify_all();
        }
    }

    /// The next room that is due, for this thread to run; none when the pool ends.
    fn next(&self, id: WorkerId) -> Option<Due> {
        let mut waiting = self.lock();
        loop {
            if waiting.over {
                return None;
            }
            let now = Instant::now();
            let next = waiting.rooms.peek().map(|Reverse(due)| due.at);
            waiting = match next {
                Some(at) if at <= now => {
                    let Reverse(due) = waiting.rooms.pop()?;
                    waiting.running.insert(id, (now, due.room.info().clone()));
                    if !waiting.rooms.is_empty() {
                        // Another thread takes the watch.
                        self.changed.notify_one();
                    }
                    return Some(due);
                }
                Some(at) if !waiting.has_timekeeper => {
                    waiting.has_timekeeper = true;
                    let (mut waiting, _) =
                        self.changed.wait_timeout(waiting, at - now).expect("nothing panics while it holds the queue");
                    waiting.has_timekeeper = false;
                    waiting
                }
                _ => self.changed.wait(waiting).expect("nothing panics while it holds the queue"),
            };
        }
    }
}

/// Starts a thread of this name.
pub(super) fn start(name: String, work: impl FnOnce() + Send + 'static) {
    let started = std::thread::Builder::new().name(name).spawn(work);
    if let Err(error) = started {
        // Rooms share the threads that are there.
        tracing::error!(%error, "the system has no thread to spare");
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

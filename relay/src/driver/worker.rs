//! Threads that run rooms: all rooms wait in one queue by due time, and any free thread takes the next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::room::{Next, Room};

/// A fixed pool of threads. They end when the pool is dropped and the tick they are in is over.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    rooms: Mutex<Waiting>,
    /// A room was added, a thread is needed to wait for the next due time, or the pool ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    rooms: BinaryHeap<Reverse<Due>>,
    /// Some thread sleeps until the first room is due; the others sleep until they are woken.
    has_timekeeper: bool,
    over: bool,
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
        for index in 0..threads.max(1) {
            let queue = queue.clone();
            std::thread::Builder::new()
                .name(format!("tickwire-{index}"))
                .spawn(move || work(&queue))
                .expect("the system has threads to spare when a relay is built");
        }
        Self { queue }
    }

    pub(crate) fn run(&self, room: Room) {
        self.queue.add(Box::new(room));
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.lock().over = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.rooms.lock().expect("nothing panics while it holds the queue")
    }

    fn add(&self, room: Box<Room>) {
        let at = room.due();
        let mut waiting = self.lock();
        let is_first = waiting.rooms.peek().is_none_or(|Reverse(first)| at < first.at);
        waiting.rooms.push(Reverse(Due { at, room }));
        if is_first {
            // The timekeeper sleeps for a later one, or there is none.
            self.changed.notify_all();
        }
    }

    /// The next room that is due; none when the pool ends.
    fn next(&self) -> Option<Due> {
        let mut waiting = self.lock();
        loop {
            if waiting.over {
                return None;
            }
            let now = Instant::now();
            let next = waiting.rooms.peek().map(|Reverse(due)| due.at);
            waiting = match next {
                Some(at) if at <= now => {
                    let due = waiting.rooms.pop().map(|Reverse(due)| due);
                    // Another thread takes the watch.
                    self.changed.notify_one();
                    return due;
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

fn work(queue: &Queue) {
    while let Some(Due { at, mut room }) = queue.next() {
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| room.run(start))) {
            Ok(Next::Tick) => {
                room.ticked(at, start.elapsed());
                queue.add(room);
            }
            Ok(Next::End) => {}
            Err(_) => {
                tracing::error!(room = room.info().name, "a panic in the game ends its room");
                room.fail();
            }
        }
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

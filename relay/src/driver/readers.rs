//! Threads that read what sessions say. A session stays on one of them for its life, so that its memory is in that processor's caches when
//! its next input comes, and few of them are used: a busy one finds several inputs each time that it looks, and sleeps less often.

use std::sync::Arc;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::worker::start;

/// Connections of one reader before the next is used: a fifth of a core, if each sends 30 inputs a second.
const FULL: usize = 1024;

/// All of them. Their threads end when this is dropped: with the relay, which every connection holds.
#[derive(Debug, Default)]
pub(super) struct Readers {
    readers: Vec<(Reader, oneshot::Sender<()>)>,
}

/// One of them, held by each connection that is its to read.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    runtime: Handle,
    load: Arc<()>,
}

impl Readers {
    /// Starts so many.
    pub(super) fn start(threads: usize) -> Self {
        Self { readers: (0..threads).map(Reader::start).collect() }
    }

    /// What they are at: one task for each connection, or two while it becomes a WebSocket.
    pub(super) fn tasks(&self) -> usize {
        self.readers.iter().map(|(reader, _)| reader.runtime.metrics().num_alive_tasks()).sum()
    }

    /// The first that is not full, or the emptiest.
    pub(super) fn assign(&self) -> Reader {
        let readers = self.readers.iter().map(|(reader, _)| reader);
        let free = readers.clone().find(|reader| reader.load() < FULL);
        free.or_else(|| readers.min_by_key(|reader| reader.load())).expect("a relay that accepts has one").clone()
    }
}

impl Reader {
    fn start(index: usize) -> (Self, oneshot::Sender<()>) {
        let runtime = Builder::new_current_thread().enable_all().build().expect("the system has a poll to spare");
        let (alive, over) = oneshot::channel();
        let reader = Self { runtime: runtime.handle().clone(), load: Arc::default() };
        start(format!("tickwire-read-{index}"), move || {
            // That the other end is gone is what it waits for.
            let _ = runtime.block_on(over);
        });
        (reader, alive)
    }

    /// Serves a connection, or a part of its life.
    pub(super) fn serve(&self, connection: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(connection);
    }

    fn load(&self) -> usize {
        Arc::strong_count(&self.load) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_filled_before_the_next_is_used() {
        let readers = Readers::start(2);
        let is_first = |reader: &Reader| Arc::ptr_eq(&reader.load, &readers.readers[0].0.load);
        let mut held: Vec<Reader> = (0..FULL).map(|_| readers.assign()).collect();
        assert!(held.iter().all(is_first));
        held.extend((0..FULL + 1).map(|_| readers.assign()));
        assert!(held[FULL..2 * FULL].iter().all(|reader| !is_first(reader)) && is_first(&held[2 * FULL]));
        held.drain(..2);
        assert!(is_first(&readers.assign()));
    }
}

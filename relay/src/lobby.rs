//! The rooms of a relay, by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use crossbeam_channel::unbounded;
use tickwire_protocol::{CloseCode, MAX_ROOM_NAME};
use tickwire_sim::AnySim;

use crate::command::{Command, RoomHandle};
use crate::fanout::{Audience, Fanout};
use crate::room::{Room, Terms};
use crate::stats::{RoomInfo, RoomStats};

/// Why a room could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The name is empty or longer than [`MAX_ROOM_NAME`] bytes.
    #[error("a room's name has 1 to {MAX_ROOM_NAME} bytes")]
    Name,
    /// A room of that name is open.
    #[error("a room named `{0}` is open")]
    Taken(String),
    /// As many rooms are open as [`Config::rooms`](crate::Config::rooms) allows.
    #[error("all {0} rooms are open")]
    Full(usize),
}

/// The open rooms.
#[derive(Debug)]
pub(crate) struct Lobby {
    rooms: Mutex<BTreeMap<String, RoomHandle>>,
    capacity: usize,
    terms: Terms,
    fanout: Fanout,
    next_room: AtomicU64,
}

impl Lobby {
    pub(crate) fn new(capacity: usize, terms: Terms, fanout: Fanout) -> Self {
        Self { rooms: Mutex::default(), capacity, terms, fanout, next_room: AtomicU64::new(0) }
    }

    /// A new room around `sim`, for a worker to run from `now` on.
    pub(crate) fn open(&self, name: &str, sim: Box<dyn AnySim>, now: Instant) -> Result<Room, OpenError> {
        if !(1..=MAX_ROOM_NAME).contains(&name.len()) {
            return Err(OpenError::Name);
        }
        let mut rooms = self.rooms();
        rooms.retain(|_, room| !room.info.closed.load(Ordering::Relaxed));
        if rooms.contains_key(name) {
            return Err(OpenError::Taken(name.to_owned()));
        }
        if rooms.len() >= self.capacity {
            return Err(OpenError::Full(self.capacity));
        }
        let (sender, receiver) = unbounded();
        let info = Arc::new(RoomInfo::new(name, sim.options(), now, sim.tick()));
        rooms.insert(name.to_owned(), RoomHandle { info: info.clone(), commands: sender });
        let audience = Audience::new(self.next_room.fetch_add(1, Ordering::Relaxed), self.fanout.clone());
        Ok(Room::new(sim, receiver, info, audience, self.terms, now))
    }

    pub(crate) fn find(&self, name: &str) -> Option<RoomHandle> {
        self.rooms().get(name).filter(|room| !room.info.closed.load(Ordering::Relaxed)).cloned()
    }

    /// Ends a room before its next tick; false if there is none of that name.
    pub(crate) fn close(&self, name: &str, code: CloseCode, reason: &str) -> bool {
        self.find(name).is_some_and(|room| room.send(Command::Close { code, reason: reason.to_owned() }))
    }

    pub(crate) fn close_all(&self, code: CloseCode) {
        for room in self.rooms().values() {
            room.send(Command::Close { code, reason: code.reason().to_owned() });
        }
    }

    pub(crate) fn stats(&self) -> Vec<RoomStats> {
        let open = |room: &&RoomHandle| !room.info.closed.load(Ordering::Relaxed);
        self.rooms().values().filter(open).map(|room| room.info.stats()).collect()
    }

    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, RoomHandle>> {
        self.rooms.lock().expect("nothing panics while it holds the rooms")
    }
}

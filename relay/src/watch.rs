//! What a session knows of the rooms, and what has changed since.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use tickwire_protocol::{ListRooms, MessageId, RoomList, RoomListing, Wanted};

use crate::form::written;

/// Bytes of rooms that are told of, about: a list must fit beside what else waits for a session. Who looks for others asks for their labels.
const MAX_TOLD: usize = 48 * 1024;

/// Between two looks for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A session that wants to know of the rooms, and of changes.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Of the message that asked for it.
    id: Option<MessageId>,
    wanted: Wanted,
    /// By name, as hashes: they are many.
    told: BTreeMap<String, u64>,
    next: Instant,
}

impl Watch {
    /// The rooms that are wanted, and the watch for changes.
    pub(crate) fn begin(now: Instant, asked: ListRooms, list: &[RoomListing]) -> (RoomList, Self) {
        let ListRooms { id, wanted, .. } = asked;
        let rooms: Vec<RoomListing> = those_of(&wanted, list).cloned().collect();
        let told = rooms.iter().map(|room| (room.name.clone(), hash(room))).collect();
        let list = RoomList { id: id.clone(), whole: true, rooms, gone: Vec::new() };
        (list, Self { id, wanted, told, next: now + LOOK_EVERY })
    }

    /// When to call [`Watch::look`].
    pub(crate) fn deadline(&self) -> Instant {
        self.next
    }

    /// Looks later: the client still has to take what it was told.
    pub(crate) fn wait(&mut self, now: Instant) {
        self.next = now + LOOK_EVERY;
    }

    /// What has changed, if anything has.
    pub(crate) fn look(&mut self, now: Instant, list: &[RoomListing]) -> Option<RoomList> {
        self.next = now + LOOK_EVERY;
        let Self { id, wanted, told, .. } = self;
        let now: BTreeMap<&str, &RoomListing> = those_of(wanted, list).map(|room| (&*room.name, room)).collect();
        let gone: Vec<String> = told.keys().filter(|name| !now.contains_key(name.as_str())).cloned().collect();
        told.retain(|name, _| !gone.contains(name));
        let is_news = |room: &&RoomListing| told.get(&room.name) != Some(&hash(room));
        let rooms: Vec<RoomListing> = now.into_values().filter(is_news).cloned().collect();
        told.extend(rooms.iter().map(|room| (room.name.clone(), hash(room))));
        (!rooms.is_empty() || !gone.is_empty()).then(|| RoomList { id: id.clone(), whole: false, rooms, gone })
    }
}

/// The first that are wanted, by name, as many as may be told of.
pub(crate) fn those_of<'a>(wanted: &Wanted, list: &'a [RoomListing]) -> impl Iterator<Item = &'a RoomListing> {
    let mut left = MAX_TOLD;
    let fits = move |room: &&RoomListing| {
        let labels: usize = room.labels.iter().map(|(name, value)| written(name) + written(value) + 8).sum();
        let size = 64 + written(&room.name) + written(&room.kind) + written(&room.metadata) + labels;
        let fits = size <= left;
        left = left.saturating_sub(size);
        fits
    };
    list.iter().filter(move |room| wanted.is_met_by(&room.kind, &room.labels)).take_while(fits)
}

fn hash(room: &RoomListing) -> u64 {
    let mut hasher = DefaultHasher::new();
    room.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, kind: &str, players: u16) -> RoomListing {
        RoomListing {
            name: name.into(),
            kind: kind.into(),
            labels: BTreeMap::new(),
            metadata: String::new(),
            players,
            seats: 8,
            spectators: 0,
            locked: false,
        }
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let now = Instant::now();
        let wanted = Wanted { kind: Some("duel".into()), ..Wanted::default() };
        let asked = ListRooms { id: Some("l1".into()), wanted, live: true };
        let (first, mut watch) = Watch::begin(now, asked, &[room("a", "duel", 1), room("b", "ffa", 1)]);
        assert_eq!((first.id.as_deref(), first.rooms), (Some("l1"), vec![room("a", "duel", 1)]));
        assert_eq!(watch.look(now, &[room("a", "duel", 1), room("b", "ffa", 2)]), None);
        let told = watch.look(now, &[room("a", "duel", 2), room("b", "ffa", 2), room("c", "duel", 0)]);
        assert_eq!(told.map(|told| told.rooms), Some(vec![room("a", "duel", 2), room("c", "duel", 0)]));
        let told = watch.look(now, &[room("c", "duel", 0)]);
        let told = told.map(|told| (told.id, told.rooms, told.gone));
        assert_eq!(told, Some((Some("l1".into()), vec![], vec!["a".to_owned()])));
        assert_eq!(watch.look(now, &[room("c", "duel", 0)]), None);
    }

    #[test]
    fn what_is_longer_in_text_counts_as_long_as_it_is_there() {
        let list: Vec<RoomListing> = (0..100)
            .map(|index| RoomListing { metadata: "\u{1}".repeat(1000), ..room(&format!("{index}"), "duel", 0) })
            .collect();
        let told: Vec<&RoomListing> = those_of(&Wanted::default(), &list).collect();
        let json = serde_json::to_string(&told).expect("a list is JSON");
        assert!(!told.is_empty() && json.len() <= MAX_TOLD, "{} in {} bytes", told.len(), json.len());
    }
}

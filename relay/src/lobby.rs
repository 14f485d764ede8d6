//! The rooms of a relay, by name, and what they can be rooms of.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use rand::RngExt as _;
use tickwire_protocol::{CloseCode, Creation, ErrorCode, ErrorReply, MAX_ROOM_NAME, Role, RoomListing, Wanted};
use tickwire_sim::{AnySim, Game, Refusal, Sim, SimOptions};

use crate::command::Command;
use crate::fanout::{Fanout, RoomId};
use crate::handle::RoomHandle;
use crate::options::RoomOptions;
use crate::room::{Room, Terms};
use crate::stats::{Origin, RoomInfo, RoomStats};

/// How old a list of rooms may be that is shown to those who ask.
const LIST_AGE: Duration = Duration::from_millis(500);

/// Letters of join codes and of names that the relay gives: none that are taken for another.
const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Letters of a join code: 32⁶ are a thousand million, and a guess costs a join.
const CODE_LETTERS: usize = 6;

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
    #[error("as many rooms are open as may be: {0}")]
    Full(usize),
}

/// What a room is made of: a game, its match and the room around it.
#[derive(Clone, Debug)]
pub struct Plan<G> {
    /// The game.
    pub game: Arc<G>,
    /// The match's options. Seats and seed of who asks for the room count before these; of the seats, the fewer.
    pub sim: SimOptions,
    /// The room's options. Kind, labels, metadata and privacy are those of who asks for it.
    pub room: RoomOptions,
}

impl<G> Plan<G> {
    /// A plan with all defaults, to be changed.
    pub fn of(game: impl Into<Arc<G>>) -> Self {
        Self { game: game.into(), sim: SimOptions::default(), room: RoomOptions::default() }
    }
}

/// What players can ask for.
pub(crate) struct Kind {
    pub(crate) name: String,
    make: Box<Make>,
}

type Make = dyn Fn(&Creation) -> Result<(Box<dyn AnySim>, RoomOptions), Refusal> + Send + Sync;

impl Kind {
    pub(crate) fn new<G: Game>(
        name: &str,
        plan: impl Fn(&Creation) -> Result<Plan<G>, Refusal> + Send + Sync + 'static,
    ) -> Self {
        let make = move |creation: &Creation| {
            let Plan { game, mut sim, room } = plan(creation)?;
            sim.seats = creation.seats.map_or(sim.seats, |seats| seats.min(sim.seats));
            sim.seed = creation.seed.unwrap_or_else(|| rand::rng().random());
            Ok((Box::new(Sim::<G>::new(game, sim)) as Box<dyn AnySim>, room))
        };
        Self { name: name.to_owned(), make: Box::new(make) }
    }

    /// A match and its room's options. An author's panic keeps out the player who asks, and nobody else.
    fn make(&self, creation: &Creation) -> Result<(Box<dyn AnySim>, RoomOptions), Refusal> {
        catch_unwind(AssertUnwindSafe(|| (self.make)(creation))).unwrap_or_else(|_| {
            tracing::error!(kind = self.name, "a panic in the game keeps a room from being created");
            Err(Refusal("the game failed".to_owned()))
        })
    }
}

/// How many rooms there may be, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rooms.
    pub(crate) rooms: usize,
    /// Rooms that one player has created.
    pub(crate) of_player: usize,
    /// How long one that a player has created stays when nobody is in it.
    pub(crate) empty_time: Duration,
}

/// The open rooms.
pub(crate) struct Lobby {
    rooms: Mutex<BTreeMap<String, RoomHandle>>,
    list: Mutex<Option<(Instant, Arc<[RoomListing]>)>>,
    kinds: Vec<Kind>,
    limits: Limits,
    terms: Arc<Terms>,
    fanout: Fanout,
    next_room: AtomicU64,
}

impl Lobby {
    pub(crate) fn new(kinds: Vec<Kind>, limits: Limits, terms: Terms, fanout: Fanout) -> Self {
        let (rooms, list) = Default::default();
        Self { rooms, list, kinds, limits, terms: Arc::new(terms), fanout, next_room: AtomicU64::new(0) }
    }

    /// A new room around a match, for a worker to run from `now` on.
    pub(crate) fn open(
        &self,
        name: &str,
        (sim, options): (Box<dyn AnySim>, RoomOptions),
        origin: Origin,
        now: Instant,
    ) -> Result<(Room, RoomHandle), OpenError> {
        if !(1..=MAX_ROOM_NAME).contains(&name.len()) {
            return Err(OpenError::Name);
        }
        let mut rooms = self.rooms();
        if rooms.contains_key(name) {
            return Err(OpenError::Taken(name.to_owned()));
        }
        if rooms.len() >= self.limits.rooms {
            return Err(OpenError::Full(self.limits.rooms));
        }
        let (commands, receiver) = unbounded();
        let mut info = RoomInfo::new(name, &options, sim.options(), now, sim.tick());
        let is_new = |code: &String| rooms.values().all(|room| room.code() != Some(code));
        info.code = options.private.then(|| std::iter::repeat_with(new_code).find(is_new)).flatten();
        info.origin = origin;
        let info = Arc::new(info);
        let handle = RoomHandle { info: info.clone(), commands };
        rooms.insert(name.to_owned(), handle.clone());
        let id = RoomId::new(self.next_room.fetch_add(1, Ordering::Relaxed));
        let room = Room::new(sim, options, receiver, info, (id, &self.fanout), self.terms.clone(), now);
        Ok((room, handle))
    }

    /// A room that players ask for.
    pub(crate) fn create(
        &self,
        creation: Creation,
        origin: Origin,
        now: Instant,
    ) -> Result<(Room, RoomHandle), ErrorReply> {
        let refused = |reason: String| ErrorReply::new(ErrorCode::CreateRefused, reason);
        let Some(kind) = self.kind(creation.kind.as_deref()) else {
            return Err(refused("no rooms of that kind are created here".to_owned()));
        };
        // A match costs more than a look.
        let has_made =
            |player: &str| self.rooms().values().filter(|room| room.info.origin.is_creation_of(player)).count();
        if matches!(&origin, Origin::Created { by, .. } if has_made(by) >= self.limits.of_player) {
            return Err(refused(format!("{} rooms are as many as one may have open", self.limits.of_player)));
        }
        if self.left() == 0 {
            return Err(refused(OpenError::Full(self.limits.rooms).to_string()));
        }
        let (sim, mut options) = kind.make(&creation).map_err(|Refusal(reason)| refused(reason))?;
        options.kind.clone_from(&kind.name);
        let empty_time = match origin {
            // Nobody comes back to a match that all have left.
            Origin::Matched { .. } => Duration::ZERO,
            _ => self.limits.empty_time,
        };
        options.empty_time = options.empty_time.or(Some(empty_time));
        let Creation { name, labels, metadata, private, .. } = creation;
        (options.labels, options.metadata, options.private) = (labels, metadata, private);
        let name = name.unwrap_or_else(|| format!("{}-{}", kind.name, new_code()));
        self.open(&name, (sim, options), origin, now).map_err(|error| refused(error.to_string()))
    }

    /// How many more rooms there may be.
    pub(crate) fn left(&self) -> usize {
        self.limits.rooms.saturating_sub(self.rooms().len())
    }

    /// The open matches that were found for this player.
    pub(crate) fn matches_of(&self, player: &str) -> Vec<RoomHandle> {
        self.rooms().values().filter(|room| room.info.origin.is_match_of(player)).cloned().collect()
    }

    /// The kind of rooms that who asks for none gets.
    pub(crate) fn first_kind(&self) -> Option<String> {
        self.kinds.first().map(|kind| kind.name.clone())
    }

    /// Whether rooms of this kind can be created.
    pub(crate) fn knows(&self, kind: &str) -> bool {
        self.kind(Some(kind)).is_some()
    }

    fn kind(&self, name: Option<&str>) -> Option<&Kind> {
        match name {
            Some(name) => self.kinds.iter().find(|kind| kind.name == name),
            None => self.kinds.first(),
        }
    }

    /// The open room of this name.
    pub(crate) fn find(&self, name: &str) -> Option<RoomHandle> {
        self.rooms().get(name).cloned()
    }

    /// The open private room of this join code.
    pub(crate) fn find_by_code(&self, code: &str) -> Option<RoomHandle> {
        self.rooms().values().find(|room| room.code() == Some(code)).cloned()
    }

    /// The fullest room that is wanted, that anyone may come into, that has a seat for who is to play, and that was not `tried`.
    pub(crate) fn find_wanted(&self, wanted: &Wanted, role: Role, tried: &[String]) -> Option<RoomHandle> {
        let fits = |room: &&RoomHandle| {
            let details = room.info.details();
            let has_place = role == Role::Spectator || room.info.has_seat();
            let is_new = !tried.iter().any(|name| name == room.name());
            has_place && is_new && !details.locked && wanted.is_met_by(&room.info.kind, &details.labels)
        };
        let players = |room: &&RoomHandle| room.info.players.load(Ordering::Relaxed);
        let rooms = self.rooms();
        // Of equals the first by name.
        rooms.values().filter(|room| room.code().is_none()).filter(fits).rev().max_by_key(players).cloned()
    }

    /// All rooms that are not private, by name; as they were a moment ago.
    pub(crate) fn list(&self, now: Instant) -> Arc<[RoomListing]> {
        let mut list = self.list.lock().expect("nothing panics while it holds the list");
        if let Some((_, listed)) = list.as_ref().filter(|(at, _)| now < *at + LIST_AGE) {
            return listed.clone();
        }
        let rooms = self.rooms();
        let shown = rooms.values().filter(|room| room.code().is_none());
        let listed: Arc<[RoomListing]> = shown.map(RoomHandle::listing).collect();
        *list = Some((now, listed.clone()));
        listed
    }

    pub(crate) fn close_all(&self, code: CloseCode) {
        for room in self.rooms().values() {
            room.send(Command::Close { code, reason: code.reason().to_owned() });
        }
    }

    /// The open rooms, by name.
    pub(crate) fn handles(&self) -> Vec<RoomHandle> {
        self.rooms().values().cloned().collect()
    }

    pub(crate) fn stats(&self) -> Vec<RoomStats> {
        self.handles().iter().map(RoomHandle::stats).collect()
    }

    /// Those that have ended are forgotten.
    fn rooms(&self) -> MutexGuard<'_, BTreeMap<String, RoomHandle>> {
        let mut rooms = self.rooms.lock().expect("nothing panics while it holds the rooms");
        rooms.retain(|_, room| room.is_open());
        rooms
    }
}

impl std::fmt::Debug for Lobby {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lobby").field("rooms", &self.rooms).finish_non_exhaustive()
    }
}

fn new_code() -> String {
    let mut rng = rand::rng();
    (0..CODE_LETTERS).map(|_| char::from(LETTERS[rng.random_range(..LETTERS.len())])).collect()
}

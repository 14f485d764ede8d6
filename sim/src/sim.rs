//! A match: joins, inputs, messages, requests and steps in; deltas, events and replies out.

use std::sync::Arc;

use bevy_ecs::schedule::Schedule;
use bevy_ecs::world::World;
use tickwire_protocol::snapshot::{Priors, Tables};
use tickwire_protocol::{Schema, SeatId, Sequence, Tick, Wire};

use crate::arrival::{Arrival, Arrivals, Unheard};
use crate::capture::{Capture, Captured, single_threaded};
use crate::event::{Events, SentEvent};
use crate::game::{Game, Player, Setup};
use crate::input::{InputRefused, Inputs, MAX_WAITING, Window};
use crate::reply::{Answer, Replies, RequestId};
use crate::seat::{JoinError, Seat, Seats};
use crate::stream::{Delta, Every, FULL_RATE, Streams};
use crate::time::{Rng, TickTime};

/// What a match can be given beside its game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimOptions {
    /// Where the match's randomness starts. Default 0.
    pub seed: u64,
    /// The first tick, at least 1. Default 1; a match that goes on from elsewhere starts later.
    pub first_tick: Tick,
    /// Ticks a second, 1 to 1,000. Default 30: a frame of 33 ms is what action games over the internet settle on.
    pub tick_rate: u32,
    /// Ticks from one snapshot to the next, at least 1. Default 1.
    pub snapshot_every: u32,
    /// The snapshot hash rides along about every so many ticks, at least 1. Default 64: a desync is seen within about two seconds.
    pub hash_every: u32,
    /// Ticks ahead of the next that an input may be meant for, at most 64: one input a tick may wait. Default 32: a second's worth of clock
    /// error.
    pub input_ahead: u32,
    /// Ticks late that an input may come and still count. Default 32: an input a second old is no longer what the player wants.
    pub input_behind: u32,
    /// Seats. Default 1,024: more than a match can be played with, and an array of them is small.
    pub seats: u16,
    /// Probabilities that the match's streams begin with, trained on recordings of the game. Default none: the built-in ones, which the
    /// streams soon outgrow by what they learn.
    pub priors: Option<Arc<Priors>>,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            first_tick: 1,
            tick_rate: 30,
            snapshot_every: 1,
            hash_every: 64,
            input_ahead: 32,
            input_behind: 32,
            seats: 1024,
            priors: None,
        }
    }
}

/// One match of a game.
///
/// Joins, leaves, inputs, messages and requests take effect in the order in which they come; the state is a function of them, the ticks they
/// came before, and the seed.
pub struct Sim<G: Game> {
    game: Arc<G>,
    options: SimOptions,
    world: World,
    schedule: Schedule,
    capture: Capture,
    streams: Streams,
    schema: Arc<Schema>,
    seats: Seats,
    tick: Tick,
}

impl<G: Game> Sim<G> {
    /// Builds a match. Its full-rate stream is open.
    ///
    /// # Panics
    /// If the game's setup or `options` break a rule stated there: these are the author's mistakes, seen at the first start.
    pub fn new(game: impl Into<Arc<G>>, options: SimOptions) -> Self {
        assert!((1..=1000).contains(&options.tick_rate), "the tick rate is 1 to 1,000 Hz");
        assert!(options.first_tick > 0, "tick 0 is before the first");
        assert!(options.input_ahead as usize <= MAX_WAITING, "no more inputs than {MAX_WAITING} wait for a seat");
        assert!(
            options.snapshot_every > 0 && options.hash_every > 0,
            "snapshots and hashes come at least now and then"
        );
        let game = game.into();
        let mut world = World::new();
        world.insert_resource(Rng::new(options.seed));
        world.insert_resource(TickTime { tick: options.first_tick - 1, rate: options.tick_rate });
        world.insert_resource(Events::default());
        world.insert_resource(Arrivals::default());
        world.insert_resource(Replies::default());
        world.insert_resource(Inputs::<G::Input>::new(options.seats));
        let mut capture = Capture::new(&mut world);
        let mut schedule = single_threaded();
        let mut setup =
            Setup { world: &mut world, schedule: &mut schedule, capture: &mut capture, components: Vec::new() };
        setup.replicate::<Seat>();
        game.setup(&mut setup);
        let components = setup.components;
        let arrivals = world.resource::<Arrivals>();
        let schema = Arc::new(Schema {
            components,
            input: G::Input::shape(),
            events: world.resource::<Events>().shapes().to_vec(),
            messages: arrivals.message_shapes().cloned().collect(),
            requests: arrivals.request_shapes().cloned().collect(),
        });
        if let Err(error) = schema.check() {
            panic!("the game's schema: {error}");
        }
        let tables = Tables::new(schema.clone());
        let mut streams = Streams::new(options.priors.clone());
        streams.open(FULL_RATE, &tables);
        world.insert_resource(Captured(tables));
        let seats = Seats::new(options.seats);
        let tick = options.first_tick - 1;
        Self { game, options, world, schedule, capture, streams, schema, seats, tick }
    }

    /// What travels.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What the match was built with.
    pub fn options(&self) -> &SimOptions {
        &self.options
    }

    /// The last tick simulated; before the first, the one before it.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The match's world, to look at.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The match's world, to change between ticks.
    pub fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Gives a seat to a player.
    ///
    /// # Errors
    /// All seats are taken, or the game refuses.
    pub fn join(&mut self, player: &Player) -> Result<SeatId, JoinError> {
        let seat = self.seats.free().ok_or(JoinError::Full(self.seats.count()))?;
        let entity = self.world.spawn(Seat { seat, sequence: 0, connected: true }).id();
        if let Err(refusal) = self.game.join(&mut self.world, entity, player) {
            self.world.despawn(entity);
            return Err(refusal.into());
        }
        self.world.resource_mut::<Inputs<G::Input>>().open(seat);
        self.seats.take(seat, entity);
        self.arrive(Arrival::Joined(seat));
        Ok(seat)
    }

    /// Gives a seat up; nothing happens if it is empty.
    pub fn leave(&mut self, seat: SeatId) {
        let Some(entity) = self.seats.give_up(seat) else { return };
        self.world.resource_mut::<Inputs<G::Input>>().close(seat);
        self.game.leave(&mut self.world, entity);
        // The game may have despawned it itself.
        let _ = self.world.try_despawn(entity);
        self.world.resource_mut::<Replies>().forget(seat);
        self.arrive(Arrival::Left(seat));
    }

    /// Says whether the seat's player is connected; nothing happens if it is empty. One who comes back goes on after the last input
    /// consumed.
    pub fn set_connected(&mut self, seat: SeatId, connected: bool) {
        let Some(mut row) = self.seats.entity(seat).and_then(|entity| self.world.get_mut::<Seat>(entity)) else {
            return;
        };
        let before = std::mem::replace(&mut row.connected, connected);
        let consumed = row.sequence;
        if connected {
            self.world.resource_mut::<Inputs<G::Input>>().resume(seat, consumed);
        }
        match (before, connected) {
            (true, false) => self.arrive(Arrival::Lost(seat)),
            (false, true) => self.arrive(Arrival::Back(seat)),
            _ => {}
        }
    }

    /// Takes a player's input for `tick`.
    ///
    /// # Errors
    /// See [`InputRefused`]; the input is then dropped.
    pub fn input(&mut self, seat: SeatId, sequence: Sequence, tick: Tick, input: G::Input) -> Result<(), InputRefused> {
        let window = Window { ahead: self.options.input_ahead, behind: self.options.input_behind };
        let times = (sequence, tick, self.tick + 1);
        self.world.resource_mut::<Inputs<G::Input>>().push(seat, times, window, input)
    }

    /// Takes a player's message for the next tick: its index in the schema, and its record.
    ///
    /// Like everything that [arrives](Arrivals), messages and requests wait for the next tick in any number: the caller limits their rate.
    ///
    /// # Errors
    /// See [`Unheard`]; the message is then dropped.
    pub fn message(&mut self, seat: SeatId, message: u32, record: &[u8]) -> Result<(), Unheard> {
        self.seats.entity(seat).ok_or(Unheard::NoSeat)?;
        self.world.resource_mut::<Arrivals>().push_message(seat, message, record)
    }

    /// Takes a player's request for the next tick: its index in the schema, and its record. The answer comes among the
    /// [replies](Sim::replies) of that tick or a later one, unless the seat is given up before.
    ///
    /// A game that does not answer leaves a request open: the caller limits how many a seat may have.
    ///
    /// # Errors
    /// See [`Unheard`]; the request is then dropped.
    ///
    /// # Panics
    /// If a request with this id is open.
    pub fn request(&mut self, seat: SeatId, id: RequestId, request: u32, record: &[u8]) -> Result<(), Unheard> {
        self.seats.entity(seat).ok_or(Unheard::NoSeat)?;
        let kind = self.world.resource_mut::<Arrivals>().push_request(seat, id, request, record)?;
        self.world.resource_mut::<Replies>().open(seat, id, kind);
        Ok(())
    }

    fn arrive(&mut self, arrival: Arrival) {
        self.world.resource_mut::<Arrivals>().push(arrival);
    }

    /// Takes a player's input for the next tick, with the sequence after the last one's: for players who count neither.
    ///
    /// # Errors
    /// See [`InputRefused`]; the input is then dropped.
    pub fn next_input(&mut self, seat: SeatId, input: G::Input) -> Result<(), InputRefused> {
        let last = self.world.resource::<Inputs<G::Input>>().last(seat).ok_or(InputRefused::NoSeat)?;
        self.input(seat, last.saturating_add(1), self.tick + 1, input)
    }

    /// Nobody waits for the answer to a request any more: one that comes goes nowhere.
    pub fn forget_request(&mut self, id: RequestId) {
        self.world.resource_mut::<Replies>().drop_request(id);
    }

    /// The state as it was captured last.
    pub fn tables(&self) -> &Tables {
        &self.world.resource::<Captured>().0
    }

    /// Runs the next tick, and captures and encodes it if its snapshot is due: [`Sim::simulate`], [`Sim::capture`] and
    /// [`Sim::encode`] in one. What the full-rate stream says, if it is due and open.
    ///
    /// # Panics
    /// If a system does. The match is then broken; drop it.
    pub fn step(&mut self) -> Option<Delta<'_>> {
        self.simulate();
        if !self.tick.is_multiple_of(self.options.snapshot_every) {
            return None;
        }
        self.capture();
        self.encode();
        self.delta(FULL_RATE)
    }

    /// Runs the next tick of the game alone.
    ///
    /// # Panics
    /// If a system does, or if the tick would wrap (after 2³²-2 ticks: 4.5 years at 30 Hz; end the match before).
    pub fn simulate(&mut self) {
        assert!(self.tick < Tick::MAX - 1, "a match ends before its tick wraps");
        self.tick += 1;
        self.world.resource_mut::<TickTime>().tick = self.tick;
        self.world.resource_scope::<Inputs<G::Input>, _>(|world, mut inputs| {
            inputs.consume(self.tick, |seat, sequence| {
                let row = self.seats.entity(seat).and_then(|entity| world.get_mut::<Seat>(entity));
                row.into_iter().for_each(|mut row| row.sequence = sequence);
            });
        });
        self.schedule.run(&mut self.world);
        self.world.resource_mut::<Arrivals>().clear();
        self.world.resource_mut::<Events>().publish();
        self.world.resource_mut::<Replies>().publish();
        self.capture.track(&mut self.world);
        self.world.clear_trackers();
    }

    /// Brings the tables up to the world as it is.
    pub fn capture(&mut self) {
        self.capture.capture(&mut self.world);
    }

    /// Encodes what was captured, once for each stream whose turn it is.
    ///
    /// # Panics
    /// If no tick was simulated since the last time.
    pub fn encode(&mut self) {
        let tables = &mut self.world.resource_mut::<Captured>().0;
        self.streams.encode(tables, self.tick, self.options.hash_every);
    }

    /// Opens the stream with a delta in every so many-th snapshot, at least 1; its first delta is a keyframe. Nothing happens if it is
    /// open.
    ///
    /// # Panics
    /// If `every` is 0.
    pub fn open_stream(&mut self, every: Every) {
        assert!(every > 0, "a stream says something now and then");
        self.streams.open(every, &self.world.resource::<Captured>().0);
    }

    /// Closes a stream that nobody rides any more. Nothing happens if it is not open.
    pub fn close_stream(&mut self, every: Every) {
        self.streams.close(every);
    }

    /// What a stream says at the last tick; none if it was not its turn, or if it is not open.
    pub fn delta(&self, every: Every) -> Option<Delta<'_>> {
        self.streams.delta(every, self.tick)
    }

    /// Gives the bodies of snapshots that bring a replica that has ridden this stream to `base` up to its last delta, in order: a resync, the
    /// deltas that it has missed where they are shorter, or a keyframe from nothing or from too far back. Returns the base that they start
    /// from, none for a keyframe.
    ///
    /// # Panics
    /// If the stream is not open.
    pub fn resync(&mut self, every: Every, base: Option<Tick>, give: &mut dyn FnMut(&[u8])) -> Option<Tick> {
        self.streams.resync(every, base, give)
    }

    /// `base`, if a resync to a stream's next delta can start there; see
    /// [`Encoder::resync_base`](tickwire_protocol::snapshot::Encoder::resync_base).
    pub fn resync_base(&mut self, every: Every, base: Option<Tick>) -> Option<Tick> {
        self.streams.find(every)?.resync_base(base)
    }

    /// The best priors for what a stream has said so far, to begin other matches of this game with; none if it is not open.
    pub fn learnt(&mut self, every: Every) -> Option<Priors> {
        self.streams.find(every).map(|encoder| encoder.learnt())
    }

    /// The snapshot hash of the last snapshot.
    pub fn hash(&self) -> u32 {
        self.world.resource::<Captured>().0.hash()
    }

    /// The events of the last tick with their records, in the order in which they were sent.
    pub fn events(&self) -> impl Iterator<Item = (SentEvent, &[u8])> {
        self.world.resource::<Events>().sent()
    }

    /// The answers of the last tick, in the order in which they were given.
    pub fn replies(&self) -> impl Iterator<Item = (RequestId, Answer<'_>)> {
        self.world.resource::<Replies>().given()
    }
}

impl<G: Game> std::fmt::Debug for Sim<G> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim").field("tick", &self.tick).field("options", &self.options).finish_non_exhaustive()
    }
}

//! One running match and the people in it: commands in, a tick, frames out. A worker runs it when its tick is due.

mod entry;
mod talk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::Receiver;
use tickwire_protocol::{CloseCode, ErrorCode, ErrorReply, Event, HostChange, SeatId, ServerMessage, Tick};
use tickwire_sim::{AnySim, Every, FULL_RATE, InputRefused, Pace, SentEvent, To};

use crate::budget::{Allowed, Budget};
use crate::channel::{Channel, Keep};
use crate::command::Command;
use crate::fanout::{Fanout, Publication, RoomId};
use crate::form::{Calendar, Form};
use crate::galleries::Galleries;
use crate::lag::{STREAMS, Want};
use crate::link::{Link, SessionId};
use crate::log::Voice;
use crate::options::RoomOptions;
use crate::people::{People, Person};
use crate::post::{Post, Whom};
use crate::resyncs::Resyncs;
use crate::snapshot::Snapshot;
use crate::stats::{RoomInfo, Tally, count};
use crate::transcripts::Transcripts;
use talk::Requests;

/// A room ends here, before its tick would wrap: after 4.5 years at 30 Hz.
const LAST_TICK: Tick = Tick::MAX - 2;

/// … and here, before the numbers of its messages would: as many as its people and its game can't say in one tick are left.
const LAST_NUMBER: u32 = u32::MAX - (1 << 24);

/// Whether a room goes on after a tick.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It waits for its next tick.
    Tick,
    /// It is over.
    End,
}

/// A running match.
#[derive(Debug)]
pub(crate) struct Room {
    sim: Box<dyn AnySim>,
    pace: Pace,
    people: People,
    galleries: Galleries,
    /// What each session rides.
    riders: BTreeMap<SessionId, (Form, Every)>,
    resyncs: Resyncs,
    transcripts: Transcripts,
    post: Post,
    channels: BTreeMap<String, Channel<Person>>,
    budget: Budget,
    requests: Requests,
    host: Option<SeatId>,
    /// When the last one went.
    empty_since: Option<Instant>,
    /// Since when every tick has taken longer than its time.
    over_budget_since: Option<Instant>,
    commands: Receiver<Command>,
    info: Arc<RoomInfo>,
    options: RoomOptions,
    terms: Arc<Terms>,
}

/// What a relay grants its rooms.
#[derive(Debug)]
pub(crate) struct Terms {
    /// How long a seat is held without a session.
    pub(crate) seat_hold: Duration,
    /// How long a seat is kept for who was told to come.
    pub(crate) reservation: Duration,
    /// How long a game may take to answer a request.
    pub(crate) request_timeout: Duration,
    /// How long every tick may take longer than its time.
    pub(crate) over_budget: Duration,
    /// Sessions that get a resync at one tick.
    pub(crate) resyncs_per_tick: usize,
    /// What all people of a room may say together.
    pub(crate) said: Allowed,
    /// Bytes that a room keeps of what must not be lost.
    pub(crate) log_bytes: usize,
    /// … of which so many are sent to who comes back.
    pub(crate) outbox_bytes: usize,
    /// Channels of a room.
    pub(crate) channels: usize,
    /// … of which one person hears.
    pub(crate) subscriptions: usize,
    /// What a channel keeps.
    pub(crate) history: Keep,
    pub(crate) calendar: Calendar,
    pub(crate) tally: Arc<Tally>,
}

impl Room {
    /// A room whose first tick is due one period after `start`.
    pub(crate) fn new(
        sim: Box<dyn AnySim>,
        options: RoomOptions,
        commands: Receiver<Command>,
        info: Arc<RoomInfo>,
        (id, fanout): (RoomId, &Fanout),
        terms: Arc<Terms>,
        start: Instant,
    ) -> Self {
        let mut room = Self {
            pace: Pace::new(sim.options().tick_rate, start, sim.tick()),
            sim,
            people: People::default(),
            galleries: Galleries::new(id, fanout, options.spectator_delay),
            riders: BTreeMap::new(),
            resyncs: Resyncs::default(),
            transcripts: Transcripts::default(),
            post: Post::new(terms.log_bytes),
            channels: BTreeMap::new(),
            budget: Budget::new(terms.said),
            requests: Requests::default(),
            host: None,
            empty_since: Some(start),
            over_budget_since: None,
            commands,
            info,
            options,
            terms,
        };
        room.count_riders();
        room
    }

    pub(crate) fn info(&self) -> &Arc<RoomInfo> {
        &self.info
    }

    /// When the next tick is due.
    pub(crate) fn due(&self) -> Instant {
        self.pace.due(self.sim.tick() + 1)
    }

    /// Runs the next tick, which is due.
    ///
    /// # Panics
    /// If the game does; then [`Room::fail`].
    pub(crate) fn run(&mut self, now: Instant) -> Next {
        let lost = self.pace.drop_lost(self.sim.tick() + 1, now);
        count(&self.info.counters.lost_ticks, lost.into());
        // Only what has come by now: a flood of commands can't hold the tick up.
        for _ in 0..self.commands.len() {
            let Ok(command) = self.commands.try_recv() else { break };
            if let Command::Close { code, reason } = command {
                return self.end(code, &reason);
            }
            self.handle(now, command);
        }
        if self.sim.tick() >= LAST_TICK || self.post.number() >= LAST_NUMBER {
            return self.end(CloseCode::GoingAway, "the room has run its last tick");
        }
        self.give_up_expired();
        if self.is_deserted(now) {
            return self.end(CloseCode::Left, "nobody was in the room");
        }
        if self.over_budget_since.is_some_and(|since| now >= since + self.terms.over_budget) {
            tracing::error!(room = self.info.name, "its ticks take longer than their time: the room is closed");
            return self.end(CloseCode::RoomFailed, "the room can't keep its pace");
        }
        self.sim.step();
        self.hear_game();
        self.publish(now);
        Next::Tick
    }

    /// Ends the room after its game has panicked.
    pub(crate) fn fail(&mut self) {
        self.end(CloseCode::RoomFailed, CloseCode::RoomFailed.reason());
    }

    /// Notes that the tick due at `due` has begun at `begun` and taken so long.
    pub(crate) fn ticked(&mut self, due: Instant, begun: Instant, took: Duration) {
        let over = took * self.sim.options().tick_rate > Duration::from_secs(1);
        self.over_budget_since = over.then(|| self.over_budget_since.unwrap_or(begun));
        self.info.ticked(self.sim.tick(), due, begun, took);
    }

    fn end(&mut self, code: CloseCode, reason: &str) -> Next {
        self.info.closed.store(true, Ordering::Relaxed);
        for counter in [&self.info.sessions, &self.info.players, &self.info.spectators] {
            counter.store(0, Ordering::Relaxed);
        }
        self.galleries.end(code, reason, &self.info);
        Next::End
    }

    /// Whether nobody has been here for so long that the room may go.
    fn is_deserted(&mut self, now: Instant) -> bool {
        self.empty_since = self.people.is_empty().then(|| self.empty_since.unwrap_or(now));
        let patience = self.options.empty_time;
        self.empty_since.zip(patience).is_some_and(|(since, patience)| now >= since + patience)
    }

    fn handle(&mut self, now: Instant, command: Command) {
        match command {
            Command::Join(request) => self.join(now, *request),
            // If nobody listens any more, nobody has to know.
            Command::Reserve { player, reply } => drop(reply.send(self.reserve(&player))),
            Command::Forgo { player, taken } => self.forgo(&player, taken),
            Command::Input { session, sequence, tick, record, permit } => {
                if let Some(Person::Seat(seat)) = self.people.of_session(session) {
                    let taken = self.sim.input_record(seat, sequence, tick, &record);
                    self.took_input(now, seat, taken);
                }
                drop(permit);
            }
            Command::NextInput { session, record, permit } => {
                if let Some(Person::Seat(seat)) = self.people.of_session(session) {
                    let taken = self.sim.next_input(seat, &record);
                    self.took_input(now, seat, taken);
                }
                drop(permit);
            }
            Command::Resync { session, want } => {
                if self.riders.contains_key(&session) {
                    self.want_resync(session, want);
                }
            }
            Command::Say { session, saying } => {
                if let Some(person) = self.people.of_session(session) {
                    self.say(now, person, *saying);
                }
            }
            // A session that is nobody was refused, or another of the same player has taken its seat.
            Command::Leave { session } => {
                self.people.of_session(session).into_iter().for_each(|person| self.give_up(person));
            }
            Command::Lost { session } => {
                self.people.of_session(session).into_iter().for_each(|person| self.lose(person));
            }
            Command::Order(order) => self.obey(order),
            Command::Close { .. } => unreachable!("closing was taken out before"),
        }
    }

    /// Takes what the game says into the post.
    fn hear_game(&mut self) {
        let Self { sim, post, .. } = self;
        let tick = sim.tick();
        sim.each_event(&mut |SentEvent { to, event, .. }, record| {
            let to = match to {
                To::All => Whom::Everyone,
                To::Seat(seat) => Whom::one(Person::Seat(seat)),
            };
            let record = Bytes::copy_from_slice(record);
            post.say_numbered(Voice::Game, to, |number| ServerMessage::Event(Event { number, tick, event, record }));
        });
        let mut answers = Vec::new();
        sim.each_reply(&mut |id, answer| {
            let refused = |reason: &str| (ErrorCode::RequestRefused, reason.to_owned());
            answers.push((id, answer.map(Bytes::copy_from_slice).map_err(refused)));
        });
        for (id, answer) in answers {
            self.settle(id, answer);
        }
        for id in self.requests.expired(tick) {
            self.sim.forget_request(id);
            self.settle(id, Err((ErrorCode::TimedOut, "the game did not answer in time".to_owned())));
        }
    }

    /// Hands what the tick says to the fan-out.
    fn publish(&mut self, now: Instant) {
        self.galleries.end_swamped();
        let behind = self.galleries.is_behind();
        if behind {
            count(&self.info.counters.snapshots_left_out, 1);
        }
        for form in Form::ALL {
            if self.galleries.has(form) {
                let publication = Arc::new(self.publication(now, form, behind));
                self.galleries.publish(form, self.sim.tick(), &publication, &self.info);
            }
        }
        self.post.clear();
    }

    fn publication(&mut self, now: Instant, form: Form, behind: bool) -> Publication {
        let mut publication = Publication::default();
        let unix_ms = self.terms.calendar.unix_ms(now);
        if !self.post.is_empty() {
            let schema = self.sim.schema();
            publication.mail = self.post.mail(
                &self.people,
                |session| self.galleries.form(session) == Some(form),
                |messages| form.frames(messages, Some(schema), unix_ms),
            );
        }
        let (tick, every) = (self.sim.tick(), self.sim.options().snapshot_every);
        match form {
            _ if behind => {}
            Form::Binary => {
                publication.resyncs = self.resyncs.take(&mut *self.sim, self.terms.resyncs_per_tick);
                let delta = |every| self.sim.delta(every).map(|delta| Snapshot::of_delta(every, delta));
                publication.deltas = STREAMS.into_iter().filter_map(delta).collect();
            }
            Form::Text if tick.is_multiple_of(every) => {
                (publication.deltas, publication.resyncs) =
                    self.transcripts.say(self.sim.tables(), (tick, tick / every), unix_ms);
            }
            Form::Text => {}
        }
        publication
    }

    fn took_input(&mut self, now: Instant, seat: SeatId, taken: Result<(), InputRefused>) {
        count(&self.info.counters.inputs, 1);
        if let Err(error) = taken {
            count(&self.info.counters.inputs_refused, 1);
            // Told once a second: a client whose clock is off sends many of them.
            let (tick, second) = (self.sim.tick(), self.sim.options().tick_rate);
            match self.people.link_to_warn(seat, tick, second).cloned() {
                Some(link) => self.refuse(now, &link, ErrorReply::new(ErrorCode::InputRefused, error.to_string())),
                None => self.terms.tally.refused(ErrorCode::InputRefused),
            }
        }
    }

    fn want_resync(&mut self, session: SessionId, want: Want) {
        count(&self.info.counters.resyncs, 1);
        let Some(form) = self.galleries.form(session) else { return };
        let rides = (form, want.every);
        if self.riders.insert(session, rides) != Some(rides) {
            self.count_riders();
        }
        match form {
            Form::Binary => self.resyncs.want(session, want),
            Form::Text => self.transcripts.want(session, want.every),
        }
    }

    /// Sends something at once, before what the tick says.
    fn send(&self, now: Instant, link: &Link, message: ServerMessage) {
        let frame = link.form.frames([&message], Some(self.sim.schema()), self.terms.calendar.unix_ms(now));
        link.push(now, frame);
    }

    fn refuse(&self, now: Instant, link: &Link, reply: ErrorReply) {
        self.terms.tally.refused(reply.code);
        self.send(now, link, ServerMessage::Error(reply));
    }

    /// A session is no longer in the room.
    fn forget(&mut self, session: SessionId) {
        self.galleries.remove(session);
        self.riders.remove(&session);
        self.resyncs.forget(session);
        self.transcripts.forget(session);
        self.count_riders();
    }

    /// Tells the lobby who is here, and everyone who the host is.
    fn count_people(&mut self) {
        self.info.players.store(self.people.players(), Ordering::Relaxed);
        self.info.spectators.store(self.people.spectators(), Ordering::Relaxed);
        let host = self.people.host();
        if host != self.host {
            self.host = host;
            self.post.say(Whom::Everyone, ServerMessage::HostChange(HostChange { host }));
        }
    }

    /// Counts the sessions, and keeps those streams open that have some: nothing is encoded that nobody hears.
    fn count_riders(&mut self) {
        self.info.sessions.store(self.riders.len(), Ordering::Relaxed);
        let slow = self.riders.values().filter(|(_, every)| *every != FULL_RATE).count();
        self.info.slow_sessions.store(slow, Ordering::Relaxed);
        let is_ridden = |form, every| self.riders.values().any(|&rides| rides == (form, every));
        for every in STREAMS {
            match is_ridden(Form::Binary, every) {
                true => self.sim.open_stream(every),
                false => self.sim.close_stream(every),
            }
        }
        self.transcripts.keep(|every| is_ridden(Form::Text, every));
    }
}

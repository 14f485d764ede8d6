//! One running match and the sessions in it: commands in, a tick, frames out. A worker runs it when its tick is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use tickwire_protocol::{CloseCode, ErrorCode, ErrorReply, Input, ResumeToken, SeatId, ServerMessage, Tick, Welcome};
use tickwire_sim::{AnySim, Every, FULL_RATE, JoinError, Pace, Player};
use tokio::sync::oneshot;

use crate::command::{Command, JoinReply, Joined};
use crate::fanout::{Audience, Publication, Snapshot};
use crate::frame::frame;
use crate::lag::{STREAMS, Want};
use crate::resyncs::Resyncs;
use crate::seat::{Holders, Link, SessionId};
use crate::stats::{RoomInfo, count};

/// A room ends here, before its tick would wrap: after 4.5 years at 30 Hz.
const LAST_TICK: Tick = Tick::MAX - 2;

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
    holders: Holders,
    audience: Audience,
    /// What each session rides.
    riders: BTreeMap<SessionId, Every>,
    resyncs: Resyncs,
    commands: Receiver<Command>,
    info: Arc<RoomInfo>,
    terms: Terms,
}

/// What a relay grants its rooms' sessions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// How long a seat is held without a session.
    pub(crate) seat_hold: Duration,
    /// Sessions that get a resync at one tick.
    pub(crate) resyncs_per_tick: usize,
}

impl Room {
    /// A room whose first tick is due one period after `start`.
    pub(crate) fn new(
        sim: Box<dyn AnySim>,
        commands: Receiver<Command>,
        info: Arc<RoomInfo>,
        audience: Audience,
        terms: Terms,
        start: Instant,
    ) -> Self {
        let pace = Pace::new(sim.options().tick_rate, start, sim.tick());
        let (holders, riders, resyncs) = Default::default();
        let mut room = Self { pace, sim, holders, audience, riders, resyncs, commands, info, terms };
        room.count_sessions();
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
                self.end(code, &reason);
                return Next::End;
            }
            self.handle(now, command);
        }
        if self.sim.tick() >= LAST_TICK {
            self.end(CloseCode::GoingAway, "the room has run its last tick");
            return Next::End;
        }
        for seat in self.holders.expired(self.sim.tick()) {
            self.give_up(seat);
        }
        self.sim.step();
        self.publish();
        Next::Tick
    }

    /// Ends the room after its game has panicked.
    pub(crate) fn fail(&mut self) {
        self.end(CloseCode::RoomFailed, CloseCode::RoomFailed.reason());
    }

    fn end(&mut self, code: CloseCode, reason: &str) {
        self.info.closed.store(true, Ordering::Relaxed);
        self.info.sessions.store(0, Ordering::Relaxed);
        self.audience.end(code, reason);
    }

    /// Hands what the tick says to the fan-out.
    fn publish(&mut self) {
        let mut publication = Publication::of_events(&*self.sim);
        if self.audience.is_swamped() {
            self.audience.end(CloseCode::Overloaded, "the server can't send what the room says");
        }
        if self.audience.is_behind() {
            count(&self.info.counters.snapshots_left_out, 1);
        } else {
            publication.resyncs = self.resyncs.take(&mut *self.sim, self.terms.resyncs_per_tick);
            let delta = |every| self.sim.delta(every).map(|delta| Snapshot::of_delta(every, delta));
            publication.deltas = STREAMS.into_iter().filter_map(delta).collect();
        }
        self.audience.publish(publication, &self.info);
    }

    fn handle(&mut self, now: Instant, command: Command) {
        match command {
            Command::Join { player, resume, link, reply } => match self.join(&player, resume, &link) {
                Ok((seat, token)) => self.let_in(now, seat, token, link, reply),
                // If nobody listens any more, nobody has to know.
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Command::Input { session, input, permit } => {
                if let Some(seat) = self.holders.of_session(session) {
                    self.input(now, seat, &input);
                }
                drop(permit);
            }
            Command::Resync { session, want } => {
                if self.riders.contains_key(&session) {
                    self.want_resync(session, want);
                }
            }
            // A session without a seat was refused one, or another of the same player has taken it.
            Command::Leave { session } => {
                self.holders.of_session(session).into_iter().for_each(|seat| self.give_up(seat))
            }
            Command::Lost { session } => self.holders.of_session(session).into_iter().for_each(|seat| self.lose(seat)),
            Command::Close { .. } => unreachable!("closing was taken out before"),
        }
    }

    fn join(
        &mut self,
        player: &Player,
        resume: Option<ResumeToken>,
        link: &Link,
    ) -> Result<(SeatId, ResumeToken), ErrorReply> {
        let held = match resume {
            Some(token) => Some(
                self.holders
                    .of_token(&player.id, &token)
                    .ok_or_else(|| refusal(ErrorCode::ResumeRefused, "no held seat has that token"))?,
            ),
            None => self.holders.of_player(&player.id),
        };
        let seat = match held {
            Some(seat) => {
                self.sim.set_connected(seat, true);
                seat
            }
            None => self.sim.join(player).map_err(|error| match error {
                JoinError::Full(_) => refusal(ErrorCode::RoomFull, &error.to_string()),
                JoinError::Refused(_) => refusal(ErrorCode::JoinRefused, &error.to_string()),
            })?,
        };
        let (token, replaced) = self.holders.connect(seat, &player.id, link.clone());
        if let Some(old) = replaced {
            self.forget(old.session);
            old.end(CloseCode::Replaced, CloseCode::Replaced.reason());
        }
        Ok((seat, token))
    }

    /// Tells the session first and the client then, so that the session knows of its seat before the client can speak of it.
    fn let_in(
        &mut self,
        now: Instant,
        seat: SeatId,
        token: ResumeToken,
        link: Link,
        reply: oneshot::Sender<JoinReply>,
    ) {
        let (schema, tick_rate) = (self.sim.schema().clone(), self.sim.options().tick_rate);
        // If nobody listens any more, the session's loss is the next thing heard of it.
        let _ = reply.send(Ok(Joined { schema, tick_rate }));
        let welcome = ServerMessage::Welcome(Box::new(self.welcome(seat, token)));
        link.push(now, frame(|out| welcome.encode(out)));
        let session = link.session;
        self.audience.add(seat, link);
        self.want_resync(session, Want { base: None, every: FULL_RATE });
    }

    fn welcome(&self, seat: SeatId, resume: ResumeToken) -> Welcome {
        let options = self.sim.options();
        Welcome {
            room: self.info.name.clone(),
            seat,
            tick: self.sim.tick(),
            tick_rate: options.tick_rate,
            snapshot_every: options.snapshot_every,
            input_ahead: options.input_ahead,
            input_behind: options.input_behind,
            resume,
            resume_ms: u32::try_from(self.terms.seat_hold.as_millis()).unwrap_or(u32::MAX),
            schema_hash: self.sim.schema().hash(),
            schema: self.sim.schema().clone(),
        }
    }

    fn input(&mut self, now: Instant, seat: SeatId, input: &Input) {
        count(&self.info.counters.inputs, 1);
        if let Err(error) = self.sim.input_record(seat, input.sequence, input.tick, &input.record) {
            count(&self.info.counters.inputs_refused, 1);
            // Told once a second: a client whose clock is off sends many of them.
            let (tick, second) = (self.sim.tick(), self.sim.options().tick_rate);
            if let Some(link) = self.holders.link_to_warn(seat, tick, second) {
                let reply = ServerMessage::Error(refusal(ErrorCode::InputRefused, &error.to_string()));
                link.push(now, frame(|out| reply.encode(out)));
            }
        }
    }

    fn want_resync(&mut self, session: SessionId, want: Want) {
        count(&self.info.counters.resyncs, 1);
        if self.riders.insert(session, want.every) != Some(want.every) {
            self.count_sessions();
        }
        self.resyncs.want(session, want);
    }

    fn give_up(&mut self, seat: SeatId) {
        if let Some(session) = self.holders.remove(seat) {
            self.forget(session);
        }
        self.sim.leave(seat);
    }

    fn lose(&mut self, seat: SeatId) {
        if let Some(session) = self.holders.lose(seat, self.sim.tick().saturating_add(self.hold_ticks())) {
            self.forget(session);
        }
        self.sim.set_connected(seat, false);
    }

    fn hold_ticks(&self) -> u32 {
        let ticks = self.terms.seat_hold.as_millis() * u128::from(self.sim.options().tick_rate) / 1000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// A session is no longer in the room.
    fn forget(&mut self, session: SessionId) {
        self.audience.remove(session);
        self.riders.remove(&session);
        self.resyncs.forget(session);
        self.count_sessions();
    }

    /// Counts the sessions, and keeps those streams open that have some: nothing is encoded that nobody hears.
    fn count_sessions(&mut self) {
        self.info.sessions.store(self.riders.len(), Ordering::Relaxed);
        let slow = self.riders.values().filter(|&&every| every != FULL_RATE).count();
        self.info.slow_sessions.store(slow, Ordering::Relaxed);
        for every in STREAMS {
            match self.riders.values().any(|&rides| rides == every) {
                true => self.sim.open_stream(every),
                false => self.sim.close_stream(every),
            }
        }
    }

    /// Notes that the tick due at `due` has begun at `begun` and taken so long.
    pub(crate) fn ticked(&self, due: Instant, begun: Instant, took: Duration) {
        self.info.ticked(self.sim.tick(), due, begun, took);
    }
}

fn refusal(code: ErrorCode, message: &str) -> ErrorReply {
    ErrorReply { code, message: message.to_owned(), retry_ms: None }
}

//! One running match and the sessions in it: commands in, a tick, frames out. A worker runs it when its tick is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crossbeam_channel::Receiver;
use tickwire_protocol::{CloseCode, ErrorCode, ErrorReply, Input, ResumeToken, SeatId, ServerMessage, Tick, Welcome};
use tickwire_sim::{AnySim, FULL_RATE, JoinError, Pace, Player};
use tokio::sync::oneshot;

use crate::command::{Command, JoinReply, Joined};
use crate::fanout::{Resyncs, Sent, publish_delta, publish_events};
use crate::outbox::frame;
use crate::seat::{Holders, Link};
use crate::stats::RoomInfo;

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
    resyncs: Resyncs,
    commands: Receiver<Command>,
    info: Arc<RoomInfo>,
    /// Ticks that a seat is held without a session, and the same in milliseconds.
    hold: (u32, u32),
}

impl Room {
    /// A room whose first tick is due one period after `start`.
    pub(crate) fn new(
        sim: Box<dyn AnySim>,
        commands: Receiver<Command>,
        info: Arc<RoomInfo>,
        seat_hold: std::time::Duration,
        start: Instant,
    ) -> Self {
        let rate = sim.options().tick_rate;
        let hold_ms = u32::try_from(seat_hold.as_millis()).unwrap_or(u32::MAX);
        let hold_ticks = u64::from(hold_ms) * u64::from(rate) / 1000;
        let hold = (u32::try_from(hold_ticks).unwrap_or(u32::MAX), hold_ms);
        let (holders, resyncs) = Default::default();
        let pace = Pace::new(rate, start, sim.tick());
        let mut room = Self { pace, sim, holders, resyncs, commands, info, hold };
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
            self.handle(command);
        }
        if self.sim.tick() >= LAST_TICK {
            self.end(CloseCode::GoingAway, "the room has run its last tick");
            return Next::End;
        }
        for seat in self.holders.expired(self.sim.tick()) {
            self.give_up(seat);
        }
        if self.sim.step().is_some() {
            self.publish();
        }
        let sent = publish_events(&self.holders, &*self.sim);
        self.count_sent(sent);
        Next::Tick
    }

    /// Ends the room after its game has panicked.
    pub(crate) fn fail(&mut self) {
        self.end(CloseCode::RoomFailed, CloseCode::RoomFailed.reason());
    }

    fn end(&mut self, code: CloseCode, reason: &str) {
        self.info.closed.store(true, Ordering::Relaxed);
        self.info.sessions.store(0, Ordering::Relaxed);
        self.holders.links().for_each(|(_, link)| link.end(code, reason));
    }

    fn publish(&mut self) {
        let tick = self.sim.tick();
        let resyncs = self.resyncs.publish(&mut *self.sim, tick);
        self.count_sent(resyncs);
        if let Some(delta) = self.sim.delta(FULL_RATE) {
            let sent = publish_delta(&self.holders, delta);
            self.count_sent(sent);
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Join { player, resume, link, reply } => match self.join(&player, resume, &link) {
                Ok((seat, token)) => self.let_in(seat, token, link, reply),
                // If nobody listens any more, nobody has to know.
                Err(refusal) => drop(reply.send(Err(refusal))),
            },
            Command::Input { session, input, permit } => {
                if let Some(seat) = self.holders.of_session(session) {
                    self.input(seat, &input);
                }
                drop(permit);
            }
            Command::Resync { session, resync } => {
                count(&self.info.counters.desyncs, resync.desync.into());
                if let Some(link) = self.holders.of_session(session).and_then(|seat| self.holders.link(seat)) {
                    let link = link.clone();
                    self.want_resync(resync.base, link);
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
            old.end(CloseCode::Replaced, CloseCode::Replaced.reason());
        }
        Ok((seat, token))
    }

    /// Tells the session first and the client then, so that the session knows of its seat before the client can speak of it.
    fn let_in(&mut self, seat: SeatId, token: ResumeToken, link: Link, reply: oneshot::Sender<JoinReply>) {
        let (schema, tick_rate) = (self.sim.schema().clone(), self.sim.options().tick_rate);
        // If nobody listens any more, the session's loss is the next thing heard of it.
        let _ = reply.send(Ok(Joined { schema, tick_rate }));
        let welcome = ServerMessage::Welcome(Box::new(self.welcome(seat, token)));
        link.push(frame(|out| welcome.encode(out)));
        self.count_sessions();
        self.want_resync(None, link);
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
            resume_ms: self.hold.1,
            schema_hash: self.sim.schema().hash(),
            schema: self.sim.schema().clone(),
        }
    }

    fn input(&mut self, seat: SeatId, input: &Input) {
        count(&self.info.counters.inputs, 1);
        if let Err(error) = self.sim.input_record(seat, input.sequence, input.tick, &input.record) {
            count(&self.info.counters.inputs_refused, 1);
            // Told once a second: a client whose clock is off sends many of them.
            let (tick, second) = (self.sim.tick(), self.sim.options().tick_rate);
            if let Some(link) = self.holders.link_to_warn(seat, tick, second) {
                let reply = ServerMessage::Error(refusal(ErrorCode::InputRefused, &error.to_string()));
                link.push(frame(|out| reply.encode(out)));
            }
        }
    }

    fn want_resync(&mut self, base: Option<Tick>, link: Link) {
        count(&self.info.counters.resyncs, 1);
        self.resyncs.want(self.sim.resync_base(FULL_RATE, base), link);
    }

    fn give_up(&mut self, seat: SeatId) {
        self.holders.remove(seat);
        self.sim.leave(seat);
        self.count_sessions();
    }

    fn lose(&mut self, seat: SeatId) {
        self.holders.lose(seat, self.sim.tick().saturating_add(self.hold.0));
        self.sim.set_connected(seat, false);
        self.count_sessions();
    }

    /// Counts the sessions; nothing is encoded while there are none.
    fn count_sessions(&mut self) {
        let count = self.holders.links().count();
        self.info.sessions.store(count, Ordering::Relaxed);
        match count {
            0 => {
                self.sim.close_stream(FULL_RATE);
                self.resyncs.clear();
            }
            _ => self.sim.open_stream(FULL_RATE),
        }
    }

    fn count_sent(&self, sent: Sent) {
        count(&self.info.counters.bytes, sent.bytes);
        count(&self.info.counters.session_ticks, sent.sessions);
    }

    /// Notes that the tick due at `due` has taken so long.
    pub(crate) fn ticked(&self, due: Instant, took: std::time::Duration) {
        self.info.ticked(self.sim.tick(), due, took);
    }
}

fn refusal(code: ErrorCode, message: &str) -> ErrorReply {
    ErrorReply { code, message: message.to_owned(), retry_ms: None }
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

//! Who comes into a room, and who goes.

use std::time::Instant;

use tickwire_protocol::{
    CloseCode, DEFAULT_CHANNEL, ErrorCode, ErrorReply, MessageId, Resume, ResumeToken, Role, SeatId, ServerMessage,
    Tick, Welcome,
};
use tickwire_sim::{FULL_RATE, JoinError, Player};
use tokio::sync::oneshot;

use super::Room;
use crate::command::{JoinReply, JoinRequest, Joined};
use crate::lag::Want;
use crate::link::Link;
use crate::people::Person;

/// Someone who was let in.
struct Admission {
    person: Person,
    /// They come without a past in this room.
    fresh: bool,
    resume: ResumeToken,
    /// The number of the last message that they have.
    received: u32,
    /// What they have missed, and whether more is lost.
    lost: bool,
    missed: Vec<ServerMessage>,
}

impl Room {
    pub(super) fn join(&mut self, now: Instant, request: JoinRequest) {
        let JoinRequest { id, player, role, resume, link, reply, asking: _asking } = request;
        let admitted = match role {
            Role::Player => self.seat(&player, resume, &link),
            Role::Spectator => self.watch(&player, &link),
        };
        match admitted {
            Ok(admission) => {
                self.count_people();
                self.let_in(now, (id, admission), link, reply);
            }
            // If nobody listens any more, nobody has to know.
            Err(refusal) => drop(reply.send(Err(refusal))),
        }
    }

    /// Keeps a seat for a player who will come.
    pub(super) fn reserve(&mut self, player: &Player) -> Result<(), ErrorReply> {
        if self.people.of_player(&player.id).is_none() {
            self.check_open(player)?;
            self.check_seats(player)?;
            let until = self.sim.tick().saturating_add(self.ticks(self.terms.reservation.as_millis()));
            self.people.reserve(&player.id, until);
            self.count_people();
        }
        Ok(())
    }

    /// Waits for a player no more; one who is here goes, too, if also `taken` seats are given up.
    pub(super) fn forgo(&mut self, player: &str, taken: bool) {
        self.people.unreserve(player);
        let Some(seat) = self.people.of_player(player).map(Person::Seat) else { return self.count_people() };
        match self.people.link(seat) {
            Some(_) if !taken => return self.count_people(),
            Some(link) => link.end(CloseCode::Replaced, "the player is in another match"),
            None => {}
        }
        self.give_up(seat);
    }

    /// Gives a player the seat that is held for them, or a new one.
    fn seat(&mut self, player: &Player, resume: Option<Resume>, link: &Link) -> Result<Admission, ErrorReply> {
        let held = match resume {
            Some(Resume { token, .. }) => {
                Some(self.people.of_token(&player.id, &token).ok_or_else(|| self.no_such_seat())?)
            }
            None => self.people.of_player(&player.id),
        };
        let seat = match held {
            Some(seat) => {
                self.sim.set_connected(seat, true);
                seat
            }
            None => self.new_seat(player)?,
        };
        let (token, replaced) = self.people.connect(seat, player, link.clone());
        if let Some(old) = replaced {
            self.forget(old.session);
            old.end(CloseCode::Replaced, CloseCode::Replaced.reason());
        }
        let last = self.post.number();
        // Who has no token begins with what is said from now on, and never hears what was said to who sat there before.
        let received = self.people.received(seat, resume.map_or(last, |resume| resume.received.min(last)));
        // At once: what waits for a socket has a cap.
        let size = |message: &ServerMessage| link.form.frames([message], Some(self.sim.schema()), 0).len();
        let (lost, missed) = self.post.missed(seat, received, self.terms.outbox_bytes, size);
        Ok(Admission { person: Person::Seat(seat), fresh: resume.is_none(), resume: token, received, lost, missed })
    }

    /// Of a private room nobody learns that it is there.
    fn no_such_seat(&self) -> ErrorReply {
        match self.info.code {
            Some(_) => ErrorReply::new(ErrorCode::RoomNotFound, "there is no room of that name"),
            None => ErrorReply::new(ErrorCode::ResumeRefused, "no held seat has that token"),
        }
    }

    fn new_seat(&mut self, player: &Player) -> Result<SeatId, ErrorReply> {
        self.check_open(player)?;
        self.check_seats(player)?;
        self.sim.join(player).map_err(|error| {
            let code = match error {
                JoinError::Full(_) => ErrorCode::RoomFull,
                JoinError::Refused(_) => ErrorCode::JoinRefused,
            };
            ErrorReply::new(code, error.to_string())
        })
    }

    fn watch(&mut self, player: &Player, link: &Link) -> Result<Admission, ErrorReply> {
        self.check_open(player)?;
        if self.people.spectators() >= self.options.spectators {
            let reason = format!("{} may watch, and do", self.options.spectators);
            return Err(ErrorReply::new(ErrorCode::RoomFull, reason));
        }
        self.people.watch(player.clone(), link.clone());
        let (person, received) = (Person::Spectator(link.session), self.post.number());
        Ok(Admission { person, fresh: true, resume: ResumeToken::default(), received, lost: false, missed: Vec::new() })
    }

    fn check_open(&self, player: &Player) -> Result<(), ErrorReply> {
        if self.people.is_banned(&player.id) {
            return Err(ErrorReply::new(ErrorCode::Banned, "you were put out of this room for good"));
        }
        if self.info.details().locked && !self.people.has_reserved(&player.id) {
            return Err(ErrorReply::new(ErrorCode::RoomLocked, "the room is locked"));
        }
        Ok(())
    }

    fn check_seats(&self, player: &Player) -> Result<(), ErrorReply> {
        let seats = self.info.seats;
        if self.people.taken_for(&player.id) < seats.into() {
            return Ok(());
        }
        Err(ErrorReply::new(ErrorCode::RoomFull, JoinError::Full(seats).to_string()))
    }

    /// Tells the session first and the client then, so that the session knows of its place before the client can speak of it.
    fn let_in(
        &mut self,
        now: Instant,
        (id, admission): (Option<MessageId>, Admission),
        link: Link,
        reply: oneshot::Sender<JoinReply>,
    ) {
        let (schema, tick_rate) = (self.sim.schema().clone(), self.sim.options().tick_rate);
        // If nobody listens any more, the session's loss is the next thing heard of it.
        let _ = reply.send(Ok(Joined { schema, tick_rate }));
        let welcome = ServerMessage::Welcome(Box::new(self.welcome(id, &admission, &link)));
        let Admission { person, missed, fresh, .. } = admission;
        // At once: together they may be larger than what may wait beside others.
        let unix_ms = self.terms.calendar.unix_ms(now);
        let messages = std::iter::once(&welcome).chain(&missed);
        link.push(now, link.form.frames(messages, Some(self.sim.schema()), unix_ms));
        self.post.greet(link.session);
        self.enter_channels(person);
        if fresh {
            self.tell_history(person, DEFAULT_CHANNEL, 0);
        }
        let session = link.session;
        self.galleries.add(person.role(), link, self.sim.tick());
        self.want_resync(session, Want { base: None, every: FULL_RATE });
    }

    fn welcome(&self, id: Option<MessageId>, admission: &Admission, link: &Link) -> Welcome {
        let options = self.sim.options();
        let seat = match admission.person {
            Person::Seat(seat) => Some(seat),
            Person::Spectator(_) => None,
        };
        let hold = seat.map_or(0, |_| self.terms.seat_hold.as_millis());
        Welcome {
            id,
            room: self.info.name.clone(),
            code: self.info.code.clone(),
            session: link.session,
            seat,
            host: self.host,
            tick: self.info.seen_by(admission.person.role(), self.sim.tick()),
            tick_rate: options.tick_rate,
            snapshot_every: options.snapshot_every,
            input_ahead: options.input_ahead,
            input_behind: options.input_behind,
            resume: admission.resume,
            resume_ms: u32::try_from(hold).unwrap_or(u32::MAX),
            received: admission.received,
            lost: admission.lost,
            schema_hash: self.sim.schema().hash(),
            schema: self.sim.schema().clone(),
        }
    }

    /// Those who have not come back in time, or not come at all, are waited for no more.
    pub(super) fn give_up_expired(&mut self) {
        let tick = self.sim.tick();
        if self.people.release(tick) {
            self.count_people();
        }
        for seat in self.people.expired(tick) {
            self.give_up(Person::Seat(seat));
        }
    }

    /// Someone goes for good.
    pub(super) fn give_up(&mut self, person: Person) {
        self.leave_channels(person);
        if let Some(link) = self.people.remove(person) {
            self.forget(link.session);
        }
        if let Person::Seat(seat) = person {
            self.requests.forget(seat);
            self.sim.leave(seat);
        }
        self.count_people();
    }

    /// Someone's connection is lost.
    pub(super) fn lose(&mut self, person: Person) {
        let Person::Seat(seat) = person else { return self.give_up(person) };
        self.miss_channels(person);
        let until = self.sim.tick().saturating_add(self.ticks(self.terms.seat_hold.as_millis()));
        if let Some(link) = self.people.lose(seat, until) {
            self.forget(link.session);
        }
        self.sim.set_connected(seat, false);
        self.count_people();
    }

    /// Puts someone out.
    pub(super) fn kick(&mut self, person: Person, reason: &str) {
        if let Some(link) = self.people.link(person) {
            link.end(CloseCode::Kicked, reason);
        }
        if self.people.is_here(person) {
            self.give_up(person);
        }
    }

    /// Milliseconds in ticks.
    pub(super) fn ticks(&self, millis: u128) -> Tick {
        let ticks = millis * u128::from(self.sim.options().tick_rate) / 1000;
        u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// Puts someone who has come into the channels that are theirs.
    fn enter_channels(&mut self, person: Person) {
        self.open_channel(DEFAULT_CHANNEL);
        let theirs = |name: &str, has: bool| has || name == DEFAULT_CHANNEL;
        let names: Vec<String> = self
            .channels
            .iter()
            .filter(|(name, channel)| theirs(name, channel.has(person)))
            .map(|(name, _)| name.clone())
            .collect();
        names.iter().for_each(|name| self.enter_channel(person, name, None));
    }
}

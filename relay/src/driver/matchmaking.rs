//! From where a player wants to go to a place in a room: over a WebSocket, or by HTTP for one that comes afterwards.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tickwire_protocol::{Creation, ErrorCode, ErrorReply, Join, Queueing, Role, Target, Wanted};
use tokio::sync::oneshot;

use super::accept::Shared;
use super::now;
use crate::auth::Grant;
use crate::command::{Command, Joined};
use crate::form::Form;
use crate::handle::RoomHandle;
use crate::link::SessionId;
use crate::outbox::Outbox;
use crate::place::{Parting, Place};
use crate::queue::{Match, Queue, Ticket, Waiting};
use crate::stats::Origin;

/// Between two looks whether those who wait can be matched by now.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Rooms that are tried where any will do: the first may have filled up meanwhile, or not want this player.
const ATTEMPTS: usize = 3;

/// A session that wants into a room.
pub(super) struct Entrant {
    pub(super) session: SessionId,
    pub(super) form: Form,
    pub(super) outbox: Arc<Outbox>,
    pub(super) grant: Grant,
    pub(super) join: Join,
    pub(super) parting: Parting,
}

/// A place in a room where the session wants to go. Who drops this gives it up.
pub(super) async fn enter(shared: Arc<Shared>, entrant: Entrant) -> Result<(Place, Joined), ErrorReply> {
    let Entrant { session, form, outbox, grant, join, parting } = entrant;
    // Only a seat is taken up again.
    let is_back = join.role == Role::Player && join.resume.is_some();
    let mut seeker = Seeker::new(&shared, (&grant, join.role, is_back), join.target.clone());
    loop {
        let room = seeker.find().await?;
        let asks = (session, form, &outbox);
        let (place, answer) = Place::ask(room.clone(), grant.player.clone(), &join, asks, parting.clone());
        match answer.await.unwrap_or_else(|_| Err(no_such_room())) {
            Ok(joined) => {
                seeker.settled(&room);
                return Ok((place, joined));
            }
            Err(refusal) => seeker.was_refused(&room, refusal)?,
        }
    }
}

/// A room where the player wants to go, and a seat in it that is kept for a while.
pub(super) async fn reserve(shared: &Arc<Shared>, grant: Grant, target: Target) -> Result<RoomHandle, ErrorReply> {
    let mut seeker = Seeker::new(shared, (&grant, Role::Player, false), target);
    loop {
        let room = seeker.find().await?;
        let (reply, answer) = oneshot::channel();
        room.send(Command::Reserve { player: grant.player.clone(), reply });
        match answer.await.unwrap_or_else(|_| Err(no_such_room())) {
            Ok(()) => return Ok(room),
            Err(refusal) => seeker.was_refused(&room, refusal)?,
        }
    }
}

/// A player who looks for a room.
struct Seeker<'a> {
    shared: &'a Shared,
    grant: &'a Grant,
    role: Role,
    /// The player has a seat there to take up again.
    is_back: bool,
    target: Target,
    /// Rooms that did not want the player, or have ended meanwhile.
    tried: Vec<String>,
}

impl<'a> Seeker<'a> {
    fn new(shared: &'a Shared, (grant, role, is_back): (&'a Grant, Role, bool), mut target: Target) -> Self {
        if let Target::FindOrCreate(Creation { kind, .. }) | Target::Create(Creation { kind, .. }) = &mut target {
            *kind = kind.take().or_else(|| shared.lobby.first_kind());
        }
        Self { shared, grant, role, is_back, target, tried: Vec::new() }
    }

    /// A room has refused: another may be tried where any will do.
    fn was_refused(&mut self, room: &RoomHandle, refusal: ErrorReply) -> Result<(), ErrorReply> {
        self.tried.push(room.name().to_owned());
        let any_will_do = matches!(self.target, Target::Find(_) | Target::FindOrCreate(_));
        if any_will_do && self.tried.len() < ATTEMPTS { Ok(()) } else { Err(refusal) }
    }

    /// The player is in a room.
    fn settled(&self, room: &RoomHandle) {
        if self.role == Role::Player && room.info.origin.is_match_of(&self.grant.player.id) {
            self.forgo_matches(Some(room));
        }
    }

    /// Gives up the player's seats in matches: those that nobody has taken, or, for who has come to a match, all in others. One at a time: else
    /// a few players could hold all rooms there are.
    fn forgo_matches(&self, but: Option<&RoomHandle>) {
        let player = &self.grant.player.id;
        let others = self.shared.lobby.matches_of(player).into_iter();
        for room in others.filter(|room| but.is_none_or(|but| but.name() != room.name())) {
            room.send(Command::Forgo { player: player.clone(), taken: but.is_some() });
        }
    }

    /// The room; where any will do, none of those that were tried.
    async fn find(&self) -> Result<RoomHandle, ErrorReply> {
        self.check_grant()?;
        let (lobby, tried) = (&self.shared.lobby, &self.tried);
        match &self.target {
            Target::Room(name) => {
                let room = lobby.find(name).filter(|room| self.may_enter_by_name(room));
                room.ok_or_else(|| ErrorReply::new(ErrorCode::RoomNotFound, "there is no room of that name"))
            }
            // Whose token is for one room learns of no other.
            Target::Code(code) => {
                let room = lobby.find_by_code(code).filter(|room| self.grant.opens(room.name()));
                room.ok_or_else(no_such_room)
            }
            Target::Find(wanted) => lobby.find_wanted(wanted, self.role, tried).ok_or_else(no_such_room),
            Target::FindOrCreate(creation) if !creation.private => {
                // Two who come at once shall meet. Whoever has panicked there has left nothing half done.
                let _alone = self.shared.creating.lock().unwrap_or_else(PoisonError::into_inner);
                let wanted = Wanted { kind: creation.kind.clone(), labels: creation.labels.clone() };
                let found = lobby.find_wanted(&wanted, self.role, tried);
                found.map_or_else(|| self.create(creation), Ok)
            }
            Target::FindOrCreate(creation) | Target::Create(creation) => self.create(creation),
            Target::Queue(queueing) => self.wait(queueing.clone()).await,
        }
    }

    /// Whether the player's token leads where the player wants to go, as far as that is known before the room is found.
    fn check_grant(&self) -> Result<(), ErrorReply> {
        let leads_there = match &self.target {
            Target::Room(name) => self.grant.opens(name),
            Target::Code(_) => true,
            _ => self.grant.room.is_none(),
        };
        if leads_there {
            return Ok(());
        }
        Err(ErrorReply::new(ErrorCode::Forbidden, "the token is for another room"))
    }

    /// Whether the player may come into a room by its name.
    fn may_enter_by_name(&self, room: &RoomHandle) -> bool {
        match self.grant.room {
            // Who was there knows the code no more than the name.
            _ if self.is_back => true,
            // Whoever wrote the token meant no room to which a player has given that name.
            Some(_) => !room.info.origin.is_named_by_player(),
            None => room.code().is_none(),
        }
    }

    fn create(&self, creation: &Creation) -> Result<RoomHandle, ErrorReply> {
        let origin = Origin::Created { by: self.grant.player.id.clone(), named: creation.name.is_some() };
        let (room, handle) = self.shared.lobby.create(creation.clone(), origin, Instant::now())?;
        self.shared.workers.run(room);
        Ok(handle)
    }

    /// Waits in the queue until there is a match.
    async fn wait(&self, mut queueing: Queueing) -> Result<RoomHandle, ErrorReply> {
        let shared = self.shared;
        if self.role == Role::Spectator {
            return Err(ErrorReply::new(ErrorCode::Invalid, "spectators watch a match, and wait for none"));
        }
        queueing.kind = queueing.kind.or_else(|| shared.lobby.first_kind());
        if !queueing.kind.as_ref().is_some_and(|kind| shared.lobby.knows(kind)) {
            return Err(ErrorReply::new(ErrorCode::CreateRefused, "no rooms of that kind are created here"));
        }
        self.forgo_matches(None);
        let (ticket, mut found) = queue(shared).enter(now(), self.grant.player.clone(), queueing)?;
        let _waiting = InQueue { shared, ticket };
        loop {
            make_matches(shared);
            tokio::select! {
                biased;
                found = &mut found => return found.unwrap_or_else(|_| Err(no_such_room())),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}

/// Opens rooms for those who can be matched.
fn make_matches(shared: &Shared) {
    let matches = queue(shared).matches(now(), shared.lobby.left());
    for Match { kind, labels, players } in matches {
        let creation = Creation { kind, labels, seats: Some(players.len() as u16), ..Creation::default() };
        let origin = Origin::Matched { players: players.iter().map(|waiting| waiting.player.id.clone()).collect() };
        let made = shared.lobby.create(creation, origin, Instant::now());
        for Waiting { player, found, .. } in players {
            // Who does not listen any more has left.
            let _ = found.send(match &made {
                Ok((_, room)) => {
                    // It has a seat for each, or their joins will be refused.
                    room.send(Command::Reserve { player, reply: oneshot::channel().0 });
                    Ok(room.clone())
                }
                Err(refusal) => Err(refusal.clone()),
            });
        }
        // Not before it expects someone: it would end at once.
        made.into_iter().for_each(|(room, _)| shared.workers.run(room));
    }
}

/// A player's place in the queue, until it is dropped.
struct InQueue<'a> {
    shared: &'a Shared,
    ticket: Ticket,
}

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        queue(self.shared).leave(&self.ticket);
    }
}

fn queue(shared: &Shared) -> MutexGuard<'_, Queue> {
    shared.queue.lock().expect("nothing panics while it holds the queue")
}

fn no_such_room() -> ErrorReply {
    ErrorReply::new(ErrorCode::RoomNotFound, "there is no such room")
}

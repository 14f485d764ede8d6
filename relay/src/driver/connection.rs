//! One session's task: carries what happens between the socket, the session and its room.

use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tickwire_protocol::{CloseCode, ErrorReply, ListRooms, ServerMessage, ServerProbeReply};
use tickwire_sim::Player;

use super::accept::Shared;
use super::matchmaking::{Entrant, enter};
use super::now;
use super::socket::{Ended, Incoming, Socket};
use crate::auth::{Door, Verdict};
use crate::command::{Joined, Saying};
use crate::form::{Form, probed_tick};
use crate::gate::Visit;
use crate::hub::Speaker;
use crate::link::SessionId;
use crate::outbox::Look;
use crate::place::{Parting, Place};
use crate::session::{Action, Session};
use crate::strangers::Stranger;
use crate::watch::Watch;

/// What the request for a WebSocket asked for.
pub(super) struct Opening {
    pub(super) form: Form,
    /// The token that the URL had.
    pub(super) token: Option<String>,
}

/// Serves one WebSocket connection to its end. `stranger` is given up when the token is accepted, `visit` at the end.
pub(super) async fn serve(
    socket: Socket,
    Opening { form, token }: Opening,
    shared: Arc<Shared>,
    (stranger, visit): (Stranger, Visit),
) {
    let mut session = Session::new(now(), shared.config.clone(), form);
    if let Some(token) = token {
        session.handle_token(now(), token);
    }
    let mut connection = Connection {
        id: shared.next_session.fetch_add(1, Ordering::Relaxed),
        session,
        form,
        socket,
        stranger: Some(stranger),
        visit,
        lookup: None,
        joining: None,
        place: None,
        watch: None,
        parting: Parting::default(),
        shared,
    };
    let end = connection.converse().await;
    let Connection { socket, place, joining, shared, id, .. } = connection;
    shared.hub.leave(now(), id);
    // Before the farewell, which may take a while: a match with who is about to go is none.
    drop((joining, place));
    if let End::Close(code, reason) = end {
        tracing::debug!(session = id, %code, reason, "closing");
        shared.tally.closed(code);
        // Apart, so that the memory is not taken from the start.
        Box::pin(socket.close(code, &reason, shared.config.close_timeout)).await;
    }
}

struct Connection {
    shared: Arc<Shared>,
    session: Session,
    id: SessionId,
    form: Form,
    socket: Socket,
    stranger: Option<Stranger>,
    visit: Visit,
    lookup: Option<Verdict>,
    joining: Option<Entering>,
    place: Option<Place>,
    watch: Option<Watch>,
    /// Of the place that the session has or asks for.
    parting: Parting,
}

/// A session's way into a room.
type Entering = Pin<Box<dyn Future<Output = Result<(Place, Joined), ErrorReply>> + Send>>;

/// How a conversation ends.
enum End {
    /// By us, with this code.
    Close(CloseCode, String),
    /// By the client, or by the network.
    Gone,
}

impl Connection {
    async fn converse(&mut self) -> End {
        let (shared, outbox) = (self.shared.clone(), self.socket.outbox().clone());
        let mut closing = shared.closing.subscribe();
        let mut closing = pin!(closing.wait_for(|closing| *closing));
        let mut alarm = self.deadline();
        let mut timer = pin!(tokio::time::sleep_until(alarm.into()));
        loop {
            while let Some(action) = self.session.poll() {
                match action {
                    Action::Close(code, reason) => return End::Close(code, reason),
                    action => self.act(action).await,
                }
            }
            if self.session.is_authenticated() {
                self.stranger = None;
            }
            // Most often the deadline has moved on: the alarm that is set will see that.
            if self.deadline() < alarm {
                alarm = self.deadline();
                timer.as_mut().reset(alarm.into());
            }
            let Self { session, socket, stranger, visit, lookup, joining, place, .. } = self;
            tokio::select! {
                biased;
                _ = closing.as_mut() => session.handle_end(CloseCode::GoingAway, CloseCode::GoingAway.reason()),
                look = poll_fn(|cx| outbox.poll_look(cx)) => match (look, place) {
                    (Look { broken: true, .. }, _) => return End::Gone,
                    (Look { end: Some((code, reason)), .. }, _) => session.handle_end(code, &reason),
                    (Look { want: Some(want), .. }, Some(place)) => place.resync(want),
                    _ => {}
                },
                () = timer.as_mut() => {
                    let now = now();
                    // At every alarm, due or not: what a later one finds has happened since this one.
                    if socket.has_progressed() {
                        session.handle_progress(now);
                    }
                    if now >= session.deadline() {
                        session.handle_timeout(now);
                    }
                    self.look_for_rooms(now);
                    alarm = self.deadline();
                    timer.as_mut().reset(alarm.into());
                }
                verdict = or_never(lookup.as_mut()) => {
                    *lookup = None;
                    if verdict.as_ref().is_err_and(|error| error.is_final()) {
                        visit.failed(now());
                    }
                    session.handle_verdict(now(), verdict);
                }
                answer = or_never(joining.as_mut()) => self.joined(answer),
                () = ousted(stranger) => {
                    session.handle_end(CloseCode::Overloaded, "too many connections have shown no token: try again");
                }
                incoming = socket.next() => match incoming {
                    Ok(incoming) => self.received(incoming),
                    Err(Ended::Gone) => return End::Gone,
                    Err(Ended::Fault(code)) => return End::Close(code, code.reason().to_owned()),
                },
            }
        }
    }

    fn received(&mut self, incoming: Incoming) {
        let now = now();
        match incoming {
            Incoming::Binary(bytes) => self.session.handle_binary(now, bytes),
            Incoming::Text(text) => self.session.handle_text(now, &text),
            Incoming::Ping => self.session.handle_ping(now),
            Incoming::Pong(payload) => {
                if let Some(tick) = probed_tick(&payload).filter(|_| self.form == Form::Text) {
                    self.socket.outbox().acknowledge(now, tick, true);
                }
                self.session.handle_pong(now);
            }
            // In good order: its seat is not held.
            Incoming::Close(code) if code == Some(CloseCode::Left.number()) => self.parting.leave(),
            Incoming::Close(_) => {}
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Authenticate { token } => {
                self.lookup = Some(self.shared.authenticator.authenticate(&token, Door::Socket));
            }
            Action::Join { player, join } => {
                let (session, form, outbox) = (self.id, self.form, self.socket.outbox().clone());
                self.parting = Parting::default();
                let parting = self.parting.clone();
                let entrant = Entrant { session, form, outbox, player, join, parting };
                self.joining = Some(Box::pin(enter(self.shared.clone(), entrant)));
            }
            Action::Say(saying) => {
                if let Some(place) = &self.place {
                    place.say(saying);
                }
            }
            Action::SayToAll { player, saying } => {
                self.say_to_all(&player, saying);
                self.note_listening();
            }
            Action::ListRooms(list) => {
                self.list_rooms(list);
                self.note_listening();
            }
            Action::Leave => self.leave(),
            Action::Input(input) => {
                self.socket.outbox().acknowledge(now(), input.acked, false);
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.input(input, limit)) {
                    self.session.handle_input_dropped(now());
                }
            }
            Action::NextInput(record) => {
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.next_input(record, limit)) {
                    self.session.handle_input_dropped(now());
                }
            }
            Action::Acknowledge { tick } => self.socket.outbox().acknowledge(now(), tick, true),
            Action::Resync(resync) => {
                if let Some(place) = self.place.as_ref().filter(|_| resync.desync) {
                    place.desynced();
                }
                self.socket.outbox().restart(now(), resync.base);
            }
            Action::ProbeReply { nonce } => {
                let progress = self.place.as_ref().map(|place| place.room.info.progress(now()));
                let (tick, phase) = progress.unwrap_or_default();
                self.send(&ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }));
            }
            Action::Send(message) => self.send(&message),
            Action::Count(code) => self.shared.tally.refused(code),
            Action::Ping => self.socket.ping().await,
            Action::Close(..) => unreachable!("closing was taken out before"),
        }
    }

    /// Gives up the place, or what was asked for.
    fn leave(&mut self) {
        self.parting.leave();
        (self.joining, self.place) = (None, None);
    }

    fn joined(&mut self, answer: Result<(Place, Joined), ErrorReply>) {
        self.joining = None;
        let answer = answer.map(|(place, joined)| {
            self.socket.limit_frames(self.shared.config.frames(Some(joined.tick_rate)));
            self.place = Some(place);
            (joined.schema, joined.tick_rate)
        });
        self.session.handle_joined(now(), answer);
    }

    fn say_to_all(&self, player: &Player, saying: Saying) {
        let hub = &self.shared.hub;
        let speaker = Speaker { session: self.id, form: self.form, outbox: self.socket.outbox(), player };
        match saying {
            Saying::Subscribe(subscribe) => hub.subscribe(now(), speaker, subscribe),
            Saying::Unsubscribe(unsubscribe) => hub.unsubscribe(now(), speaker, unsubscribe),
            Saying::Publish(publish) => hub.publish(now(), speaker, publish),
            Saying::Ack { .. } | Saying::Tell(_) | Saying::Request(_) => unreachable!("these are said in rooms"),
        }
    }

    fn note_listening(&mut self) {
        let now = now();
        self.session.handle_listening(now, self.watch.is_some() || self.shared.hub.hears(now, self.id));
    }

    fn list_rooms(&mut self, asked: ListRooms) {
        let (now, live) = (now(), asked.live);
        let (list, watch) = Watch::begin(now, asked, &self.shared.lobby.list(now));
        self.watch = live.then_some(watch);
        self.send(&ServerMessage::RoomList(list));
    }

    fn look_for_rooms(&mut self, now: Instant) {
        let watch = self.watch.as_mut().filter(|watch| now >= watch.deadline());
        if let Some(news) = watch.and_then(|watch| watch.look(now, &self.shared.lobby.list(now))) {
            self.send(&ServerMessage::RoomList(news));
        }
    }

    fn deadline(&self) -> Instant {
        let session = self.session.deadline();
        self.watch.as_ref().map_or(session, |watch| session.min(watch.deadline()))
    }

    fn send(&self, message: &ServerMessage) {
        if let ServerMessage::Error(reply) = message {
            self.shared.tally.refused(reply.code);
        }
        let now = now();
        let frames = self.form.frames([message], self.session.schema(), self.shared.calendar.unix_ms(now));
        self.socket.outbox().push(now, frames);
    }
}

async fn or_never<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

async fn ousted(stranger: &Option<Stranger>) {
    match stranger {
        Some(stranger) => stranger.ousted().notified().await,
        None => pending().await,
    }
}

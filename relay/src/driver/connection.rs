//! One session's task: carries what happens between the socket, the session and its room.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tickwire_protocol::{CloseCode, ErrorReply, ListRooms, ServerMessage, ServerProbeReply};
use tickwire_sim::Player;
use tokio::sync::futures::OwnedNotified;
use tokio::task::coop::unconstrained;
use tokio::time::Sleep;

use super::accept::Shared;
use super::matchmaking::{Entrant, enter};
use super::now;
use super::socket::{Ended, Incoming, Socket};
use crate::auth::{AuthError, Door, Grant, Verdict};
use crate::cache;
use crate::command::{Joined, Saying};
use crate::form::{Form, probed_tick};
use crate::gate::Visit;
use crate::hub::Speaker;
use crate::outbox::Look;
use crate::place::{Parting, Place};
use crate::session::{Action, Session, Shout, Wish};
use crate::sessions::Enrolled;
use crate::strangers::Stranger;
use crate::watch::Watch;

/// What the request for a WebSocket asked for.
pub(super) struct Opening {
    pub(super) form: Form,
    /// The token that the URL had.
    pub(super) token: Option<String>,
}

/// A session with its socket and its place. Boxed: what an async function is given lies in its memory twice.
pub(super) struct Connection {
    shared: Arc<Shared>,
    session: Session,
    enrolled: Enrolled,
    form: Form,
    socket: Socket,
    /// While no token was accepted; with what tells when it has to go.
    stranger: Option<(Stranger, Pin<Box<OwnedNotified>>)>,
    visit: Visit,
    lookup: Option<Verdict>,
    joining: Option<Entering>,
    place: Option<Place>,
    watch: Option<Watch>,
    /// Of the place that the session has or asks for.
    parting: Parting,
    alarm: Alarm,
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

/// What happens to a connection.
enum Event {
    /// The outbox wants something.
    Look(Look),
    /// A deadline may have come.
    Alarm,
    Verdict(Result<Grant, AuthError>),
    Joined(Result<(Place, Joined), ErrorReply>),
    /// It is one stranger too many.
    Ousted,
    Incoming(Result<Incoming, Ended>),
}

/// A timer that is looked at by the clock: most often it need not be touched.
struct Alarm {
    at: Instant,
    /// The timer knows which task to wake.
    set: bool,
    timer: Pin<Box<Sleep>>,
}

impl Alarm {
    fn new(at: Instant) -> Self {
        Self { at, set: false, timer: Box::pin(tokio::time::sleep_until(at.into())) }
    }

    fn set(&mut self, at: Instant) {
        self.timer.as_mut().reset(at.into());
        (self.at, self.set) = (at, false);
    }

    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.set && now < self.at {
            return Poll::Pending;
        }
        self.set = true;
        // A task whose budget is used up would not be told, and the timer would know nobody to wake.
        pin!(unconstrained(self.timer.as_mut())).poll(cx)
    }
}

impl Connection {
    /// `stranger` is given up when the token is accepted, `visit` at the end.
    pub(super) fn new(
        socket: Socket,
        Opening { form, token }: Opening,
        shared: Arc<Shared>,
        (stranger, visit): (Stranger, Visit),
    ) -> Box<Self> {
        let mut session = Session::new(now(), shared.config.clone(), form);
        if let Some(token) = token {
            session.handle_token(now(), token);
        }
        let ousted = Box::pin(stranger.ousted().notified_owned());
        let alarm = Alarm::new(session.deadline());
        Box::new(Self {
            enrolled: shared.sessions.enroll(socket.outbox().clone()),
            session,
            form,
            socket,
            stranger: Some((stranger, ousted)),
            visit,
            lookup: None,
            joining: None,
            place: None,
            watch: None,
            parting: Parting::default(),
            alarm,
            shared,
        })
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self: Box<Self>) {
        let end = poll_fn(|cx| self.converse(cx)).await;
        // Apart, so that the memory is not taken from the start.
        Box::pin(self.part(end)).await;
    }

    /// Takes leave of everyone.
    async fn part(self: Box<Self>, end: End) {
        let Self { mut socket, place, joining, stranger, alarm, shared, enrolled, .. } = *self;
        shared.hub.leave(now(), enrolled.id);
        // Before the farewell, which may take a while: a match with who is about to go is none, and the next stranger is not to wait for it.
        drop((joining, place, stranger, alarm));
        match end {
            End::Close(code, reason) => {
                tracing::debug!(session = enrolled.id, %code, reason, "closing");
                shared.tally.closed(code);
                socket.close(code, &reason, shared.config.close_timeout).await;
            }
            End::Gone => socket.part().await,
        }
    }

    /// Goes on until the end is known. Not an async function: its state would lie in the task, apart from the connection.
    fn converse(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.prefetch();
        loop {
            let now = now();
            while let Some(action) = self.session.poll() {
                match action {
                    Action::Close(code, reason) => return Poll::Ready(End::Close(code, reason)),
                    action => self.act(now, action),
                }
            }
            if self.session.is_authenticated() {
                self.stranger = None;
            }
            // Most often the deadline has moved on: the alarm that is set will see that.
            let deadline = self.deadline();
            if deadline < self.alarm.at {
                self.alarm.set(deadline);
            }
            match ready!(self.poll(now, cx)) {
                Event::Look(Look { broken: true, .. }) => return Poll::Ready(End::Gone),
                Event::Look(Look { end: Some((code, reason)), .. }) => self.session.handle_end(code, &reason),
                Event::Look(Look { want, .. }) => {
                    if let Some((want, place)) = want.zip(self.place.as_ref()) {
                        place.resync(want);
                    }
                }
                Event::Alarm => {
                    self.look_around(now);
                    self.alarm.set(self.deadline());
                }
                Event::Verdict(verdict) => {
                    if verdict.as_ref().is_err_and(|error| error.is_final()) {
                        self.visit.failed(now);
                    }
                    self.session.handle_verdict(now, verdict);
                }
                Event::Joined(answer) => self.joined(now, answer),
                Event::Ousted => {
                    let reason = "too many connections have shown no token: try again";
                    self.session.handle_end(CloseCode::Overloaded, reason);
                }
                Event::Incoming(Ok(Incoming::Close(code))) => {
                    // In good order: its seat is not held.
                    if code == Some(CloseCode::Left.number()) {
                        self.parting.leave();
                    }
                    return Poll::Ready(End::Gone);
                }
                Event::Incoming(Ok(incoming)) => self.received(now, incoming),
                Event::Incoming(Err(Ended::Gone)) => return Poll::Ready(End::Gone),
                Event::Incoming(Err(Ended::Fault(code))) => {
                    return Poll::Ready(End::Close(code, code.reason().to_owned()));
                }
            }
        }
    }

    /// What happens next. Most often that is an input, and the rest costs no more than a look at what is at hand.
    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(look) = self.socket.outbox().poll_look(cx) {
            return Poll::Ready(Event::Look(look));
        }
        if let Some(Poll::Ready(verdict)) = self.lookup.as_mut().map(|lookup| lookup.as_mut().poll(cx)) {
            self.lookup = None;
            return Poll::Ready(Event::Verdict(verdict));
        }
        if let Some(Poll::Ready(answer)) = self.joining.as_mut().map(|joining| joining.as_mut().poll(cx)) {
            self.joining = None;
            return Poll::Ready(Event::Joined(answer));
        }
        if self.stranger.as_mut().is_some_and(|(_, ousted)| ousted.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Event::Ousted);
        }
        if let Poll::Ready(incoming) = self.socket.poll_next(now, cx) {
            return Poll::Ready(Event::Incoming(incoming));
        }
        // Last, so that nobody is taken for silent whose words have come and were not read.
        self.alarm.poll(now, cx).map(|()| Event::Alarm)
    }

    /// Has the processor fetch what an input needs: since the last one, those of others have pushed it out of the caches.
    fn prefetch(&self) {
        cache::prefetch(self);
        self.socket.outbox().prefetch();
        self.place.iter().for_each(Place::prefetch);
    }

    /// At every alarm, due or not: what a later one finds has happened since this one.
    fn look_around(&mut self, now: Instant) {
        if self.socket.has_progressed() {
            self.session.handle_progress(now);
        }
        if now >= self.session.deadline() {
            self.session.handle_timeout(now);
        }
        self.look_for_rooms(now);
    }

    fn received(&mut self, now: Instant, incoming: Incoming) {
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
            Incoming::Close(_) => unreachable!("closing was taken out before"),
        }
    }

    fn act(&mut self, now: Instant, action: Action) {
        match action {
            Action::Authenticate { token } => {
                self.lookup = Some(self.shared.authenticator.authenticate(&token, Door::Socket));
            }
            Action::Join(wish) => {
                let Wish { grant, join } = *wish;
                let (session, form, outbox) = (self.enrolled.id, self.form, self.socket.outbox().clone());
                self.parting = Parting::default();
                let parting = self.parting.clone();
                let entrant = Entrant { session, form, outbox, grant, join, parting };
                self.joining = Some(Box::pin(enter(self.shared.clone(), entrant)));
            }
            Action::Say(saying) => {
                if let Some(place) = &self.place {
                    place.say(saying);
                }
            }
            Action::SayToAll(shout) => {
                let Shout { player, saying } = *shout;
                self.say_to_all(now, &player, saying);
                self.note_listening(now);
            }
            Action::ListRooms(list) => {
                self.list_rooms(now, *list);
                self.note_listening(now);
            }
            Action::Leave => self.leave(),
            Action::Input(input) => {
                self.socket.outbox().acknowledge(now, input.acked, false);
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.input(&input, limit)) {
                    self.session.handle_input_dropped(now);
                }
            }
            Action::NextInput(record) => {
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.next_input(&record, limit)) {
                    self.session.handle_input_dropped(now);
                }
            }
            Action::Acknowledge { tick } => self.socket.outbox().acknowledge(now, tick, true),
            Action::Resync(resync) => {
                if let Some(place) = self.place.as_ref().filter(|_| resync.desync) {
                    place.desynced();
                }
                self.socket.outbox().restart(now, resync.base);
            }
            Action::ProbeReply { nonce } => {
                let progress = self.place.as_ref().map(|place| place.progress(now));
                let (tick, phase) = progress.unwrap_or_default();
                self.send(now, &ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }));
            }
            Action::Send(message) => self.send(now, &message),
            Action::Count(code) => self.shared.tally.refused(code),
            Action::Ping => self.socket.ping(),
            Action::Close(..) => unreachable!("closing was taken out before"),
        }
    }

    /// Gives up the place, or what was asked for.
    fn leave(&mut self) {
        self.parting.leave();
        (self.joining, self.place) = (None, None);
    }

    fn joined(&mut self, now: Instant, answer: Result<(Place, Joined), ErrorReply>) {
        let answer = answer.map(|(place, joined)| {
            self.socket.limit_frames(self.shared.config.frames(Some(joined.tick_rate)));
            self.place = Some(place);
            (joined.schema, joined.tick_rate)
        });
        self.session.handle_joined(now, answer);
    }

    fn say_to_all(&self, now: Instant, player: &Player, saying: Saying) {
        let hub = &self.shared.hub;
        let speaker = Speaker { session: self.enrolled.id, form: self.form, outbox: self.socket.outbox(), player };
        match saying {
            Saying::Subscribe(subscribe) => hub.subscribe(now, speaker, subscribe),
            Saying::Unsubscribe(unsubscribe) => hub.unsubscribe(now, speaker, unsubscribe),
            Saying::Publish(publish) => hub.publish(now, speaker, publish),
            Saying::Ack { .. } | Saying::Tell(_) | Saying::Request(_) => unreachable!("these are said in rooms"),
        }
    }

    fn note_listening(&mut self, now: Instant) {
        self.session.handle_listening(now, self.watch.is_some() || self.shared.hub.hears(now, self.enrolled.id));
    }

    fn list_rooms(&mut self, now: Instant, asked: ListRooms) {
        let live = asked.live;
        let (list, watch) = Watch::begin(now, asked, &self.shared.lobby.list(now));
        self.watch = live.then_some(watch);
        self.send(now, &ServerMessage::RoomList(list));
    }

    fn look_for_rooms(&mut self, now: Instant) {
        let Some(watch) = self.watch.as_mut().filter(|watch| now >= watch.deadline()) else { return };
        if !self.socket.outbox().is_drained() {
            return watch.wait(now);
        }
        if let Some(news) = watch.look(now, &self.shared.lobby.list(now)) {
            self.send(now, &ServerMessage::RoomList(news));
        }
    }

    fn deadline(&self) -> Instant {
        let session = self.session.deadline();
        self.watch.as_ref().map_or(session, |watch| session.min(watch.deadline()))
    }

    fn send(&self, now: Instant, message: &ServerMessage) {
        if let ServerMessage::Error(reply) = message {
            self.shared.tally.refused(reply.code);
        }
        let frames = self.form.frames([message], self.session.schema(), self.shared.calendar.unix_ms(now));
        self.socket.outbox().push(now, frames);
    }
}

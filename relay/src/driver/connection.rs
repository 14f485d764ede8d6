//! One session's task: carries what happens between the socket, the session and its room.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use tickwire_protocol::{CloseCode, ErrorReply, ListRooms, ServerMessage, ServerProbeReply};
use tickwire_sim::Player;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;

use super::accept::Shared;
use super::matchmaking::{Entrant, enter};
use super::now;
use super::socket::{Ended, Incoming, Socket};
use crate::auth::{AuthError, Door, Grant, Verdict};
use crate::command::{Joined, Saying};
use crate::form::{Form, probed_tick};
use crate::gate::Visit;
use crate::hub::Speaker;
use crate::outbox::Look;
use crate::place::{Parting, Place};
use crate::session::{Action, Session};
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
struct Alarm<'a> {
    at: Instant,
    timer: Pin<&'a mut Sleep>,
    /// The timer knows which task to wake.
    set: bool,
}

impl Alarm<'_> {
    fn set(&mut self, at: Instant) {
        self.timer.as_mut().reset(at.into());
        (self.at, self.set) = (at, false);
    }

    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.set && now < self.at {
            return Poll::Pending;
        }
        self.set = true;
        self.timer.as_mut().poll(cx)
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
            shared,
        })
    }

    /// Serves it to its end.
    pub(super) async fn serve(mut self: Box<Self>) {
        let end = self.converse().await;
        // Apart, so that the memory is not taken from the start.
        Box::pin(self.part(end)).await;
    }

    /// Takes leave of everyone.
    async fn part(self: Box<Self>, end: End) {
        let Self { mut socket, place, joining, stranger, shared, enrolled, .. } = *self;
        shared.hub.leave(now(), enrolled.id);
        // Before the farewell, which may take a while: a match with who is about to go is none, and the next stranger is not to wait for it.
        drop((joining, place, stranger));
        match end {
            End::Close(code, reason) => {
                tracing::debug!(session = enrolled.id, %code, reason, "closing");
                shared.tally.closed(code);
                socket.close(code, &reason, shared.config.close_timeout).await;
            }
            End::Gone => socket.part().await,
        }
    }

    async fn converse(&mut self) -> End {
        let at = self.deadline();
        let timer = pin!(tokio::time::sleep_until(at.into()));
        let mut alarm = Alarm { at, timer, set: false };
        loop {
            while let Some(action) = self.session.poll() {
                match action {
                    Action::Close(code, reason) => return End::Close(code, reason),
                    action => self.act(action),
                }
            }
            if self.session.is_authenticated() {
                self.stranger = None;
            }
            // Most often the deadline has moved on: the alarm that is set will see that.
            if self.deadline() < alarm.at {
                alarm.set(self.deadline());
            }
            let (now, event) = poll_fn(|cx| self.poll(&mut alarm, cx)).await;
            match event {
                Event::Look(Look { broken: true, .. }) => return End::Gone,
                Event::Look(Look { end: Some((code, reason)), .. }) => self.session.handle_end(code, &reason),
                Event::Look(Look { want, .. }) => {
                    if let Some((want, place)) = want.zip(self.place.as_ref()) {
                        place.resync(want);
                    }
                }
                Event::Alarm => {
                    self.look_around(now);
                    alarm.set(self.deadline());
                }
                Event::Verdict(verdict) => {
                    if verdict.as_ref().is_err_and(|error| error.is_final()) {
                        self.visit.failed(now);
                    }
                    self.session.handle_verdict(now, verdict);
                }
                Event::Joined(answer) => self.joined(answer),
                Event::Ousted => {
                    let reason = "too many connections have shown no token: try again";
                    self.session.handle_end(CloseCode::Overloaded, reason);
                }
                Event::Incoming(Ok(Incoming::Close(code))) => {
                    // In good order: its seat is not held.
                    if code == Some(CloseCode::Left.number()) {
                        self.parting.leave();
                    }
                    return End::Gone;
                }
                Event::Incoming(Ok(incoming)) => self.received(now, incoming),
                Event::Incoming(Err(Ended::Gone)) => return End::Gone,
                Event::Incoming(Err(Ended::Fault(code))) => return End::Close(code, code.reason().to_owned()),
            }
        }
    }

    /// What happens next, and when. Most often that is an input, and the rest costs no more than a look at what is at hand.
    fn poll(&mut self, alarm: &mut Alarm<'_>, cx: &mut Context<'_>) -> Poll<(Instant, Event)> {
        let now = now();
        let event = 'event: {
            if let Poll::Ready(look) = self.socket.outbox().poll_look(cx) {
                break 'event Event::Look(look);
            }
            if let Some(Poll::Ready(verdict)) = self.lookup.as_mut().map(|lookup| lookup.as_mut().poll(cx)) {
                self.lookup = None;
                break 'event Event::Verdict(verdict);
            }
            if let Some(Poll::Ready(answer)) = self.joining.as_mut().map(|joining| joining.as_mut().poll(cx)) {
                self.joining = None;
                break 'event Event::Joined(answer);
            }
            if self.stranger.as_mut().is_some_and(|(_, ousted)| ousted.as_mut().poll(cx).is_ready()) {
                break 'event Event::Ousted;
            }
            if let Poll::Ready(incoming) = self.socket.poll_next(now, cx) {
                break 'event Event::Incoming(incoming);
            }
            // Last, so that nobody is taken for silent whose words have come and were not read.
            if alarm.poll(now, cx).is_ready() {
                break 'event Event::Alarm;
            }
            return Poll::Pending;
        };
        Poll::Ready((now, event))
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

    fn act(&mut self, action: Action) {
        match action {
            Action::Authenticate { token } => {
                self.lookup = Some(self.shared.authenticator.authenticate(&token, Door::Socket));
            }
            Action::Join { grant, join } => {
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
                let progress = self.place.as_ref().map(|place| place.progress(now()));
                let (tick, phase) = progress.unwrap_or_default();
                self.send(&ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }));
            }
            Action::Send(message) => self.send(&message),
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

    fn joined(&mut self, answer: Result<(Place, Joined), ErrorReply>) {
        let answer = answer.map(|(place, joined)| {
            self.socket.limit_frames(self.shared.config.frames(Some(joined.tick_rate)));
            self.place = Some(place);
            (joined.schema, joined.tick_rate)
        });
        self.session.handle_joined(now(), answer);
    }

    fn say_to_all(&self, player: &Player, saying: Saying) {
        let hub = &self.shared.hub;
        let speaker = Speaker { session: self.enrolled.id, form: self.form, outbox: self.socket.outbox(), player };
        match saying {
            Saying::Subscribe(subscribe) => hub.subscribe(now(), speaker, subscribe),
            Saying::Unsubscribe(unsubscribe) => hub.unsubscribe(now(), speaker, unsubscribe),
            Saying::Publish(publish) => hub.publish(now(), speaker, publish),
            Saying::Ack { .. } | Saying::Tell(_) | Saying::Request(_) => unreachable!("these are said in rooms"),
        }
    }

    fn note_listening(&mut self) {
        let now = now();
        self.session.handle_listening(now, self.watch.is_some() || self.shared.hub.hears(now, self.enrolled.id));
    }

    fn list_rooms(&mut self, asked: ListRooms) {
        let (now, live) = (now(), asked.live);
        let (list, watch) = Watch::begin(now, asked, &self.shared.lobby.list(now));
        self.watch = live.then_some(watch);
        self.send(&ServerMessage::RoomList(list));
    }

    fn look_for_rooms(&mut self, now: Instant) {
        let Some(watch) = self.watch.as_mut().filter(|watch| now >= watch.deadline()) else { return };
        if !self.socket.outbox().is_drained() {
            return watch.wait(now);
        }
        if let Some(news) = watch.look(now, &self.shared.lobby.list(now)) {
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

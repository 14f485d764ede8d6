//! One session's task: carries what happens between the socket, the session and its room.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tickwire_protocol::{CloseCode, ErrorCode, ErrorReply, ResumeToken, ServerMessage, ServerProbeReply};
use tickwire_sim::Player;
use tokio::sync::oneshot;

use super::accept::Shared;
use super::now;
use super::socket::{Ended, Incoming, Socket};
use crate::auth::{Door, Verdict};
use crate::command::JoinReply;
use crate::frame::frame;
use crate::gate::Visit;
use crate::outbox::Look;
use crate::place::Place;
use crate::seat::SessionId;
use crate::session::{Action, Session};
use crate::strangers::Stranger;

/// Serves one WebSocket connection to its end. `token` is the one that the URL had, if any. `stranger` is given up when the token is accepted,
/// `visit` at the end.
pub(super) async fn serve(
    socket: Socket,
    shared: Arc<Shared>,
    token: Option<String>,
    (stranger, visit): (Stranger, Visit),
) {
    let mut session = Session::new(now(), shared.config.clone());
    if let Some(token) = token {
        session.handle_token(now(), token);
    }
    let mut connection = Connection {
        id: shared.next_session.fetch_add(1, Ordering::Relaxed),
        session,
        socket,
        stranger: Some(stranger),
        visit,
        lookup: None,
        joining: None,
        place: None,
        left: false,
        shared,
    };
    let end = connection.converse().await;
    let Connection { socket, place, shared, left, id, .. } = connection;
    match place {
        Some(place) if left => place.leave(),
        place => drop(place),
    }
    if let End::Close(code, reason) = end {
        tracing::debug!(session = id, %code, reason, "closing");
        // Apart, so that the memory is not taken from the start.
        Box::pin(socket.close(code, &reason, shared.config.close_timeout)).await;
    }
}

struct Connection {
    shared: Arc<Shared>,
    session: Session,
    id: SessionId,
    socket: Socket,
    stranger: Option<Stranger>,
    visit: Visit,
    lookup: Option<Verdict>,
    joining: Option<oneshot::Receiver<JoinReply>>,
    place: Option<Place>,
    /// The client closed in good order: its seat is not held.
    left: bool,
}

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
        let mut alarm = self.session.deadline();
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
            if self.session.deadline() < alarm {
                alarm = self.session.deadline();
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
                    alarm = session.deadline();
                    timer.as_mut().reset(alarm.into());
                }
                verdict = or_never(lookup.as_mut()) => {
                    *lookup = None;
                    if verdict.as_ref().is_err_and(|error| error.is_final()) {
                        visit.failed(now());
                    }
                    session.handle_verdict(now(), verdict);
                }
                answer = or_never(joining.as_mut()) => self.joined(answer.unwrap_or_else(|_| Err(no_such_room()))),
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
            Incoming::Text(_) => self.session.handle_text(),
            Incoming::Ping => self.session.handle_ping(now),
            Incoming::Pong => self.session.handle_pong(now),
            Incoming::Close(code) => self.left = code == Some(CloseCode::Left.number()),
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Authenticate { token } => {
                self.lookup = Some(self.shared.authenticator.authenticate(&token, Door::Socket));
            }
            Action::Join { player, room, resume } => self.join(player, &room, resume),
            Action::Leave => {
                if let Some(place) = self.place.take() {
                    place.leave();
                }
            }
            Action::Input(input) => {
                self.socket.outbox().acknowledge(now(), input.acked, false);
                let limit = self.shared.config.waiting_inputs;
                if self.place.as_ref().is_some_and(|place| !place.input(input, limit)) {
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
            Action::Ping => self.socket.ping().await,
            Action::Close(..) => unreachable!("closing was taken out before"),
        }
    }

    fn join(&mut self, player: Player, room: &str, resume: Option<ResumeToken>) {
        let Some(room) = self.shared.lobby.find(room) else {
            return self.session.handle_joined(now(), Err(no_such_room()));
        };
        let (place, answer) = Place::ask(room, player, resume, (self.id, self.socket.outbox()));
        self.place = Some(place);
        self.joining = Some(answer);
    }

    fn joined(&mut self, answer: JoinReply) {
        self.joining = None;
        match &answer {
            Ok(joined) => self.socket.limit_frames(self.shared.config.frames(Some(joined.tick_rate))),
            Err(_) => self.place = None,
        }
        let answer = answer.map(|joined| (joined.schema, joined.tick_rate));
        self.session.handle_joined(now(), answer);
    }

    fn send(&self, message: &ServerMessage) {
        self.socket.outbox().push(now(), frame(|out| message.encode(out)));
    }
}

fn no_such_room() -> ErrorReply {
    ErrorReply { code: ErrorCode::RoomNotFound, message: "there is no room of that name".into(), retry_ms: None }
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

//! Conversations with a relay that the test plays, in virtual time.

use std::sync::Arc;

use tickwire_protocol::snapshot::{Encoder, Tables};
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{
    Accepted, Address, Content, Creation, Exchange, Field, Input, Kind, Message, MessageError, MessageId, Predict,
    Publish, Reply, Request, Resync, Role, RoomList, Schema, Scope, ServerProbeReply, Shape, Subscribe, Subscribed,
    Tell, Unsubscribe, Unsubscribed, Wanted, Wire, wire,
};

use super::play::RESYNC_EVERY;
use super::*;
use crate::replica::SeatRow;

mod channels;
mod inputs;
mod joining;
mod messages;
mod snapshots;

/// A client's session, and the room that the test runs for it.
struct Talk {
    session: Session,
    now: Instant,
    tables: Tables,
    encoder: Encoder,
    tick: Tick,
    /// What the welcomes say.
    room: String,
    seat: Option<SeatId>,
    code: Option<String>,
    received: u32,
    lost: bool,
}

/// The same without the id, if it is answered by its name.
fn nameless(message: ClientMessage) -> ClientMessage {
    match message {
        ClientMessage::Join(join) => ClientMessage::Join(Join { id: None, ..join }),
        ClientMessage::Subscribe(subscribe) => ClientMessage::Subscribe(Subscribe { id: None, ..subscribe }),
        ClientMessage::Unsubscribe(unsubscribe) => ClientMessage::Unsubscribe(Unsubscribe { id: None, ..unsubscribe }),
        ClientMessage::ListRooms(list) => ClientMessage::ListRooms(ListRooms { id: None, ..list }),
        other => other,
    }
}

fn config() -> ClientConfig {
    ClientConfig::new("ws://room", "ada", "lobby")
}

impl Talk {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: ClientConfig) -> Self {
        let now = Instant::now();
        let int = Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
        let fields = vec![Field { name: "x".into(), kind: int, predict: Predict::Auto }];
        let (cheer, buy) = messages::shapes();
        let schema = Arc::new(Schema {
            components: vec![SeatRow::shape(), Shape { name: "Body".into(), fields }],
            input: Shape { name: "Input".into(), fields: vec![] },
            messages: vec![cheer],
            requests: vec![buy],
            ..Schema::default()
        });
        let tables = Tables::new(schema);
        Self {
            session: Session::new(config, 0xADA, now),
            now,
            encoder: Encoder::new(&tables),
            tables,
            tick: 0,
            room: "lobby".into(),
            seat: Some(SeatId(3)),
            code: None,
            received: 0,
            lost: false,
        }
    }

    fn playing() -> Self {
        let mut talk = Self::new();
        talk.enter([1; 16]);
        talk
    }

    /// Connects and gets in.
    fn enter(&mut self, resume: ResumeToken) {
        self.session.handle_connected();
        self.accepted();
        self.welcome(resume);
    }

    fn accepted(&mut self) {
        self.hear(&ServerMessage::Accepted(Accepted { protocol: 1, player: "ada".into(), heartbeat_ms: 2000 }));
    }

    fn welcome(&mut self, resume: ResumeToken) {
        self.welcome_to(self.session.joining.clone(), resume);
    }

    fn welcome_to(&mut self, id: Option<MessageId>, resume: ResumeToken) {
        self.hear(&ServerMessage::Welcome(Box::new(Welcome {
            id,
            room: self.room.clone(),
            code: self.code.clone(),
            session: 1,
            seat: self.seat,
            host: self.seat,
            tick: self.tick,
            tick_rate: 30,
            snapshot_every: 1,
            input_ahead: 32,
            input_behind: 32,
            resume,
            resume_ms: 20_000,
            received: self.received,
            lost: self.lost,
            schema_hash: self.tables.schema().hash(),
            schema: self.tables.schema().clone(),
        })));
    }

    fn hear(&mut self, message: &ServerMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        assert!(self.session.handle_binary(self.now, out.into()));
    }

    fn refused(&mut self, code: ErrorCode, id: Option<MessageId>) {
        self.hear(&ServerMessage::Error(ErrorReply::new(code, "no").of(id)));
    }

    /// Too much was said, that of this id included.
    fn put_off(&mut self, id: &MessageId, retry_ms: u32) {
        let reply = ErrorReply::new(ErrorCode::RateLimited, "slow").of(Some(id.clone()));
        self.hear(&ServerMessage::Error(ErrorReply { retry_ms: Some(retry_ms), ..reply }));
    }

    /// The room that is asked for is not to be had.
    fn join_refused(&mut self, code: ErrorCode) {
        self.refused(code, self.session.joining.clone());
    }

    /// Lets time pass until the session wants to do something. How much.
    fn pass(&mut self) -> Duration {
        let wait = self.session.deadline().expect("there is something to wait for") - self.now;
        self.now += wait;
        self.session.handle_timeout(self.now);
        wait
    }

    /// The connection is lost, and another gets in.
    fn come_back(&mut self) {
        self.session.handle_lost(None, "cut");
        self.said();
        self.enter([2; 16]);
    }

    /// The same, but the seat is gone.
    fn come_back_anew(&mut self) {
        self.session.handle_lost(None, "cut");
        self.said();
        self.session.handle_connected();
        self.accepted();
        self.join_refused(ErrorCode::ResumeRefused);
        self.welcome([2; 16]);
    }

    /// The room's next tick, with a body at `x` and the seat at `sequence`.
    fn step(&mut self, x: i32, sequence: u32) -> Bytes {
        self.tick += 1;
        self.tables.table(0).set(0, |row| SeatRow { seat: SeatId(3), sequence, connected: true }.write(row));
        self.tables.table(1).set(1, |row| row.int(x));
        let mut body = Vec::new();
        self.encoder.observe(&self.tables);
        self.encoder.delta(&self.tables, self.tick, self.tick.is_multiple_of(4), &mut body);
        self.tables.settle();
        body.into()
    }

    fn keyframe(&mut self) {
        let mut body = Vec::new();
        self.encoder.resync(None, &mut body);
        self.snapshot(body.into());
    }

    fn snapshot(&mut self, body: Bytes) {
        self.hear(&ServerMessage::Snapshot(body));
    }

    /// What was sent, but for probes; nameless where the tests would have to count the ids.
    fn said(&mut self) -> Vec<ClientMessage> {
        let out = std::iter::from_fn(|| self.session.poll_out());
        out.flat_map(|bytes| ClientMessage::decode_all(bytes).collect::<Vec<_>>())
            .map(|message| message.expect("a client says what it means"))
            .filter(|message| !matches!(message, ClientMessage::Probe(_)))
            .map(nameless)
            .collect()
    }

    /// The same without what every connection begins with.
    fn talked(&mut self) -> Vec<ClientMessage> {
        let said = self.said().into_iter();
        said.filter(|message| !matches!(message, ClientMessage::Auth(_) | ClientMessage::Join(_))).collect()
    }

    fn updates(&mut self) -> Vec<Update> {
        std::iter::from_fn(|| self.session.poll_update()).collect()
    }
}

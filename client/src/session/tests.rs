//! Conversations with a relay that the test plays, in virtual time.

use std::sync::Arc;

use tickwire_protocol::snapshot::{Encoder, Tables};
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{Accepted, Field, Kind, Predict, Schema, SeatId, ServerProbeReply, Shape};

use super::*;
use crate::replica::SeatRow;

/// A client's session, and the room that the test runs for it.
struct Talk {
    session: Session,
    now: Instant,
    tables: Tables,
    encoder: Encoder,
    tick: Tick,
}

impl Talk {
    fn new() -> Self {
        let now = Instant::now();
        let config = ClientConfig { url: "ws://room".into(), token: "ada".into(), room: "lobby".into() };
        let int = Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
        let fields = vec![Field { name: "x".into(), kind: int, predict: Predict::Auto }];
        let schema = Arc::new(Schema {
            components: vec![SeatRow::shape(), Shape { name: "Body".into(), fields }],
            input: Shape { name: "Input".into(), fields: vec![] },
            ..Schema::default()
        });
        let tables = Tables::new(schema);
        Self { session: Session::new(config, now), now, encoder: Encoder::new(&tables), tables, tick: 0 }
    }

    fn playing() -> Self {
        let mut talk = Self::new();
        talk.enter([1; 16]);
        talk
    }

    /// Connects and gets in.
    fn enter(&mut self, resume: ResumeToken) {
        self.session.handle_connected();
        self.hear(&ServerMessage::Accepted(Accepted { protocol: 1, player: "ada".into(), heartbeat_ms: 2000 }));
        self.hear(&ServerMessage::Welcome(Box::new(Welcome {
            room: "lobby".into(),
            seat: SeatId(3),
            tick: self.tick,
            tick_rate: 30,
            snapshot_every: 1,
            input_ahead: 32,
            input_behind: 32,
            resume,
            resume_ms: 20_000,
            schema_hash: self.tables.schema().hash(),
            schema: self.tables.schema().clone(),
        })));
    }

    fn hear(&mut self, message: &ServerMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        assert!(self.session.handle_binary(self.now, out.into()));
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

    fn said(&mut self) -> Vec<ClientMessage> {
        let out = std::iter::from_fn(|| self.session.poll_out());
        out.flat_map(|bytes| ClientMessage::decode_all(bytes).collect::<Vec<_>>())
            .map(|message| message.expect("a client says what it means"))
            .filter(|message| !matches!(message, ClientMessage::Probe(_)))
            .collect()
    }
}

fn resync(base: Option<Tick>) -> ClientMessage {
    ClientMessage::Resync(Resync { base, desync: base.is_none() })
}

#[test]
fn a_corrupted_replica_is_caught_by_the_hash_and_mended() {
    let mut talk = Talk::playing();
    let body = talk.step(7, 0);
    talk.snapshot(body);
    // A delta that is well formed but wrong, as a bug on either side would make it.
    let mut liar = Talk::playing();
    liar.step(7, 0);
    let forged = liar.step(8, 0);
    talk.step(9, 0);
    talk.snapshot(forged);
    let body = talk.step(9, 0);
    talk.snapshot(body);
    talk.said();
    assert_eq!(talk.session.counts().hash_mismatches, 0, "no hash has come yet");
    let body = talk.step(9, 0);
    talk.snapshot(body);
    assert_eq!(talk.said(), [resync(None)]);
    assert_eq!((talk.session.counts().hash_checks, talk.session.counts().hash_mismatches), (1, 1));
    talk.keyframe();
    assert_eq!(talk.session.replica().map(Replica::hash), Some(talk.encoder.hash()));
    assert_eq!(talk.session.counts().hash_mismatches, 1);
}

#[test]
fn a_gap_is_asked_about_once_and_from_where_the_replica_is() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    talk.step(2, 0);
    for x in [3, 4] {
        let body = talk.step(x, 0);
        talk.snapshot(body);
    }
    assert_eq!(talk.said(), [resync(Some(1))]);
    talk.now += RESYNC_EVERY;
    let body = talk.step(5, 0);
    talk.snapshot(body);
    assert_eq!(talk.said(), [resync(Some(1))], "asked again, for nothing came");
    let mut body = Vec::new();
    talk.encoder.resync(Some(1), &mut body);
    talk.snapshot(body.into());
    assert_eq!(talk.session.replica().map(Replica::tick), Some(5));
}

#[test]
fn bytes_that_are_no_snapshot_change_nothing() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    let hash = talk.session.replica().map(Replica::hash);
    talk.said();
    talk.snapshot(Bytes::from_static(b"nonsense"));
    assert_eq!(talk.said(), [resync(None)]);
    assert_eq!(talk.session.replica().map(Replica::hash), hash);
    assert_eq!(talk.session.counts().errors, 1);
    assert!(!talk.session.handle_binary(talk.now, Bytes::from_static(&[0x41, 0x05, 1])), "not even a message");
}

#[test]
fn a_lasting_mismatch_asks_twice_a_second_at_most() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    let mut liar = Talk::playing();
    liar.step(1, 0);
    let forged = liar.step(2, 0);
    talk.step(3, 0);
    talk.snapshot(forged);
    let mut asked = 0;
    for tick in 0..60 {
        talk.now += Duration::from_millis(50);
        // The difference stays as it is.
        let body = talk.step(3 + tick % 2, 0);
        talk.snapshot(body);
        asked += talk.said().len();
    }
    // A hash comes every 200 ms: every third one may be asked about.
    assert_eq!((asked, talk.session.counts().hash_mismatches), (5, 15));
}

#[test]
fn a_client_that_wakes_up_sends_four_inputs_for_one_tick() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 1, phase: 0 }));
    let sent = (0..30).filter_map(|_| talk.session.input(talk.now, Bytes::new())).count();
    assert_eq!(sent, 4);
    talk.now += Duration::from_millis(34);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(5));
}

#[test]
fn a_round_trip_longer_than_a_second_is_measured() {
    let mut talk = Talk::playing();
    for _ in 0..18 {
        talk.now += Duration::from_millis(100);
        talk.session.handle_timeout(talk.now);
    }
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 1, phase: 0 }));
    assert_eq!(talk.session.rtt(), Some(Duration::from_millis(1800)));
}

#[test]
fn inputs_aim_at_the_tick_that_can_run_with_them() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    // Half a second of round trip: the reply's tick was seven and a half ago, and an input needs as many.
    talk.now += Duration::from_millis(500);
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 100, phase: 0 }));
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(1));
    assert!(matches!(talk.said()[..], [ClientMessage::Input(Input { sequence: 1, tick: 116, acked: 1, .. })]));
}

#[test]
fn a_lost_seat_is_resumed_or_taken_anew() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    for sequence in 1..=3 {
        assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(sequence));
    }
    talk.session.handle_lost(None, "cut");
    assert_eq!(talk.session.input(talk.now, Bytes::new()), None);
    talk.said();
    talk.enter([2; 16]);
    let joins: Vec<_> = talk.said();
    assert!(matches!(&joins[1], ClientMessage::Join(Join { resume: Some(token), .. }) if *token == [1; 16]));
    assert_eq!(talk.session.input(talk.now, Bytes::new()), None, "the room's tick is not known yet");
    talk.keyframe();
    talk.now += Duration::from_secs(1);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(4), "the seat goes on counting");

    talk.session.handle_lost(Some(CloseCode::Unresponsive), "no sign of life");
    talk.session.handle_connected();
    talk.hear(&ServerMessage::Accepted(Accepted { protocol: 1, player: "ada".into(), heartbeat_ms: 2000 }));
    talk.said();
    let code = ErrorCode::ResumeRefused;
    talk.hear(&ServerMessage::Error(ErrorReply { code, message: "gone".into(), retry_ms: None }));
    assert_eq!(talk.said(), [ClientMessage::Join(Join { room: "lobby".into(), resume: None })]);
    assert_eq!((talk.session.counts().reconnects, talk.session.counts().evicted), (1, 1));
}

#[test]
fn a_room_that_refuses_for_now_is_asked_again_in_time() {
    let mut talk = Talk::new();
    talk.session.handle_connected();
    talk.hear(&ServerMessage::Accepted(Accepted { protocol: 1, player: "ada".into(), heartbeat_ms: 2000 }));
    talk.said();
    let refusal = |retry_ms| ErrorReply { code: ErrorCode::RoomFull, message: "full".into(), retry_ms };
    talk.hear(&ServerMessage::Error(refusal(None)));
    assert_eq!(talk.session.deadline(), None, "for good");
    talk.hear(&ServerMessage::Error(refusal(Some(700))));
    assert_eq!(talk.session.deadline(), Some(talk.now + Duration::from_millis(700)));
    talk.now += Duration::from_millis(700);
    talk.session.handle_timeout(talk.now);
    assert_eq!(talk.said(), [ClientMessage::Join(Join { room: "lobby".into(), resume: None })]);
    assert_eq!(talk.session.deadline(), None);
}

#[test]
fn a_seat_that_another_client_has_used_counts_on_from_there() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 41);
    talk.snapshot(body);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(42));
}

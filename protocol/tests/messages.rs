//! Messages survive the wire, bad bytes get a reason, and claims of size cost nothing.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use tickwire_protocol::{
    Accepted, Auth, ClientMessage, ClientProbeReply, CodecError, ErrorCode, ErrorReply, Event, Exchange, Field, Input,
    Join, Kind, MAX_ROOM_NAME, MAX_TOKEN, MessageError, Predict, Probe, Resync, Schema, SeatId, ServerMessage,
    ServerProbeReply, Shape, Welcome,
};

fn text(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[a-zA-Z0-9 äöü]{{1,{}}}", max / 2)).expect("the pattern is one")
}

fn record() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        (any::<u16>(), text(MAX_TOKEN)).prop_map(|(protocol, token)| ClientMessage::Auth(Auth { protocol, token })),
        (text(MAX_ROOM_NAME), any::<Option<[u8; 16]>>())
            .prop_map(|(room, resume)| ClientMessage::Join(Join { room, resume })),
        (any::<(u32, u32, u32)>(), record()).prop_map(|((sequence, tick, acked), record)| {
            ClientMessage::Input(Input { sequence, tick, acked, record })
        }),
        Just(ClientMessage::Leave),
        any::<(Option<u32>, bool)>().prop_map(|(base, desync)| ClientMessage::Resync(Resync { base, desync })),
        any::<u32>().prop_map(|nonce| ClientMessage::Probe(Probe { nonce })),
        any::<(u32, u32)>().prop_map(|(nonce, acked)| ClientMessage::ProbeReply(ClientProbeReply { nonce, acked })),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Bool),
        any::<(i32, i32)>().prop_map(|(min, max)| Kind::Int { min: min.into(), max: max.into() }),
        any::<(f64, f64)>().prop_map(|(min, step)| Kind::Fixed { min, max: min + 1.0, step }),
        any::<u8>().prop_map(|bits| Kind::Angle { bits }),
        prop::collection::vec(text(12), 0..4).prop_map(|variants| Kind::Enum { variants }),
        any::<u32>().prop_map(|max| Kind::Text { max }),
        any::<u32>().prop_map(|max| Kind::Bytes { max }),
    ]
}

fn shape() -> impl Strategy<Value = Shape> {
    let predict = prop_oneof![Just(Predict::Auto), Just(Predict::Hold), Just(Predict::Velocity)];
    let field = (text(12), kind(), predict).prop_map(|(name, kind, predict)| Field { name, kind, predict });
    (text(12), prop::collection::vec(field, 0..5)).prop_map(|(name, fields)| Shape { name, fields })
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let exchange = (shape(), shape()).prop_map(|(request, reply)| Exchange { request, reply });
    let shapes = || prop::collection::vec(shape(), 0..3);
    let schema = (shapes(), shape(), shapes(), shapes(), prop::collection::vec(exchange, 0..3)).prop_map(
        |(components, input, events, messages, requests)| {
            Arc::new(Schema { components, input, events, messages, requests })
        },
    );
    (text(MAX_ROOM_NAME), any::<(u16, [u32; 6])>(), any::<([u8; 16], u64)>(), schema).prop_map(
        |(room, (seat, numbers), (resume, schema_hash), schema)| {
            let [tick, tick_rate, snapshot_every, input_ahead, input_behind, resume_ms] = numbers;
            let seat = SeatId(seat);
            Welcome {
                room,
                seat,
                tick,
                tick_rate,
                snapshot_every,
                input_ahead,
                input_behind,
                resume,
                resume_ms,
                schema_hash,
                schema,
            }
        },
    )
}

fn server_message() -> impl Strategy<Value = ServerMessage> {
    prop_oneof![
        (any::<(u16, u32)>(), text(40)).prop_map(|((protocol, heartbeat_ms), player)| {
            ServerMessage::Accepted(Accepted { protocol, player, heartbeat_ms })
        }),
        welcome().prop_map(|welcome| ServerMessage::Welcome(Box::new(welcome))),
        record().prop_map(ServerMessage::Snapshot),
        (any::<(u32, u32)>(), record()).prop_map(|((tick, event), record)| ServerMessage::Event(Event {
            tick,
            event,
            record
        })),
        (text(80), any::<Option<u32>>()).prop_map(|(message, retry_ms)| {
            ServerMessage::Error(ErrorReply { code: ErrorCode::Busy, message, retry_ms })
        }),
        any::<u32>().prop_map(|nonce| ServerMessage::Probe(Probe { nonce })),
        any::<(u32, u32, u16)>()
            .prop_map(|(nonce, tick, phase)| { ServerMessage::ProbeReply(ServerProbeReply { nonce, tick, phase }) }),
    ]
}

proptest! {
    #[test]
    fn what_a_client_says_arrives(messages in prop::collection::vec(client_message(), 0..6)) {
        let mut out = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut out));
        let heard: Result<Vec<_>, _> = ClientMessage::decode_all(out.into()).collect();
        prop_assert_eq!(heard, Ok(messages));
    }

    #[test]
    fn what_a_server_says_arrives(messages in prop::collection::vec(server_message(), 0..6)) {
        let mut out = Vec::new();
        messages.iter().for_each(|message| message.encode(&mut out));
        let heard: Result<Vec<_>, _> = ServerMessage::decode_all(out.into()).collect();
        prop_assert_eq!(heard, Ok(messages));
    }

    #[test]
    fn random_bytes_are_read_to_an_end(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let errors = ClientMessage::decode_all(bytes.clone()).filter(Result::is_err).count();
        prop_assert!(errors <= 1, "nothing follows an error");
        let errors = ServerMessage::decode_all(bytes).filter(Result::is_err).count();
        prop_assert!(errors <= 1, "nothing follows an error");
    }

    #[test]
    fn a_message_cut_short_is_an_error(message in client_message(), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        message.encode(&mut out);
        let length = 1 + cut.index(out.len() - 1);
        let heard: Result<Vec<_>, _> = ClientMessage::decode_all(Bytes::from(out).slice(..length)).collect();
        prop_assert!(heard.is_err());
    }

    #[test]
    fn a_schema_from_the_network_is_checked_without_a_panic(welcome in welcome()) {
        let _ = welcome.schema.check();
        prop_assert_eq!(welcome.schema.hash(), welcome.schema.clone().hash());
    }
}

fn heard(bytes: &'static [u8]) -> Result<Vec<ClientMessage>, MessageError> {
    ClientMessage::decode_all(Bytes::from_static(bytes)).collect()
}

#[test]
fn a_kind_of_the_future_is_skipped_and_what_follows_is_read() {
    assert_eq!(heard(&[0x3F, 2, 9, 9, 0x04, 0]), Ok(vec![ClientMessage::Leave]));
}

#[test]
fn bytes_left_over_are_counted() {
    assert_eq!(heard(&[0x06, 2, 1, 0]), Err(MessageError::Codec(CodecError::Trailing(1))));
    assert!(matches!(heard(&[0x04, 1, 0]), Err(MessageError::Read(_))));
}

#[test]
fn a_list_that_claims_more_than_its_bytes_is_refused() {
    // A string of 2^63 bytes, in nine.
    let claim = &[0x02, 9, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    assert_eq!(heard(claim), Err(MessageError::Codec(CodecError::Malformed)));
}

#[test]
fn names_and_tokens_have_a_length() {
    let say = |message: ClientMessage| {
        let mut out = Vec::new();
        message.encode(&mut out);
        ClientMessage::decode_all(out.into()).collect::<Result<Vec<_>, _>>()
    };
    let join = |length| say(ClientMessage::Join(Join { room: "x".repeat(length), resume: None }));
    let refused = |what, length, max| Err(MessageError::Length { what, length, max });
    assert_eq!(join(0), refused("room", 0, 64));
    assert_eq!(join(65), refused("room", 65, 64));
    assert!(join(64).is_ok());
    let token = "x".repeat(2049);
    assert_eq!(say(ClientMessage::Auth(Auth { protocol: 1, token })), refused("token", 2049, 2048));
}

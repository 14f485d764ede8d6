//! Messages survive the wire, bad bytes get a reason, and claims of size cost nothing.

use bytes::Bytes;
use proptest::prelude::*;
use tickwire_protocol::{
    Address, Auth, ClientMessage, CodecError, Content, Creation, Join, Labels, ListRooms, MessageError, Publish,
    Queueing, Request, Role, Scope, SeatId, ServerMessage, Subscribe, Target, Tell, Unsubscribe, Wanted,
};

mod client;
#[path = "../strategies/mod.rs"]
mod strategies;

use client::client_message;
use strategies::server::{server_message, welcome};

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
    // A room's name of 2^63 bytes, in nine.
    let claim = &[0x02, 11, 0, 0, 0xFD, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    assert_eq!(heard(claim), Err(MessageError::Codec(CodecError::Malformed)));
}

/// Why a message does not arrive, if it does not.
fn refusal(message: ClientMessage) -> Option<MessageError> {
    let mut out = Vec::new();
    message.encode(&mut out);
    let heard: Result<Vec<_>, _> = ClientMessage::decode_all(out.into()).collect();
    assert_eq!(heard.as_ref().err(), message.check().as_ref().err(), "a decoded message has been checked");
    heard.err()
}

/// That texts of 1 to `max` bytes may stand there, and no others.
fn check_text(what: &'static str, max: usize, message: impl Fn(String) -> ClientMessage) {
    let refused = |length| Some(MessageError::Length { what, length, max });
    let refusal = |length| refusal(message("x".repeat(length)));
    assert_eq!([refusal(0), refusal(1), refusal(max), refusal(max + 1)], [refused(0), None, None, refused(max + 1)]);
}

/// That up to `max` of them may be there, and no more.
fn check_count(what: &'static str, max: usize, message: impl Fn(usize) -> ClientMessage) {
    let refused = Some(MessageError::TooMany { what, count: max + 1, max });
    assert_eq!([max, max + 1].map(|count| refusal(message(count))), [None, refused]);
}

fn join(target: Target) -> ClientMessage {
    ClientMessage::Join(Join { id: None, target, role: Role::Player, resume: None })
}

fn publish(to: Address, content: Content) -> ClientMessage {
    ClientMessage::Publish(Publish { id: None, to, content })
}

fn said() -> Content {
    Content::Json("1".into())
}

fn many_labels(count: usize) -> Labels {
    (0..count).map(|label| (label.to_string(), "x".into())).collect()
}

#[test]
fn names_and_tokens_have_a_length() {
    let scope = Scope::Relay;
    check_text("token", 2048, |token| ClientMessage::Auth(Auth { protocol: 1, token }));
    check_text("room", 64, |name| join(Target::Room(name)));
    check_text("code", 64, |code| join(Target::Code(code)));
    check_text("name", 64, |name| join(Target::Create(Creation { name: Some(name), ..Creation::default() })));
    check_text("channel", 64, |channel| ClientMessage::Subscribe(Subscribe { id: None, scope, channel, after: None }));
    check_text("channel", 64, |channel| ClientMessage::Unsubscribe(Unsubscribe { id: None, scope, channel }));
    check_text("channel", 64, |channel| publish(Address::Channel { scope, channel }, said()));
}

#[test]
fn ids_have_a_length() {
    let record = Bytes::new;
    check_text("id", 64, |id| ClientMessage::Publish(Publish { id: Some(id), to: Address::Host, content: said() }));
    check_text("id", 64, |id| ClientMessage::Join(Join { id: Some(id), ..Join::room("lobby") }));
    let (scope, channel) = (Scope::Relay, || "news".to_owned());
    check_text("id", 64, |id| {
        ClientMessage::Subscribe(Subscribe { id: Some(id), scope, channel: channel(), after: None })
    });
    check_text("id", 64, |id| ClientMessage::Unsubscribe(Unsubscribe { id: Some(id), scope, channel: channel() }));
    check_text("id", 64, |id| {
        ClientMessage::ListRooms(ListRooms { id: Some(id), wanted: Wanted::default(), live: false })
    });
    check_text("id", 64, |id| ClientMessage::Request(Request { id, request: 0, record: record() }));
    let tell =
        |length| refusal(ClientMessage::Tell(Tell { id: Some("x".repeat(length)), message: 0, record: record() }));
    assert_eq!([tell(64), tell(65)], [None, Some(MessageError::Length { what: "id", length: 65, max: 64 })]);
}

#[test]
fn every_target_keeps_to_the_caps() {
    type Fill = fn(Option<String>, Labels) -> ClientMessage;
    let targets: [Fill; 5] = [
        |kind, labels| join(Target::Find(Wanted { kind, labels })),
        |kind, labels| join(Target::FindOrCreate(Creation { kind, labels, ..Creation::default() })),
        |kind, labels| join(Target::Create(Creation { kind, labels, ..Creation::default() })),
        |kind, labels| join(Target::Queue(Queueing { kind, labels, players: 1, ..Queueing::default() })),
        |kind, labels| ClientMessage::ListRooms(ListRooms { id: None, wanted: Wanted { kind, labels }, live: true }),
    ];
    for target in targets {
        check_text("kind", 64, |kind| target(Some(kind), Labels::new()));
        check_text("label", 64, |name| target(None, Labels::from([(name, "x".into())])));
        check_text("label", 64, |value| target(None, Labels::from([("x".into(), value)])));
        check_count("labels", 16, |count| target(None, many_labels(count)));
    }
}

#[test]
fn lists_and_contents_are_bounded() {
    let scope = Scope::Room;
    let main = || Address::Channel { scope, channel: "main".into() };
    check_count("bytes of metadata", 1024, |count| {
        join(Target::Create(Creation { metadata: "x".repeat(count), ..Creation::default() }))
    });
    check_count("players", 64, |count| join(Target::Queue(Queueing { players: count as u16, ..Queueing::default() })));
    assert_eq!(refusal(join(Target::Queue(Queueing::default()))), Some(MessageError::NoPlayers));
    let of_none = Creation { seats: Some(0), ..Creation::default() };
    assert_eq!(refusal(join(Target::Create(of_none))), Some(MessageError::NoSeats));
    for name in ["ada\n", "\u{202e}ada", "a\u{2066}da", "ada\u{200b}"] {
        let hidden = Creation { name: Some(name.into()), ..Creation::default() };
        assert_eq!(refusal(join(Target::Create(hidden))), Some(MessageError::Unshowable("name")), "{name:?}");
    }
    check_count("recipients", 64, |count| publish(Address::Seats(vec![SeatId(1); count]), said()));
    check_count("bytes of content", 2048, |count| publish(main(), Content::Bytes(vec![0; count])));
    check_count("bytes of content", 2048, |count| {
        publish(main(), Content::Json(format!("\"{}\"", "x".repeat(count - 2))))
    });
}

#[test]
fn what_claims_to_be_json_is() {
    let refusal = |text: &str| refusal(publish(Address::Host, Content::Json(text.into())));
    for text in ["", "{", "NaN", "1 2", "{} ,\"type\":\"error\"", "\"\n\"", "{\"a\":}", "1e999", "\"\\ud800\""] {
        assert_eq!(refusal(text), Some(MessageError::NotJson), "{text}");
    }
    for text in ["{}", "null", " [1, 2]\n", "\"\u{fc}\""] {
        assert_eq!(refusal(text), None, "{text}");
    }
    let nest = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!([refusal(&nest(127)), refusal(&nest(128))], [None, Some(MessageError::NotJson)], "readers have a stack");
}

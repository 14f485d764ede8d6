//! Messages of every kind, for the tests of both forms.

pub(crate) mod server;

use bytes::Bytes;
use proptest::prelude::*;
use tickwire_protocol::{Address, Content, Labels, MAX_CHANNEL_NAME, MAX_LABEL, MAX_MESSAGE_ID, Member, Scope, SeatId};

/// 1 to `max` bytes, at least if `max` is even.
pub(crate) fn text(max: usize) -> impl Strategy<Value = String> {
    proptest::string::string_regex(&format!("[a-zA-Z0-9 äöü]{{1,{}}}", max / 2)).expect("the pattern is one")
}

pub(crate) fn id() -> impl Strategy<Value = String> {
    text(MAX_MESSAGE_ID)
}

pub(crate) fn maybe_id() -> impl Strategy<Value = Option<String>> {
    prop::option::of(id())
}

pub(crate) fn record() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

pub(crate) fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Room), Just(Scope::Relay)]
}

pub(crate) fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(text(MAX_LABEL), text(MAX_LABEL), 0..4)
}

fn seat() -> impl Strategy<Value = Option<SeatId>> {
    any::<Option<u16>>().prop_map(|seat| seat.map(SeatId))
}

fn member() -> impl Strategy<Value = Member> {
    (any::<u64>(), seat(), text(20)).prop_map(|(session, seat, name)| Member { session, seat, name })
}

pub(crate) fn address() -> impl Strategy<Value = Address> {
    prop_oneof![
        (scope(), text(MAX_CHANNEL_NAME)).prop_map(|(scope, channel)| Address::Channel { scope, channel }),
        prop::collection::vec(any::<u16>().prop_map(SeatId), 0..5).prop_map(Address::Seats),
        Just(Address::Host),
    ]
}

/// Some that lie open in a text message's payload, and some that don't.
pub(crate) fn content() -> impl Strategy<Value = Content> {
    let json = prop_oneof![
        Just(r#"{"text":"Hello"}"#.to_owned()),
        Just(r#"{"from":"nobody","text":"\"}"}"#.to_owned()),
        Just(r#"[1.50, {"b":2,"a":1}]"#.to_owned()),
        Just("{}".to_owned()),
        Just(r#"{"a":1,"a":2}"#.to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a string is JSON")),
    ];
    prop_oneof![json.prop_map(Content::Json), prop::collection::vec(any::<u8>(), 0..20).prop_map(Content::Bytes),]
}

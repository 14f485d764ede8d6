//! What a server may say.

use std::sync::Arc;

use proptest::prelude::*;
use tickwire_protocol::{
    Accepted, Acked, ErrorCode, ErrorReply, Event, Exchange, Field, HostChange, Kind, MAX_CHANNEL_NAME, MAX_ROOM_NAME,
    Message, Predict, Presence, Probe, Reply, RoomList, RoomListing, Schema, ServerMessage, ServerProbeReply, Shape,
    Subscribed, Unsubscribed, Welcome,
};

use super::{address, content, id, labels, maybe_id, member, record, scope, seat, text};

/// Many that make no sense among them.
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

/// Like one that comes from the network: nothing of it has been checked.
fn schema() -> impl Strategy<Value = Arc<Schema>> {
    let exchange = (shape(), shape()).prop_map(|(request, reply)| Exchange { request, reply });
    let shapes = || prop::collection::vec(shape(), 0..3);
    (shapes(), shape(), shapes(), shapes(), prop::collection::vec(exchange, 0..3)).prop_map(
        |(components, input, events, messages, requests)| {
            Arc::new(Schema { components, input, events, messages, requests })
        },
    )
}

/// With a schema that may make no sense.
pub(crate) fn welcome() -> impl Strategy<Value = Welcome> {
    let names = (maybe_id(), text(MAX_ROOM_NAME), prop::option::of(text(MAX_ROOM_NAME)));
    let numbers = any::<([u32; 7], u64, u64, [u8; 16], bool)>();
    (names, (seat(), seat()), numbers, schema()).prop_map(
        |((id, room, code), (seat, host), (numbers, session, schema_hash, resume, lost), schema)| {
            let [tick, tick_rate, snapshot_every, input_ahead, input_behind, resume_ms, received] = numbers;
            Welcome {
                id,
                room,
                code,
                session,
                seat,
                host,
                tick,
                tick_rate,
                snapshot_every,
                input_ahead,
                input_behind,
                resume,
                resume_ms,
                received,
                lost,
                schema_hash,
                schema,
            }
        },
    )
}

fn listing() -> impl Strategy<Value = RoomListing> {
    let texts = (text(MAX_ROOM_NAME), text(MAX_ROOM_NAME), labels(), "[a-z]{0,40}");
    (texts, any::<(u16, u16, u32, bool)>()).prop_map(
        |((name, kind, labels, metadata), (players, seats, spectators, locked))| RoomListing {
            name,
            kind,
            labels,
            metadata,
            players,
            seats,
            spectators,
            locked,
        },
    )
}

fn error() -> impl Strategy<Value = ErrorReply> {
    let codes = [ErrorCode::Invalid, ErrorCode::Busy, ErrorCode::NoRecipient, ErrorCode::TimedOut];
    (prop::sample::select(codes.to_vec()), any::<String>(), any::<Option<u32>>(), maybe_id())
        .prop_map(|(code, message, retry_ms, id)| ErrorReply { code, message, retry_ms, id })
}

fn message() -> impl Strategy<Value = Message> {
    (any::<u32>(), prop::option::of(member()), address(), content()).prop_map(|(number, from, to, content)| Message {
        number,
        from,
        to,
        content,
    })
}

/// Every kind.
pub(crate) fn server_message() -> impl Strategy<Value = ServerMessage> {
    let channel = || text(MAX_CHANNEL_NAME);
    prop_oneof![
        (any::<(u16, u32)>(), text(40)).prop_map(|((protocol, heartbeat_ms), player)| {
            ServerMessage::Accepted(Accepted { protocol, player, heartbeat_ms })
        }),
        welcome().prop_map(|welcome| ServerMessage::Welcome(Box::new(welcome))),
        record().prop_map(ServerMessage::Snapshot),
        (any::<(u32, u32)>(), 0..4u32, record()).prop_map(|((number, tick), event, record)| {
            ServerMessage::Event(Event { number, tick, event, record })
        }),
        error().prop_map(ServerMessage::Error),
        any::<u32>().prop_map(|nonce| ServerMessage::Probe(Probe { nonce })),
        any::<(u32, u32, u16)>().prop_map(|(nonce, tick, phase)| ServerMessage::ProbeReply(ServerProbeReply {
            nonce,
            tick,
            phase
        })),
        (maybe_id(), scope(), channel(), prop::collection::vec(member(), 0..4), any::<u32>()).prop_map(
            |(id, scope, channel, members, count)| {
                ServerMessage::Subscribed(Subscribed { id, scope, channel, members, count })
            }
        ),
        (maybe_id(), scope(), channel()).prop_map(|(id, scope, channel)| ServerMessage::Unsubscribed(Unsubscribed {
            id,
            scope,
            channel
        })),
        message().prop_map(ServerMessage::Message),
        (scope(), channel(), member(), any::<bool>()).prop_map(|(scope, channel, member, here)| {
            ServerMessage::Presence(Presence { scope, channel, member, here })
        }),
        id().prop_map(|id| ServerMessage::Acked(Acked { id })),
        (any::<u32>(), id(), 0..4u32, record())
            .prop_map(|(number, id, request, record)| { ServerMessage::Reply(Reply { number, id, request, record }) }),
        (maybe_id(), any::<bool>(), prop::collection::vec(listing(), 0..3), prop::collection::vec(channel(), 0..3))
            .prop_map(|(id, whole, rooms, gone)| ServerMessage::RoomList(RoomList { id, whole, rooms, gone })),
        seat().prop_map(|host| ServerMessage::HostChange(HostChange { host })),
    ]
}

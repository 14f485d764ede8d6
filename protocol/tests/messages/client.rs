//! What a client may say.

use proptest::prelude::*;
use tickwire_protocol::{
    Ack, Auth, ClientMessage, ClientProbeReply, Creation, Input, Join, ListRooms, MAX_CHANNEL_NAME, MAX_PARTY,
    MAX_ROOM_NAME, MAX_TOKEN, Probe, Publish, Queueing, Request, Resume, Resync, Role, Subscribe, Target, Tell,
    Unsubscribe, Wanted,
};

use super::strategies::{address, content, id, labels, maybe_id, record, scope, text};

fn kind_of_room() -> impl Strategy<Value = Option<String>> {
    prop::option::of(text(MAX_ROOM_NAME))
}

fn wanted() -> impl Strategy<Value = Wanted> {
    (kind_of_room(), labels()).prop_map(|(kind, labels)| Wanted { kind, labels })
}

fn creation() -> impl Strategy<Value = Creation> {
    let choices = any::<(Option<u16>, Option<u64>, bool)>();
    (wanted(), prop::option::of(text(MAX_ROOM_NAME)), "[a-z]{0,40}", choices).prop_map(
        |(Wanted { kind, labels }, name, metadata, (seats, seed, private))| Creation {
            kind,
            name,
            labels,
            metadata,
            seats,
            seed,
            private,
        },
    )
}

fn target() -> impl Strategy<Value = Target> {
    let queueing = (wanted(), 1..=MAX_PARTY, any::<i32>())
        .prop_map(|(Wanted { kind, labels }, players, rank)| Target::Queue(Queueing { kind, labels, players, rank }));
    prop_oneof![
        text(MAX_ROOM_NAME).prop_map(Target::Room),
        text(MAX_ROOM_NAME).prop_map(Target::Code),
        wanted().prop_map(Target::Find),
        creation().prop_map(Target::FindOrCreate),
        creation().prop_map(Target::Create),
        queueing,
    ]
}

fn join() -> impl Strategy<Value = Join> {
    let resume = any::<Option<([u8; 16], u32)>>();
    (maybe_id(), target(), any::<bool>(), resume).prop_map(|(id, target, watches, resume)| Join {
        id,
        target,
        role: if watches { Role::Spectator } else { Role::Player },
        resume: resume.map(|(token, received)| Resume { token, received }),
    })
}

/// Every kind, within its caps.
pub(crate) fn client_message() -> impl Strategy<Value = ClientMessage> {
    prop_oneof![
        (any::<u16>(), text(MAX_TOKEN)).prop_map(|(protocol, token)| ClientMessage::Auth(Auth { protocol, token })),
        join().prop_map(ClientMessage::Join),
        (any::<(u32, u32, u32)>(), record()).prop_map(|((sequence, tick, acked), record)| {
            ClientMessage::Input(Input { sequence, tick, acked, record })
        }),
        Just(ClientMessage::Leave),
        any::<(Option<u32>, bool)>().prop_map(|(base, desync)| ClientMessage::Resync(Resync { base, desync })),
        any::<u32>().prop_map(|nonce| ClientMessage::Probe(Probe { nonce })),
        any::<(u32, u32)>().prop_map(|(nonce, acked)| ClientMessage::ProbeReply(ClientProbeReply { nonce, acked })),
        (maybe_id(), scope(), text(MAX_CHANNEL_NAME), any::<Option<u32>>())
            .prop_map(|(id, scope, channel, after)| ClientMessage::Subscribe(Subscribe { id, scope, channel, after })),
        (maybe_id(), scope(), text(MAX_CHANNEL_NAME))
            .prop_map(|(id, scope, channel)| ClientMessage::Unsubscribe(Unsubscribe { id, scope, channel })),
        (maybe_id(), address(), content()).prop_map(|(id, to, content)| ClientMessage::Publish(Publish {
            id,
            to,
            content
        })),
        any::<u32>().prop_map(|number| ClientMessage::Ack(Ack { number })),
        (maybe_id(), any::<u32>(), record()).prop_map(|(id, message, record)| ClientMessage::Tell(Tell {
            id,
            message,
            record
        })),
        (id(), any::<u32>(), record()).prop_map(|(id, request, record)| ClientMessage::Request(Request {
            id,
            request,
            record
        })),
        (maybe_id(), wanted(), any::<bool>()).prop_map(|(id, wanted, live)| ClientMessage::ListRooms(ListRooms {
            id,
            wanted,
            live
        })),
    ]
}

//! Spectators see and hear, and play no part; where it is wished, they see everything later.

use serde_json::json;
use tickwire::{Plan, Relay, RoomOptions, SimOptions};
use tickwire_client::{Client, Update};
use tickwire_protocol::{ClientMessage, ErrorCode, Probe, Role, ServerMessage};
use tickwire_tests::{Dots, Go, Host, Jumped, Position, in_room, patiently, room, until};

/// A relay with a room `arena` whose spectators come so many at once and so many ticks late.
async fn start(spectators: usize, spectator_delay: u32) -> Host {
    let host = Host::with(Relay::builder(), SimOptions::default()).await;
    let room = RoomOptions { spectators, spectator_delay, ..RoomOptions::default() };
    let sim = SimOptions { tick_rate: 60, hash_every: 1, seats: 2, ..SimOptions::default() };
    host.relay.open_as("arena", Plan { sim, room, ..Plan::of(Dots) }).expect("the name is free");
    host
}

/// Someone in the arena who sees it.
async fn sees(host: &Host, token: &str, role: Role) -> Client {
    let mut client = host.client_to(token, room("arena"), role);
    until(&mut client, |client, _| client.tick() > 0).await;
    client
}

fn tick(host: &Host) -> u32 {
    host.relay.stats().rooms.iter().find(|room| room.name == "arena").expect("the room is open").tick
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spectator_sees_and_hears_what_players_do() {
    let host = start(64, 0).await;
    let mut ada = sees(&host, "ada", Role::Player).await;
    let mut eve = sees(&host, "eve", Role::Spectator).await;
    assert_eq!((eve.seat(), eve.host()), (None, ada.seat()));
    let seat = ada.seat().expect("in the room");
    ada.send(&Go { x: 1.0, jump: true, ..Go::default() }).await;
    until(&mut eve, |_, update| update.event() == Some(Jumped { seat })).await;
    until(&mut eve, |client, _| {
        let replica = client.replica().expect("in the room");
        let slot = replica.seat_slot(seat);
        slot.and_then(|slot| replica.get::<Position>(slot)).is_some_and(|position| position.x >= 3.0)
    })
    .await;
    ada.publish(in_room("main"), tickwire_tests::words("hello")).await.expect("it is short");
    until(&mut eve, |_, update| matches!(update, Update::Message(_))).await;
    assert_eq!((eve.counts().hash_mismatches, eve.counts().errors), (0, 0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spectator_plays_no_part() {
    let host = start(64, 0).await;
    let mut eve = host.raw().await;
    let welcome = eve.enter_as("eve", room("arena"), Role::Spectator).await;
    assert_eq!((welcome.seat, welcome.host, welcome.resume_ms), (None, None, 0));
    eve.input(1, welcome.tick, &[0, 0, 0, 0]).await;
    assert_eq!(eve.error().await, ErrorCode::Forbidden);
    let arena = host.room("arena");
    assert_eq!(patiently(arena.occupants()).await, Some(vec![]));
    let listing = arena.listing();
    assert_eq!((listing.players, listing.spectators), (0, 1));
    let stats = host.relay.stats();
    assert_eq!(stats.rooms[0].inputs, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_spectator_says_has_no_seat() {
    let host = start(64, 0).await;
    let mut ada = host.raw().await;
    ada.enter_to("ada", room("arena")).await;
    let mut eve = host.raw().await;
    let welcome = eve.enter_as("eve", room("arena"), Role::Spectator).await;
    eve.publish("m", in_room("main"), "bravo").await;
    let from = ada.message().await.from.expect("eve said it");
    assert_eq!((from.name.as_str(), from.seat, from.session), ("eve", None, welcome.session));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spectators_have_a_cap_of_their_own() {
    let host = start(1, 0).await;
    let mut eve = host.raw().await;
    eve.enter_as("eve", room("arena"), Role::Spectator).await;
    let mut late = host.raw().await;
    late.auth("late").await;
    late.join_to(room("arena"), Role::Spectator, None).await;
    assert_eq!(late.error().await, ErrorCode::RoomFull);
    // They take no seat, and where all seats are taken one may watch.
    let (mut ada, mut bob) = (host.raw().await, host.raw().await);
    ada.enter_to("ada", room("arena")).await;
    bob.enter_to("bob", room("arena")).await;
    drop(eve);
    host.settles(|relay| relay.room("arena").is_some_and(|arena| arena.listing().spectators == 0)).await;
    late.join_to(room("arena"), Role::Spectator, None).await;
    late.welcome().await;
    host.stop().await;
}

/// So many ticks behind.
const DELAY: u32 = 20;

/// Jumps, and goes on to go right; the tick. On a busy machine an input may come too late for its tick: then the next one counts.
async fn jump(client: &mut Client) -> u32 {
    patiently(async {
        loop {
            match client.next().await.expect("the relay wants this client").expect("the client has not left") {
                Update::Snapshot { .. } => drop(client.send(&Go { x: 1.0, jump: true, ..Go::default() }).await),
                update @ Update::Event { tick, .. } if update.event::<Jumped>().is_some() => return tick,
                _ => {}
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delayed_spectator_sees_and_hears_everything_so_many_ticks_later() {
    let host = start(64, DELAY).await;
    let mut ada = sees(&host, "ada", Role::Player).await;
    let seat = ada.seat().expect("in the room");
    let mut eve = sees(&host, "eve", Role::Spectator).await;
    // The room has run the tick that lets eve hear, but may not have counted it yet.
    let behind = |seen: u32| assert!(tick(&host) + 1 >= seen + DELAY, "{seen} is seen at {}", tick(&host));
    behind(eve.tick());
    let jumped = jump(&mut ada).await;
    let mut last = eve.tick();
    let heard = until(&mut eve, |_, update| {
        if let Update::Snapshot { tick } = update {
            behind(*tick);
            assert_eq!(*tick, last + 1, "none is left out");
            last = *tick;
        }
        update.event::<Jumped>().is_some()
    })
    .await;
    behind(jumped);
    assert!(matches!(heard, Update::Event { tick, .. } if tick == jumped));
    assert!(last + 1 >= jumped, "it comes with the state that it belongs to");
    until(&mut eve, |client, _| {
        let replica = client.replica().expect("in the room");
        let slot = replica.seat_slot(seat);
        slot.and_then(|slot| replica.get::<Position>(slot)).is_some_and(|position| position.x >= 3.0)
    })
    .await;
    assert_eq!((eve.counts().hash_mismatches, eve.counts().errors, eve.counts().resyncs), (0, 0, 0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_are_not_delayed_and_one_who_watches_later_hears_nothing_old() {
    let host = start(64, DELAY).await;
    let mut ada = sees(&host, "ada", Role::Player).await;
    let watch = json!({"room": "arena", "role": "spectator"});
    let mut first = host.text().await;
    first.enter("first", watch.clone()).await;
    first.hear("snapshot").await;
    ada.send(&Go { jump: true, ..Go::default() }).await;
    until(&mut ada, |_, update| update.event::<Jumped>().is_some()).await;
    drop(first);
    host.settles(|relay| relay.room("arena").is_some_and(|arena| arena.listing().spectators == 0)).await;
    let gone = tick(&host);
    until(&mut ada, |client, _| client.tick() > gone + 2 * DELAY).await;
    let mut second = host.text().await;
    let welcome = second.enter("second", watch).await;
    // What it awaits of the room comes when its time has come; nothing that it was not there for comes before.
    let snapshot = second.hear_that(|heard| {
        assert_ne!(heard["type"], "event", "{heard}");
        heard["type"] == "snapshot"
    });
    let first_seen = snapshot.await["payload"]["tick"].as_u64();
    assert!(first_seen >= welcome["tick"].as_u64(), "{first_seen:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_delayed_spectator_is_told_of_the_tick_is_what_it_sees() {
    let host = start(64, DELAY).await;
    host.settles(|_| tick(&host) > DELAY).await;
    // Between these two; the room may have run one tick that it has not counted yet.
    let is_now = |before: u32, told: u32| assert!((before..=tick(&host) + 1).contains(&(told + DELAY)), "{told}");

    let before = tick(&host);
    let mut binary = host.raw().await;
    let welcome = binary.enter_as("eve", room("arena"), Role::Spectator).await;
    is_now(before, welcome.tick);
    let before = tick(&host);
    binary.say(ClientMessage::Probe(Probe { nonce: 7 })).await;
    let reply = binary.hear(|message| match message {
        ServerMessage::ProbeReply(reply) => Some(reply),
        _ => None,
    });
    is_now(before, reply.await.tick);

    let before = tick(&host);
    let mut text = host.text().await;
    let told = text.enter("una", json!({"room": "arena", "role": "spectator"})).await["tick"].as_u64();
    is_now(before, told.expect("a number") as u32);
    let before = tick(&host);
    text.say(json!({"type": "ping"})).await;
    let told = text.hear("pong").await["payload"]["tick"].as_u64();
    is_now(before, told.expect("a number") as u32);
    host.stop().await;
}

//! The life of a match as its players see it: joining, moving, leaving, losing the connection and coming back.

use std::time::Duration;

use futures_util::StreamExt as _;
use tickwire::{Config, Relay, SimOptions, Wire};
use tickwire_arena::{Arena, Controls, Ship};
use tickwire_client::{Client, ClientError, ErrorCode, ReplicaError, Update};
use tickwire_protocol::{ClientMessage, CloseCode, Join};
use tickwire_tests::{Dots, Go, Host, Jumped, Position, Witness, in_room, patiently, quick, until};

#[tokio::test(flavor = "multi_thread")]
async fn two_players_see_each_other_move_and_hear_events() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (host.player("ada").await, host.player("bob").await);
    let seat = ada.seat().expect("in the room");
    ada.send(&Go { x: 1.0, jump: true, ..Go::default() }).await;
    let event = until(&mut bob, |_, update| update.event::<Jumped>().is_some()).await;
    assert_eq!(event.event(), Some(Jumped { seat }));
    until(&mut bob, |client, _| {
        let replica = client.replica().expect("in the room");
        let slot = replica.seat_slot(seat).expect("ada has a seat");
        replica.get::<Position>(slot).is_some_and(|position| position.x >= 3.0)
    })
    .await;
    ada.leave().await;
    until(&mut bob, |client, _| client.replica().is_some_and(|replica| replica.seat_slot(seat).is_none())).await;
    assert_eq!(bob.replica().map(|replica| replica.expect::<Position>()), Some(Ok(())));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_snapshot_hash_agrees() {
    let options = SimOptions { hash_every: 1, tick_rate: 60, ..SimOptions::default() };
    let host = Host::with(Relay::builder(), options).await;
    let mut ada = host.player("ada").await;
    for x in 0..60 {
        ada.send(&Go { x: (x % 21 - 10) as f32, ..Go::default() }).await;
        until(&mut ada, |_, update| matches!(update, Update::Snapshot { .. })).await;
    }
    let counts = ada.counts();
    assert!(counts.hash_checks >= 60, "{counts:?}");
    assert_eq!((counts.hash_mismatches, counts.resyncs), (0, 0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_come_every_kth_tick() {
    let options = SimOptions { snapshot_every: 4, hash_every: 8, ..SimOptions::default() };
    let host = Host::with(Relay::builder(), options).await;
    let mut ada = host.player("ada").await;
    for _ in 0..6 {
        let update = until(&mut ada, |_, update| matches!(update, Update::Snapshot { .. })).await;
        assert!(matches!(update, Update::Snapshot { tick } if tick % 4 == 0));
    }
    assert_eq!(ada.counts().hash_mismatches, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_comes_back_to_its_seat() {
    let host = Host::start().await;
    let mut ada = host.player("ada").await;
    let seat = ada.seat();
    ada.send(&Go { x: 2.0, ..Go::default() }).await;
    until(&mut ada, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat.unwrap()) == Some(1)))
        .await;
    ada.cut();
    until(&mut ada, |_, update| matches!(update, Update::Joined { resumed: true, lost: false })).await;
    assert_eq!(ada.seat(), seat);
    until(&mut ada, |client, _| client.tick() > 0).await;
    // The seat goes on counting.
    assert_eq!(ada.send(&Go::default()).await, Some(2));
    until(&mut ada, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat.unwrap()) == Some(2)))
        .await;
    assert_eq!(ada.counts().reconnects, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_session_of_a_player_wins() {
    let host = Host::start().await;
    let mut old = host.player("ada").await;
    let new = host.player("ada").await;
    assert_eq!(new.seat(), old.seat());
    let error = patiently(async {
        loop {
            if let Err(error) = old.next().await {
                return error;
            }
        }
    })
    .await;
    assert!(matches!(error, ClientError::Closed { code: CloseCode::Replaced, .. }), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_resume_token_touches_nothing() {
    let host = Host::with_config(quick()).await;
    let mut watcher = host.player("watcher").await;
    let mut raw = host.raw().await;
    let welcome = raw.enter("ada").await;
    drop(raw);
    let mut thief = host.raw().await;
    thief.auth("ada").await;
    thief.join("lobby", Some([7; 16])).await;
    assert_eq!(thief.error().await, ErrorCode::ResumeRefused);
    let mut stranger = host.raw().await;
    stranger.auth("mallory").await;
    stranger.join("lobby", Some(welcome.resume)).await;
    assert_eq!(stranger.error().await, ErrorCode::ResumeRefused, "a token is good for its player only");
    // The seat is still held, and given up when its own time is over.
    let seat = welcome.seat.expect("a player has one");
    until(&mut watcher, |client, _| client.replica().is_some_and(|replica| replica.seat_slot(seat).is_none())).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_token_is_good_once() {
    let host = Host::start().await;
    let mut raw = host.raw().await;
    let first = raw.enter("ada").await;
    drop(raw);
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    raw.join("lobby", Some(first.resume)).await;
    let second = raw.welcome().await;
    assert_eq!(second.seat, first.seat);
    assert_ne!(second.resume, first.resume);
    drop(raw);
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    raw.join("lobby", Some(first.resume)).await;
    assert_eq!(raw.error().await, ErrorCode::ResumeRefused);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_that_fail_say_why_and_may_be_tried_again() {
    let options = SimOptions { seats: 1, ..SimOptions::default() };
    let host = Host::with(Relay::builder(), options).await;
    let mut nobody = host.raw().await;
    nobody.auth("nobody").await;
    nobody.join("lobby", None).await;
    assert_eq!(nobody.error().await, ErrorCode::JoinRefused);
    let ada = host.player("ada").await;
    let mut raw = host.raw().await;
    raw.auth("bob").await;
    raw.join("attic", None).await;
    assert_eq!(raw.error().await, ErrorCode::RoomNotFound);
    raw.join("lobby", None).await;
    assert_eq!(raw.error().await, ErrorCode::RoomFull);
    let mut ada = ada;
    // Said before the next join, and so heard before it.
    ada.leave().await;
    raw.join("lobby", None).await;
    raw.welcome().await;
    host.stop().await;
}

/// Asks for a room and is gone, in every way there is, before the answer can be read.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_a_seat_and_is_gone_leaves_none_taken() {
    let config = Config { seat_hold: Duration::from_millis(300), ..quick() };
    let host = Host::with_config(config).await;
    let mut watcher = host.player("watcher").await;
    for round in 0..30 {
        let mut raw = host.raw().await;
        raw.auth(&format!("ada.{round}")).await;
        match round % 3 {
            // What follows the request in the same message ends the session while the room's answer is on its way.
            0 => {
                let mut out = Vec::new();
                ClientMessage::Join(Join::room("lobby")).encode(&mut out);
                out.extend([0x04, 0x01, 0x00]);
                raw.bytes(out).await;
                assert_eq!(raw.closed().await, CloseCode::Malformed);
            }
            1 => {
                raw.join("lobby", None).await;
                raw.socket.get_ref().set_zero_linger().expect("the system lets a socket end at once");
            }
            _ => {
                raw.join("lobby", None).await;
                raw.socket.close(None).await.expect("the relay reads");
            }
        }
    }
    until(&mut watcher, |client, _| {
        client.replica().is_some_and(|replica| replica.rows::<tickwire::Seat>().count() == 1)
            && host.relay.stats().connections == 1
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_room_alone() {
    let host = Host::start().await;
    host.relay.open("cellar", Dots, SimOptions::default()).expect("the name is free");
    let witness = Witness::join(&host).await;
    let mut mallory = host.client_in("cellar", "mallory");
    until(&mut mallory, |client, _| client.tick() > 0).await;
    mallory.send(&Go { panic: true, ..Go::default() }).await;
    let error = patiently(async {
        loop {
            if let Err(error) = mallory.next().await {
                return error;
            }
        }
    })
    .await;
    assert!(matches!(error, ClientError::Closed { code: CloseCode::RoomFailed, .. }), "{error}");
    assert!(host.relay.stats().rooms.iter().all(|room| room.name == "lobby"));
    // Its name is free again.
    host.relay.open("cellar", Dots, SimOptions::default()).expect("the room is gone");
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_that_are_stuck_hold_no_other_up_for_long() {
    let host = Host::with_config(Config { workers: 2, ..Config::default() }).await;
    let mut stuck = Vec::new();
    // One more than there are threads.
    for name in ["one", "two", "three"] {
        host.relay.open(name, Dots, SimOptions::default()).expect("the name is free");
        let mut client = host.client_in(name, "mallory");
        until(&mut client, |client, _| client.tick() > 0).await;
        stuck.push(client);
    }
    let witness = Witness::join(&host).await;
    let lost =
        |host: &Host| host.relay.stats().rooms.iter().find(|room| room.name == "lobby").map(|room| room.lost_ticks);
    for client in &mut stuck {
        client.send(&Go { hold: 6, ..Go::default() }).await;
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let after_replacement = lost(&host);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let later = lost(&host).zip(after_replacement).map(|(now, then)| now - then);
    assert!(later < Some(20), "from then on it is as if they were not there: {later:?} of 45 ticks");
    assert!(after_replacement < Some(60), "{after_replacement:?}");
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_ends_before_its_tick_would_wrap() {
    let options = SimOptions { first_tick: u32::MAX - 150, seats: 2, ..SimOptions::default() };
    let host = Host::with(Relay::builder(), options).await;
    let mut ada = host.player("ada").await;
    let seat = ada.seat().expect("in the room");
    ada.send(&Go::default()).await;
    until(&mut ada, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat) == Some(1))).await;
    let lost = until(&mut ada, |_, update| matches!(update, Update::Lost { .. })).await;
    assert!(matches!(lost, Update::Lost { code: Some(CloseCode::GoingAway), .. }), "{lost:?}");
    assert_eq!(ada.tick(), u32::MAX - 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_relay_plays_several_games() {
    let host = Host::start().await;
    host.relay.open("arena", Arena::default(), SimOptions::default()).expect("the name is free");
    let mut dots = host.player("ada").await;
    let mut arena = host.client_in("arena", "bob");
    until(&mut arena, |client, _| client.tick() > 0).await;
    assert_eq!(arena.replica().map(|replica| replica.expect::<Ship>()), Some(Ok(())));
    let missing = Err(ReplicaError::MissingComponent("Ship"));
    assert_eq!(dots.replica().map(|replica| replica.expect::<Ship>()), Some(missing));
    arena.send(&Controls { x: 1, ..Controls::default() }).await;
    let seat = arena.seat().expect("in the room");
    until(&mut arena, |client, _| client.replica().is_some_and(|replica| replica.consumed(seat) == Some(1))).await;
    dots.leave().await;
    host.stop().await;
}

/// A dot as a program knew it before it had a place, and as one will that knows more.
#[derive(Debug, PartialEq, Wire)]
#[wire(name = "Position")]
struct Older;

#[derive(Debug, PartialEq, Wire)]
#[wire(name = "Position")]
struct Newer {
    #[wire(range = -1000.0..=1000.0, step = 0.5)]
    x: f32,
    #[wire(range = -1000.0..=1000.0, step = 0.5)]
    y: f32,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_client_skips_what_it_does_not_know_and_a_newer_one_names_what_it_misses() {
    let host = Host::start().await;
    let ada = host.player("ada").await;
    let replica = ada.replica().expect("in the room");
    assert_eq!((replica.expect::<Older>(), replica.rows::<Older>().count()), (Ok(()), 1));
    let missing = ReplicaError::MissingField { component: "Position", field: "y".into() };
    assert_eq!(missing.to_string(), "the room's `Position` has no field `y`");
    assert_eq!((replica.expect::<Newer>(), replica.rows::<Newer>().count()), (Err(missing), 0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_room_says_so() {
    let host = Host::start().await;
    let mut raw = host.raw().await;
    raw.enter("ada").await;
    let room = host.relay.room("lobby").expect("it is open");
    room.close("the match is over");
    assert_eq!(raw.closed().await, CloseCode::Left);
    assert!(!room.is_open() && host.relay.room("lobby").is_none());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_tells_everyone_to_come_back() {
    let host = Host::start().await;
    let mut playing = host.raw().await;
    playing.enter("ada").await;
    let mut idle = host.raw().await;
    idle.auth("bob").await;
    let closes = tokio::spawn(async move { (playing.closed().await, idle.closed().await) });
    host.stop().await;
    assert_eq!(closes.await.expect("both are told"), (CloseCode::GoingAway, CloseCode::GoingAway));
    assert!(CloseCode::GoingAway.retry());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_behind() {
    let host = Host::with_config(quick()).await;
    for round in 0..20 {
        let mut raw = host.raw().await;
        raw.enter(&format!("ada.{round}")).await;
        if round % 2 == 0 {
            raw.socket.close(None).await.expect("the relay reads");
        }
    }
    patiently(async {
        while host.relay.stats().connections > 0 || host.relay.stats().rooms[0].sessions > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    // Held seats are given up, too: a newcomer is alone in the end.
    let mut watcher = host.player("watcher").await;
    until(&mut watcher, |client, _| {
        client.replica().is_some_and(|replica| replica.rows::<tickwire::Seat>().count() == 1)
    })
    .await;
    host.stop().await;
}

/// A hidden page's timers are slowed down, but its WebSocket library answers pings.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_and_answers_pings_stays() {
    let host = Host::with_config(quick()).await;
    let mut hidden = host.raw().await;
    hidden.enter("hidden").await;
    let silent = async { while hidden.socket.next().await.is_some_and(|read| read.is_ok()) {} };
    let ended = tokio::time::timeout(3 * quick().unresponsive, silent).await;
    assert!(ended.is_err(), "it was not sent away");
    hidden.publish("m", in_room("main"), "back").await;
    assert_eq!(hidden.acked().await, "m");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_as_another_comes_is_a_ghost_to_nobody() {
    let host = Host::start().await;
    let mut watcher = host.player("watcher").await;
    let seats = |client: &Client| client.replica().map(|replica| replica.rows::<tickwire::Seat>().count());
    for round in 0..10 {
        let (mut leaver, mut comer) = (host.raw().await, host.client(&format!("comer.{round}")));
        leaver.enter(&format!("leaver.{round}")).await;
        let come = until(&mut comer, |_, update| matches!(update, Update::Joined { .. }));
        tokio::join!(leaver.say(ClientMessage::Leave), come);
        until(&mut comer, |client, _| seats(client) == Some(2)).await;
        until(&mut watcher, |client, _| seats(client) == Some(2)).await;
        comer.leave().await;
        until(&mut watcher, |client, _| seats(client) == Some(1)).await;
    }
    host.stop().await;
}

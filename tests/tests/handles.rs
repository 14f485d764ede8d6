//! What embedders do with rooms, by their handles.

use tickwire::{SimOptions, Wanted};
use tickwire_protocol::{CloseCode, ErrorCode, Role, Target};
use tickwire_tests::{Dots, Host, Position, Witness, in_room, labels, patiently, room, until, words};

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_tells_who_is_there() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (host.raw().await, host.raw().await);
    let ada_seat = ada.enter("ada").await.seat;
    bob.enter("bob.x").await;
    let lobby = host.room("lobby");
    let there = async || {
        let occupants = patiently(lobby.occupants()).await.expect("the room is open");
        occupants.into_iter().map(|it| (Some(it.seat), it.player.id, it.connected)).collect::<Vec<_>>()
    };
    assert_eq!(there().await[0], (ada_seat, "ada".into(), true));
    assert_eq!(there().await[1].1, "bob.x");
    drop(ada);
    patiently(async { while there().await[0].2 {} }).await;
    assert_eq!(there().await.len(), 2, "the seat is held");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_says_something_to_a_channel_or_to_one() {
    let host = Host::start().await;
    let (mut ada, mut bob) = (host.raw().await, host.raw().await);
    let seat = ada.enter("ada").await.seat.expect("a player has one");
    bob.enter("bob").await;
    let lobby = host.room("lobby");
    lobby.whisper(seat, words("psst"));
    lobby.publish("main", words("hear, hear"));
    let first = ada.message().await;
    assert_eq!((first.from, first.content), (None, words("psst")));
    let second = ada.message().await;
    assert_eq!((second.from, second.to, second.content), (None, in_room("main"), words("hear, hear")));
    assert_eq!(bob.heard().await, "hear, hear", "what is whispered to another is not heard");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_kicked_hears_why_and_may_come_again() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    let welcome = ada.enter("ada").await;
    let long = "ä".repeat(100);
    host.room("lobby").kick(welcome.seat.expect("a player has one"), long.clone());
    let (code, reason) = ada.closed_saying().await;
    assert!(code == CloseCode::Kicked && reason.len() == 122 && long.starts_with(&reason), "{code} {reason}");
    let mut back = host.raw().await;
    back.auth("ada").await;
    back.join("lobby", Some(welcome.resume)).await;
    assert_eq!(back.error().await, ErrorCode::ResumeRefused, "the seat is gone");
    back.join("lobby", None).await;
    back.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_banned_stays_out_for_the_life_of_the_room() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    ada.enter("ada").await;
    let mut watching = host.raw().await;
    watching.enter_as("ada", room("lobby"), Role::Spectator).await;
    host.room("lobby").ban("ada", "no");
    for raw in [&mut ada, &mut watching] {
        assert_eq!(raw.closed_saying().await, (CloseCode::Kicked, "no".to_owned()));
    }
    let mut back = host.raw().await;
    back.auth("ada").await;
    for role in [Role::Player, Role::Spectator] {
        back.join_to(room("lobby"), role, None).await;
        assert_eq!(back.error().await, ErrorCode::Banned);
    }
    host.raw().await.enter("ada.other").await;
    host.room("lobby").close("over");
    host.settles(|relay| relay.room("lobby").is_none()).await;
    host.relay.open("lobby", Dots, SimOptions::default()).expect("the name is free");
    back.join("lobby", None).await;
    back.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_that_is_held_can_be_kicked() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    ada.enter("ada").await;
    drop(ada);
    let lobby = host.room("lobby");
    lobby.ban("ada", "no");
    assert_eq!(patiently(lobby.occupants()).await, Some(vec![]));
    assert_eq!(host.refused("ada", room("lobby")).await.0, ErrorCode::Banned);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handle_calls_into_the_world() {
    let host = Host::start().await;
    let mut ada = host.player("ada").await;
    let seat = ada.seat().expect("in the room");
    let lobby = host.room("lobby");
    let moved = lobby.call(|world| {
        let mut moved = 0;
        for mut position in world.query::<&mut Position>().iter_mut(world) {
            position.x = 42.0;
            moved += 1;
        }
        moved
    });
    assert_eq!(patiently(moved).await, Some(1));
    until(&mut ada, |client, _| {
        let replica = client.replica().expect("in the room");
        let slot = replica.seat_slot(seat);
        slot.and_then(|slot| replica.get::<Position>(slot)).is_some_and(|position| position.x == 42.0)
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_panics_ends_its_room_alone() {
    let host = Host::start().await;
    host.relay.open("attic", Dots, SimOptions::default()).expect("the name is free");
    let witness = Witness::join(&host).await;
    let mut ada = host.raw().await;
    ada.enter_to("ada", room("attic")).await;
    let attic = host.room("attic");
    let answer = attic.call(|_| -> () { panic!("the embedder erred") });
    assert_eq!(patiently(answer).await, None);
    assert_eq!(ada.closed().await, CloseCode::RoomFailed);
    host.relay.open("attic", Dots, SimOptions::default()).expect("no stuck room is left");
    host.raw().await.enter_to("ada", room("attic")).await;
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_and_metadata_change() {
    let host = Host::start().await;
    let lobby = host.room("lobby");
    let find = Target::Find(Wanted { labels: labels(&[("mode", "duel")]), ..Wanted::default() });
    assert_eq!(host.refused("ada", find.clone()).await.0, ErrorCode::RoomNotFound);
    lobby.set_labels(labels(&[("mode", "duel"), ("map", "moon")]));
    lobby.set_metadata("tonight");
    assert_eq!(host.raw().await.enter_to("ada", find).await.room, "lobby");
    assert_eq!(lobby.listing().metadata, "tonight");
    host.stop().await;
}

//! How players find rooms and each other: by what they want, in the queue, and by lists.

use std::time::Duration;

use serde_json::json;
use tickwire::{Config, Plan, RoomOptions, Wanted};
use tickwire_protocol::{
    ClientMessage, CloseCode, ErrorCode, ListRooms, Queueing, Role, RoomList, RoomListing, ServerMessage, Target,
};
use tickwire_tests::{Dots, Host, Raw, find_place, labels, open_duel, quick, room, start_creative};

fn find(kind: Option<&str>, of: &[(&str, &str)]) -> Target {
    Target::Find(Wanted { kind: kind.map(str::to_owned), labels: labels(of) })
}

fn duel() -> Queueing {
    Queueing { players: 2, ..Queueing::default() }
}

/// A connection with a good token, in no room.
async fn guest(host: &Host, token: &str) -> Raw {
    let mut raw = host.raw().await;
    raw.auth(token).await;
    raw.accepted().await;
    raw
}

/// One who waits in the queue for sure.
async fn waiting(host: &Host, token: &str, wanted: Queueing) -> Raw {
    let before = host.relay.stats().queued;
    let mut raw = guest(host, token).await;
    raw.join_to(Target::Queue(wanted), Role::Player, None).await;
    host.settles(|relay| relay.stats().queued > before).await;
    raw
}

async fn rooms(raw: &mut Raw) -> RoomList {
    raw.hear(|message| match message {
        ServerMessage::RoomList(list) => Some(list),
        _ => None,
    })
    .await
}

fn names(rooms: &[RoomListing]) -> Vec<&str> {
    rooms.iter().map(|room| room.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_found_by_kind_and_labels() {
    let host = start_creative(Config::default()).await;
    open_duel(&host, "moon", 8, &[("map", "moon"), ("mode", "free")]);
    open_duel(&host, "sun", 8, &[("map", "sun"), ("mode", "free")]);
    let mut raw = guest(&host, "ada").await;
    for nothing in [find(Some("chess"), &[]), find(None, &[("map", "mars")]), find(Some("game"), &[("map", "sun")])] {
        raw.join_to(nothing, Role::Player, None).await;
        assert_eq!(raw.error().await, ErrorCode::RoomNotFound);
    }
    raw.join_to(find(Some("duel"), &[("map", "sun")]), Role::Player, None).await;
    assert_eq!(raw.welcome().await.room, "sun");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fullest_room_with_a_seat_is_found_and_of_equals_the_first() {
    let host = start_creative(Config::default()).await;
    for (name, seats) in [("a", 8), ("b", 8), ("c", 1)] {
        open_duel(&host, name, seats, &[]);
    }
    let mut all = Vec::new();
    for (token, target, found) in [
        ("ada", find(Some("duel"), &[]), "a"),
        ("bob", room("b"), "b"),
        ("cy", room("b"), "b"),
        ("di", room("c"), "c"),
        ("ed", find(Some("duel"), &[]), "b"),
    ] {
        let mut raw = host.raw().await;
        assert_eq!(raw.enter_to(token, target).await.room, found, "{token}");
        all.push(raw);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_want_the_same_are_matched_by_size_and_labels() {
    let host = start_creative(Config::default()).await;
    let race = Queueing { labels: labels(&[("mode", "race")]), ..duel() };
    let mut ada = waiting(&host, "ada", duel()).await;
    let _race = waiting(&host, "cy", race.clone()).await;
    let _three = waiting(&host, "di", Queueing { players: 3, ..duel() }).await;
    let mut bob = guest(&host, "bob").await;
    bob.join_to(Target::Queue(duel()), Role::Player, None).await;
    let (first, second) = (ada.welcome().await, bob.welcome().await);
    assert_eq!(first.room, second.room);
    assert_ne!(first.seat, second.seat);
    assert_eq!(host.relay.stats().queued, 2);
    // The match has the labels that were wished for.
    let mut ed = guest(&host, "ed").await;
    ed.join_to(Target::Queue(race), Role::Player, None).await;
    let listing = host.room(&ed.welcome().await.room).listing();
    assert_eq!((listing.labels, listing.kind.as_str()), (labels(&[("mode", "race")]), "dots"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ranks_are_matched_the_more_freely_the_longer_one_waits() {
    let config = Config { rank_tolerance: 100, rank_tolerance_growth: 1000, ..Config::default() };
    let host = start_creative(config).await;
    let began = std::time::Instant::now();
    let mut far = waiting(&host, "far", Queueing { rank: 1000, ..duel() }).await;
    let mut ada = waiting(&host, "ada", Queueing { rank: 0, ..duel() }).await;
    let mut bob = guest(&host, "bob").await;
    bob.join_to(Target::Queue(Queueing { rank: 50, ..duel() }), Role::Player, None).await;
    let met = (ada.welcome().await.room, bob.welcome().await.room);
    assert_eq!(met.0, met.1, "the likest are matched at once");
    let mut late = guest(&host, "late").await;
    late.join_to(Target::Queue(Queueing { rank: 0, ..duel() }), Role::Player, None).await;
    assert_eq!(far.welcome().await.room, late.welcome().await.room);
    assert!(began.elapsed() >= Duration::from_millis(900), "that far apart only after a while");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_the_queue_is_not_matched() {
    let host = start_creative(Config::default()).await;
    let mut ada = waiting(&host, "ada", duel()).await;
    ada.say(ClientMessage::Leave).await;
    host.settles(|relay| relay.stats().queued == 0).await;
    drop(waiting(&host, "gone", duel()).await);
    host.settles(|relay| relay.stats().queued == 0).await;
    let mut bob = waiting(&host, "bob", duel()).await;
    // And may go elsewhere, or queue again.
    ada.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.welcome().await.room, bob.welcome().await.room);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_is_told_and_the_session_goes_on() {
    let host = start_creative(Config { queue_timeout: Duration::from_millis(200), ..Config::default() }).await;
    let mut ada = waiting(&host, "ada", duel()).await;
    assert_eq!(ada.error().await, ErrorCode::TimedOut);
    host.settles(|relay| relay.stats().queued == 0).await;
    ada.join("lobby", None).await;
    ada.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_a_channel_waits_no_longer_for_that() {
    let host = start_creative(Config { queue_timeout: Duration::from_millis(200), ..quick() }).await;
    let mut ada = guest(&host, "ada").await;
    ada.subscribe(tickwire_protocol::Scope::Relay, "news").await;
    ada.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.error().await, ErrorCode::TimedOut);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_waits_instead_of_the_connection_that_was_lost() {
    let host = start_creative(Config::default()).await;
    let mut old = waiting(&host, "ada", duel()).await;
    let mut new = guest(&host, "ada").await;
    new.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(old.error().await, ErrorCode::Busy);
    let mut bob = guest(&host, "bob").await;
    bob.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(new.welcome().await.room, bob.welcome().await.room);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_ends_when_all_have_left_it() {
    let host = start_creative(Config::default()).await;
    let mut ada = waiting(&host, "ada", duel()).await;
    let mut bob = guest(&host, "bob").await;
    bob.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.welcome().await.room, bob.welcome().await.room);
    ada.say(ClientMessage::Leave).await;
    // A lost connection keeps its seat, until its player wants another match.
    drop(bob);
    let mut bob = waiting(&host, "bob", duel()).await;
    host.settles(|relay| relay.rooms().len() == 1).await;
    ada.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.welcome().await.room, bob.welcome().await.room);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_with_many_connections_has_one_match() {
    let host = start_creative(Config::default()).await;
    let alone = || Target::Queue(Queueing { players: 1, ..Queueing::default() });
    let mut last: Option<Raw> = None;
    for _ in 0..4 {
        let mut hog = guest(&host, "hog").await;
        hog.join_to(alone(), Role::Player, None).await;
        hog.welcome().await;
        if let Some(mut before) = last.replace(hog) {
            assert_eq!(before.closed().await, CloseCode::Replaced);
        }
    }
    host.settles(|relay| relay.rooms().len() == 2).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_players_who_never_come_do_not_take_all_rooms() {
    let host = start_creative(Config { rooms: 3, ..Config::default() }).await;
    for _ in 0..4 {
        let wanted = || json!({"queue": {"players": 2}});
        let places = tokio::join!(find_place(host.addr, "ada", wanted()), find_place(host.addr, "bob", wanted()));
        assert_eq!((places.0.status, places.1.status), (200, 200));
        assert_eq!(places.0.json()["room"], places.1.json()["room"]);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_for_whose_match_there_is_no_room_wait_for_one() {
    let host = start_creative(Config { rooms: 1, ..Config::default() }).await;
    let mut ada = waiting(&host, "ada", duel()).await;
    let mut bob = waiting(&host, "bob", duel()).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(host.relay.stats().queued, 2);
    host.room("lobby").close("over");
    assert_eq!(ada.welcome().await.room, bob.welcome().await.room);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_that_can_not_be_is_refused() {
    let host = start_creative(Config::default()).await;
    let mut ada = guest(&host, "ada").await;
    ada.join_to(Target::Queue(Queueing { kind: Some("chess".into()), ..duel() }), Role::Player, None).await;
    assert_eq!(ada.error().await, ErrorCode::CreateRefused);
    ada.join_to(Target::Queue(duel()), Role::Spectator, None).await;
    assert_eq!(ada.error().await, ErrorCode::Invalid);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rooms_are_listed_once() {
    let host = start_creative(Config::default()).await;
    open_duel(&host, "moon", 8, &[("map", "moon")]);
    open_duel(&host, "sun", 8, &[("map", "sun")]);
    let secret = RoomOptions { private: true, ..RoomOptions::default() };
    host.relay.open_as("secret", Plan { room: secret, ..Plan::of(Dots) }).expect("the name is free");
    let mut ada = guest(&host, "ada").await;
    let list = |wanted| ClientMessage::ListRooms(ListRooms { id: None, wanted, live: false });
    ada.say(list(Wanted::default())).await;
    let all = rooms(&mut ada).await;
    assert_eq!((all.whole, names(&all.rooms)), (true, vec!["lobby", "moon", "sun"]));
    ada.say(list(Wanted { labels: labels(&[("map", "sun")]), ..Wanted::default() })).await;
    let sun = rooms(&mut ada).await;
    assert_eq!(names(&sun.rooms), ["sun"]);
    assert_eq!((sun.rooms[0].kind.as_str(), sun.rooms[0].seats), ("duel", 8));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_very_many_rooms_the_first_are_listed() {
    let host = start_creative(Config::default()).await;
    for index in 0..120 {
        let room = RoomOptions { metadata: "x".repeat(1000), ..RoomOptions::default() };
        host.relay.open_as(&format!("room-{index:03}"), Plan { room, ..Plan::of(Dots) }).expect("the name is free");
    }
    let mut ada = guest(&host, "ada").await;
    ada.say(ClientMessage::ListRooms(ListRooms { id: None, wanted: Wanted::default(), live: true })).await;
    let listed = rooms(&mut ada).await.rooms;
    assert!((20..60).contains(&listed.len()), "{}", listed.len());
    assert!(listed.is_sorted_by_key(|room| room.name.clone()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_it_hears_what_becomes_of_the_rooms() {
    let host = start_creative(Config::default()).await;
    open_duel(&host, "moon", 8, &[]);
    let mut ada = guest(&host, "ada").await;
    let wanted = Wanted { kind: Some("duel".into()), ..Wanted::default() };
    ada.say(ClientMessage::ListRooms(ListRooms { id: None, wanted, live: true })).await;
    assert_eq!(names(&rooms(&mut ada).await.rooms), ["moon"]);
    let mut bob = host.raw().await;
    bob.enter_to("bob", room("moon")).await;
    let changed = rooms(&mut ada).await;
    assert_eq!((changed.whole, names(&changed.rooms), changed.rooms[0].players), (false, vec!["moon"], 1));
    host.room("moon").close("over");
    open_duel(&host, "sun", 8, &[]);
    // In one answer, or in two if a look comes between them.
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    while gone.is_empty() || new.is_empty() {
        let list = rooms(&mut ada).await;
        gone.extend(list.gone);
        new.extend(list.rooms.into_iter().filter(|room| room.name == "sun"));
    }
    assert_eq!(gone, ["moon"]);
    host.stop().await;
}

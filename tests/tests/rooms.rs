//! Rooms: how they come to be, who gets in, and how they end.

use std::time::Duration;

use tickwire::{
    Config, Creation, Game, Nothing, OpenError, Plan, Refusal, Relay, RelayBuilder, RoomOptions, Setup, SimOptions,
    Wanted,
};
use tickwire_protocol::{ClientMessage, CloseCode, ErrorCode, Resume, Role, Target, Welcome};
use tickwire_tests::{Die, Dots, Host, Raw, Salon, Witness, any, labels, patiently, quick, room};

fn named(name: &str) -> Creation {
    Creation { name: Some(name.into()), ..Creation::default() }
}

/// A relay whose players create salons, and dots where they ask for them.
fn creative() -> RelayBuilder {
    Relay::builder().kind("salon", any(Salon)).kind("dots", any(Dots))
}

async fn start(relay: RelayBuilder) -> Host {
    Host::with(relay, SimOptions::default()).await
}

/// The player's connection is cut, and the seat taken up again by another.
async fn comes_back(raw: Raw, host: &Host, token: &str, welcome: &Welcome) -> Raw {
    drop(raw);
    let mut raw = host.raw().await;
    assert_eq!(raw.come_back(token, welcome, 0).await.seat, welcome.seat);
    raw
}

#[tokio::test(flavor = "multi_thread")]
async fn a_player_creates_a_room_as_asked_for() {
    let host = start(creative()).await;
    let creation = Creation {
        kind: Some("salon".into()),
        labels: labels(&[("mode", "duel")]),
        metadata: "come in".into(),
        seats: Some(2),
        seed: Some(7),
        ..named("mine")
    };
    let mut ada = host.raw().await;
    let welcome = ada.enter_to("ada", Target::Create(creation.clone())).await;
    assert_eq!((welcome.room.as_str(), welcome.code.as_ref(), welcome.host), ("mine", None, welcome.seat));
    let listing = host.room("mine").listing();
    assert_eq!((listing.kind.as_str(), &listing.labels), ("salon", &creation.labels));
    assert_eq!((listing.metadata.as_str(), listing.seats, listing.players), ("come in", 2, 1));
    // The seed is the whole of its randomness.
    let again = Creation { name: None, ..creation };
    let other = host.raw().await.enter_to("bob", Target::Create(again)).await;
    let die = async |name: &str| host.room(name).call(|world| *world.resource::<Die>()).await;
    assert_eq!(die("mine").await, die(&other.room).await);
    assert!(other.room.starts_with("salon-"), "a room that nobody named has a name: {}", other.room);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_no_kind_gets_the_first_and_without_a_seed_chance_decides() {
    let host = start(creative()).await;
    for name in ["one", "two"] {
        host.raw().await.enter_to(name, Target::Create(named(name))).await;
        assert_eq!(host.room(name).listing().kind, "salon");
    }
    let die = async |name: &str| host.room(name).call(|world| *world.resource::<Die>()).await;
    assert_ne!(die("one").await, die("two").await);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_can_not_be_created_says_why() {
    let relay = creative().kind("choosy", |creation: &Creation| match creation.metadata.as_str() {
        "please" => Ok(Plan::of(Dots)),
        _ => Err(Refusal("say please".into())),
    });
    let host = start(relay.config(Config { rooms: 3, ..Config::default() })).await;
    let create = |kind: &str, name: &str| Target::Create(Creation { kind: Some(kind.into()), ..named(name) });
    let (code, words) = host.refused("ada", create("chess", "x")).await;
    assert_eq!((code, words.as_str()), (ErrorCode::CreateRefused, "no rooms of that kind are created here"));
    let (code, words) = host.refused("ada", create("salon", "lobby")).await;
    assert_eq!((code, words.as_str()), (ErrorCode::CreateRefused, "a room named `lobby` is open"));
    let (code, words) = host.refused("ada", create("choosy", "x")).await;
    assert_eq!((code, words.as_str()), (ErrorCode::CreateRefused, "say please"));
    for name in ["x", "y"] {
        host.raw().await.enter_to("ada", create("dots", name)).await;
    }
    let (code, words) = host.refused("ada", create("salon", "z")).await;
    assert_eq!((code, words.as_str()), (ErrorCode::CreateRefused, "as many rooms are open as may be: 3"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_player_opens_so_many_rooms() {
    let host = start(creative().config(Config { rooms_per_player: 2, ..Config::default() })).await;
    for name in ["x", "y"] {
        host.raw().await.enter_to("ada", Target::Create(named(name))).await;
    }
    let (code, words) = host.refused("ada", Target::Create(named("z"))).await;
    assert_eq!((code, words.as_str()), (ErrorCode::CreateRefused, "2 rooms are as many as one may have open"));
    host.raw().await.enter_to("bob", Target::Create(named("z"))).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_embedder_has_no_kinds_nobody_creates_rooms() {
    let host = Host::start().await;
    for target in [Target::Create(named("x")), Target::FindOrCreate(Creation { kind: Some("x".into()), ..named("x") })]
    {
        assert_eq!(host.refused("ada", target).await.0, ErrorCode::CreateRefused);
    }
    host.stop().await;
}

#[derive(Clone, Copy)]
struct Broken;

impl Game for Broken {
    type Input = Nothing;

    fn setup(&self, _: &mut Setup<'_>) {
        panic!("the author erred");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_that_can_not_be_set_up_is_refused_and_hinders_no_other() {
    let plan = |_: &Creation| -> Result<Plan<Dots>, Refusal> { panic!("the author erred") };
    let host = start(creative().kind("broken", any(Broken)).kind("unplanned", plan)).await;
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    for kind in ["broken", "unplanned"] {
        let creation = Creation { kind: Some(kind.into()), ..Creation::default() };
        raw.join_to(Target::FindOrCreate(creation), Role::Player, None).await;
        assert_eq!(raw.error().await, ErrorCode::CreateRefused);
    }
    raw.join_to(Target::FindOrCreate(Creation::default()), Role::Player, None).await;
    raw.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedder_opens_a_room_with_options() {
    let host = Host::start().await;
    let options = RoomOptions {
        kind: "duel".into(),
        labels: labels(&[("map", "moon")]),
        metadata: "m".into(),
        ..RoomOptions::default()
    };
    let plan = || Plan { room: options.clone(), ..Plan::of(Dots) };
    let opened = host.relay.open_as("duel", plan()).expect("the name is free");
    assert_eq!(opened.listing().labels, options.labels);
    assert_eq!(host.relay.open_as("duel", plan()).err(), Some(OpenError::Taken("duel".into())));
    assert_eq!(host.relay.open_as("", plan()).err(), Some(OpenError::Name));
    host.raw().await.enter_to("ada", room("duel")).await;
    assert_eq!(host.relay.rooms().iter().map(|room| room.name().to_owned()).collect::<Vec<_>>(), ["duel", "lobby"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_come_at_once_meet() {
    let host = start(creative()).await;
    let wanted = Creation { kind: Some("dots".into()), labels: labels(&[("mode", "duel")]), ..Creation::default() };
    let mut all = Vec::new();
    for name in ["ada", "bob", "cy", "di"] {
        let mut raw = host.raw().await;
        raw.auth(name).await;
        raw.accepted().await;
        all.push(raw);
    }
    for raw in &mut all {
        raw.join_to(Target::FindOrCreate(wanted.clone()), Role::Player, None).await;
    }
    let mut rooms = Vec::new();
    for raw in &mut all {
        rooms.push(raw.welcome().await.room);
    }
    assert!(rooms.iter().all(|room| *room == rooms[0]), "{rooms:?}");
    // Who wants something else is elsewhere.
    let other = Creation { labels: labels(&[("mode", "race")]), ..wanted };
    assert_ne!(host.raw().await.enter_to("ed", Target::FindOrCreate(other)).await.room, rooms[0]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_room_holds_meet_in_several() {
    let host = start(creative()).await;
    let mut all = Vec::new();
    for name in ["ada", "bob", "cy", "di"] {
        let mut raw = host.raw().await;
        raw.auth(name).await;
        raw.accepted().await;
        all.push(raw);
    }
    for raw in &mut all {
        let wanted = Creation { kind: Some("dots".into()), seats: Some(2), ..Creation::default() };
        raw.join_to(Target::FindOrCreate(wanted), Role::Player, None).await;
    }
    for raw in &mut all {
        raw.welcome().await;
    }
    host.settles(|relay| relay.stats().rooms.iter().filter(|room| room.kind == "dots").all(|room| room.players == 2))
        .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_room_is_found_by_its_code_alone() {
    let host = start(creative()).await;
    let creation = Creation { private: true, ..named("den") };
    let mut ada = host.raw().await;
    let den = ada.enter_to("ada", Target::Create(creation.clone())).await;
    let code = den.code.clone().expect("a private room has a code");
    assert_eq!(host.refused("bob", room("den")).await.0, ErrorCode::RoomNotFound);
    assert_eq!(host.refused("bob", Target::Code("AAAAAA".into())).await.0, ErrorCode::RoomNotFound);
    let wanted = Wanted { kind: Some("salon".into()), ..Wanted::default() };
    assert_eq!(host.refused("bob", Target::Find(wanted)).await.0, ErrorCode::RoomNotFound);
    let elsewhere = Creation { name: None, private: false, ..creation };
    assert_ne!(host.raw().await.enter_to("bob", Target::FindOrCreate(elsewhere)).await.room, "den");
    let mut cy = host.raw().await;
    let welcome = cy.enter_to("cy", Target::Code(code.clone())).await;
    assert_eq!((welcome.room.as_str(), welcome.code), ("den", Some(code)));
    // Who was in it comes back to it by the token.
    comes_back(ada, &host, "ada", &den).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_token_opens_no_private_room() {
    let host = start(creative()).await;
    let creation = Creation { private: true, ..named("den") };
    let mut ada = host.raw().await;
    ada.enter_to("ada", Target::Create(creation)).await;
    for role in [Role::Player, Role::Spectator] {
        let mut mallory = host.raw().await;
        mallory.auth("mallory").await;
        let resume = Resume { token: [7; 16], received: 0 };
        mallory.join_to(room("den"), role, Some(resume)).await;
        assert_eq!(mallory.error().await, ErrorCode::RoomNotFound, "nobody learns that it is there");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_so_many_seats() {
    let host = Host::with(Relay::builder(), SimOptions { seats: 2, ..SimOptions::default() }).await;
    let (mut ada, mut bob) = (host.raw().await, host.raw().await);
    ada.enter("ada").await;
    bob.enter("bob").await;
    assert_eq!(host.refused("cy", room("lobby")).await.0, ErrorCode::RoomFull);
    assert_eq!(host.refused("cy", Target::Find(Wanted::default())).await.0, ErrorCode::RoomNotFound);
    // A seat that is held is taken.
    drop(bob);
    host.settles(|relay| relay.stats().connections == 1).await;
    assert_eq!(host.refused("cy", room("lobby")).await.0, ErrorCode::RoomFull);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_room_lets_in_those_alone_who_have_a_seat() {
    let host = Host::start().await;
    let mut ada = host.raw().await;
    let welcome = ada.enter("ada").await;
    host.room("lobby").lock(true);
    assert!(host.room("lobby").listing().locked);
    assert_eq!(host.refused("bob", room("lobby")).await.0, ErrorCode::RoomLocked);
    assert_eq!(host.refused("bob", Target::Find(Wanted::default())).await.0, ErrorCode::RoomNotFound);
    let _ada = comes_back(ada, &host, "ada", &welcome).await;
    host.room("lobby").lock(false);
    host.raw().await.enter("bob").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_nobody_is_in_goes_and_its_name_is_free() {
    let config = Config { empty_time: Duration::from_millis(200), ..quick() };
    let host = start(creative().config(config)).await;
    let mut ada = host.raw().await;
    let first = ada.enter_to("ada", Target::Create(named("mine"))).await;
    assert_eq!(first.room, "mine");
    ada.say(ClientMessage::Leave).await;
    host.settles(|relay| relay.room("mine").is_none()).await;
    assert!(host.relay.room("lobby").is_some(), "the embedder's stays");
    let again = host.raw().await.enter_to("bob", Target::Create(named("mine"))).await;
    assert_eq!(again.room, "mine");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_seat_keeps_its_room() {
    let config = Config { empty_time: Duration::from_millis(50), ..quick() };
    let host = start(creative().config(config)).await;
    let mut ada = host.raw().await;
    let welcome = ada.enter_to("ada", Target::Create(named("mine"))).await;
    drop(ada);
    tokio::time::sleep(Duration::from_millis(400)).await;
    host.raw().await.come_back("ada", &welcome, 0).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_a_room_is_told_why_it_ends() {
    let host = Host::start().await;
    let (mut ada, mut eve) = (host.raw().await, host.raw().await);
    ada.enter("ada").await;
    eve.enter_as("eve", room("lobby"), Role::Spectator).await;
    let lobby = host.room("lobby");
    lobby.close("the match is over");
    for raw in [&mut ada, &mut eve] {
        assert_eq!(raw.closed_saying().await, (CloseCode::Left, "the match is over".to_owned()));
    }
    assert!(!lobby.is_open());
    assert_eq!(patiently(lobby.occupants()).await, None);
    assert_eq!(patiently(lobby.call(|_| ())).await, None);
    host.relay.open("lobby", Dots, SimOptions::default()).expect("the name is free");
    host.stop().await;
}

/// Takes longer for a tick than there is time.
#[derive(Clone, Copy)]
struct Slow;

impl Game for Slow {
    type Input = Nothing;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.systems(|| std::thread::sleep(Duration::from_millis(50)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_over_budget_closes_alone() {
    let config = Config { over_budget: Duration::from_millis(400), workers: 2, ..Config::default() };
    let host = Host::with_config(config).await;
    let witness = Witness::join(&host).await;
    let slow = host.relay.open("slow", Slow, SimOptions::default()).expect("the name is free");
    let mut ada = host.raw().await;
    ada.enter_to("ada", room("slow")).await;
    assert_eq!(ada.closed_saying().await, (CloseCode::RoomFailed, "the room can't keep its pace".to_owned()));
    assert!(!slow.is_open());
    witness.noticed_nothing().await;
    host.stop().await;
}

//! How players find rooms and each other: by what they want, in the queue, by lists, and by HTTP.

use std::time::Duration;

use serde_json::json;
use tickwire::{
    AuthError, Authenticator, Config, Creation, Door, Grant, Plan, Rate, Relay, RelayBuilder, RoomOptions, SimOptions,
    Verdict, Wanted,
};
use tickwire_protocol::{
    ClientMessage, ErrorCode, ListRooms, Queueing, Role, RoomList, RoomListing, ServerMessage, Target, Welcome,
};
use tickwire_tests::{Dots, Host, Raw, Salon, any, ask, find_place, labels, patiently, quick, room};

fn find(kind: Option<&str>, of: &[(&str, &str)]) -> Target {
    Target::Find(Wanted { kind: kind.map(str::to_owned), labels: labels(of) })
}

fn duel() -> Queueing {
    Queueing { players: 2, ..Queueing::default() }
}

/// A relay whose players create dots, and a room `lobby` of kind `game`.
async fn start(config: Config) -> Host {
    Host::with(creative().config(config), SimOptions::default()).await
}

fn creative() -> RelayBuilder {
    Relay::builder().kind("dots", any(Dots)).kind("salon", any(Salon))
}

fn open(host: &Host, name: &str, seats: u16, of: &[(&str, &str)]) {
    let sim = SimOptions { seats, ..SimOptions::default() };
    let room = RoomOptions { kind: "duel".into(), labels: labels(of), ..RoomOptions::default() };
    host.relay.open_as(name, Plan { sim, room, ..Plan::of(Dots) }).expect("the name is free");
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
    let host = start(Config::default()).await;
    open(&host, "moon", 8, &[("map", "moon"), ("mode", "free")]);
    open(&host, "sun", 8, &[("map", "sun"), ("mode", "free")]);
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
    let host = start(Config::default()).await;
    for (name, seats) in [("a", 8), ("b", 8), ("c", 1)] {
        open(&host, name, seats, &[]);
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
    let host = start(Config::default()).await;
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
    let host = start(config).await;
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
    let host = start(Config::default()).await;
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
    let host = start(Config { queue_timeout: Duration::from_millis(200), ..Config::default() }).await;
    let mut ada = waiting(&host, "ada", duel()).await;
    assert_eq!(ada.error().await, ErrorCode::TimedOut);
    host.settles(|relay| relay.stats().queued == 0).await;
    ada.join("lobby", None).await;
    ada.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hears_a_channel_waits_no_longer_for_that() {
    let host = start(Config { queue_timeout: Duration::from_millis(200), ..quick() }).await;
    let mut ada = guest(&host, "ada").await;
    ada.subscribe(tickwire_protocol::Scope::Relay, "news").await;
    ada.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.error().await, ErrorCode::TimedOut);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_waits_instead_of_the_connection_that_was_lost() {
    let host = start(Config::default()).await;
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
async fn a_match_that_can_not_be_is_refused() {
    let host = start(Config::default()).await;
    let mut ada = guest(&host, "ada").await;
    ada.join_to(Target::Queue(Queueing { kind: Some("chess".into()), ..duel() }), Role::Player, None).await;
    assert_eq!(ada.error().await, ErrorCode::CreateRefused);
    ada.join_to(Target::Queue(duel()), Role::Spectator, None).await;
    assert_eq!(ada.error().await, ErrorCode::Invalid);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rooms_are_listed_once() {
    let host = start(Config::default()).await;
    open(&host, "moon", 8, &[("map", "moon")]);
    open(&host, "sun", 8, &[("map", "sun")]);
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
    let host = start(Config::default()).await;
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
    let host = start(Config::default()).await;
    open(&host, "moon", 8, &[]);
    let mut ada = guest(&host, "ada").await;
    let wanted = Wanted { kind: Some("duel".into()), ..Wanted::default() };
    ada.say(ClientMessage::ListRooms(ListRooms { id: None, wanted, live: true })).await;
    assert_eq!(names(&rooms(&mut ada).await.rooms), ["moon"]);
    let mut bob = host.raw().await;
    bob.enter_to("bob", room("moon")).await;
    let changed = rooms(&mut ada).await;
    assert_eq!((changed.whole, names(&changed.rooms), changed.rooms[0].players), (false, vec!["moon"], 1));
    host.room("moon").close("over");
    open(&host, "sun", 8, &[]);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_found_by_http_is_kept() {
    let host = Host::with(creative(), SimOptions { seats: 1, ..SimOptions::default() }).await;
    let answer = find_place(host.addr, "ada", json!({"room": "lobby"})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"room": "lobby", "code": null, "reserved_ms": 15000})));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert_eq!(host.room("lobby").listing().players, 1);
    let mut bob = guest(&host, "bob").await;
    bob.join("lobby", None).await;
    assert_eq!(bob.error().await, ErrorCode::RoomFull);
    assert_eq!(find_place(host.addr, "ada", json!({"room": "lobby"})).await.status, 200, "the same is no second one");
    host.room("lobby").lock(true);
    host.raw().await.enter("ada").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_nobody_comes_for_is_free_again() {
    let config = Config { reservation: Duration::from_millis(300), ..Config::default() };
    let host = Host::with(creative().config(config), SimOptions { seats: 1, ..SimOptions::default() }).await;
    assert_eq!(find_place(host.addr, "ada", json!({"room": "lobby"})).await.status, 200);
    host.settles(|relay| relay.stats().rooms[0].players == 0).await;
    let bob = host.raw().await.enter_to("bob", find(None, &[])).await;
    assert_eq!(bob.room, "lobby");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_created_and_matched_by_http() {
    let host = start(Config::default()).await;
    let created = find_place(host.addr, "ada", json!({"create": {"kind": "dots", "private": true}})).await.json();
    let code = created["code"].as_str().expect("a private room has a code").to_owned();
    let welcome: Box<Welcome> = host.raw().await.enter_to("ada", Target::Code(code)).await;
    assert_eq!(Some(welcome.room.as_str()), created["room"].as_str());
    let place = async |token: &'static str| find_place(host.addr, token, json!({"queue": {"players": 2}})).await.json();
    let (ada, bob) = tokio::join!(place("ada"), place("bob"));
    assert!(ada["room"].is_string() && ada == bob, "{ada} {bob}");
    let met = find_place(host.addr, "cy", json!({"find_or_create": {"kind": "salon"}})).await.json();
    assert_eq!(find_place(host.addr, "di", json!({"find": {"kind": "salon"}})).await.json()["room"], met["room"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_fills_up_meanwhile_is_not_the_only_one_by_http() {
    let host = start(Config::default()).await;
    let wanted = json!({"find_or_create": {"kind": "dots", "seats": 1}});
    let place = async |token: &'static str| find_place(host.addr, token, wanted.clone()).await;
    let (ada, bob, cy) = tokio::join!(place("ada"), place("bob"), place("cy"));
    assert_eq!([ada.status, bob.status, cy.status], [200; 3], "{ada:?} {bob:?} {cy:?}");
    host.stop().await;
}

/// Every token is one for the lobby, but `nobody`, which is none, and `later`, which nobody knows of now.
struct ForTheLobby;

impl Authenticator for ForTheLobby {
    fn authenticate(&self, token: &str, _: Door) -> Verdict {
        let player = tickwire::Player { id: token.into(), name: token.into() };
        Box::pin(std::future::ready(match token {
            "nobody" => Err(AuthError::Refused),
            "later" => Err(AuthError::Unavailable),
            _ => Ok(Grant { player, room: Some("lobby".into()) }),
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_by_http_have_their_status_and_say_why() {
    let relay = creative().authenticator(ForTheLobby).config(Config { rooms: 2, ..Config::default() });
    let host = Host::with(relay, SimOptions { seats: 1, ..SimOptions::default() }).await;
    open(&host, "attic", 8, &[]);
    let lobby = json!({"room": "lobby"});
    host.raw().await.enter("ada").await;
    for (token, target, status, code) in [
        ("bob", json!({"room": 7}), 400, "INVALID"),
        ("bob", json!({"queue": {"players": 0}}), 400, "INVALID"),
        ("bob", json!("x".repeat(5000)), 400, "INVALID"),
        ("nobody", lobby.clone(), 401, "FORBIDDEN"),
        ("later", lobby.clone(), 503, "BUSY"),
        ("bob", json!({"room": "attic"}), 403, "FORBIDDEN"),
        ("bob", lobby.clone(), 409, "ROOM_FULL"),
    ] {
        let answer = find_place(host.addr, token, target).await;
        let reply = answer.json();
        assert_eq!((answer.status, reply["code"].as_str()), (status, Some(code)), "{reply}");
        assert!(reply["message"].as_str().is_some_and(|words| !words.is_empty()), "{reply}");
    }
    assert_eq!(ask(host.addr, "POST /match", &[], &lobby.to_string()).await.status, 401, "no token");
    assert_eq!(ask(host.addr, "GET /match", &[], "").await.status, 405);
    assert_eq!(host.relay.stats().refused.get(&ErrorCode::Invalid), Some(&3));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_404_by_http_and_what_can_not_be_created_409() {
    let host = Host::start().await;
    for (target, status, code) in [
        (json!({"room": "attic"}), 404, "ROOM_NOT_FOUND"),
        (json!({"code": "AAAAAA"}), 404, "ROOM_NOT_FOUND"),
        (json!({"find": {"kind": "chess"}}), 404, "ROOM_NOT_FOUND"),
        (json!({"create": {}}), 409, "CREATE_REFUSED"),
    ] {
        let answer = find_place(host.addr, "ada", target).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)));
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banned_player_finds_no_place_by_http() {
    let host = Host::start().await;
    host.room("lobby").ban("ada", "no");
    let answer = find_place(host.addr, "ada", json!({"room": "lobby"})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("BANNED")));
    host.stop().await;
}

/// Several requests over one connection; the last answer.
async fn over_one_connection(host: &Host, request: &str, times: usize) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(host.addr).await.expect("the relay listens");
    let (last, others) = (request.replace("keep-alive", "close"), request.repeat(times - 1));
    stream.write_all(format!("{others}{last}").as_bytes()).await.expect("the relay reads");
    let mut answers = String::new();
    patiently(stream.read_to_string(&mut answers)).await.expect("the answers are text");
    answers.rsplit("HTTP/1.1 ").next().expect("there is a last one").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_429_by_http() {
    let slow = Rate { per_second: 1, burst: 2 };
    let host = start(Config { joins: slow, lookups: slow, ..Config::default() }).await;
    let body = r#"{"room":"lobby"}"#;
    let length = body.len();
    for request in [
        "GET /rooms HTTP/1.1\r\nhost: relay\r\nconnection: keep-alive\r\n\r\n".to_owned(),
        format!(
            "POST /match HTTP/1.1\r\nhost: relay\r\nconnection: keep-alive\r\nauthorization: Bearer ada\r\n\
             content-length: {length}\r\n\r\n{body}"
        ),
    ] {
        let answer = over_one_connection(&host, &request, 3).await;
        assert!(
            answer.starts_with("429") && answer.contains("RATE_LIMITED") && answer.contains("retry_ms"),
            "{answer}"
        );
    }
    assert_eq!(host.relay.stats().refused.get(&ErrorCode::RateLimited), Some(&2));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_by_http_bar_their_address() {
    let config = Config { exempt_loopback: false, address_failures: 2, ..Config::default() };
    let host = start(config).await;
    for status in [401, 401, 429] {
        assert_eq!(find_place(host.addr, "<nobody>", json!({"room": "lobby"})).await.status, status);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rooms_are_listed_by_http() {
    let host = start(Config::default()).await;
    open(&host, "moon", 8, &[("map", "dark moon")]);
    let names = async |query: &str| {
        let answer = ask(host.addr, &format!("GET /rooms{query}"), &[], "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let rooms: Vec<RoomListing> = serde_json::from_str(&answer.body).expect("a list");
        rooms.into_iter().map(|room| room.name).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["lobby", "moon"]);
    assert_eq!(names("?kind=duel").await, ["moon"]);
    assert_eq!(names("?label=map:dark+moon").await, ["moon"]);
    assert_eq!(names("?kind=game&label=map:dark+moon").await, [""; 0]);
    assert_eq!(ask(host.addr, "GET /rooms?page=2", &[], "").await.status, 400);
    assert_eq!(ask(host.addr, "POST /rooms", &[], "").await.status, 405);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_listed_origins_may_ask_by_http_and_others_not() {
    let host = start(Config { origins: vec!["https://game.example".into()], ..Config::default() }).await;
    let (good, evil) = ("origin: https://game.example", "origin: https://evil.example");
    for (what, status) in [("OPTIONS /match", 204), ("GET /rooms", 200)] {
        let answer = ask(host.addr, what, &[good], "").await;
        assert_eq!(answer.status, status);
        assert!(answer.head.contains("access-control-allow-origin: https://game.example"), "{}", answer.head);
        assert!(answer.head.contains("access-control-allow-headers: authorization"), "{}", answer.head);
        let answer = ask(host.addr, what, &[evil], "").await;
        assert!(answer.status == 403 && !answer.head.contains("access-control"), "{}", answer.head);
    }
    let body = json!({"room": "lobby"}).to_string();
    let token = "authorization: Bearer ada";
    assert_eq!(ask(host.addr, "POST /match", &[good, token], &body).await.status, 200);
    assert_eq!(ask(host.addr, "POST /match", &[evil, token], &body).await.status, 403);
    assert_eq!(ask(host.addr, "POST /match", &["origin: http://relay", token], &body).await.status, 200, "its own");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_a_room_leads_nowhere_else() {
    let host = Host::with(creative().authenticator(ForTheLobby), SimOptions::default()).await;
    let mut ada = guest(&host, "ada").await;
    for target in [
        room("attic"),
        find(None, &[]),
        Target::FindOrCreate(Creation::default()),
        Target::Create(Creation::default()),
        Target::Code("AAAAAA".into()),
    ] {
        ada.join_to(target, Role::Player, None).await;
        assert_eq!(ada.error().await, ErrorCode::Forbidden);
    }
    assert_eq!(find_place(host.addr, "ada", json!({"queue": {"players": 1}})).await.status, 403);
    let mut ada = guest(&host, "ada").await;
    ada.join_to(Target::Queue(duel()), Role::Player, None).await;
    assert_eq!(ada.error().await, ErrorCode::Forbidden);
    ada.join("lobby", None).await;
    ada.welcome().await;
    host.stop().await;
}

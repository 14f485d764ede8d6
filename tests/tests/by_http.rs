//! Rooms by HTTP: the list of them, a place that is kept, and who may ask, how often.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tickwire::{
    AuthError, Authenticator, Claims, Config, Door, Grant, JwtKey, JwtTokens, Rate, SimOptions, Verdict, Wanted,
};
use tickwire_protocol::{CloseCode, ErrorCode, RoomListing, Target, Welcome};
use tickwire_tests::{Host, ask, creative, find_place, open_duel, patiently, quick, start_creative};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_was_found_is_kept() {
    let host = Host::with(creative(), SimOptions { seats: 1, ..SimOptions::default() }).await;
    let answer = find_place(host.addr, "ada", json!({"room": "lobby"})).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"room": "lobby", "code": null, "reserved_ms": 15000})));
    assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
    assert_eq!(host.room("lobby").listing().players, 1);
    let mut bob = host.raw().await;
    bob.auth("bob").await;
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
    let bob = host.raw().await.enter_to("bob", Target::Find(Wanted::default())).await;
    assert_eq!(bob.room, "lobby");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_created_and_matched() {
    let host = start_creative(Config::default()).await;
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
async fn a_room_that_fills_up_meanwhile_is_not_the_only_one() {
    let host = start_creative(Config::default()).await;
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
async fn refusals_have_their_status_and_say_why() {
    let relay = creative().authenticator(ForTheLobby).config(Config { rooms: 2, ..Config::default() });
    let host = Host::with(relay, SimOptions { seats: 1, ..SimOptions::default() }).await;
    open_duel(&host, "attic", 8, &[]);
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
        ("Ωmega", lobby.clone(), 409, "ROOM_FULL"),
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
async fn what_is_not_there_is_404_and_what_can_not_be_created_409() {
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
async fn a_banned_player_finds_no_place() {
    let host = Host::start().await;
    host.room("lobby").ban("ada", "no");
    let answer = find_place(host.addr, "ada", json!({"room": "lobby"})).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("BANNED")));
    host.stop().await;
}

/// Two requests at once and then next to none, from whatever address.
fn two() -> Config {
    Config { exempt_loopback: false, address_requests: Rate { per_second: 1, burst: 2 }, ..Config::default() }
}

/// Asks for the list of rooms with these header lines; the status.
async fn listed(host: &Host, headers: &[&str]) -> u16 {
    ask(host.addr, "GET /rooms", headers, "").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_asks_for_so_much_over_however_many_connections() {
    let host = start_creative(two()).await;
    let lobby = json!({"room": "lobby"});
    assert_eq!(listed(&host, &[]).await, 200);
    assert_eq!(find_place(host.addr, "ada", lobby.clone()).await.status, 200);
    for answer in [ask(host.addr, "GET /rooms", &[], "").await, find_place(host.addr, "bob", lobby).await] {
        let reply = answer.json();
        assert_eq!((answer.status, reply["code"].as_str()), (429, Some("RATE_LIMITED")), "{reply}");
        assert!(reply["retry_ms"].as_u64().is_some_and(|wait| (1..=1001).contains(&wait)), "{reply}");
    }
    assert_eq!(host.relay.stats().refused.get(&ErrorCode::RateLimited), Some(&2));
    assert_eq!(ask(host.addr, "GET /healthz", &[], "").await.status, 200, "that is no question for rooms");
    host.raw().await.enter("ada").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_over_one_connection_no_more() {
    let host = start_creative(two()).await;
    let request = |connection: &str| format!("GET /rooms HTTP/1.1\r\nhost: relay\r\nconnection: {connection}\r\n\r\n");
    let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
    let requests = request("keep-alive").repeat(2) + &request("close");
    stream.write_all(requests.as_bytes()).await.expect("the relay reads");
    let mut answers = String::new();
    patiently(stream.read_to_string(&mut answers)).await.expect("the answers are text");
    let statuses: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "200", "429"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_end_on_this_machine_asks_as_often_as_it_likes() {
    let host = start_creative(Config { exempt_loopback: true, ..two() }).await;
    for _ in 0..10 {
        assert_eq!(listed(&host, &[]).await, 200);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_each_address_asks_for_so_much_and_a_forged_one_dodges_nothing() {
    let forged = |index: u8| format!("x-forwarded-for: 192.0.2.{index}");
    let host = start_creative(two()).await;
    assert_eq!([listed(&host, &[&forged(1)]).await, listed(&host, &[&forged(2)]).await], [200; 2]);
    assert_eq!(listed(&host, &[&forged(3)]).await, 429, "this machine is no proxy");
    host.stop().await;

    let proxies = vec!["127.0.0.1".parse().expect("it is an address")];
    let host = start_creative(Config { proxies, ..two() }).await;
    // What the client says itself stands before what the proxy adds, in one line or in several.
    let ada = |index: u8| [forged(index), "x-forwarded-for: 198.51.100.7".to_owned()];
    for (index, status) in [(1, 200), (2, 200), (3, 429)] {
        let [first, second] = ada(index);
        assert_eq!(listed(&host, &[&first, &second]).await, status);
    }
    assert_eq!(listed(&host, &["x-forwarded-for: \u{ff}, 198.51.100.7"]).await, 429, "what is no text hides nobody");
    for (home, status) in [("2001:db8:0:7::1", 200), ("[2001:db8:0:7::2]:4711", 200), ("2001:db8:0:7:8::", 429)] {
        assert_eq!(listed(&host, &[&format!("x-forwarded-for: {home}")]).await, status, "a home is one address");
    }
    for _ in 0..5 {
        assert_eq!(listed(&host, &[]).await, 200, "a proxy that names nobody asks for itself");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_bar_their_address_wherever_they_are_shown() {
    let config = Config { exempt_loopback: false, address_failures: 2, ..Config::default() };
    let host = start_creative(config).await;
    let mut raw = host.raw().await;
    raw.auth("<nobody>").await;
    assert_eq!(raw.closed().await, CloseCode::Unauthorized);
    for status in [401, 429] {
        assert_eq!(find_place(host.addr, "<nobody>", json!({"room": "lobby"})).await.status, status);
    }
    assert_eq!(find_place(host.addr, "ada", json!({"room": "lobby"})).await.status, 429, "a good one is not looked at");
    assert_eq!(listed(&host, &[]).await, 200, "that needs no token");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_wrong_tokens_behind_a_proxy_bars_nobody_else_there() {
    let proxies = vec!["127.0.0.1".parse().expect("it is an address")];
    let host = start_creative(Config { proxies, address_failures: 2, ..Config::default() }).await;
    let body = json!({"room": "lobby"}).to_string();
    let shows = async |token: &str, client: &str| {
        let headers = [format!("authorization: Bearer {token}"), format!("x-forwarded-for: {client}")];
        ask(host.addr, "POST /match", &headers.each_ref().map(String::as_str), &body).await.status
    };
    for status in [401, 401, 429] {
        assert_eq!(shows("<nobody>", "192.0.2.1").await, status);
    }
    assert_eq!(shows("<nobody>", "203.0.113.5, 192.0.2.1").await, 429, "whatever it says of itself");
    assert_eq!(shows("ada", "192.0.2.2").await, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_single_use_is_good_for_a_connection_afterwards() {
    let key = JwtKey::hs256(b"a secret of thirty-two bytes, ok").expect("it is long enough");
    let host = Host::asking(JwtTokens::of(&key), Config::default()).await;
    let claims = Claims::new("ada", SystemTime::now() + Duration::from_secs(3600)).once();
    let token = key.mint(&claims).expect("the claims are sound");
    for _ in 0..2 {
        assert_eq!(find_place(host.addr, &token, json!({"room": "lobby"})).await.status, 200);
    }
    host.raw().await.enter(&token).await;
    assert_eq!(find_place(host.addr, &token, json!({"room": "lobby"})).await.status, 401, "it is used up");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_comes_is_not_waited_for() {
    let host = start_creative(quick()).await;
    let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
    let head = "POST /match HTTP/1.1\r\nhost: relay\r\nauthorization: Bearer ada\r\ncontent-length: 20\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("the relay reads");
    let mut answer = String::new();
    patiently(stream.read_to_string(&mut answer)).await.expect("the answer is text");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("too slow"), "{answer}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_with_a_good_token_makes_way_for_no_silent_ones() {
    let host = start_creative(Config { unauthenticated: 2, ..Config::default() }).await;
    let wanted = || json!({"queue": {"players": 2}});
    let others = async {
        host.settles(|relay| relay.stats().queued == 1).await;
        let mut silent = Vec::new();
        for _ in 0..6 {
            silent.push(TcpStream::connect(host.addr).await.expect("the relay listens"));
        }
        find_place(host.addr, "bob", wanted()).await
    };
    let (ada, bob) = tokio::join!(find_place(host.addr, "ada", wanted()), others);
    assert_eq!((ada.status, bob.status), (200, 200));
    assert_eq!(ada.json()["room"], bob.json()["room"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rooms_are_listed() {
    let host = start_creative(Config::default()).await;
    open_duel(&host, "moon", 8, &[("map", "dark moon")]);
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
async fn pages_of_listed_origins_may_ask_and_others_not() {
    let host = start_creative(Config { origins: vec!["https://game.example".into()], ..Config::default() }).await;
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

//! Who may play: by signed tokens, by a token in the URL, and not at all.

use std::time::{Duration, SystemTime};

use tickwire::{Claims, Config, Creation, JwtKey, JwtTokens, SimOptions, Target, Wanted};
use tickwire_protocol::{CloseCode, ErrorCode, Queueing, Role};
use tickwire_tests::{Dots, Host, Raw, Witness, find_place};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn secret() -> JwtKey {
    JwtKey::hs256(b"a secret of thirty-two bytes, ok").expect("it is long enough")
}

/// Good for an hour, or for an hour that is over.
fn claims(player: &str) -> Claims {
    Claims::new(player, SystemTime::now() + Duration::from_secs(3600))
}

fn mint(key: &JwtKey, claims: Claims) -> String {
    key.mint(&claims).expect("the claims are sound")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_lets_in() {
    let pair = JwtKey::new_pair();
    let private = JwtKey::ed25519(pair.private.as_bytes()).expect("it is a key");
    let public = JwtTokens::ed25519(pair.public.as_bytes()).expect("it is a key");
    for (key, tokens) in [(secret(), JwtTokens::of(&secret())), (private, public)] {
        let host = Host::asking(tokens, Config::default()).await;
        let token = mint(&key, Claims { name: Some("Ada L.".into()), ..claims("ada") });
        let mut raw = host.raw().await;
        raw.auth(&token).await;
        assert_eq!(raw.accepted().await, "Ada L.");
        raw.join("lobby", None).await;
        raw.welcome().await;
        host.player(&mint(&key, claims("bob"))).await;
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_a_room_opens_no_other() {
    let host = Host::asking(JwtTokens::of(&secret()), Config::default()).await;
    host.relay.open("attic", Dots, SimOptions::default()).expect("there is none of that name");
    let mut raw = host.raw().await;
    raw.auth(&mint(&secret(), Claims { room: Some("attic".into()), ..claims("ada") })).await;
    raw.join("lobby", None).await;
    assert_eq!(raw.error().await, ErrorCode::Forbidden);
    raw.join("attic", None).await;
    assert_eq!(raw.welcome().await.room, "attic");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_leads_nowhere_else_however_one_asks() {
    let host = Host::asking(JwtTokens::of(&secret()), Config::default()).await;
    let token = mint(&secret(), Claims { room: Some("lobby".into()), ..claims("ada") });
    for target in [
        Target::Room("attic".into()),
        Target::Find(Wanted::default()),
        Target::FindOrCreate(Creation::default()),
        Target::Create(Creation::default()),
        Target::Code("AAAAAA".into()),
        Target::Queue(Queueing { players: 2, ..Queueing::default() }),
    ] {
        // Whether a code is another room's, who guesses one shall not learn.
        let (refused, status) = match target {
            Target::Code(_) => (ErrorCode::RoomNotFound, 404),
            _ => (ErrorCode::Forbidden, 403),
        };
        let mut ada = host.raw().await;
        ada.auth(&token).await;
        ada.join_to(target.clone(), Role::Player, None).await;
        assert_eq!(ada.error().await, refused, "{target:?}");
        let target = serde_json::to_value(&target).expect("a target is JSON");
        assert_eq!(find_place(host.addr, &token, target.clone()).await.status, status, "{target}");
    }
    host.raw().await.enter(&token).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_good_token_is_told_and_nobody_else_notices() {
    let host = Host::asking(JwtTokens::of(&secret()), Config::default()).await;
    let witness = Witness::join_with(&host, &mint(&secret(), claims("witness"))).await;
    let now = claims("ada").expires - 3600;
    let other = JwtKey::hs256(b"another secret of 32 bytes, also").expect("it is long enough");
    for (token, told) in [
        (mint(&secret(), Claims { expires: now - 60, ..claims("ada") }), "the token has expired"),
        (mint(&secret(), Claims { not_before: Some(now + 600), ..claims("ada") }), "the token is not valid yet"),
        (mint(&other, claims("ada")), "the token was refused"),
        ("ada".to_owned(), "the token was refused"),
        ("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjFlMzAwfQ.".to_owned(), "the token was refused"),
    ] {
        let mut raw = host.raw().await;
        raw.auth(&token).await;
        assert_eq!(raw.closed_saying().await, (CloseCode::Unauthorized, told.to_owned()));
    }
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_single_use_opens_one_connection_of_many_at_once() {
    let host = Host::asking(JwtTokens::of(&secret()), Config::default()).await;
    let token = mint(&secret(), claims("ada").once());
    let mut raws = Vec::new();
    for _ in 0..8 {
        let mut raw = host.raw().await;
        raw.auth(&token).await;
        raws.push(raw);
    }
    let mut inside = Vec::new();
    for mut raw in raws {
        match raw.verdict().await {
            Ok(_) => inside.push(raw),
            Err(end) => assert_eq!(end, (CloseCode::Unauthorized, "the token was used before".to_owned())),
        }
    }
    assert_eq!(inside.len(), 1);
    inside[0].join("lobby", None).await;
    inside[0].welcome().await;
    host.stop().await;
}

async fn upgraded(host: &Host, path: &str) -> Raw {
    Raw::over(TcpStream::connect(host.addr).await.expect("the relay listens"), path).await
}

/// The answer to a request for a WebSocket, as far as it comes at once.
async fn answer(host: &Host, path: &str) -> String {
    let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: tickwire.v1\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the relay reads");
    let mut answer = Vec::new();
    while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_millis(300), stream.read_buf(&mut answer)).await {}
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_url_is_taken_where_that_is_switched_on() {
    let config = Config { url_tokens: true, exempt_loopback: false, ..Config::default() };
    let host = Host::asking(JwtTokens::of(&secret()), config).await;
    let path = format!("/?room=lobby&token={}", mint(&secret(), claims("ada")));
    let mut raw = upgraded(&host, &path).await;
    assert_eq!(raw.accepted().await, "ada");
    raw.join("lobby", None).await;
    raw.welcome().await;

    let mut raw = upgraded(&host, &path).await;
    raw.auth(&mint(&secret(), claims("bob"))).await;
    let (code, told) = raw.closed_saying().await;
    assert_eq!((code, told.as_str()), (CloseCode::Malformed, "one token is enough"));

    let mut raw = upgraded(&host, "/").await;
    raw.auth(&mint(&secret(), claims("bob"))).await;
    assert_eq!(raw.accepted().await, "bob", "it need not be there");

    for _ in 0..5 {
        assert_eq!(upgraded(&host, "/?token=wrong").await.closed().await, CloseCode::Unauthorized);
    }
    let answer = answer(&host, "/?token=wrong").await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.ends_with("too many wrong tokens from this address\n"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_url_is_refused_where_it_is_not() {
    let host = Host::asking(JwtTokens::of(&secret()), Config::default()).await;
    let told = answer(&host, &format!("/?token={}", mint(&secret(), claims("ada")))).await;
    assert!(
        told.starts_with("HTTP/1.1 400") && told.contains("not taken here: send it as the first message"),
        "{told}"
    );
    let told = answer(&host, "/?room=lobby").await;
    assert!(told.starts_with("HTTP/1.1 101"), "{told}");
    host.stop().await;
}

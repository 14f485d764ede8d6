//! Who may play: by signed tokens, by a service, by a token in the URL, and not at all.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tickwire::{Authenticator, Claims, Config, JwtKey, JwtTokens, Relay, SimOptions, Webhook};
use tickwire_protocol::{CloseCode, ErrorCode};
use tickwire_tests::{Dots, Host, Raw, Witness, quick};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A relay that asks for tokens.
async fn asking(authenticator: impl Authenticator, config: Config) -> Host {
    Host::with(Relay::builder().config(config).authenticator(authenticator), SimOptions::default()).await
}

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
        let host = asking(tokens, Config::default()).await;
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
    let host = asking(JwtTokens::of(&secret()), Config::default()).await;
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
async fn who_has_no_good_token_is_told_and_nobody_else_notices() {
    let host = asking(JwtTokens::of(&secret()), Config::default()).await;
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
    let host = asking(JwtTokens::of(&secret()), Config::default()).await;
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

/// How a service answers: with these bytes, or never.
type Answer = Option<String>;

/// A service that is asked about tokens.
struct Service {
    url: String,
    /// What it was asked: whole requests.
    asked: Arc<Mutex<Vec<String>>>,
    /// The most that it was asked at once.
    most: Arc<AtomicUsize>,
}

impl Service {
    /// One that takes some time for each answer.
    async fn start(pause: Duration, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}/who?game=dots", listener.local_addr().expect("it is bound"));
        let (asked, most): (Arc<Mutex<Vec<String>>>, Arc<AtomicUsize>) = Default::default();
        let (answer, open) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        tokio::spawn({
            let (asked, most) = (asked.clone(), most.clone());
            async move {
                loop {
                    let (mut stream, _) = listener.accept().await.expect("the listener is sound");
                    let (asked, most, answer, open) = (asked.clone(), most.clone(), answer.clone(), open.clone());
                    tokio::spawn(async move {
                        most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let question = question(&mut stream).await;
                        let answer = answer(&question);
                        asked.lock().expect("nothing panics").push(question);
                        tokio::time::sleep(pause).await;
                        open.fetch_sub(1, Ordering::SeqCst);
                        match answer {
                            Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
                            None => std::future::pending().await,
                        }
                    });
                }
            }
        });
        Self { url, asked, most }
    }

    fn webhook(&self) -> Webhook {
        Webhook::new(&self.url).expect("it is a URL")
    }
}

/// A whole request: its head, and as much of a body as that says.
async fn question(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).await.expect("the relay asks");
        text += std::str::from_utf8(&bytes[..read]).expect("it is text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("it has a body");
        if body.len() >= length.parse().expect("it is a number") {
            return text;
        }
    }
}

fn http(status: u16, body: &str) -> Answer {
    Some(format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_lets_in_whom_it_knows() {
    let service = Service::start(Duration::ZERO, |question| match question {
        _ if question.contains(r#""token":"of ada""#) => {
            http(200, r#"{"id":"7","name":"Ada L.","room":null,"age":36}"#)
        }
        _ if question.contains(r#""token":"of bob""#) => http(200, r#"{"id":"bob","room":"attic"}"#),
        _ => http(401, ""),
    });
    let service = service.await;
    let webhook = service.webhook().secret("between-us").expect("it can stand in a header");
    let host = asking(webhook, Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("of ada").await;
    assert_eq!(raw.accepted().await, "Ada L.");
    raw.join("lobby", None).await;
    raw.welcome().await;
    let asked = service.asked.lock().expect("nothing panics")[0].to_lowercase();
    assert!(asked.starts_with("post /who?game=dots http/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("authorization: bearer between-us\r\n") && asked.contains("content-type: application/json\r\n")
    );
    assert!(asked.ends_with("\r\n\r\n{\"token\":\"of ada\",\"door\":\"socket\"}"), "{asked}");

    let mut raw = host.raw().await;
    raw.auth("of bob").await;
    assert_eq!(raw.accepted().await, "bob", "without a name it is the id");
    raw.join("lobby", None).await;
    assert_eq!(raw.error().await, ErrorCode::Forbidden);
    let mut raw = host.raw().await;
    raw.auth("of eve").await;
    assert_eq!(raw.closed_saying().await, (CloseCode::Unauthorized, "the token was refused".into()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_says_is_looked_at() {
    let many = format!(r#"{{"id":"{}"}}"#, "a".repeat(20_000));
    let long = format!(r#"{{"id":"{}"}}"#, "a".repeat(129));
    let cases = [
        (http(401, "no"), CloseCode::Unauthorized),
        (http(403, r#"{"id":"ada"}"#), CloseCode::Unauthorized),
        (http(500, r#"{"id":"ada"}"#), CloseCode::Overloaded),
        (http(302, r#"{"id":"ada"}"#), CloseCode::Overloaded),
        (http(204, ""), CloseCode::Overloaded),
        (http(200, ""), CloseCode::Overloaded),
        (http(200, "ada"), CloseCode::Overloaded),
        (http(200, r#"{"name":"ada"}"#), CloseCode::Overloaded),
        (http(200, r#"{"id":7}"#), CloseCode::Overloaded),
        (http(200, r#"{"id":""}"#), CloseCode::Overloaded),
        (http(200, r#"{"id":"ada","name":"a\nb"}"#), CloseCode::Overloaded),
        (http(200, r#"{"id":"ada","room":""}"#), CloseCode::Overloaded),
        (http(200, r#"{"id":"ada"} {"id":"eve"}"#), CloseCode::Overloaded),
        (http(200, &long), CloseCode::Overloaded),
        (http(200, &many), CloseCode::Overloaded),
        (Some("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\":\"ada\"}".into()), CloseCode::Overloaded),
        (Some(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "a".repeat(40_000))), CloseCode::Overloaded),
        (Some("SSH-2.0-x\r\n".into()), CloseCode::Overloaded),
        (Some(String::new()), CloseCode::Overloaded),
    ];
    let answers: Vec<Answer> = cases.iter().map(|(answer, _)| answer.clone()).collect();
    // The token says which answer is wanted.
    let number = |question: &str| question.split("\"token\":\"").nth(1)?.split('"').next()?.parse::<usize>().ok();
    let service = Service::start(Duration::ZERO, move |question| number(question).and_then(|it| answers[it].clone()));
    let host = asking(service.await.webhook(), Config::default()).await;
    for (index, (answer, code)) in cases.into_iter().enumerate() {
        let mut raw = host.raw().await;
        raw.auth(&index.to_string()).await;
        assert_eq!(raw.closed().await, code, "{answer:?}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_holds_nobody_for_long() {
    let service = Service::start(Duration::ZERO, |_| None).await;
    let host = asking(service.webhook().timeout(Duration::from_millis(100)), Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    assert_eq!(raw.closed_saying().await, (CloseCode::Overloaded, "the token could not be looked up".into()));
    host.stop().await;

    let host = asking(service.webhook(), quick()).await;
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    let (code, told) = raw.closed_saying().await;
    assert_eq!((code, told.as_str()), (CloseCode::TooSlow, "the token could not be looked up in time"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_before_the_verdict() {
    let service = Service::start(Duration::ZERO, |_| None).await;
    let host = asking(service.webhook(), Config::default()).await;
    for step in 0..3 {
        let mut raw = host.raw().await;
        raw.auth("ada").await;
        match step {
            0 => raw.join("lobby", None).await,
            1 => raw.input(1, 1, &[]).await,
            _ => raw.auth("bob").await,
        }
        assert_eq!(raw.closed().await, CloseCode::Malformed);
    }
    assert_eq!(host.relay.stats().rooms[0].sessions, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_asked_so_much_at_once_and_the_others_wait() {
    let service = Service::start(Duration::from_millis(50), |_| http(200, r#"{"id":"ada"}"#)).await;
    let host = asking(service.webhook().lookups(2), Config::default()).await;
    let mut raws = Vec::new();
    for _ in 0..8 {
        let mut raw = host.raw().await;
        raw.auth("ada").await;
        raws.push(raw);
    }
    for mut raw in raws {
        raw.accepted().await;
    }
    assert_eq!(service.most.load(Ordering::SeqCst), 2);
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
    let host = asking(JwtTokens::of(&secret()), config).await;
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
    let host = asking(JwtTokens::of(&secret()), Config::default()).await;
    let told = answer(&host, &format!("/?token={}", mint(&secret(), claims("ada")))).await;
    assert!(
        told.starts_with("HTTP/1.1 400") && told.contains("not taken here: send it as the first message"),
        "{told}"
    );
    let told = answer(&host, "/?room=lobby").await;
    assert!(told.starts_with("HTTP/1.1 101"), "{told}");
    host.stop().await;
}

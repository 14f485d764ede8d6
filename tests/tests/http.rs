//! What the port says to those who speak HTTP: pages, health, and who may become a WebSocket.

use std::time::Duration;

use bytes::Bytes;
use tickwire::{Config, Page, Relay, SimOptions};
use tickwire_protocol::CloseCode;
use tickwire_tests::{Host, patiently, quick, start_creative};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
    sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: tickwire.v1\r\n";

/// Sends a request's head and gives the answer up to where the connection closes or nothing more comes for a while.
async fn ask(host: &Host, head: &str) -> String {
    let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
    stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("the relay reads");
    let mut answer = Vec::new();
    let pause = Duration::from_millis(300);
    while let Ok(Ok(1..)) = tokio::time::timeout(pause, stream.read_buf(&mut answer)).await {}
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

async fn host() -> Host {
    let page = Page { path: "/hello.txt", media_type: "text/plain", body: Bytes::from_static(b"hello") };
    Host::with(Relay::builder().pages([page]), SimOptions::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_health() {
    let host = host().await;
    let answer = ask(&host, "GET /healthz HTTP/1.1\r\nhost: x\r\n").await;
    assert!(status(&answer) == "200" && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    let answer = ask(&host, "GET /hello.txt HTTP/1.1\r\nhost: x\r\n").await;
    assert!(answer.contains("content-type: text/plain") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    let answer = ask(&host, "HEAD /hello.txt HTTP/1.1\r\nhost: x\r\n").await;
    assert!(answer.contains("content-length: 5") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(status(&ask(&host, "GET /../etc/passwd HTTP/1.1\r\nhost: x\r\n").await), "404");
    assert_eq!(status(&ask(&host, "POST /hello.txt HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n").await), "405");
    assert_eq!(status(&ask(&host, "nonsense\r\n").await), "400");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_request_must_be_whole() {
    let host = host().await;
    let answer = ask(&host, UPGRADE).await;
    assert_eq!(status(&answer), "101");
    // The sample handshake of RFC 6455 §1.3.
    assert!(answer.to_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
    assert!(answer.contains("sec-websocket-protocol: tickwire.v1"), "{answer}");
    for (line, without, code) in [
        ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ("sec-websocket-version: 13", "sec-websocket-version: 8", "426"),
        ("tickwire.v1", "chat", "400"),
        ("sec-websocket-protocol: tickwire.v1\r\n", "", "400"),
        ("connection: upgrade\r\n", "", "400"),
        ("upgrade: websocket", "upgrade: h2c", "400"),
        ("GET", "POST", "400"),
    ] {
        let answer = ask(&host, &UPGRADE.replace(line, without)).await;
        assert_eq!(status(&answer), code, "{line} → {without}: {answer}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_may_not_connect_unless_listed() {
    let config = Config { origins: vec!["https://game.example".into()], ..Config::default() };
    let host = Host::with_config(config).await;
    let from = async |origin: &str| {
        let answer = ask(&host, &format!("{UPGRADE}origin: {origin}\r\n")).await;
        status(&answer).to_owned()
    };
    assert_eq!(from("http://relay").await, "101", "its own");
    assert_eq!(from("https://game.example").await, "101", "a listed one");
    assert_eq!(from("https://evil.example").await, "403");
    for other in ["null", "http://relay:81", "http://relay.evil.example", "http://evil.example/relay", "relay", ""] {
        assert_eq!(from(other).await, "403", "{other}");
    }
    let nowhere = format!("{}origin: http://relay\r\n", UPGRADE.replace("host: relay\r\n", ""));
    assert_eq!(status(&ask(&host, &nowhere).await), "403", "who does not say where it goes goes nowhere of its own");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_show_no_token_crowd_out_nobody_who_has() {
    let config = Config { unauthenticated: 4, handshake_timeout: Duration::from_secs(2), ..quick() };
    let host = Host::with_config(config).await;
    let mut player = host.player("ada").await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(host.addr).await.expect("the relay listens"));
    }
    // One more is closed at once.
    let mut refused = TcpStream::connect(host.addr).await.expect("the system accepts");
    let closed = patiently(refused.read(&mut [0; 16])).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    for _ in 0..5 {
        patiently(player.next()).await.expect("the player stays").expect("the player has not left");
    }
    // Time frees the places.
    drop(silent);
    host.player("bob").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_pages_without_end_is_ended() {
    let config = Config { http_timeout: Duration::from_millis(600), ..quick() };
    let host = Host::with_config(config).await;
    let mut busy = TcpStream::connect(host.addr).await.expect("the relay listens");
    let answers = patiently(async {
        let mut answers = 0;
        while busy.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.is_ok() {
            match busy.read(&mut [0; 512]).await {
                Ok(1..) => answers += 1,
                _ => break,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        answers
    });
    assert!(answers.await > 1, "it was served before");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_once_and_stays_is_ended() {
    let host = Host::with_config(Config { http_timeout: Duration::from_millis(600), ..quick() }).await;
    let mut idle = TcpStream::connect(host.addr).await.expect("the relay listens");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("the relay reads");
    let mut answer = String::new();
    patiently(idle.read_to_string(&mut answer)).await.expect("the relay ends it");
    assert!(status(&answer) == "200" && answer.ends_with("ok\n"), "{answer}");
    host.settles(|relay| relay.stats().connections == 0).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_before_the_end_is_answered() {
    let host = start_creative(Config { http_timeout: Duration::from_secs(2), ..Config::default() }).await;
    let mut late = TcpStream::connect(host.addr).await.expect("the relay listens");
    late.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("the relay reads");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // Nobody else comes: the wait ends after half of what a connection may last, which is after its end.
    let target = r#"{"queue":{"players":2}}"#;
    let head =
        format!("POST /match HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ada\r\ncontent-length: {}", target.len());
    late.write_all(format!("{head}\r\n\r\n{target}").as_bytes()).await.expect("the relay reads");
    let mut answers = String::new();
    patiently(late.read_to_string(&mut answers)).await.expect("the relay ends it");
    assert!(answers.contains("HTTP/1.1 408") && answers.contains("TIMED_OUT"), "{answers}");
    host.stop().await;
}

/// Limits by address that hold for this machine, too.
fn by_address() -> Config {
    Config { exempt_loopback: false, address_connections: 3, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections() {
    let host = Host::with_config(by_address()).await;
    let mut players = Vec::new();
    for name in ["ada", "bob", "eve"] {
        players.push(host.player(name).await);
    }
    let mut refused = TcpStream::connect(host.addr).await.expect("the system accepts");
    let closed = patiently(refused.read(&mut [0; 16])).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    players.pop();
    host.player("mia").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tokens_bar_their_address() {
    let host = Host::with_config(by_address()).await;
    for _ in 0..5 {
        let mut raw = host.raw().await;
        raw.auth("<no name>").await;
        assert_eq!(raw.closed().await, CloseCode::Unauthorized);
    }
    let answer = ask(&host, UPGRADE).await;
    assert!(status(&answer) == "429" && answer.ends_with("too many wrong tokens from this address\n"), "{answer}");
    assert_eq!(status(&ask(&host, "GET /healthz HTTP/1.1\r\nhost: x\r\n").await), "200", "pages need no token");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_forwarding_header_dodges_nothing_and_a_proxys_counts() {
    let forwarded = |address: &str| format!("{UPGRADE}x-forwarded-for: {address}\r\n");
    let open = async |host: &Host, head: String| {
        let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
        stream.write_all(format!("{head}\r\n").as_bytes()).await.expect("the relay reads");
        let mut answer = [0; 12];
        let read = patiently(stream.read(&mut answer)).await.unwrap_or(0);
        (stream, String::from_utf8_lossy(&answer[..read]).into_owned())
    };
    let host = Host::with_config(by_address()).await;
    let mut streams = Vec::new();
    for index in 0..3 {
        streams.push(open(&host, forwarded(&format!("192.0.2.{index}"))).await);
    }
    let (_, fourth) = open(&host, forwarded("192.0.2.9")).await;
    assert_eq!(fourth, "", "it is this machine that has three already");
    host.stop().await;

    let proxies = vec!["127.0.0.1".parse().expect("it is an address")];
    let host = Host::with_config(Config { proxies, ..by_address() }).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        // What a client writes itself stands before what the proxy adds.
        let (stream, answer) = open(&host, forwarded("198.51.100.7, 192.0.2.1")).await;
        assert_eq!(answer, "HTTP/1.1 101");
        streams.push(stream);
    }
    let (_, fourth) = open(&host, forwarded("203.0.113.5, 192.0.2.1:4711, 127.0.0.1")).await;
    assert_eq!(fourth, "HTTP/1.1 429");
    let (_, other) = open(&host, forwarded("192.0.2.2")).await;
    assert_eq!(other, "HTTP/1.1 101");
    host.stop().await;
}

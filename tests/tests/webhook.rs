//! Players known by a service: what it is asked, what of its answers is believed, and how long they may take; plain and over TLS.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tickwire::{Config, Webhook};
use tickwire_protocol::{CloseCode, ErrorCode};
use tickwire_tests::{Host, quick};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// How a service answers: with these bytes, or never.
type Answer = Option<String>;

/// A service that is asked about tokens.
struct Service {
    url: String,
    desk: Arc<Desk>,
}

/// Where its questions are answered.
struct Desk {
    /// How long each answer takes.
    pause: Duration,
    answer: Box<dyn Fn(&str) -> Answer + Send + Sync>,
    /// What it was asked: whole requests.
    asked: Mutex<Vec<String>>,
    /// Questions that it has now.
    open: AtomicUsize,
    /// The most that it has had at once.
    most: AtomicUsize,
}

impl Service {
    /// One that takes some time for each answer.
    async fn start(pause: Duration, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::begin(None, pause, answer).await
    }

    /// One that speaks TLS.
    async fn over_tls(tls: TlsAcceptor, answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::begin(Some(tls), Duration::ZERO, answer).await
    }

    async fn begin(
        tls: Option<TlsAcceptor>,
        pause: Duration,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let secure = if tls.is_some() { "s" } else { "" };
        let url = format!("http{secure}://{}/who?game=dots", listener.local_addr().expect("it is bound"));
        let (asked, open, most) = Default::default();
        let desk = Arc::new(Desk { pause, answer: Box::new(answer), asked, open, most });
        tokio::spawn({
            let desk = desk.clone();
            async move {
                loop {
                    let (stream, _) = listener.accept().await.expect("the listener is sound");
                    let (desk, tls) = (desk.clone(), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => desk.serve(stream).await,
                            // If not, its certificate was not believed.
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    desk.serve(stream).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self { url, desk }
    }

    fn webhook(&self) -> Webhook {
        Webhook::new(&self.url).expect("it is a URL")
    }

    /// The first question.
    fn first(&self) -> String {
        self.desk.asked.lock().expect("nothing panics")[0].to_lowercase()
    }
}

impl Desk {
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        self.most.fetch_max(self.open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let question = question(&mut stream).await;
        let answer = (self.answer)(&question);
        self.asked.lock().expect("nothing panics").push(question);
        tokio::time::sleep(self.pause).await;
        self.open.fetch_sub(1, Ordering::SeqCst);
        match answer {
            Some(answer) => {
                // The relay may have heard enough. TLS ends without its own last word.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.flush().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// A whole request: its head, and as much of a body as that says.
async fn question(stream: &mut (impl AsyncRead + Unpin)) -> String {
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
    let host = Host::asking(webhook, Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("of ada").await;
    assert_eq!(raw.accepted().await, "Ada L.");
    raw.join("lobby", None).await;
    raw.welcome().await;
    let asked = service.first();
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
    let host = Host::asking(service.await.webhook(), Config::default()).await;
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
    let host = Host::asking(service.webhook().timeout(Duration::from_millis(100)), Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    assert_eq!(raw.closed_saying().await, (CloseCode::Overloaded, "the token could not be looked up".into()));
    host.stop().await;

    let host = Host::asking(service.webhook(), quick()).await;
    let mut raw = host.raw().await;
    raw.auth("ada").await;
    let (code, told) = raw.closed_saying().await;
    assert_eq!((code, told.as_str()), (CloseCode::TooSlow, "the token could not be looked up in time"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_before_the_verdict() {
    let service = Service::start(Duration::ZERO, |_| None).await;
    let host = Host::asking(service.webhook(), Config::default()).await;
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
    let host = Host::asking(service.webhook().lookups(2), Config::default()).await;
    let mut raws = Vec::new();
    for _ in 0..8 {
        let mut raw = host.raw().await;
        raw.auth("ada").await;
        raws.push(raw);
    }
    for mut raw in raws {
        raw.accepted().await;
    }
    assert_eq!(service.desk.most.load(Ordering::SeqCst), 2);
    host.stop().await;
}

/// A service's end of TLS with a certificate for this host that is signed by itself, and the file that has the certificate.
fn certified(host: &str, test: &str) -> (TlsAcceptor, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).expect("it is a name");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}.pem"));
    std::fs::write(&file, made.cert.pem()).expect("tests may write there");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("the provider has them").with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.into()], key).expect("they belong together");
    (TlsAcceptor::from(Arc::new(config)), file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_over_tls_lets_in_whom_it_knows() {
    let (tls, file) = certified("localhost", "webhook-believed");
    let service = Service::over_tls(tls, |question| match question {
        _ if question.contains(r#""token":"of ada""#) => http(200, r#"{"id":"7","name":"Ada L."}"#),
        // Whether this is all of it only the end of TLS would tell, which does not come.
        _ if question.contains(r#""token":"of bob""#) => Some("HTTP/1.1 200 x\r\n\r\n{\"id\":\"bob\"}".into()),
        _ => http(401, ""),
    });
    let service = service.await;
    let url = service.url.replace("127.0.0.1", "localhost");
    let host = Host::asking(Webhook::over_tls(&url, &file).expect("the file is good"), Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("of ada").await;
    assert_eq!(raw.accepted().await, "Ada L.");
    raw.join("lobby", None).await;
    raw.welcome().await;
    let asked = service.first();
    assert!(asked.starts_with("post /who?game=dots http/1.1\r\n") && asked.contains("host: localhost:"), "{asked}");
    for (token, code) in [("of bob", CloseCode::Overloaded), ("of eve", CloseCode::Unauthorized)] {
        let mut raw = host.raw().await;
        raw.auth(token).await;
        assert_eq!(raw.closed().await, code);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_not_to_be_believed_sees_no_token_and_the_player_may_try_again() {
    let (tls, file) = certified("localhost", "webhook-doubted");
    let (_, other) = certified("localhost", "webhook-other");
    let service = Service::over_tls(tls, |_| http(200, r#"{"id":"ada"}"#)).await;
    let named = service.url.replace("127.0.0.1", "localhost");
    let plain = Host::start().await;
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let silent_addr = silent.local_addr().expect("it is bound");
    for (url, authorities, why) in [
        (named.as_str(), &other, "another authority"),
        (service.url.as_str(), &file, "another host's certificate"),
        (&format!("https://localhost:{}/", plain.addr.port()), &file, "no TLS at all"),
        (&format!("https://localhost:{}/", silent_addr.port()), &file, "no word"),
        ("https://localhost:1/", &file, "nobody there"),
    ] {
        let webhook = Webhook::over_tls(url, authorities).expect("the file is good");
        let host = Host::asking(webhook.timeout(Duration::from_secs(1)), Config::default()).await;
        let mut raw = host.raw().await;
        raw.auth("ada").await;
        let told = (CloseCode::Overloaded, "the token could not be looked up".to_owned());
        assert_eq!(raw.closed_saying().await, told, "{why}");
        host.stop().await;
    }
    assert!(CloseCode::Overloaded.retry(), "it may be right in a while");
    assert_eq!(service.desk.asked.lock().expect("nothing panics").len(), 0);
    plain.stop().await;
}

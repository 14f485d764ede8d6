//! TLS on the relay's own port: who plays over it, who does not get through the handshake, and certificates that are renewed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use tickwire::{Config, Tls, TlsError};
use tickwire_client::{Trust, Update};
use tickwire_protocol::CloseCode;
use tickwire_tests::{Go, Host, Position, Raw, Witness, patiently, quick, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;

/// A certificate for this machine and its key, in files of a test's own.
struct Files {
    chain: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        std::fs::create_dir_all(&directory).expect("tests may write there");
        let files = Self { chain: directory.join("chain.pem"), key: directory.join("key.pem") };
        files.renew();
        files
    }

    /// Writes a new certificate and a new key.
    fn renew(&self) {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are good");
        write(&self.chain, &made.cert.pem());
        write(&self.key, &made.signing_key.serialize_pem());
    }

    fn tls(&self) -> Tls {
        Tls::from_files(&self.chain, &self.key).expect("the files are good")
    }

    fn trust(&self) -> Trust {
        Trust::in_file(&self.chain).expect("the file is good")
    }

    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.chain).expect("the file is good")
    }

    async fn host(&self, config: Config) -> Host {
        Host::with_tls(config, self.tls(), self.trust()).await
    }

    /// A connection to `host` that believes this certificate and speaks these protocols.
    async fn connect(&self, host: &Host, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        self.connect_over(TcpStream::connect(host.addr).await.expect("the relay listens"), protocols).await
    }

    async fn connect_over(&self, stream: TcpStream, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate()).expect("the certificate is good");
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").expect("it is a name");
        patiently(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }
}

fn write(file: &Path, content: &str) {
    std::fs::write(file, content).expect("tests may write there");
}

/// Whether the other side has ended, with or without a last word of its TLS.
async fn is_ended(stream: &mut TcpStream) -> bool {
    patiently(stream.read_to_end(&mut Vec::new())).await.is_ok_and(|bytes| bytes < 64)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_is_played_over_tls() {
    let files = Files::new("played");
    let host = files.host(Config::default()).await;
    let mut ada = host.player("ada").await;
    ada.send(&Go { x: 2.0, ..Go::default() }).await.expect("it is in a room");
    until(&mut ada, |ada, _| {
        let (Some(replica), Some(seat)) = (ada.replica(), ada.seat()) else { return false };
        let slot = replica.seat_slot(seat);
        slot.and_then(|slot| replica.get(slot)).is_some_and(|Position { x }| x > 10.0)
    })
    .await;
    assert_eq!((ada.counts().hash_mismatches, ada.counts().resyncs), (0, 0));

    let stream = files.connect(&host, &["h2", "http/1.1"]).await.expect("both speak HTTP/1.1");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let mut raw = Raw::over(stream, "/").await;
    raw.enter("bob").await;
    raw.snapshot().await;
    assert!(files.connect(&host, &["h2"]).await.is_err(), "HTTP/2 alone is not spoken");

    // The end comes with TLS's own: nobody but the relay has ended the stream.
    tokio::join!(host.stop(), async {
        assert_eq!(raw.closed().await, CloseCode::GoingAway);
        raw.ended().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_hears_the_end_of_tls_too() {
    let files = Files::new("leaves");
    let host = files.host(Config::default()).await;
    let mut raw = Raw::over(files.connect(&host, &[]).await.expect("no protocol is HTTP/1.1"), "/").await;
    raw.enter("ada").await;
    raw.socket.close(None).await.expect("it is open");
    raw.ended().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_peer_does_not_take_waits_whole_and_in_order() {
    let files = Files::new("waits");
    let host = files.host(Config { send_buffer: 2048, ..Config::default() }).await;
    let narrow = TcpSocket::new_v4().expect("the system has sockets to spare");
    narrow.set_recv_buffer_size(1).expect("the system takes its own least size instead");
    let stream = narrow.connect(host.addr).await.expect("the relay listens");
    let mut raw = Raw::over(files.connect_over(stream, &[]).await.expect("it is trusted"), "/").await;
    raw.enter("ada").await;
    // More than the system and TLS hold for a peer that does not read.
    let pings: Vec<Bytes> = (0..58).map(|index| vec![index; 125].into()).collect();
    for ping in &pings {
        raw.send(Message::Ping(ping.clone())).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut pongs = Vec::new();
    while pongs.len() < pings.len() {
        match patiently(raw.socket.next()).await {
            Some(Ok(Message::Pong(pong))) => pongs.push(pong),
            Some(Ok(Message::Binary(_) | Message::Ping(_))) => {}
            other => panic!("the relay said {other:?}"),
        }
    }
    assert_eq!(pongs, pings);
    tokio::join!(host.stop(), async {
        assert_eq!(raw.closed().await, CloseCode::GoingAway);
        raw.ended().await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_takes_so_long_at_most() {
    let files = Files::new("stalled");
    let host = files.host(quick()).await;
    let start = Instant::now();
    let mut silent = TcpStream::connect(host.addr).await.expect("the relay listens");
    let mut halting = TcpStream::connect(host.addr).await.expect("the relay listens");
    // A record of a handshake, and the first of its bytes.
    halting.write_all(&[22, 3, 1, 1, 0, 1]).await.expect("the relay reads");
    assert!(is_ended(&mut silent).await && is_ended(&mut halting).await);
    let taken = start.elapsed();
    assert!(taken >= quick().handshake_timeout && taken < Duration::from_secs(2), "{taken:?}");
    // Their places are free a moment later.
    patiently(async {
        while host.relay.stats().connections > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shakes_hands_is_a_stranger_and_ends_with_the_relay() {
    let files = Files::new("strangers");
    let patient = Duration::from_secs(60);
    let host = files.host(Config { unauthenticated: 2, handshake_timeout: patient, ..Config::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(host.addr).await.expect("the relay listens"));
    }
    assert!(is_ended(&mut silent[0]).await, "the oldest makes place");
    let start = Instant::now();
    host.stop().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(is_ended(&mut silent[1]).await && is_ended(&mut silent[2]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_harms_nobody() {
    let files = Files::new("plain");
    let host = files.host(Config::default()).await;
    let witness = Witness::join(&host).await;
    for _ in 0..20 {
        let mut stream = TcpStream::connect(host.addr).await.expect("the relay listens");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("the relay reads");
        let mut answer = Vec::new();
        let _ = patiently(stream.read_to_end(&mut answer)).await;
        // At most an alert.
        assert!(answer.len() <= 7 && !answer.starts_with(b"HTTP"), "{answer:?}");
    }
    witness.noticed_nothing().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_for_new_connections() {
    let files = Files::new("renewed");
    let tls = files.tls();
    let host = Host::with_tls(Config::default(), tls.clone(), files.trust()).await;
    let witness = Witness::join(&host).await;
    let shown = async |files: &Files| {
        let stream = files.connect(&host, &[]).await?;
        let certificates = stream.get_ref().1.peer_certificates().expect("the relay shows one");
        Ok::<_, std::io::Error>(certificates[0].clone().into_owned())
    };
    let old = files.certificate();
    assert_eq!(shown(&files).await.expect("it is trusted"), old);

    // Half of a renewal is none.
    let key = std::fs::read_to_string(&files.key).expect("it is there");
    files.renew();
    let renewed_key = std::fs::read_to_string(&files.key).expect("it is there");
    write(&files.key, &key);
    let error = tls.reload().expect_err("the old key, the new certificate");
    assert!(matches!(error, TlsError::Mismatch { .. }), "{error}");
    assert!(shown(&files).await.is_err(), "the old one is still shown");

    write(&files.key, &renewed_key);
    tls.reload().expect("the files are good");
    let new = shown(&files).await.expect("it is trusted");
    assert!(new == files.certificate() && new != old);
    witness.noticed_nothing().await;
    host.stop().await;
}

#[test]
fn files_that_are_of_no_use_are_named() {
    let files = Files::new("wrong");
    let told = |chain: &Path, key: &Path| Tls::from_files(chain, key).expect_err("a file is wrong").to_string();
    let name = |file: &Path| file.display().to_string();
    let missing = files.chain.with_file_name("missing.pem");
    for told in [told(&missing, &files.key), told(&files.chain, &missing)] {
        assert!(told.starts_with(&format!("{} can't be read: ", name(&missing))), "{told}");
    }
    assert_eq!(told(&files.key, &files.key), format!("there is no certificate in {}", name(&files.key)));
    assert_eq!(told(&files.chain, &files.chain), format!("there is no private key in {}", name(&files.chain)));
    let other = Files::new("other");
    let mismatch = told(&files.chain, &other.key);
    assert!(mismatch.contains(&name(&files.chain)) && mismatch.contains(&name(&other.key)), "{mismatch}");

    let broken = files.chain.with_file_name("broken.pem");
    for (begin, end) in [("CERTIFICATE", "CERTIFICATE"), ("PRIVATE KEY", "PRIVATE KEY"), ("CERTIFICATE", "NOTHING")] {
        write(&broken, &format!("-----BEGIN {begin}-----\nAAAA\n-----END {end}-----\n"));
        let told = match begin {
            "CERTIFICATE" => told(&broken, &files.key),
            _ => told(&files.chain, &broken),
        };
        assert!(told.starts_with(&format!("{} can't be read: ", name(&broken))), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_believes_whom_it_was_told_to() {
    let files = Files::new("believes");
    let host = files.host(Config::default()).await;
    let refused = |update: &Update| matches!(update, Update::Lost { reason, .. } if reason.contains("certificate"));
    for trust in [Trust::default(), Files::new("stranger").trust()] {
        let mut client = host.client("ada").trusting(trust);
        assert!(refused(&until(&mut client, |_, _| true).await));
    }
    host.player("ada").await;
    host.stop().await;
}

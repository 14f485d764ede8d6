//! Connections that the embedder brings: over memory, out of an `axum` server, out of a `hyper` server over TLS.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use hyper_util::rt::TokioIo;
use tickwire::{Config, Relay, SimOptions};
use tickwire_client::{Client, ClientConfig};
use tickwire_protocol::CloseCode;
use tickwire_tests::{Dots, Raw, patiently, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig as TlsClient, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn relay(config: Config) -> Relay {
    let relay = Relay::builder().config(config).build().expect("the limits make sense");
    relay.open("lobby", Dots, SimOptions::default()).expect("no room is open yet");
    relay
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let addr = listener.local_addr().expect("it is bound");
    (listener, addr)
}

/// A server of an embedder's own with the relay at `/play`.
async fn router(relay: &Relay, knows_peers: bool) -> SocketAddr {
    let app = Router::new().route("/own", get(async || "own")).route("/play", tickwire::axum::route(relay.clone()));
    let (listener, addr) = bind().await;
    match knows_peers {
        true => {
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(axum::serve(listener, app).into_future());
        }
        false => drop(tokio::spawn(axum::serve(listener, app).into_future())),
    }
    addr
}

/// The answer to a request for a path: a WebSocket's, with these headers more.
async fn ask(addr: SocketAddr, path: &str, headers: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(addr).await.expect("the server listens");
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: relay\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: tickwire.v1\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = vec![0; 1024];
    let read = patiently(stream.read(&mut answer)).await.expect("the server answers");
    (stream, String::from_utf8_lossy(&answer[..read]).into_owned())
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

#[tokio::test(flavor = "multi_thread")]
async fn over_memory() {
    let relay = relay(Config::default());
    // Smaller than a keyframe: what does not fit waits.
    let (near, far) = tokio::io::duplex(64);
    relay.accept(far, PEER);
    let mut raw = Raw::over(near, "/").await;
    raw.enter("ada").await;
    for _ in 0..10 {
        raw.snapshot().await;
    }
    assert_eq!(relay.stats().connections, 1);
    tokio::join!(relay.shut_down(), async {
        assert_eq!(raw.closed().await, CloseCode::GoingAway);
        raw.ended().await;
    });
    assert_eq!(relay.stats().connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_an_axum_servers_own_routes() {
    let relay = relay(Config::default());
    let addr = router(&relay, true).await;
    let (_, own) = ask(addr, "/own", "").await;
    assert!(status(&own) == "200" && own.ends_with("own"), "{own}");
    let config = ClientConfig::new(format!("ws://{addr}/play"), "ada", "lobby");
    let mut ada = Client::with_seed(config, 1).expect("the URL is one");
    until(&mut ada, |ada, _| ada.counts().snapshots >= 10).await;
    assert_eq!((ada.counts().hash_mismatches, ada.counts().resyncs), (0, 0));
    let mut raw = Raw::over(TcpStream::connect(addr).await.expect("the server listens"), "/play").await;
    raw.enter("bob").await;
    tokio::join!(patiently(relay.shut_down()), async {
        assert_eq!(raw.closed().await, CloseCode::GoingAway);
        drop((raw, ada));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_pass_through_axum() {
    let relay = relay(Config { exempt_loopback: false, address_connections: 2, ..Config::default() });
    let addr = router(&relay, true).await;
    let (_, foreign) = ask(addr, "/play", "origin: https://evil.example\r\n").await;
    assert!(status(&foreign) == "403" && foreign.ends_with("pages of this origin may not connect\n"), "{foreign}");
    let mut open = Vec::new();
    for _ in 0..2 {
        let (stream, answer) = ask(addr, "/play", "").await;
        assert_eq!(status(&answer), "101");
        open.push(stream);
    }
    let (_, third) = ask(addr, "/play", "").await;
    assert!(status(&third) == "429" && third.ends_with("too many connections from this address\n"), "{third}");
    assert_eq!(status(&ask(addr, "/own", "").await.1), "200", "the server's own is not the relay's to refuse");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_does_not_know_its_peers_lets_nobody_in() {
    let relay = relay(Config::default());
    let addr = router(&relay, false).await;
    let (_, answer) = ask(addr, "/play", "").await;
    assert!(status(&answer) == "500" && answer.ends_with("the server does not know who asks\n"), "{answer}");
    assert_eq!(relay.stats().connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_a_hyper_server_over_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("the name is good");
    let certificate: CertificateDer<'static> = made.cert.into();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
    let provider = Arc::new(ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let server = server.expect("the provider has them").with_no_client_auth();
    let server = server.with_single_cert(vec![certificate.clone()], key).expect("they belong together");
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("the certificate is good");
    let client = TlsClient::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client = client.expect("the provider has them").with_root_certificates(roots).with_no_client_auth();

    let relay = relay(Config::default());
    let (listener, addr) = bind().await;
    let played = relay.clone();
    tokio::spawn(async move {
        let (stream, peer) = listener.accept().await.expect("someone comes");
        let stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await.expect("it speaks TLS");
        let service = hyper::service::service_fn(move |mut request| {
            let answer = played.upgrade(&mut request, peer.ip());
            async { Ok::<_, Infallible>(answer) }
        });
        let http = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        http.with_upgrades().await.expect("the client is in good order");
    });
    let stream = TcpStream::connect(addr).await.expect("the server listens");
    let name = ServerName::try_from("localhost").expect("it is a name");
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.expect("it is trusted");
    let mut raw = Raw::over(stream, "/").await;
    raw.enter("ada").await;
    for _ in 0..10 {
        raw.snapshot().await;
    }
    tokio::join!(relay.shut_down(), async {
        assert_eq!(raw.closed().await, CloseCode::GoingAway);
        // The server's TLS was ended, too.
        raw.ended().await;
    });
}

//! What comes before a WebSocket: one HTTP/1.1 connection, its pages, its health, and its upgrade.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tickwire_protocol::SUBPROTOCOL;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::accept::Shared;
use super::socket;
use crate::gate::Visit;

/// Bytes of one request's head.
const MAX_REQUEST: usize = 8 * 1024;

/// A file that the relay serves to browsers.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path in the URL, such as `/play.js`.
    pub path: &'static str,
    /// Its media type, such as `text/javascript`.
    pub media_type: &'static str,
    /// Its content.
    pub body: Bytes,
}

/// What a connection counts against while it lasts.
pub(super) struct Permits {
    /// One of all connections.
    pub(super) connection: OwnedSemaphorePermit,
    /// One of those that have not shown a token.
    pub(super) unauthenticated: OwnedSemaphorePermit,
    /// One of its address's.
    pub(super) visit: Visit,
    /// Who is at the other end: a client or a proxy.
    pub(super) peer: IpAddr,
}

/// Serves one connection until it closes or becomes a WebSocket, and that to its end.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>, permits: Permits) {
    let Permits { connection: _connection, unauthenticated, visit, peer } = permits;
    let door = Door { peer, upgrade: Mutex::new(None), visit: Mutex::new(visit) };
    let service = service_fn(|request| {
        let answer = answer(request, &shared, &door);
        async { Ok::<_, Infallible>(answer) }
    });
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.handshake_timeout)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut closing = shared.closing.subscribe();
    tokio::select! {
        biased;
        _ = closing.wait_for(|closing| *closing) => return,
        served = tokio::time::timeout(shared.config.http_timeout, http) => if !matches!(served, Ok(Ok(()))) { return },
    }
    let (Ok(Some(upgrade)), Ok(visit)) = (door.upgrade.into_inner(), door.visit.into_inner()) else { return };
    let Ok(upgraded) = upgrade.await else { return };
    if let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() {
        socket::serve(parts.io.into_inner(), parts.read_buf, shared, (unauthenticated, visit)).await;
    }
}

/// What the requests of one connection share.
struct Door {
    peer: IpAddr,
    /// What becomes of the connection after the answer to its last request.
    upgrade: Mutex<Option<OnUpgrade>>,
    /// Of the address that counts.
    visit: Mutex<Visit>,
}

impl Door {
    /// Counts the client behind a proxy, and asks whether the address may show a token.
    fn enter(&self, headers: &HeaderMap, shared: &Shared) -> Result<(), Rejection> {
        let busy = |reason| (StatusCode::TOO_MANY_REQUESTS, reason);
        let now = Instant::now();
        let mut visit = self.visit.lock().map_err(|_| busy("try again\n"))?;
        let proxies = &shared.config.proxies;
        if let Some(client) = proxies.contains(&self.peer).then(|| forwarded_for(headers, proxies)).flatten() {
            *visit = shared.gate.admit(now, client).map_err(|_| busy("too many connections from this address\n"))?;
        }
        if visit.may_try(now) { Ok(()) } else { Err(busy("too many wrong tokens from this address\n")) }
    }
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()
}

/// A status and the reason for people.
type Rejection = (StatusCode, &'static str);

/// The last address that a proxy names and that is no proxy itself: what stands before it anyone may have written.
fn forwarded_for(headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let values = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let addresses = addresses.iter().rev().map_while(|text| address(text)).map(|ip| ip.to_canonical());
    addresses.into_iter().find(|address| !proxies.contains(address))
}

fn answer(mut request: Request<Incoming>, shared: &Shared, door: &Door) -> Response<Full<Bytes>> {
    if request.headers().contains_key(header::UPGRADE) {
        let checked = check_upgrade(&request, shared);
        return match checked.and_then(|accept| door.enter(request.headers(), shared).map(|()| accept)) {
            Ok(accept) => {
                if let Ok(mut upgrade) = door.upgrade.lock() {
                    *upgrade = Some(hyper::upgrade::on(&mut request));
                }
                switching(accept)
            }
            Err((status, reason)) => plain(status, reason),
        };
    }
    match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/healthz") => plain(StatusCode::OK, "ok\n"),
        (&Method::GET | &Method::HEAD, path) => match shared.pages.iter().find(|page| page.path == path) {
            Some(page) => response(StatusCode::OK, page.media_type, page.body.clone()),
            None => plain(StatusCode::NOT_FOUND, "there is no such page\n"),
        },
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"),
    }
}

/// The answer to the client's key, if this is a WebSocket request that we serve.
fn check_upgrade<B>(request: &Request<B>, shared: &Shared) -> Result<String, Rejection> {
    let headers = request.headers();
    let bad = |reason| Err((StatusCode::BAD_REQUEST, reason));
    if request.method() != Method::GET || !lists(headers, header::UPGRADE, "websocket") {
        return bad("the only upgrade here is a GET to websocket\n");
    }
    if !lists(headers, header::CONNECTION, "upgrade") {
        return bad("`connection: upgrade` is missing\n");
    }
    if !lists(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err((StatusCode::UPGRADE_REQUIRED, "WebSocket version 13 is spoken here\n"));
    }
    if !lists(headers, header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL) {
        return bad("offer the subprotocol `tickwire.v1`\n");
    }
    if !is_allowed_origin(headers, &shared.config.origins) {
        tracing::warn!(origin = ?headers.get(header::ORIGIN), "a page of another origin was refused: see Config::origins");
        return Err((StatusCode::FORBIDDEN, "pages of this origin may not connect\n"));
    }
    match headers.get(header::SEC_WEBSOCKET_KEY) {
        Some(key) => Ok(derive_accept_key(key.as_bytes())),
        None => bad("`sec-websocket-key` is missing\n"),
    }
}

/// Whether a header's comma-separated values have this one.
fn lists(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
}

/// A page may connect to where it came from, and where it is listed. A client without an origin is no page.
fn is_allowed_origin(headers: &HeaderMap, origins: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), headers.get(header::HOST).map(HeaderValue::to_str)) else {
        return false;
    };
    let own = origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host));
    own || origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin))
}

fn switching(accept: String) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .header(header::SEC_WEBSOCKET_PROTOCOL, SUBPROTOCOL);
    response.body(Full::default()).expect("these headers are well formed")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn response(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response.body(Full::new(body)).expect("these headers are well formed")
}

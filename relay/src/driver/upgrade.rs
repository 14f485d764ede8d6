//! From an HTTP request to a WebSocket, on the relay's own port or in an embedder's server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tickwire_protocol::MAX_TOKEN;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::accept::{Permits, Shared};
use super::connection::{Connection, Opening};
use super::http::plain;
use super::now;
use super::socket::Socket;
use super::transport::Transport;
use crate::form::Form;
use crate::gate::Barred;

/// A status and the reason for people.
pub(super) type Rejection = (StatusCode, &'static str);

/// Answers a request for a WebSocket. If it is a good one, the connection is served from the upgrade to its end.
pub(super) fn upgrade<B>(
    request: &mut Request<B>,
    shared: &Arc<Shared>,
    permits: impl FnOnce() -> Result<Permits, Rejection>,
) -> Response<Full<Bytes>> {
    let checked = check(request, shared).and_then(|(accept, form)| {
        let token = token(request.uri().query().unwrap_or_default(), shared.config.url_tokens)?;
        let mut permits = permits()?;
        vouch(&mut permits, request.headers(), shared)?;
        Ok((accept, Opening { form, token }, permits))
    });
    match checked {
        Ok((accept, opening, permits)) => {
            let response = switching(accept, opening.form);
            let (upgrade, reader) = (hyper::upgrade::on(request), permits.reader.clone());
            reader.serve(serve(upgrade, opening, shared.clone(), permits));
            response
        }
        Err((status, reason)) => {
            shared.tally.rejected(status.as_u16());
            let mut refusal = plain(status, reason);
            // What the connection counted against may be given back already.
            refusal.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            refusal
        }
    }
}

async fn serve(upgrade: OnUpgrade, opening: Opening, shared: Arc<Shared>, permits: Permits) {
    let Permits { connection: one_of_all, reader, stranger, visit, .. } = permits;
    let Ok(Ok(upgraded)) = tokio::time::timeout(shared.config.handshake_timeout, upgrade).await else { return };
    let (transport, read_ahead) = unwrap(upgraded);
    // It may have been another server's.
    let Ok(transport) = transport.settle() else { return };
    transport.tune(shared.config.send_buffer);
    let socket = Socket::over(transport, read_ahead, opening.form, &shared.config);
    let connection = Connection::new(socket, opening, shared, (stranger, visit));
    // A task of its own: what the upgrade needed would lie beside what every input needs.
    reader.clone().serve(async move {
        let _held = (one_of_all, reader);
        connection.serve().await;
    });
}

/// The connection under an upgrade, as plain as it can be had, and what was read ahead: a copy, because the slice, be it empty, would keep
/// the whole buffer of the HTTP connection.
fn unwrap(upgraded: Upgraded) -> (Transport, Bytes) {
    let copy = |bytes: Bytes| Bytes::copy_from_slice(&bytes);
    let upgraded = match upgraded.downcast::<TokioIo<Transport>>() {
        Ok(parts) => return (parts.io.into_inner(), copy(parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<tokio::net::TcpStream>>() {
        Ok(parts) => return (Transport::Tcp(parts.io.into_inner()), copy(parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "axum")]
    let upgraded = {
        use hyper_util::server::conn::auto::upgrade::downcast;
        match downcast::<TokioIo<tokio::net::TcpStream>>(upgraded) {
            Ok(parts) => return (Transport::Tcp(parts.io.into_inner()), copy(parts.read_buf)),
            Err(upgraded) => upgraded,
        }
    };
    (Transport::Other(Box::new(TokioIo::new(upgraded))), Bytes::new())
}

/// The answer to the client's key and the form it wants, if this is a WebSocket request that we serve.
fn check<B>(request: &Request<B>, shared: &Shared) -> Result<(String, Form), Rejection> {
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
    // Who offers both has a decoder.
    let offered = |form: &Form| lists(headers, header::SEC_WEBSOCKET_PROTOCOL, form.subprotocol());
    let Some(form) = Form::ALL.into_iter().find(offered) else {
        return bad("offer the subprotocol `tickwire.v1` or `tickwire.v1.json`\n");
    };
    if allowed_origin(headers, &shared.config.origins).is_err() {
        if shared.foreign_pages.is_due(now()) {
            let origin = headers.get(header::ORIGIN);
            tracing::warn!(?origin, "a page of another origin was refused: see Config::origins");
        }
        return Err((StatusCode::FORBIDDEN, "pages of this origin may not connect\n"));
    }
    match headers.get(header::SEC_WEBSOCKET_KEY) {
        Some(key) => Ok((derive_accept_key(key.as_bytes()), form)),
        None => bad("`sec-websocket-key` is missing\n"),
    }
}

/// The token in a URL's query, if there is one and it may be there.
fn token(query: &str, allowed: bool) -> Result<Option<String>, Rejection> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(String::from);
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut tokens = pairs.filter(|(name, _)| decode(name).as_deref() == Some("token")).map(|(_, value)| decode(value));
    let bad = |reason| Err((StatusCode::BAD_REQUEST, reason));
    match (tokens.next(), tokens.next()) {
        (None, _) => Ok(None),
        (Some(_), _) if !allowed => bad("a token in the URL is not taken here: send it as the first message\n"),
        (Some(Some(token)), None) if (1..=MAX_TOKEN).contains(&token.len()) => Ok(Some(token)),
        (_, None) => bad("the token in the URL is empty, too long, or no text\n"),
        (_, Some(_)) => bad("one token is enough\n"),
    }
}

/// Counts the client behind a proxy, and asks whether the address may show a token.
fn vouch(permits: &mut Permits, headers: &HeaderMap, shared: &Shared) -> Result<(), Rejection> {
    let busy = |reason| (StatusCode::TOO_MANY_REQUESTS, reason);
    count_client(permits, headers, shared).map_err(|_| busy("too many connections from this address\n"))?;
    if permits.visit.may_try(now()) { Ok(()) } else { Err(busy("too many wrong tokens from this address\n")) }
}

/// Counts the client behind a proxy instead of the proxy.
pub(super) fn count_client(permits: &mut Permits, headers: &HeaderMap, shared: &Shared) -> Result<(), Barred> {
    let proxies = &shared.config.proxies;
    match proxies.contains(&permits.peer) {
        true => permits.visit.turn_to(now(), forwarded_for(headers, proxies)),
        false => Ok(()),
    }
}

/// An address, with a port or without.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip())).ok()
}

/// The last address that a proxy names and that is no proxy itself: what stands before it anyone may have written.
fn forwarded_for(headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    // What a client has written there may be no text, and makes what the proxy has added no worse.
    let lines = headers.get_all("x-forwarded-for").into_iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    let lines: Vec<_> = lines.collect();
    let last_first = lines.iter().rev().flat_map(|line| line.rsplit(',')).map(str::trim);
    let mut addresses = last_first.map_while(address).map(|ip| ip.to_canonical());
    addresses.find(|address| !proxies.contains(address))
}

/// Whether a header's comma-separated values have this one.
fn lists(headers: &HeaderMap, name: HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
}

/// An origin whose pages may not come.
#[derive(Debug)]
pub(super) struct ForeignOrigin;

/// The origin of the page that asks: it may connect to where it came from, and where it is listed. A client without an origin is no page.
pub(super) fn allowed_origin<'a>(
    headers: &'a HeaderMap,
    origins: &[String],
) -> Result<Option<&'a HeaderValue>, ForeignOrigin> {
    let Some(value) = headers.get(header::ORIGIN) else { return Ok(None) };
    let (Ok(origin), Some(Ok(host))) = (value.to_str(), headers.get(header::HOST).map(HeaderValue::to_str)) else {
        return Err(ForeignOrigin);
    };
    let own = origin.split_once("://").is_some_and(|(_, origin)| origin.eq_ignore_ascii_case(host));
    let listed = || origins.iter().any(|listed| listed.eq_ignore_ascii_case(origin));
    if own || listed() { Ok(Some(value)) } else { Err(ForeignOrigin) }
}

fn switching(accept: String, form: Form) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .header(header::SEC_WEBSOCKET_PROTOCOL, form.subprotocol());
    response.body(Full::default()).expect("these headers are well formed")
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use std::time::Duration;

    use axum::extract::Request;
    use axum::http::StatusCode;
    use axum::routing::get;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_tcp_stream_is_found_behind_axum() {
        let (found, mut next) = mpsc::unbounded_channel();
        let handler = async move |mut request: Request| {
            let upgrade = hyper::upgrade::on(&mut request);
            tokio::spawn(async move { found.send(unwrap(upgrade.await.expect("the server upgrades"))) });
            (StatusCode::SWITCHING_PROTOCOLS, [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket")])
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        tokio::spawn(axum::serve(listener, axum::Router::new().route("/", get(handler))).into_future());

        let mut client = TcpStream::connect(addr).await.expect("the server listens");
        let head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nahead";
        client.write_all(head).await.expect("the server reads");
        let patience = Duration::from_secs(10);
        let (transport, read_ahead) =
            tokio::time::timeout(patience, next.recv()).await.ok().flatten().expect("it upgrades");
        assert!(matches!(transport, Transport::Tcp(_)));
        assert_eq!(&read_ahead[..], b"ahead");
    }
}

#[cfg(test)]
mod token_tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_is_found_in_the_query() {
        for (query, found) in [
            ("", Ok(None)),
            ("room=lobby&tokens=a", Ok(None)),
            ("token=a.b-c_d", Ok(Some("a.b-c_d"))),
            ("room=x&%74oken=Ada%20L%2B+%C3%84&", Ok(Some("Ada L+ Ä"))),
            ("token=a%zz=", Ok(Some("a%zz="))),
            ("token=", Err("the token in the URL is empty, too long, or no text\n")),
            ("token", Err("the token in the URL is empty, too long, or no text\n")),
            ("token=%ff", Err("the token in the URL is empty, too long, or no text\n")),
            ("token=a&token=a", Err("one token is enough\n")),
        ] {
            let found = found.map(|token| token.map(str::to_owned)).map_err(|reason| (StatusCode::BAD_REQUEST, reason));
            assert_eq!(token(query, true), found, "{query}");
        }
        assert!(token(&format!("token={}", "a".repeat(MAX_TOKEN)), true).is_ok());
        assert!(token(&format!("token={}", "a".repeat(MAX_TOKEN + 1)), true).is_err());
    }

    #[test]
    fn it_is_refused_unless_switched_on() {
        assert_eq!(token("room=lobby", false), Ok(None));
        for query in ["token=a", "token", "%74oken=%ff", "token=a&token=b"] {
            let (_, reason) = token(query, false).expect_err(query);
            assert!(reason.contains("not taken here"), "{query}: {reason}");
        }
    }

    proptest! {
        #[test]
        fn no_query_panics(query in ".*", value in "[%+&=a-f0-9]*") {
            let _ = token(&query, true);
            let _ = token(&format!("token={value}"), true);
        }
    }
}

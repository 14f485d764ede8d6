//! What comes before a WebSocket: one HTTP/1.1 connection, its pages, its health, and its upgrade.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::accept::{Permits, Shared};
use super::api;
use super::now;
use super::transport::Transport;
use super::upgrade::upgrade;

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

/// Serves one connection until it closes or becomes a WebSocket, which goes on by itself.
pub(super) fn serve(transport: Transport, shared: Arc<Shared>, permits: Permits) -> impl Future<Output = ()> {
    transport.tune(shared.config.send_buffer);
    // What a silent connection costs is this block: it holds once what it captures, an async function its arguments twice.
    async move {
        let Ok(mut transport) = transport.settle() else { return };
        let ousted = permits.stranger.ousted();
        let mut ousted = pin!(ousted.notified());
        let deadline = now() + shared.config.handshake_timeout;
        let has_spoken = tokio::select! {
            biased;
            () = ousted.as_mut() => false,
            spoken = tokio::time::timeout_at(deadline.into(), transport.spoken_to()) => spoken.is_ok(),
        };
        if has_spoken {
            let http = Box::pin(converse(transport, shared, permits, deadline));
            tokio::select! {
                biased;
                () = ousted => {}
                () = http => {}
            }
        }
    }
}

/// One connection's HTTP; the first request's head must be there by `deadline`.
async fn converse(transport: Transport, shared: Arc<Shared>, permits: Permits, deadline: Instant) {
    let permits = Mutex::new(Some(permits));
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(match api::is_ours(request.uri().path()) {
            true => api::answer(request, &shared, &permits).await,
            false => answer(request, &shared, &permits),
        })
    });
    let left = deadline.saturating_duration_since(now()).max(shared.config.handshake_timeout / 4);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(left)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(transport), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let patience = shared.config.http_timeout;
    // However it ends, there is no more to say.
    if tokio::time::timeout(patience, connection.as_mut()).await.is_err() {
        // What is asked already is answered still.
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(patience / 2, connection).await;
    }
}

fn answer(
    mut request: Request<Incoming>,
    shared: &Arc<Shared>,
    permits: &Mutex<Option<Permits>>,
) -> Response<Full<Bytes>> {
    if request.headers().contains_key(header::UPGRADE) {
        let take = || permits.lock().ok().and_then(|mut permits| permits.take());
        return upgrade(&mut request, shared, || take().ok_or((StatusCode::BAD_REQUEST, "one upgrade is enough\n")));
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

pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

pub(super) fn response(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response.body(Full::new(body)).expect("these headers are well formed")
}

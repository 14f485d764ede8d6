//! Rooms by HTTP: `GET /rooms` lists them, and `POST /match` finds a place in one for a client that comes afterwards.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use tickwire_protocol::{ErrorCode, ErrorReply, MAX_TOKEN, Target, Wanted};

use super::accept::{Permits, Shared};
use super::http::{plain, response};
use super::matchmaking::reserve;
use super::now;
use super::upgrade::{allowed_origin, count_client};
use crate::auth::{AuthError, Door, Grant};
use crate::watch::those_of;

/// Why there is none.
struct Refused(StatusCode, ErrorReply);

impl From<ErrorReply> for Refused {
    fn from(reply: ErrorReply) -> Self {
        let status = match reply.code {
            ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::RoomNotFound => StatusCode::NOT_FOUND,
            ErrorCode::Forbidden | ErrorCode::Banned => StatusCode::FORBIDDEN,
            ErrorCode::TimedOut => StatusCode::REQUEST_TIMEOUT,
            ErrorCode::Invalid => StatusCode::BAD_REQUEST,
            _ => StatusCode::CONFLICT,
        };
        Self(status, reply)
    }
}

/// A place that was found.
#[derive(Serialize)]
struct Found<'a> {
    /// The room's name.
    room: &'a str,
    /// Its join code, if it is private.
    code: Option<&'a str>,
    /// Milliseconds that the seat is kept for the player.
    reserved_ms: u32,
}

/// Whether a request is one of these.
pub(super) fn is_ours(path: &str) -> bool {
    matches!(path, "/rooms" | "/match")
}

/// Answers a request. Pages of listed origins may ask, too.
pub(super) async fn answer(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    permits: &Mutex<Option<Permits>>,
) -> Response<Full<Bytes>> {
    let Ok(origin) = allowed_origin(request.headers(), &shared.config.origins).map(|origin| origin.cloned()) else {
        return plain(StatusCode::FORBIDDEN, "pages of this origin may not ask\n");
    };
    let mut answer = match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, _) => plain(StatusCode::NO_CONTENT, ""),
        (&Method::GET | &Method::HEAD, "/rooms") => told(shared, list(&request, shared, permits)),
        (&Method::POST, "/match") => told(shared, find(request, shared, permits).await),
        (_, "/match") => plain(StatusCode::METHOD_NOT_ALLOWED, "only POST\n"),
        _ => plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n"),
    };
    if let Some(origin) = origin {
        let headers = answer.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization, content-type"));
    }
    answer
}

/// An answer, or why there is none, which is counted.
fn told(shared: &Shared, answer: Result<Response<Full<Bytes>>, Refused>) -> Response<Full<Bytes>> {
    answer.unwrap_or_else(|Refused(status, reply)| {
        shared.tally.refused(reply.code);
        json(status, &reply)
    })
}

/// The rooms that the query wants: `kind=…` and any number of `label=NAME:VALUE`.
fn list(
    request: &Request<Incoming>,
    shared: &Shared,
    permits: &Mutex<Option<Permits>>,
) -> Result<Response<Full<Bytes>>, Refused> {
    count(request, shared, permits)?;
    let wanted = wanted(request.uri().query().unwrap_or_default());
    let wanted = wanted
        .ok_or_else(|| ErrorReply::new(ErrorCode::Invalid, "the query is made of kind=KIND and label=NAME:VALUE"))?;
    let rooms = shared.lobby.list(now());
    let rooms: Vec<_> = those_of(&wanted, &rooms).collect();
    Ok(json(StatusCode::OK, &rooms))
}

/// Counts a request for the address that it comes from.
fn count<B>(request: &Request<B>, shared: &Shared, permits: &Mutex<Option<Permits>>) -> Result<(), ErrorReply> {
    let too_many = |reason: String| ErrorReply::new(ErrorCode::RateLimited, reason);
    let counted = with(permits, |permits| {
        count_client(permits, request.headers(), shared).map_err(|barred| too_many(barred.to_string()))?;
        let counted = permits.visit.ask(now());
        counted.map_err(|wait| too_many("too many requests from this address".to_owned()).retry_in(wait))
    });
    // Nothing counts any more where a WebSocket was asked for.
    counted.unwrap_or_else(|| Err(ErrorReply::new(ErrorCode::Invalid, "the connection was for a WebSocket")))
}

fn wanted(query: &str) -> Option<Wanted> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(String::from);
    let mut wanted = Wanted::default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let value = decode(value)?;
        match name {
            "kind" => wanted.kind = Some(value),
            "label" => {
                let (name, value) = value.split_once(':')?;
                wanted.labels.insert(name.to_owned(), value.to_owned());
            }
            _ => return None,
        }
    }
    wanted.check().is_ok().then_some(wanted)
}

/// A place where the body's target says, for whom the token in the header stands for.
async fn find(
    request: Request<Incoming>,
    shared: &Arc<Shared>,
    permits: &Mutex<Option<Permits>>,
) -> Result<Response<Full<Bytes>>, Refused> {
    count(&request, shared, permits)?;
    let grant = authenticate(&request, shared, permits).await?;
    let body = Limited::new(request.into_body(), shared.config.message_bytes).collect();
    let body = tokio::time::timeout(shared.config.handshake_timeout, body).await;
    let invalid = |reason: String| ErrorReply::new(ErrorCode::Invalid, reason);
    let body = body.ok().and_then(Result::ok).ok_or_else(|| invalid("the body is too long, or too slow".to_owned()))?;
    let target: Target = serde_json::from_slice(&body.to_bytes()).map_err(|error| invalid(error.to_string()))?;
    target.check().map_err(|error| invalid(error.to_string()))?;
    // The connection itself does not last longer. Who waits for a match rather waits over a WebSocket.
    let found = tokio::time::timeout(shared.config.http_timeout / 2, reserve(shared, grant, target)).await;
    let room = found.unwrap_or_else(|_| Err(ErrorReply::new(ErrorCode::TimedOut, "no room was found in time")))?;
    let reserved_ms = shared.config.reservation.as_millis() as u32;
    Ok(json(StatusCode::OK, &Found { room: room.name(), code: room.code(), reserved_ms }))
}

/// Who asks, by `authorization: Bearer TOKEN`.
async fn authenticate(
    request: &Request<Incoming>,
    shared: &Shared,
    permits: &Mutex<Option<Permits>>,
) -> Result<Grant, Refused> {
    let refused = |reason: String| Refused(StatusCode::UNAUTHORIZED, ErrorReply::new(ErrorCode::Forbidden, reason));
    if !with(permits, |permits| permits.visit.may_try(now())).unwrap_or(false) {
        return Err(ErrorReply::new(ErrorCode::RateLimited, "too many wrong tokens from this address").into());
    }
    let header = request.headers().get(header::AUTHORIZATION);
    let header = header.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).filter(|token| token.len() <= MAX_TOKEN);
    let token = token.ok_or_else(|| refused("`authorization: Bearer TOKEN` is missing".to_owned()))?;
    let verdict = shared.authenticator.authenticate(token, Door::Http);
    let verdict = tokio::time::timeout(shared.config.lookup_timeout, verdict).await;
    match verdict.unwrap_or(Err(AuthError::Unavailable)) {
        Ok(grant) => {
            with(permits, |permits| permits.stranger.vouched());
            Ok(grant)
        }
        Err(error) => {
            if error.is_final() {
                with(permits, |permits| permits.visit.failed(now()));
                return Err(refused(error.to_string()));
            }
            let reply = ErrorReply::new(ErrorCode::Busy, error.to_string());
            Err(Refused(StatusCode::SERVICE_UNAVAILABLE, reply))
        }
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(body).expect("names are text, and numbers are whole");
    response(status, "application/json", body.into())
}

/// What the connection counts against, as long as it is no WebSocket.
fn with<T>(permits: &Mutex<Option<Permits>>, act: impl FnOnce(&mut Permits) -> T) -> Option<T> {
    permits.lock().expect("nothing panics while it holds what a connection has").as_mut().map(act)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_wants_a_kind_and_labels() {
        let found = wanted("kind=arena&label=mode:duel&label=map%3Aold+town").expect("it is one");
        assert_eq!(found.kind.as_deref(), Some("arena"));
        assert_eq!(found.labels.get("mode").map(String::as_str), Some("duel"));
        assert_eq!(found.labels.get("map").map(String::as_str), Some("old town"));
        assert_eq!(wanted(""), Some(Wanted::default()));
        for bad in ["kind", "kind=", "label=mode", "label=:", "page=2", "kind=%ff", &format!("kind={}", "x".repeat(65))]
        {
            assert_eq!(wanted(bad), None, "{bad}");
        }
    }
}

//! Players known by a service of the embedder's: every token is asked about over HTTP.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::auth::{AuthError, Authenticator, Door, Grant, OutOfBounds, Verdict};

/// Bytes of an answer's head, and of its body.
const MAX_ANSWER: usize = 16 * 1024;

/// For one token's answer, by default.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Tokens asked about at once, by default.
const LOOKUPS: usize = 64;

/// Asks a service of the embedder's about tokens.
///
/// For each token it sends `POST` with `{"token": "…", "door": "socket"}` (or `"http"`: see [`Door`]), over a connection of its own. The
/// answers: 200 with `{"id": "…", "name": "…", "room": "…"}` lets the player in, and a name or a room that is missing or `null` is none;
/// 401 and 403 refuse the token; all else, and no answer in time, is [`AuthError::Unavailable`] to the client and a warning in the log.
/// Nothing is remembered from one lookup to the next. Id and name have 1 to 128 bytes, a room's name 1 to 64; an answer has at most 16 KiB.
#[derive(Clone, Debug)]
pub struct Webhook {
    service: Arc<Service>,
}

#[derive(Clone, Debug)]
struct Service {
    /// As the request's `host` has it.
    host: HeaderValue,
    /// Host and port to connect to.
    addr: String,
    path: PathAndQuery,
    secret: Option<HeaderValue>,
    timeout: Duration,
    lookups: Arc<Semaphore>,
}

/// Why nothing can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// No `http://` URL with a host.
    #[error("the service is not at an http:// URL with a host, and no user in it")]
    Url,
    /// A `https://` URL.
    #[error(
        "the service is asked over plain http:// only: have it on this machine, in a private network, or behind a proxy that speaks TLS"
    )]
    Https,
    /// The secret can't stand in a header.
    #[error("the secret is empty, or has other characters than visible ASCII")]
    Secret,
}

/// What the service is asked.
#[derive(Serialize)]
struct Question<'a> {
    token: &'a str,
    door: &'static str,
}

/// What it says of a player.
#[derive(Deserialize)]
struct Answer {
    id: String,
    name: Option<String>,
    room: Option<String>,
}

/// Why there is no answer. Nothing of it may hold the token, which the service might have sent back.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("it has not answered in time")]
    Slow,
    #[error("it can't be reached: {0}")]
    Unreachable(#[from] io::Error),
    #[error("the exchange with it broke off: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer breaks off, or has more than {MAX_ANSWER} bytes")]
    Body,
    #[error("its status is {0}")]
    Status(StatusCode),
    #[error("its answer is not {{\"id\": \"…\", \"name\": \"…\", \"room\": \"…\"}}")]
    Json,
    #[error("the {0} in its answer is empty, too long, or has control characters")]
    Bounds(&'static str),
}

impl Webhook {
    /// Asks the service at an `http://` URL.
    ///
    /// # Errors
    /// [`WebhookError::Url`], [`WebhookError::Https`].
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let url: Uri = url.parse().map_err(|_| WebhookError::Url)?;
        match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => {}
            Some(scheme) if *scheme == Scheme::HTTPS => return Err(WebhookError::Https),
            _ => return Err(WebhookError::Url),
        }
        let authority = url.authority().filter(|authority| !authority.host().is_empty()).ok_or(WebhookError::Url)?;
        if authority.as_str().contains('@') {
            return Err(WebhookError::Url);
        }
        let service = Service {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| WebhookError::Url)?,
            addr: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
            path: url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            secret: None,
            timeout: TIMEOUT,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        };
        Ok(Self { service: Arc::new(service) })
    }

    /// Sends `authorization: Bearer SECRET`, so that the service knows who asks.
    ///
    /// # Errors
    /// [`WebhookError::Secret`].
    pub fn secret(mut self, secret: &str) -> Result<Self, WebhookError> {
        if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(WebhookError::Secret);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {secret}")).map_err(|_| WebhookError::Secret)?;
        value.set_sensitive(true);
        Arc::make_mut(&mut self.service).secret = Some(value);
        Ok(self)
    }

    /// For one token's answer, waiting for its turn included. Default 4 s: a client then hears that it may come back, before
    /// [`Config::lookup_timeout`](crate::Config::lookup_timeout) ends its session.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        Arc::make_mut(&mut self.service).timeout = timeout;
        self
    }

    /// Tokens asked about at once, at least 1; more wait for their turn. Default 64: a service that takes 50 ms serves a thousand clients that
    /// come back at once within a second.
    pub fn lookups(mut self, most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Arc::make_mut(&mut self.service).lookups = Arc::new(Semaphore::new(most));
        self
    }
}

impl Authenticator for Webhook {
    fn authenticate(&self, token: &str, door: Door) -> Verdict {
        let door = match door {
            Door::Socket => "socket",
            Door::Http => "http",
        };
        let question = serde_json::to_vec(&Question { token, door }).expect("two texts are JSON");
        let service = self.service.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(service.timeout, service.ask(question.into())).await;
            match answer.unwrap_or(Err(Fault::Slow)) {
                Ok(grant) => grant.ok_or(AuthError::Refused),
                Err(fault) => {
                    tracing::warn!("the service that knows the players is of no help: {fault}");
                    Err(AuthError::Unavailable)
                }
            }
        })
    }
}

impl Service {
    /// What the service grants; none if it refuses.
    async fn ask(&self, question: Bytes) -> Result<Option<Grant>, Fault> {
        let _turn = self.lookups.acquire().await.expect("nobody closes it");
        let stream = TcpStream::connect(&self.addr).await?;
        let mut builder = http1::Builder::new();
        let (mut sender, connection) = builder.max_buf_size(MAX_ANSWER).handshake(TokioIo::new(stream)).await?;
        let mut exchange = pin!(async {
            let answer = sender.send_request(self.request(question)).await?;
            match answer.status() {
                StatusCode::OK => {}
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Ok(None),
                status => return Err(Fault::Status(status)),
            }
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|_| Fault::Body)?;
            let Answer { id, name, room } = serde_json::from_slice(&body.to_bytes()).map_err(|_| Fault::Json)?;
            Grant::bounded(id, name, room).map(Some).map_err(|OutOfBounds(what)| Fault::Bounds(what))
        });
        tokio::select! {
            biased;
            verdict = exchange.as_mut() => verdict,
            // It moves the bytes as long as it is asked to, and may end before its last are looked at.
            _ = connection => exchange.await,
        }
    }

    fn request(&self, question: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question));
        *request.method_mut() = hyper::Method::POST;
        *request.uri_mut() = self.path.clone().into();
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if let Some(secret) = &self.secret {
            headers.insert(AUTHORIZATION, secret.clone());
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_at_a_plain_url() {
        for (url, addr, path) in [
            ("http://127.0.0.1:9000/who", "127.0.0.1:9000", "/who"),
            ("http://auth.internal", "auth.internal:80", "/"),
            ("http://[::1]:81/a?b=c", "[::1]:81", "/a?b=c"),
        ] {
            let service = Webhook::new(url).expect(url).service;
            assert_eq!((service.addr.as_str(), service.path.as_str()), (addr, path));
        }
        assert_eq!(Webhook::new("https://auth.example/").err(), Some(WebhookError::Https));
        for url in ["", "/who", "auth.internal:80", "ws://a/", "http://", "http://user:word@a/", "http://a b/"] {
            assert_eq!(Webhook::new(url).err(), Some(WebhookError::Url), "{url}");
        }
    }

    #[test]
    fn the_secret_can_stand_in_a_header_and_is_not_shown() {
        let webhook = || Webhook::new("http://127.0.0.1/").expect("it is a URL");
        let shown = format!("{:?}", webhook().secret("s3cret").expect("it can"));
        assert!(!shown.contains("s3cret"), "{shown}");
        for secret in ["", "two words", "line\n", "ä"] {
            assert_eq!(webhook().secret(secret).err(), Some(WebhookError::Secret), "{secret:?}");
        }
    }
}

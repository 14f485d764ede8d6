//! Players known by a service of the embedder's: every token is asked about over HTTP.

use std::io;
#[cfg(feature = "tls")]
use std::path::Path;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::now;
#[cfg(feature = "tls")]
use super::{
    tls::TlsError,
    trust::{self, Trust},
};
use crate::auth::{AuthError, Authenticator, Door, Grant, OutOfBounds, Verdict};
use crate::limit::Seldom;

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
    /// None for plain HTTP.
    #[cfg(feature = "tls")]
    trust: Option<Trust>,
    path: PathAndQuery,
    secret: Option<HeaderValue>,
    timeout: Duration,
    lookups: Arc<Semaphore>,
    faults: Arc<Seldom>,
}

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No `http://` or `https://` URL with a host.
    #[error("the service is not at an http:// or https:// URL with a host, and no user in it")]
    Url,
    /// An `https://` URL, and nothing is said of whom to believe.
    #[error(
        "a service at an https:// URL needs the authorities that its certificate may come from: see Webhook::over_tls (features `webhook` and `tls`)"
    )]
    Https,
    /// Authorities, and a `http://` URL.
    #[error("the service is at a plain http:// URL, where no certificate is shown")]
    Plain,
    /// The authorities can't be read.
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Authorities(#[from] TlsError),
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
    #[cfg(feature = "tls")]
    #[error("it is not to be believed, or speaks no TLS: {0}")]
    Tls(io::Error),
    #[error("the exchange with it broke off: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer breaks off, or has more than {MAX_ANSWER} bytes")]
    Body,
    #[error("its status is {0}")]
    Status(StatusCode),
    #[error("its answer is not {{\"id\": \"…\", \"name\": \"…\", \"room\": \"…\"}}")]
    Json,
    #[error("the {0} in its answer is empty, too long, or has characters that are not shown")]
    Bounds(&'static str),
}

impl Webhook {
    /// Asks the service at an `http://` URL: on this machine, or in a network where nobody else listens.
    ///
    /// # Errors
    /// [`WebhookError::Url`], [`WebhookError::Https`].
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let (url, service) = Service::at(url)?;
        let is_plain = url.scheme() == Some(&Scheme::HTTP);
        if is_plain { Ok(Self { service: Arc::new(service) }) } else { Err(WebhookError::Https) }
    }

    /// Asks the service at an `https://` URL, whose certificate is for the URL's host and comes from an authority in this PEM file: one of your
    /// own, the certificate itself if it is signed by itself (and says not that it may sign others, `CA:TRUE`), or all that the system knows
    /// (on Debian `/etc/ssl/certs/ca-certificates.crt`). Needs the feature `tls`, too.
    ///
    /// # Errors
    /// [`WebhookError::Url`], [`WebhookError::Plain`], [`WebhookError::Authorities`].
    #[cfg(feature = "tls")]
    pub fn over_tls(url: &str, authorities: impl AsRef<Path>) -> Result<Self, WebhookError> {
        let (url, service) = Service::at(url)?;
        if url.scheme() != Some(&Scheme::HTTPS) {
            return Err(WebhookError::Plain);
        }
        let host = trust::name(url.host().unwrap_or_default()).ok_or(WebhookError::Url)?;
        let trust = Some(Trust::in_file(host, authorities.as_ref())?);
        Ok(Self { service: Arc::new(Service { trust, ..service }) })
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
                    if service.faults.is_due(now()) {
                        tracing::warn!("the service that knows the players is of no help: {fault}");
                    }
                    Err(AuthError::Unavailable)
                }
            }
        })
    }
}

impl Service {
    /// As a URL says, which is given back.
    fn at(url: &str) -> Result<(Uri, Self), WebhookError> {
        let url: Uri = url.parse().map_err(|_| WebhookError::Url)?;
        let port = match url.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(WebhookError::Url),
        };
        let authority = url.authority().filter(|authority| !authority.host().is_empty()).ok_or(WebhookError::Url)?;
        if authority.as_str().contains('@') {
            return Err(WebhookError::Url);
        }
        let service = Self {
            host: HeaderValue::from_str(authority.as_str()).map_err(|_| WebhookError::Url)?,
            addr: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(port)),
            #[cfg(feature = "tls")]
            trust: None,
            path: url.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")),
            secret: None,
            timeout: TIMEOUT,
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            faults: Arc::default(),
        };
        Ok((url, service))
    }

    /// What the service grants; none if it refuses.
    async fn ask(&self, question: Bytes) -> Result<Option<Grant>, Fault> {
        let _turn = self.lookups.acquire().await.expect("nobody closes it");
        let stream = TcpStream::connect(&self.addr).await?;
        #[cfg(feature = "tls")]
        if let Some(trust) = &self.trust {
            return self.ask_over(trust.connect(stream).await.map_err(Fault::Tls)?, question).await;
        }
        self.ask_over(stream, question).await
    }

    async fn ask_over<S>(&self, stream: S, question: Bytes) -> Result<Option<Grant>, Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
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
    fn a_service_is_at_a_url() {
        for (url, addr, path) in [
            ("http://127.0.0.1:9000/who", "127.0.0.1:9000", "/who"),
            ("http://auth.internal", "auth.internal:80", "/"),
            ("http://[::1]:81/a?b=c", "[::1]:81", "/a?b=c"),
            ("https://auth.example/who", "auth.example:443", "/who"),
        ] {
            let (_, service) = Service::at(url).expect(url);
            assert_eq!((service.addr.as_str(), service.path.as_str()), (addr, path));
        }
        assert!(matches!(Webhook::new("https://auth.example/"), Err(WebhookError::Https)));
        for url in ["", "/who", "auth.internal:80", "ws://a/", "http://", "http://user:word@a/", "http://a b/"] {
            assert!(matches!(Webhook::new(url), Err(WebhookError::Url)), "{url}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn a_service_over_tls_has_a_name_and_authorities() {
        let over_tls = |url: &str| Webhook::over_tls(url, "/dev/null").expect_err("nobody vouches for it");
        assert!(matches!(over_tls("http://auth.example/"), WebhookError::Plain));
        for url in ["auth.example", "https://", "https://user:word@auth.example/", "https://a..b/"] {
            assert!(matches!(over_tls(url), WebhookError::Url), "{url}");
        }
        for url in ["https://auth.example", "https://127.0.0.1:9000/who", "https://[::1]/"] {
            assert_eq!(over_tls(url).to_string(), "there is no certificate in /dev/null", "{url}");
        }
    }

    #[test]
    fn the_secret_can_stand_in_a_header_and_is_not_shown() {
        let webhook = || Webhook::new("http://127.0.0.1/").expect("it is a URL");
        let shown = format!("{:?}", webhook().secret("s3cret").expect("it can"));
        assert!(!shown.contains("s3cret"), "{shown}");
        for secret in ["", "two words", "line\n", "ä"] {
            assert!(matches!(webhook().secret(secret), Err(WebhookError::Secret)), "{secret:?}");
        }
    }
}

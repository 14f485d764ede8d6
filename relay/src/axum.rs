//! A relay as a route of an `axum` router, beside an embedder's own.
//!
//! ```no_run
//! # async fn serve(relay: tickwire::Relay, listener: tokio::net::TcpListener) -> std::io::Result<()> {
//! let app = axum::Router::new().route("/play", tickwire::axum::route(relay.clone()));
//! let app = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
//! axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
//! relay.shut_down().await;
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::net::SocketAddr;

use ::axum::body::Body;
use ::axum::extract::rejection::ExtensionRejection;
use ::axum::extract::{ConnectInfo, Request};
use ::axum::http::StatusCode;
use ::axum::response::IntoResponse as _;
use ::axum::routing::{MethodRouter, get};

use crate::Relay;

/// Lets GET requests become connections to `relay`, or tells why not.
///
/// A connection counts for its peer's address. The router must know it: serve it by `into_make_service_with_connect_info::<SocketAddr>()`.
/// Otherwise every request is answered with 500, and the log says so: the limits by address would hold for all players as if they were one.
/// Behind a proxy the peer is the proxy: see [`Config::proxies`](crate::Config::proxies).
pub fn route<S: Clone + Send + Sync + 'static>(relay: Relay) -> MethodRouter<S, Infallible> {
    get(async move |peer: Result<ConnectInfo<SocketAddr>, ExtensionRejection>, mut request: Request| {
        let Ok(ConnectInfo(peer)) = peer else {
            tracing::error!(
                "the router does not know its peers: serve it by `into_make_service_with_connect_info::<SocketAddr>()`"
            );
            return (StatusCode::INTERNAL_SERVER_ERROR, "the server does not know who asks\n").into_response();
        };
        relay.upgrade(&mut request, peer.ip()).map(Body::new)
    })
}

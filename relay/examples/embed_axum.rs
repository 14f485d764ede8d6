//! A relay in an `axum` server: players come by `/play`, beside a route of the server's own.
//!
//! `cargo run -p tickwire --features axum --example embed_axum`

mod dots;

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use dots::Dots;
use tickwire::{Relay, SimOptions};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let relay = Relay::builder().build()?;
    relay.open("lobby", Dots, SimOptions::default())?;
    let asked = relay.clone();
    let app = Router::new()
        .route("/rooms", get(async move || format!("{:?}\n", asked.stats().rooms)))
        .route("/play", tickwire::axum::route(relay.clone()))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7777").await?;
    println!("ws://{}/play", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) }).await?;
    relay.shut_down().await;
    Ok(())
}

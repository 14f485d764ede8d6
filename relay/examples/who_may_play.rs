//! Two ways to know players: by tokens that a key has signed, and by a service that is asked about them.

use std::error::Error;

use tickwire::{JwtTokens, Relay, SimOptions, Webhook};

mod dots;

fn by_key() -> Result<Relay, Box<dyn Error>> {
    let tokens = JwtTokens::from_bytes(&std::fs::read("players.key")?)?;
    Ok(Relay::builder().authenticator(tokens.audience("dots")).build()?)
}

fn by_service() -> Result<Relay, Box<dyn Error>> {
    let service = Webhook::new("http://127.0.0.1:9000/who")?.secret("known-to-both")?;
    Ok(Relay::builder().authenticator(service).build()?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let relay = if std::fs::exists("players.key")? { by_key()? } else { by_service()? };
    relay.open("lobby", dots::Dots, SimOptions::default())?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7777").await?;
    relay.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    Ok(())
}

//! Rooms that players ask for, and an embedder who looks after them.
//!
//! `cargo run -p tickwire --example rooms`, and then `curl http://127.0.0.1:7777/rooms`, or
//! `curl -H 'authorization: Bearer ada' -d '{"find_or_create":{"kind":"duel"}}' http://127.0.0.1:7777/match`

mod dots;

use std::time::Duration;

use dots::Dots;
use tickwire::{ConfigError, Content, Plan, Refusal, Relay, Relayed, SimOptions};

fn relay() -> Result<Relay, ConfigError> {
    Relay::builder()
        .kind("duel", |_| Ok(Plan { sim: SimOptions { seats: 2, ..SimOptions::default() }, ..Plan::of(Dots) }))
        .kind("party", |wanted| match wanted.labels.get("map").map(String::as_str) {
            Some("old town" | "harbour") => Ok(Plan::of(Dots)),
            _ => Err(Refusal("there is no such map".into())),
        })
        // Nothing is simulated there: players send each other what they like.
        .kind("talk", |_| Ok(Plan::of(Relayed)))
        .build()
}

async fn look_after(relay: &Relay) {
    for room in relay.rooms() {
        for occupant in room.occupants().await.unwrap_or_default() {
            if occupant.player.name == "mallory" {
                room.ban(occupant.player.id, "be kind");
            }
        }
        let entities = room.call(|world| world.entities().len()).await.unwrap_or(0);
        println!("{}: {} players, {entities} entities", room.name(), room.listing().players);
        room.publish("main", Content::Json(r#"{"text":"five minutes left"}"#.into()));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let relay = relay()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:7777").await?;
    println!("ws://{}", listener.local_addr()?);
    let looking = tokio::spawn({
        let relay = relay.clone();
        async move {
            loop {
                look_after(&relay).await;
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    });
    relay.serve(listener, async { drop(tokio::signal::ctrl_c().await) }).await?;
    looking.abort();
    Ok(())
}

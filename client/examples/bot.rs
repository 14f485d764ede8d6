//! A bot for the game of the relay's `embed` example: walks right until it is at 600, then left until it is at 400, and so on.

use tickwire_client::{Client, ClientConfig, Update, Wire};

#[derive(Wire)]
#[wire(crate = tickwire_client)]
struct Position {
    #[wire(range = 0.0..=1000.0, step = 0.125)]
    x: f32,
}

#[derive(Wire)]
#[wire(crate = tickwire_client)]
struct Go {
    #[wire(range = -1..=1)]
    x: i8,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Client::new(ClientConfig::new("ws://127.0.0.1:7777", "walker", "lobby"))?;
    let mut go = Go { x: 1 };
    while let Some(update) = client.next().await? {
        let tick = match update {
            Update::Snapshot { tick } => tick,
            Update::Refused { message: reason, .. } | Update::Lost { reason, .. } => {
                println!("{reason}");
                continue;
            }
            _ => continue,
        };
        let (Some(replica), Some(seat)) = (client.replica(), client.seat()) else { continue };
        let Some(Position { x }) = replica.seat_slot(seat).and_then(|slot| replica.get(slot)) else { continue };
        if !(400.0..=600.0).contains(&x) {
            println!("tick {tick}: at {x}");
            go.x = if x > 500.0 { -1 } else { 1 };
        }
        client.send(&go).await;
    }
    Ok(())
}

//! A chat in the terminal: a spectator in a room's default channel says each line of its input, and shows what others say.
//! `cargo run --example chat ws://127.0.0.1:7777 ada lobby`

use tickwire_client::{Address, Client, ClientConfig, Content, Member, Role, Update};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let mut arg = |default: &str| args.next().unwrap_or_else(|| default.to_owned());
    let config = ClientConfig::new(arg("ws://127.0.0.1:7777"), arg("ada"), arg("lobby"));
    let mut client = Client::new(ClientConfig { role: Role::Spectator, ..config })?;
    let mut lines = BufReader::new(stdin()).lines();
    loop {
        tokio::select! {
            biased;
            update = client.next() => match update? {
                Some(update) => show(update),
                None => return Ok(()),
            },
            line = lines.next_line() => match line? {
                Some(line) => {
                    let said = client.publish(Address::room(), Content::Json(serde_json::to_string(&line)?)).await;
                    said.map_or_else(|error| println!("* not said: {error}"), drop);
                }
                None => client.leave().await,
            },
        }
    }
}

fn show(update: Update) {
    let name = |member: Option<Member>| member.map_or_else(|| "*".to_owned(), |member| member.name);
    match update {
        Update::Message(message) => match message.content {
            Content::Json(text) => println!("{}: {}", name(message.from), serde_json::from_str(&text).unwrap_or(text)),
            Content::Bytes(bytes) => println!("{}: {} bytes", name(message.from), bytes.len()),
        },
        Update::Subscribed(channel) => println!("* {} listen to {}", channel.count, channel.channel),
        Update::Presence(change) => println!("* {} {}", change.member.name, if change.here { "comes" } else { "goes" }),
        Update::Abandoned { .. } => println!("* it is not known whether what you said has arrived"),
        Update::Refused { message: reason, .. } | Update::Lost { reason, .. } => println!("* {reason}"),
        _ => {}
    }
}

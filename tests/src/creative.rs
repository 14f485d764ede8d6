//! A relay whose players create rooms.

use tickwire::{Config, Plan, Relay, RelayBuilder, RoomOptions, SimOptions};

use crate::{Dots, Host, Salon, any, labels};

/// Its players create dots and salons.
pub fn creative() -> RelayBuilder {
    Relay::builder().kind("dots", any(Dots)).kind("salon", any(Salon))
}

/// It runs, with a room `lobby` of kind `game`.
pub async fn start_creative(config: Config) -> Host {
    Host::with(creative().config(config), SimOptions::default()).await
}

/// Opens a room of kind `duel` with so many seats and these labels.
pub fn open_duel(host: &Host, name: &str, seats: u16, of: &[(&str, &str)]) {
    let sim = SimOptions { seats, ..SimOptions::default() };
    let room = RoomOptions { kind: "duel".into(), labels: labels(of), ..RoomOptions::default() };
    host.relay.open_as(name, Plan { sim, room, ..Plan::of(Dots) }).expect("the name is free");
}

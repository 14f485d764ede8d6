//! What pilots say beside flying: taunts for all to hear, and the names they want to be called by.

use bevy_ecs::prelude::*;
use tickwire::{Arrivals, Events, Replies, Seat, To};

use crate::components::{Pilot, Rename, Renamed, Taunt, Taunted};

/// Passes taunts on.
pub(crate) fn taunt(arrivals: Res<Arrivals>, mut events: ResMut<Events>) {
    for (seat, taunt) in arrivals.messages::<Taunt>() {
        events.send(To::All, &Taunted { seat: seat.0, gesture: taunt.gesture });
    }
}

/// Gives pilots the names they ask for; a blank one is none.
pub(crate) fn rename(arrivals: Res<Arrivals>, mut replies: ResMut<Replies>, mut pilots: Query<(&Seat, &mut Pilot)>) {
    for (id, asking, Rename { name }) in arrivals.requests::<Rename>() {
        let name = name.trim();
        let pilot = pilots.iter_mut().find(|(seat, _)| seat.seat == asking);
        match pilot {
            Some((_, mut pilot)) if !name.is_empty() => {
                pilot.name = name.to_owned();
                replies.reply::<Rename>(id, &Renamed { name: name.to_owned() });
            }
            _ => replies.refuse(id, "a pilot has a name"),
        }
    }
}

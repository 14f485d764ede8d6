//! What pilots say reaches the others.

use tickwire::{Answer, Player, RequestId, SeatId, Sim, SimOptions, To, Wire, wire};
use tickwire_arena::{Arena, Gesture, Pilot, Rename, Renamed, Taunt, Taunted};

fn flying() -> (Sim<Arena>, SeatId) {
    let mut sim = Sim::new(Arena::default(), SimOptions::default());
    let seat = sim.join(&Player { id: "ada".into(), name: "Ada".into() }).expect("there is a seat");
    (sim, seat)
}

fn names(sim: &mut Sim<Arena>) -> Vec<String> {
    let mut pilots = sim.world_mut().query::<&Pilot>();
    pilots.iter(sim.world()).map(|pilot| pilot.name.clone()).collect()
}

#[test]
fn a_taunt_is_for_all() {
    let (mut sim, seat) = flying();
    let taunt = sim.schema().message(Taunt::NAME).expect("it is registered") as u32;
    sim.message(seat, taunt, &wire::to_record(&Taunt { gesture: Gesture::Laugh })).expect("it is heard");
    sim.step();
    let heard: Vec<_> = sim.events().map(|(sent, record)| (sent.to, wire::from_record(record))).collect();
    assert_eq!(heard, [(To::All, Ok(Taunted { seat: seat.0, gesture: Gesture::Laugh }))]);
}

#[test]
fn a_pilot_takes_another_name_but_not_none() {
    let (mut sim, seat) = flying();
    let rename = sim.schema().request(Rename::NAME).expect("it is registered") as u32;
    for (id, name) in [(1, " Lovelace "), (2, "  ")] {
        let record = wire::to_record(&Rename { name: name.into() });
        sim.request(seat, RequestId(id), rename, &record).expect("it is heard");
    }
    sim.step();
    let renamed = wire::to_record(&Renamed { name: "Lovelace".into() });
    let answers: Vec<(RequestId, Answer<'_>)> = sim.replies().collect();
    assert_eq!(answers, [(RequestId(1), Ok(&renamed[..])), (RequestId(2), Err("a pilot has a name"))]);
    assert_eq!(names(&mut sim), ["Lovelace"]);
}

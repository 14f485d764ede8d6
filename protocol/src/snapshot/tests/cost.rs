//! What costs nothing, and what little.

use super::*;

/// Runs the room until everything has settled; what an idle tick costs, and the next tick.
fn idle(room: &mut Room, tick: u32) -> (usize, u32) {
    for tick in tick..tick + 5 {
        room.delta(tick);
    }
    (room.delta(tick + 5).len(), tick + 6)
}

#[test]
fn an_idle_tick_is_its_head() {
    let mut room = Room::new();
    (0..200).for_each(|slot| room.make(&Change::Body(slot, 7, 9)));
    assert_eq!(idle(&mut room, 1).0, 4, "check, tick, back, flags");
}

#[test]
fn a_touched_row_with_the_same_values_costs_nothing() {
    let mut room = Room::new();
    room.make(&Change::Body(3, 7, 9));
    let (idle, tick) = idle(&mut room, 1);
    for x in [8, 7] {
        room.make(&Change::Body(3, x, 9));
    }
    assert_eq!(room.delta(tick).len(), idle);
}

#[test]
fn what_coasts_costs_nothing() {
    let mut room = Room::new();
    for slot in 0..100 {
        room.make(&Change::Body(slot, 0, 0));
        room.make(&Change::Drift(slot, slot as i32));
    }
    for tick in 1..60 {
        room.drift();
        room.delta(tick);
    }
    room.drift();
    let awake: Vec<u32> = room.encoder.mirror.tables[0].unsettled.iter().collect();
    assert_eq!((room.delta(60).len(), awake), (4, vec![]));
}

#[test]
fn an_angle_goes_the_shorter_way() {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    room.make(&Change::Body(0, 0, 1020));
    decoder.apply(&room.delta(1)).expect("a first delta applies");
    room.make(&Change::Body(0, 0, 4));
    let delta = room.delta(2);
    assert!(delta.len() <= 7, "a difference of 8, not of 1016: {} bytes", delta.len());
    assert_eq!(decoder.apply(&delta), fresh(2, None));
    assert_eq!(decoder.hash(), room.encoder.hash());
}

#[test]
fn noise_costs_little_more_than_its_bits() {
    let mut room = Room::new();
    let mut bytes = 0;
    let mut random = 1u32;
    for tick in 1..300 {
        for slot in 0..20 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            room.make(&Change::Label(slot, String::new(), random as i32));
        }
        bytes += room.delta(tick).len();
    }
    let each = bytes as f64 / (299.0 * 20.0);
    assert!(each < 4.9, "{each} bytes for 32 bits of noise");
}

#[test]
fn all_bits_have_an_owner_and_the_field_that_moves_pays() {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    let mut costs = Costs::new(decoder.schema());
    let mut bytes = 0;
    for tick in 1..200 {
        for slot in 0..50 {
            room.make(&Change::Body(slot, (tick * (slot + 3) * 7 % 501) as i32, 5));
        }
        let delta = room.delta(tick);
        decoder.cost(&delta, &mut costs).expect("it is the next one");
        assert_eq!(decoder.tick(), tick - 1, "nothing was applied");
        decoder.apply(&delta).expect("it is the next one");
        bytes += delta.len();
    }
    assert!((costs.bytes() - bytes as f64).abs() < 1e-6);
    let [x, heading, _clock] = costs.components[0].fields[..] else { panic!("a body has three fields") };
    assert!(x > 100.0 * heading && costs.rest < 0.2 * 8.0 * bytes as f64, "{costs:?}");
    assert!(costs.components[1].fields.iter().all(|&bits| bits == 0.0));
}

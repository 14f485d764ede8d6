//! Who rides a stream ends where everyone else does: from the start, late, with ticks lost, on a slower stream.

use super::*;

proptest! {
    /// A client from the start, one that joins late and ones that miss ticks all end with the room's rows, and with the same
    /// memory of them, so that they can go on together.
    #[test]
    fn everyone_ends_with_the_same_state(
        ticks in prop::collection::vec((1..4u32, changes()), 1..60),
        lost in prop::collection::vec(0..4u8, 60),
        joined in 0..60usize,
    ) {
        let mut room = Room::new();
        let (mut steady, mut lossy, mut late) = (room.decoder(), room.decoder(), room.decoder());
        let mut tick = 0;
        for (index, (step, changes)) in ticks.iter().enumerate() {
            tick += step;
            room.drift();
            changes.iter().for_each(|change| room.make(change));
            let delta = room.delta(tick);
            prop_assert_eq!(room.encoder.hash(), room.tables.hash());
            prop_assert_eq!(steady.apply(&delta), fresh(tick, None));
            prop_assert!(same(&room.encoder, &steady));
            if lost[index] < 2 {
                match lossy.apply(&delta) {
                    Err(DecodeError::Gap { have, .. }) => {
                        let resync = room.resync(Some(have));
                        prop_assert_eq!(lossy.apply(&resync), fresh(tick, Some(true)));
                    }
                    applied => prop_assert_eq!(applied, fresh(tick, None)),
                }
                prop_assert!(same(&room.encoder, &lossy));
            }
            if index == joined {
                let keyframe = room.resync(None);
                prop_assert_eq!(late.apply(&keyframe), fresh(tick, Some(true)));
            } else if index > joined {
                prop_assert_eq!(late.apply(&delta), fresh(tick, None));
            }
            prop_assert!(index < joined || same(&room.encoder, &late));
        }
    }

    /// Streams of several rates share the tables; one that begins in the middle begins with what is there.
    #[test]
    fn streams_share_the_tables(ticks in prop::collection::vec(changes(), 1..60), begins in 0..40usize) {
        let mut room = Room::new();
        let mut full = room.decoder();
        let mut slow: Vec<(usize, Encoder, Decoder)> = vec![];
        for (index, changes) in ticks.iter().enumerate() {
            let tick = index as u32 + 1;
            room.drift();
            changes.iter().for_each(|change| room.make(change));
            if index == begins {
                slow.extend([2, 3].map(|every| (every, Encoder::new(&room.tables), room.decoder())));
            }
            for (every, encoder, decoder) in &mut slow {
                encoder.observe(&room.tables);
                if (index - begins).is_multiple_of(*every) {
                    let delta = delta(encoder, &room.tables, tick, false);
                    prop_assert_eq!(decoder.apply(&delta), fresh(tick, None));
                    prop_assert_eq!(encoder.hash(), room.tables.hash());
                    prop_assert!(same(encoder, decoder));
                }
            }
            let delta = room.delta(tick);
            prop_assert_eq!(full.apply(&delta), fresh(tick, None));
            prop_assert_eq!(full.hash(), room.tables.hash());
        }
    }

    /// The same calls give the same bytes, and nothing that is asked of an encoder beside its deltas changes them.
    #[test]
    fn joining_makes_no_delta_larger(ticks in prop::collection::vec(changes(), 1..40)) {
        let (mut quiet, mut busy) = (Room::new(), Room::new());
        for (index, changes) in ticks.iter().enumerate() {
            let tick = index as u32 + 1;
            for room in [&mut quiet, &mut busy] {
                room.drift();
                changes.iter().for_each(|change| room.make(change));
            }
            prop_assert_eq!(quiet.delta(tick), busy.delta(tick));
            busy.resync(None);
            busy.resync(Some(tick / 2));
        }
    }
}

#[test]
fn a_resync_sends_only_what_was_touched() {
    let mut room = Room::new();
    for slot in 0..200 {
        room.make(&Change::Body(slot, slot as i32 * 1000, 5));
        room.make(&Change::Drift(slot, if slot < 100 { 30 } else { 0 }));
    }
    let mut decoder = room.decoder();
    for tick in 1..50 {
        room.drift();
        let delta = room.delta(tick);
        if tick < 40 {
            decoder.apply(&delta).expect("every delta follows the last");
        }
    }
    room.drift();
    room.make(&Change::Body(150, 7, 7));
    room.delta(50);
    let resync = room.resync(Some(39));
    assert_eq!(room.encoder.lists.tables[0].slots, [150]);
    assert!(resync.len() < 60, "one slot of 200: {} bytes", resync.len());
    assert_eq!(decoder.apply(&resync), fresh(50, Some(true)));
    assert!(same(&room.encoder, &decoder));
}

#[test]
fn a_base_out_of_reach_gets_a_keyframe() {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    room.make(&Change::Body(0, 1, 1));
    decoder.apply(&room.delta(1)).expect("a first delta applies");
    room.make(&Change::Despawn(0));
    room.make(&Change::Body(1, 1, 1));
    room.delta(RESYNC_WINDOW + 5);
    let resync = room.resync(Some(1));
    assert_eq!(decoder.apply(&resync), fresh(RESYNC_WINDOW + 5, Some(true)));
    assert!(decoder.rows(0).is_some_and(|rows| !rows.contains(0) && rows.contains(1)));
    // From a tick that has not come yet, or that the stream never had, too.
    let keyframe = room.resync(None);
    for base in [99_999, RESYNC_WINDOW, RESYNC_WINDOW + 5] {
        assert_eq!(room.resync(Some(base)), keyframe);
    }
}

#[test]
fn a_wrong_replica_is_caught_by_the_hash_and_mended_by_a_keyframe() {
    let mut room = Room::new();
    let mut other = Room::new();
    room.make(&Change::Body(0, 1, 1));
    other.make(&Change::Body(0, 2, 1));
    let mut decoder = room.decoder();
    decoder.apply(&other.delta(1)).expect("a forged snapshot of the same form applies");
    room.delta(1);
    let body = room.delta_with(2, true);
    assert_eq!(decoder.apply(&body), fresh(2, Some(false)));
    assert_eq!(decoder.apply(&room.resync(None)), fresh(2, Some(true)));
}

#[test]
fn old_and_lost_deltas_are_told_apart() {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    room.make(&Change::Body(0, 1, 1));
    let deltas: Vec<_> = (1..5).map(|tick| room.delta(tick)).collect();
    decoder.apply(&deltas[0]).expect("a first delta applies");
    assert_eq!(decoder.apply(&deltas[2]), Err(DecodeError::Gap { base: 2, have: 1 }));
    decoder.apply(&deltas[1]).expect("the next delta applies");
    assert_eq!(decoder.apply(&deltas[1]), Ok(Applied::Old));
    decoder.apply(&deltas[2]).expect("the next delta applies");
}

#[test]
fn ticks_survive_the_edge_of_16_bits_and_end_before_32() {
    for tick in [65_534, 65_535, 65_536, u32::MAX - 1] {
        let mut room = Room::new();
        let mut decoder = room.decoder();
        room.make(&Change::Body(0, 1, 1));
        decoder.apply(&room.delta(tick)).expect("any first tick will do");
        room.make(&Change::Body(0, 2, 1));
        assert_eq!(decoder.apply(&room.delta(tick + 1)), fresh(tick + 1, None));
    }
}

//! Priors by epoch: learnt, announced, lost, brought back; trained and refused.

use super::*;

/// A tick of motion that the built-in priors don't expect.
fn jiggle(room: &mut Room, tick: u32) {
    for slot in 0..40 {
        let x = (tick + slot) as i32 % 3 * 900;
        room.make(&Change::Body(slot, x, x & 1023));
    }
}

/// The length of a delta's head, without a hash.
const HEAD: usize = 4;

#[test]
fn a_room_learns() {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    let mut sizes = vec![];
    let mut announced = 0;
    for tick in 1..128 {
        jiggle(&mut room, tick);
        let delta = room.delta(tick);
        sizes.push(delta.len());
        announced += u32::from(delta[HEAD - 1] & flags::ANNOUNCEMENT != 0);
        assert_eq!(decoder.apply(&delta), fresh(tick, None));
        assert!(same(&room.encoder, &decoder));
    }
    assert!(announced > 0);
    assert!(sizes[100] * 10 < sizes[50] * 9, "{} bytes became {}", sizes[50], sizes[100]);
}

#[test]
fn a_lost_announcement_comes_with_the_resync() {
    let mut room = Room::new();
    let (mut lossy, mut late) = (room.decoder(), room.decoder());
    let mut have = 0;
    for tick in 1..100 {
        jiggle(&mut room, tick);
        let delta = room.delta(tick);
        if tick > 1 && delta[HEAD - 1] & flags::ANNOUNCEMENT != 0 {
            continue;
        }
        match lossy.apply(&delta) {
            Err(DecodeError::Gap { .. }) => {
                have = lossy.tick();
                let resync = room.resync(Some(have));
                lossy.apply(&resync).expect("a resync applies");
                late.apply(&room.resync(None)).expect("a keyframe applies");
            }
            applied => {
                assert_eq!(applied, fresh(tick, None));
                if late.tick() > 0 {
                    assert_eq!(late.apply(&delta), fresh(tick, None));
                    assert!(same(&room.encoder, &late));
                }
            }
        }
        assert!(same(&room.encoder, &lossy), "at {tick}");
    }
    assert!(have > 0, "an announcement was lost");
    // A decoder that has learnt forgets it with a keyframe of a room that has not.
    let mut young = Room::new();
    young.make(&Change::Marker(1));
    young.delta(1);
    late.apply(&young.resync(None)).expect("a keyframe applies to any replica");
    assert!(same(&young.encoder, &late));
}

#[test]
fn trained_priors_survive_and_fit_one_schema() {
    let mut room = Room::new();
    for tick in 1..40 {
        jiggle(&mut room, tick);
        room.delta(tick);
    }
    let learnt = room.encoder.learnt();
    let bytes = learnt.to_bytes();
    let read = Priors::from_bytes(&schema(), &bytes).expect("what was written is read");
    assert_eq!(read, learnt);

    // They pay from the first tick, and a decoder gets them with the first delta.
    let mut trained = Room::new();
    trained.encoder = Encoder::with_priors(&trained.tables, Arc::new(read));
    let (mut plain, mut decoder) = (Room::new(), trained.decoder());
    let (mut with, mut without) = (0, 0);
    for tick in 1..30 {
        [&mut trained, &mut plain].into_iter().for_each(|room| jiggle(room, tick));
        let delta = trained.delta(tick);
        assert_eq!(decoder.apply(&delta), fresh(tick, None));
        assert!(same(&trained.encoder, &decoder));
        if tick > 1 {
            with += delta.len();
            without += plain.delta(tick).len();
        } else {
            plain.delta(tick);
        }
    }
    assert!(with * 10 < without * 9, "{with} bytes against {without}");

    let mut other = Schema::clone(&schema());
    other.components.pop();
    let refused = Priors::from_bytes(&other, &bytes);
    assert_eq!(refused, Err(PriorsError::Schema { theirs: schema().hash(), ours: other.hash() }));
    assert_eq!(Priors::from_bytes(&schema(), b"priors"), Err(PriorsError::Form));
    for length in 4..bytes.len() {
        assert!(Priors::from_bytes(&schema(), &bytes[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #[test]
    fn random_bytes_are_no_priors_or_sound_ones(bytes: Vec<u8>) {
        let mut file = b"twp1".to_vec();
        file.extend(schema().hash().to_le_bytes());
        file.extend(bytes);
        if let Ok(priors) = Priors::from_bytes(&schema(), &file) {
            prop_assert!(priors.levels.iter().all(|&level| level < 64));
        }
    }
}

//! Bytes that no encoder wrote: refused, or taken for what they say, without harm.

use super::*;

/// A room in the middle of its life, and a decoder in step.
fn lively() -> (Room, Decoder) {
    let mut room = Room::new();
    let mut decoder = room.decoder();
    for slot in 0..70 {
        room.make(&Change::Body(slot, slot as i32 * 70_000, 5));
        room.make(&Change::Drift(slot, slot as i32 - 20));
        room.make(&Change::Label(slot, "name".into(), -1));
    }
    for tick in 1..9 {
        room.drift();
        room.make(&Change::Body(tick, -9, 1000));
        decoder.apply(&room.delta(tick)).expect("every delta follows the last");
    }
    (room, decoder)
}

/// A delta with all that a delta can have, and a resync and a keyframe of the same tick.
fn bodies(room: &mut Room) -> [Vec<u8>; 3] {
    room.drift();
    room.make(&Change::Body(3, i32::MIN, 1));
    room.make(&Change::Label(4, "other".into(), 1));
    room.make(&Change::Body(99, 12, 1));
    room.make(&Change::Label(99, "new".into(), 1));
    room.make(&Change::Label(100, "newer".into(), 1));
    room.make(&Change::Despawn(5));
    room.make(&Change::Remove(6, 1));
    [room.delta(9), room.resync(Some(8)), room.resync(None)]
}

fn forged(mut body: Vec<u8>) -> Vec<u8> {
    if let Some((check, rest)) = body.split_first_mut() {
        *check = check_byte(rest);
    }
    body
}

/// Applies to a copy; if refused, nothing of the copy has changed.
fn try_apply(decoder: &Decoder, room: &Room, before: &[u8], body: &[u8]) -> Result<Applied, DecodeError> {
    let mut copy = decoder.clone();
    let applied = copy.apply(body);
    if applied.is_err() {
        assert_eq!((copy.hash(), copy.tick()), (decoder.hash(), decoder.tick()));
        assert_eq!(copy.apply(before), fresh(9, None));
        assert!(same(&room.encoder, &copy));
    }
    applied
}

proptest! {
    #[test]
    fn random_bytes_change_nothing(bytes: Vec<u8>, flags in 0..64u8) {
        let (mut room, decoder) = lively();
        let [delta, ..] = bodies(&mut room);
        for head in [vec![0, 9, 1, flags], vec![0, 9, 0, flags], vec![0]] {
            let body = forged([head, bytes.clone()].concat());
            let _ = try_apply(&decoder, &room, &delta, &body);
        }
    }

    #[test]
    fn flipped_bits_do_no_harm(which in 0..3usize, at: prop::sample::Index, bit in 0..8u8) {
        let (mut room, decoder) = lively();
        let bodies = bodies(&mut room);
        let mut body = bodies[which].clone();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        // The check byte misses one in 256.
        let _ = try_apply(&decoder, &room, &bodies[0], &body);
        let _ = try_apply(&decoder, &room, &bodies[0], &forged(body));
    }
}

#[test]
fn a_cut_snapshot_is_refused_at_every_length() {
    let (mut room, decoder) = lively();
    let bodies = bodies(&mut room);
    for body in &bodies {
        for length in 0..body.len() {
            // With a check byte that fits, the form itself must notice.
            let cut = forged(body[..length].to_vec());
            assert!(try_apply(&decoder, &room, &bodies[0], &cut).is_err(), "cut at {length}");
        }
        let long = forged([&body[..], &[0]].concat());
        assert!(try_apply(&decoder, &room, &bodies[0], &long).is_err(), "longer by a byte");
        assert!(try_apply(&decoder, &room, &bodies[0], body).is_ok());
    }
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let (mut room, decoder) = lively();
    let [delta, ..] = bodies(&mut room);
    let heads = [
        (vec![0, 9, 1, 64], DecodeError::Flags(64)),
        (vec![0, 9, 1, flags::PRIORS], DecodeError::Flags(flags::PRIORS)),
        (vec![0, 9, 0, flags::CODED], DecodeError::Flags(flags::CODED)),
        (vec![0, 9, 0, flags::RESYNC, 1], DecodeError::Flags(flags::RESYNC)),
        (vec![0, 9, 1, flags::RESYNC, 0], DecodeError::Steps(0)),
        (vec![0, 9, 9, 0], DecodeError::Base),
    ];
    for (head, error) in heads {
        assert_eq!(try_apply(&decoder, &room, &delta, &forged(head)), Err(error));
    }
}

#[test]
fn a_broken_record_leaves_nothing_behind() {
    let (mut room, mut decoder) = lively();
    room.drift();
    room.make(&Change::Label(99, "newer".into(), 1));
    let delta = room.delta(9);
    for length in 0..delta.len() {
        assert!(decoder.apply(&forged(delta[..length].to_vec())).is_err());
    }
    assert_eq!(decoder.apply(&delta), fresh(9, None));
    assert!(same(&room.encoder, &decoder));
}

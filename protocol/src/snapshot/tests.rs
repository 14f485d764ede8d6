//! Encoder and decoder against each other: what one writes the other reads, and nothing else does harm.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::schema::{Field, Kind, Predict, Schema, Shape};
use crate::wire::Sink;

fn schema() -> Arc<Schema> {
    let field = |name: &str, kind| Field { name: name.into(), kind, predict: Predict::Auto };
    let int = Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() };
    let body = vec![field("x", int.clone()), field("heading", Kind::Angle { bits: 10 })];
    let label = vec![field("name", Kind::Text { max: 16 }), field("score", int)];
    Arc::new(Schema {
        components: vec![
            Shape { name: "Body".into(), fields: body },
            Shape { name: "Label".into(), fields: label },
            Shape { name: "Marker".into(), fields: vec![] },
        ],
        input: Shape { name: "Input".into(), fields: vec![] },
        events: vec![],
    })
}

/// One thing that can happen to a room's tables.
#[derive(Clone, Debug)]
enum Change {
    Body(u32, i32, i32),
    Label(u32, String, i32),
    Marker(u32),
    Remove(u32, usize),
    Despawn(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let slot = 0..80u32;
    prop_oneof![
        4 => (slot.clone(), any::<i32>(), 0..1024).prop_map(|(slot, x, heading)| Change::Body(slot, x, heading)),
        2 => (slot.clone(), "[a-zäö]{0,6}", any::<i32>()).prop_map(|(slot, name, score)| Change::Label(slot, name, score)),
        1 => slot.clone().prop_map(Change::Marker),
        1 => (slot.clone(), 0..3usize).prop_map(|(slot, component)| Change::Remove(slot, component)),
        1 => slot.prop_map(Change::Despawn),
    ]
}

struct Room {
    tables: Tables,
    encoder: Encoder,
    dead: Vec<u32>,
}

impl Room {
    fn new() -> Self {
        let tables = Tables::new(schema());
        Self { encoder: Encoder::new(&tables), tables, dead: vec![] }
    }

    fn decoder(&self) -> Decoder {
        Decoder::new(self.tables.schema().clone())
    }

    fn make(&mut self, change: &Change) {
        match *change {
            // A dead slot rests.
            Change::Body(slot, ..) | Change::Label(slot, ..) | Change::Marker(slot) if self.dead.contains(&slot) => {}
            Change::Body(slot, x, heading) => self.tables.table(0).set(slot, |row| {
                row.int(x);
                row.int(heading);
            }),
            Change::Label(slot, ref name, score) => self.tables.table(1).set(slot, |row| {
                row.opaque(name.as_bytes());
                row.int(score);
            }),
            Change::Marker(slot) => self.tables.table(2).set(slot, |_| ()),
            Change::Remove(slot, component) => self.tables.table(component).remove(slot),
            Change::Despawn(slot) => {
                self.tables.despawn(slot);
                self.dead.push(slot);
            }
        }
    }

    fn delta(&mut self, tick: u32) -> Vec<u8> {
        let mut out = Vec::new();
        self.encoder.delta(&mut self.tables, tick, false, &mut out);
        out
    }

    fn resync(&mut self, base: Option<u32>) -> Vec<u8> {
        let mut out = Vec::new();
        self.encoder.resync(base, &mut out);
        out
    }
}

fn fresh(tick: u32, hash_matched: Option<bool>) -> Result<Applied, DecodeError> {
    Ok(Applied::Fresh { tick, hash_matched })
}

proptest! {
    /// A client from the start, one that joins late and one that misses ticks all end with the room's rows.
    #[test]
    fn everyone_ends_with_the_rooms_rows(
        ticks in prop::collection::vec(prop::collection::vec(change(), 0..12), 1..24),
        lost in prop::collection::vec(any::<bool>(), 24),
    ) {
        let mut room = Room::new();
        let (mut steady, mut lossy) = (room.decoder(), room.decoder());
        for (index, changes) in ticks.iter().enumerate() {
            let tick = index as u32 * 2 + 1;
            changes.iter().for_each(|change| room.make(change));
            let delta = room.delta(tick);
            prop_assert_eq!(room.encoder.hash(), room.tables.hash());
            prop_assert_eq!(steady.apply(&delta), fresh(tick, None));
            prop_assert_eq!(steady.hash(), room.encoder.hash());
            if !lost[index] {
                match lossy.apply(&delta) {
                    Err(DecodeError::Gap { have, .. }) => {
                        let resync = room.resync(Some(have));
                        prop_assert_eq!(lossy.apply(&resync), fresh(tick, Some(true)));
                    }
                    applied => prop_assert_eq!(applied, fresh(tick, None)),
                }
                prop_assert_eq!(lossy.hash(), room.encoder.hash());
            }
        }
        let mut late = room.decoder();
        let keyframe = room.resync(None);
        prop_assert_eq!(late.apply(&keyframe), fresh(room.encoder.tick(), Some(true)));
    }

    #[test]
    fn random_bytes_change_nothing(bytes: Vec<u8>) {
        let mut decoder = Room::new().decoder();
        let mut body = vec![check_byte(&bytes)];
        body.extend(bytes);
        let before = decoder.hash();
        if decoder.apply(&body).is_err() {
            prop_assert_eq!((decoder.hash(), decoder.tick()), (before, 0));
        }
    }
}

#[test]
fn a_cut_snapshot_is_refused_at_every_length() {
    let mut room = Room::new();
    for slot in 0..9 {
        room.make(&Change::Body(slot, 70_000, 5));
        room.make(&Change::Label(slot, "name".into(), -1));
    }
    let body = room.delta(1);
    let mut decoder = room.decoder();
    let before = decoder.hash();
    for length in 0..body.len() {
        assert!(decoder.apply(&body[..length]).is_err());
        // With a check byte that fits, the form itself must notice.
        let mut forged = body[..length].to_vec();
        if length > 1 {
            forged[0] = check_byte(&forged[1..]);
        }
        assert!(decoder.apply(&forged).is_err(), "cut at {length}");
        assert_eq!((decoder.hash(), decoder.tick()), (before, 0));
    }
    assert_eq!(decoder.apply(&body), fresh(1, None));
}

#[test]
fn a_touched_row_with_the_same_values_costs_nothing() {
    let mut room = Room::new();
    room.make(&Change::Body(3, 7, 9));
    room.delta(1);
    let idle = room.delta(2);
    for x in [8, 7] {
        room.make(&Change::Body(3, x, 9));
    }
    assert_eq!(room.delta(3).len(), idle.len());
}

#[test]
fn an_angle_goes_the_shorter_way() {
    let mut room = Room::new();
    room.make(&Change::Body(0, 0, 1020));
    let mut decoder = room.decoder();
    decoder.apply(&room.delta(1)).expect("a first delta applies to an empty replica");
    let idle = room.delta(2).len();
    decoder.apply(&room.resync(Some(1))).expect("a resync applies");
    room.make(&Change::Body(0, 0, 4));
    let delta = room.delta(3);
    // Slot, mask and a difference of 8, a byte each.
    assert_eq!(delta.len(), idle + 3);
    assert_eq!(decoder.apply(&delta), fresh(3, None));
    assert_eq!(decoder.hash(), room.encoder.hash());
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
    let mut body = Vec::new();
    room.encoder.delta(&mut room.tables, 2, true, &mut body);
    assert_eq!(decoder.apply(&body), fresh(2, Some(false)));
    assert_eq!(decoder.apply(&room.resync(None)), fresh(2, Some(true)));
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
    // From a tick that has not come yet, too.
    assert_eq!(room.resync(Some(99_999)), room.resync(None));
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

//! Snapshots: whoever follows the deltas knows what a full one says.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tickwire_protocol::snapshot::Tables;
use tickwire_protocol::text::Snapshots;
use tickwire_protocol::wire::Sink as _;
use tickwire_protocol::{Field, Kind, Predict, Schema, Shape};

/// What a client knows: by slot, the components.
type World = BTreeMap<u64, Map<String, Value>>;

fn tables() -> Tables {
    let field = |name: &str, kind| Field { name: name.into(), kind, predict: Predict::Auto };
    let real = || Kind::Fixed { min: -1e6, max: 1e6, step: 0.0625 };
    let position = vec![field("x", real()), field("y", real())];
    let label = vec![field("name", Kind::Text { max: 16 }), field("score", Kind::Int { min: 0, max: 4_294_967_295 })];
    let shape = |name: &str, fields| Shape { name: name.into(), fields };
    let components = vec![shape("Position", position), shape("Label", label), shape("Marker", vec![])];
    Tables::new(Arc::new(Schema { components, ..Schema::default() }))
}

/// Takes a snapshot in, as a client would.
fn follow(world: &mut World, text: &str) -> Value {
    let message: Value = serde_json::from_str(text).expect("a snapshot is JSON");
    assert_eq!(message["type"], "snapshot");
    let payload = &message["payload"];
    if payload["base"].is_null() {
        world.clear();
    }
    for slot in payload["gone"].as_array().expect("a list").iter().filter_map(Value::as_u64) {
        assert!(world.remove(&slot).is_some(), "only what was there is gone");
    }
    for entity in payload["entities"].as_array().expect("a list") {
        let mut components = entity.as_object().expect("an entity is an object").clone();
        let slot = components.remove("slot").and_then(|slot| slot.as_u64()).expect("an entity has a slot");
        assert!(!components.is_empty(), "something of it has changed");
        let known = world.entry(slot).or_default();
        for (name, component) in components {
            if component.is_null() {
                assert!(known.remove(&name).is_some(), "only what was there is removed");
            } else {
                assert_ne!(known.insert(name, component.clone()), Some(component), "only what changed is said");
            }
        }
    }
    payload.clone()
}

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Change {
    Position(u32, i32, i32),
    Label(u32, String, i32),
    Marker(u32),
    Remove(u32, usize),
    Despawn(u32),
}

fn change() -> impl Strategy<Value = Change> {
    let slot = || prop_oneof![4 => 0..6u32, 1 => 0..200u32];
    prop_oneof![
        3 => (slot(), -3..3i32, any::<i16>()).prop_map(|(slot, x, y)| Change::Position(slot, x, y.into())),
        2 => (slot(), "[a-zäö\"]{0,6}", any::<i32>()).prop_map(|(slot, name, score)| Change::Label(slot, name, score)),
        1 => slot().prop_map(Change::Marker),
        1 => (slot(), 0..3usize).prop_map(|(slot, component)| Change::Remove(slot, component)),
        1 => slot().prop_map(Change::Despawn),
    ]
}

fn make(tables: &mut Tables, change: Change) {
    match change {
        Change::Position(slot, x, y) => {
            tables.table(0).set(slot, |row| [x, y].into_iter().for_each(|value| row.int(value)))
        }
        Change::Label(slot, name, score) => tables.table(1).set(slot, |row| {
            row.opaque(name.as_bytes());
            row.int(score);
        }),
        Change::Marker(slot) => tables.table(2).set(slot, |_| ()),
        Change::Remove(slot, component) => tables.table(component).remove(slot),
        Change::Despawn(slot) => tables.despawn(slot),
    }
}

proptest! {
    #[test]
    fn deltas_lead_to_what_a_full_snapshot_says(ticks in prop::collection::vec(prop::collection::vec(change(), 0..8), 1..12)) {
        let mut tables = tables();
        let mut snapshots = Snapshots::new(&tables);
        let (mut follower, mut base) = (World::new(), Value::Null);
        for (tick, changes) in (1..).zip(ticks) {
            changes.into_iter().for_each(|change| make(&mut tables, change));
            let delta = follow(&mut follower, &snapshots.delta(&tables, tick, 0));
            tables.settle();
            prop_assert_eq!((&delta["tick"], &delta["base"]), (&json!(tick), &base));
            base = json!(tick);
            let mut joiner = World::new();
            let full = follow(&mut joiner, &snapshots.full(0));
            prop_assert_eq!((&full["tick"], &full["base"]), (&json!(tick), &Value::Null));
            prop_assert_eq!(&joiner, &follower);
        }
    }
}

#[test]
fn a_snapshot_says_what_changed_in_game_units() {
    let mut tables = tables();
    let mut snapshots = Snapshots::new(&tables);
    make(&mut tables, Change::Position(3, 24, -1));
    make(&mut tables, Change::Label(3, "\"}".into(), -1));
    make(&mut tables, Change::Marker(7));
    let entities = json!([
        {"slot": 3, "Position": {"x": 1.5, "y": -0.06}, "Label": {"name": "\"}", "score": 4_294_967_295_u32}},
        {"slot": 7, "Marker": {}},
    ]);
    let first = json!({"tick": 4, "base": null, "entities": entities, "gone": []});
    assert_eq!(follow(&mut World::new(), &snapshots.delta(&tables, 4, 0)), first);
    make(&mut tables, Change::Position(3, 32, -1));
    make(&mut tables, Change::Remove(3, 1));
    make(&mut tables, Change::Despawn(7));
    let text = snapshots.delta(&tables, 6, 9);
    let payload = r#"{"tick":6,"base":4,"entities":[{"slot":3,"Position":{"x":2,"y":-0.06},"Label":null}],"gone":[7]}"#;
    assert_eq!(text, format!(r#"{{"type":"snapshot","payload":{payload},"timestamp":9}}"#));
    assert_eq!(snapshots.tick(), 6);
}

#[test]
fn nothing_new_is_soon_said() {
    let mut tables = tables();
    let mut snapshots = Snapshots::new(&tables);
    make(&mut tables, Change::Marker(1));
    snapshots.delta(&tables, 1, 0);
    let text = snapshots.delta(&tables, 2, 0);
    assert_eq!(text, r#"{"type":"snapshot","payload":{"tick":2,"base":1,"entities":[],"gone":[]},"timestamp":0}"#);
}

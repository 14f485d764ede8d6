//! Values in game units, both ways.

use proptest::prelude::*;
use serde_json::{Value, json};
use tickwire_protocol::text::Decoded;
use tickwire_protocol::wire::{from_record, to_record};
use tickwire_protocol::{ClientMessage, Event, ServerMessage};

use super::{All, Stance, heard, inside};

/// The fields of an event as a client hears them.
fn fields(record: Vec<u8>) -> Value {
    let event = Event { number: 3, tick: 9, event: 0, record: record.into() };
    heard(&ServerMessage::Event(event))["payload"]["fields"].take()
}

/// What the game gets of fields that a client says.
fn told(fields: &Value) -> Result<All, String> {
    let text = json!({"type": "tell", "payload": {"name": "Chat", "fields": fields}}).to_string();
    match inside(&text) {
        Ok(Decoded::Message(ClientMessage::Tell(tell))) => {
            Ok(from_record(&tell.record).expect("it is one of the shape"))
        }
        Ok(other) => panic!("a tell is read as {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

fn all() -> impl Strategy<Value = All> {
    let numbers = (any::<bool>(), -300..=300i16, any::<u32>(), -80..=80i32, 0..1024u32);
    (numbers, any::<bool>(), "[a-zß\"\\\\]{0,4}", prop::collection::vec(any::<u8>(), 0..5)).prop_map(
        |((flag, narrow, wide, real, angle), lies, text, bytes)| All {
            flag,
            narrow,
            wide,
            real: (f64::from(real) * 0.1) as f32,
            angle: (f64::from(angle) * (std::f64::consts::TAU / 1024.0)) as f32,
            stance: if lies { Stance::Lying } else { Stance::Standing },
            text,
            bytes,
        },
    )
}

proptest! {
    #[test]
    fn what_is_said_by_name_is_the_same_record(value in all()) {
        let record = to_record(&value);
        let back = told(&fields(record.clone())).map(|value| to_record(&value));
        prop_assert_eq!(back, Ok(record));
    }

    #[test]
    fn random_records_are_read_or_left_out(record: Vec<u8>) {
        let fits = from_record::<All>(&record).is_ok();
        prop_assert_eq!(fields(record).is_object(), fits);
    }
}

#[test]
fn numbers_are_no_longer_than_need_be() {
    let value = All { real: 0.3, narrow: -7, angle: 1.5, stance: Stance::Lying, bytes: vec![1], ..All::default() };
    let said = json!({"flag": false, "narrow": -7, "wide": 0, "real": 0.3, "angle": 1.497, "stance": "Lying", "text": "", "bytes": "AQ=="});
    assert_eq!(fields(to_record(&value)), said);
    let real = |real| super::records::fields(to_record(&All { real, ..All::default() }))["real"].to_string();
    assert_eq!([real(0.3), real(2.0), real(-7.9)], ["0.3", "2", "-7.9"]);
}

#[test]
fn a_client_is_clamped_like_every_writer() {
    let with = |key: &str, value: Value| {
        let mut fields = fields(to_record(&All::default()));
        fields[key] = value;
        told(&fields)
    };
    let narrow = |value: Value| with("narrow", value).map(|all| all.narrow);
    assert_eq!([narrow(json!(999)), narrow(json!(-1e300)), narrow(json!(3.0))], [Ok(300), Ok(-300), Ok(3)]);
    let wide = |value: Value| with("wide", value).map(|all| all.wide);
    assert_eq!(
        [wide(json!(4_294_967_295_u32)), wide(json!(u64::MAX)), wide(json!(-1))],
        [Ok(u32::MAX), Ok(u32::MAX), Ok(0)]
    );
    assert_eq!(with("real", json!(1e9)).map(|all| all.real), Ok(8.0));
    assert_eq!(with("text", json!("sieben ä")).map(|all| all.text), Ok("sieben ".into()));
    assert_eq!(with("bytes", json!("AAAAAAAA")).map(|all| all.bytes), Ok(vec![0; 4]));
}

#[test]
fn what_is_wrong_with_a_field_is_named() {
    let with = |key: &str, value: Value| {
        let mut fields = fields(to_record(&All::default()));
        fields[key] = value;
        told(&fields).expect_err("it is wrong")
    };
    assert_eq!(with("narrow", json!(1.5)), "payload.fields.narrow is not an integer");
    assert_eq!(with("real", json!("1")), "payload.fields.real is not a number");
    assert_eq!(with("flag", json!(0)), "payload.fields.flag is not true or false");
    assert_eq!(with("stance", json!("Flying")), "payload.fields.stance is not the name of a variant");
    assert_eq!(with("bytes", json!("-")), "payload.fields.bytes is not base64");
    assert_eq!(with("text", json!(null)), "payload.fields.text is missing");
    assert_eq!(with("speed", json!(1)), "payload.fields.speed is not known here");
}

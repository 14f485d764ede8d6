//! `#[derive(Wire)]`: what is written is read again, quantised; what is out of range is clamped on one side and refused on the other.

use std::f32::consts::{PI, TAU};

use proptest::prelude::*;
use tickwire_protocol::wire::{FieldError, Refused, check_record, from_record, to_record};
use tickwire_protocol::{Field, Kind, Predict, SeatId, Shape, Wire};

#[derive(Clone, Copy, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
enum Stance {
    #[default]
    Standing,
    Crouching,
    Lying,
}

#[derive(Clone, Debug, Default, PartialEq, Wire)]
#[wire(crate = tickwire_protocol, name = "Everything")]
struct All {
    flag: bool,
    tiny: i8,
    #[wire(range = -300..=300)]
    narrow: i16,
    #[wire(predict = "velocity")]
    whole: i32,
    wide: u32,
    seat: SeatId,
    #[wire(range = -8.0..=8.0, step = 0.25)]
    real: f32,
    #[wire(range = -1.0..=1.0, step = 1e-6)]
    fine: f64,
    #[wire(angle, bits = 10)]
    angle: f32,
    stance: Stance,
    #[wire(max = 8)]
    text: String,
    #[wire(max = 4, name = "blob")]
    bytes: Vec<u8>,
    #[wire(skip)]
    own: u64,
}

#[derive(Clone, Debug, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
struct Nothing;

fn all() -> impl Strategy<Value = All> {
    let ints = any::<(bool, i8, i32, u32, u16)>();
    let stance = prop_oneof![Just(Stance::Standing), Just(Stance::Crouching), Just(Stance::Lying)];
    let reals = (-32..=32i32, -1_000_000..=1_000_000i32, 0..1024u32);
    (ints, -300..=300i16, reals, stance, "[a-z]{0,8}", prop::collection::vec(any::<u8>(), 0..5)).prop_map(
        |((flag, tiny, whole, wide, seat), narrow, (real, fine, angle), stance, text, bytes)| All {
            flag,
            tiny,
            narrow,
            whole,
            wide,
            seat: SeatId(seat),
            real: real as f32 * 0.25,
            fine: f64::from(fine) * 1e-6,
            angle: (f64::from(angle) * (std::f64::consts::TAU / 1024.0)) as f32,
            stance,
            text,
            bytes,
            own: 0,
        },
    )
}

proptest! {
    #[test]
    fn quantised_values_survive(value in all()) {
        let record = to_record(&value);
        prop_assert_eq!(check_record(&All::shape(), &record), Ok(()));
        prop_assert_eq!(from_record::<All>(&record), Ok(value));
    }

    #[test]
    fn any_float_is_written_as_one_that_can_be_read(real: f32, fine: f64, angle: f32) {
        let record = to_record(&All { real, fine, angle, ..All::default() });
        let read = from_record::<All>(&record);
        prop_assert!(read.is_ok(), "{:?}", read);
    }

    #[test]
    fn the_type_and_its_shape_refuse_the_same(bytes: Vec<u8>) {
        let read = from_record::<All>(&bytes).map(|_| ());
        prop_assert_eq!(read, check_record(&All::shape(), &bytes));
    }
}

#[test]
fn the_shape_says_it_all() {
    let shape = All::shape();
    assert_eq!((shape.name.as_str(), shape.fields.len()), ("Everything", 12));
    let field = |name: &str| shape.fields.iter().find(|field| field.name == name).cloned();
    let is = |name: &str, kind, predict| {
        assert_eq!(field(name), Some(Field { name: name.into(), kind, predict }));
    };
    is("flag", Kind::Bool, Predict::Auto);
    is("narrow", Kind::Int { min: -300, max: 300 }, Predict::Auto);
    is("whole", Kind::Int { min: i32::MIN.into(), max: i32::MAX.into() }, Predict::Velocity);
    is("wide", Kind::Int { min: 0, max: u32::MAX.into() }, Predict::Auto);
    is("real", Kind::Fixed { min: -8.0, max: 8.0, step: 0.25 }, Predict::Auto);
    is("angle", Kind::Angle { bits: 10 }, Predict::Auto);
    let variants = ["Standing", "Crouching", "Lying"].map(String::from).into();
    is("stance", Kind::Enum { variants }, Predict::Auto);
    is("text", Kind::Text { max: 8 }, Predict::Auto);
    is("blob", Kind::Bytes { max: 4 }, Predict::Auto);
    assert!(field("own").is_none() && field("bytes").is_none());
    assert_eq!(Nothing::shape(), Shape { name: "Nothing".into(), fields: vec![] });
    assert_eq!(from_record::<Nothing>(&[]), Ok(Nothing));
}

fn written(value: All) -> All {
    from_record(&to_record(&value)).expect("what is written can be read")
}

#[test]
fn a_writer_clamps_and_takes_nan_for_nothing() {
    let real = |real| written(All { real, ..All::default() }).real;
    assert_eq!([real(99.0), real(f32::NEG_INFINITY), real(f32::NAN)], [8.0, -8.0, 0.0]);
    assert_eq!([real(0.125), real(-0.125), real(0.12)], [0.25, -0.25, 0.0], "half away from zero");
    assert_eq!(written(All { narrow: 999, ..All::default() }).narrow, 300);
    let text = |text: &str| written(All { text: text.into(), ..All::default() }).text;
    assert_eq!(text("sieben ä"), "sieben ", "cut at a character");
    assert_eq!(written(All { bytes: vec![1; 9], ..All::default() }).bytes, [1; 4]);
}

#[test]
fn an_angle_wraps() {
    let angle = |angle| written(All { angle, ..All::default() }).angle;
    let near = |one: f32, other: f32| (one - other).abs() < 1e-5;
    assert!(near(angle(-PI / 2.0), 1.5 * PI) && near(angle(5.0 * TAU + 1.5 * PI), 1.5 * PI));
    assert_eq!([angle(TAU), angle(f32::NAN), angle(f32::INFINITY)], [0.0; 3]);
}

#[test]
fn a_reader_refuses_by_name() {
    let mut record = to_record(&All::default());
    // `narrow` is the third byte, zigzagged in two.
    record.splice(2..3, [0xDA, 0x04]);
    let refused = Refused::OutOfRange { value: 301, min: -300, max: 300 };
    assert_eq!(from_record::<All>(&record), Err(FieldError::new("Everything", "narrow", refused)));
    let error = FieldError::new("Everything", "narrow", refused).to_string();
    assert_eq!(error, "Everything.narrow: 301 is not in -300..=300");
}

//! `records.json`: a welcome whose input has a field of every kind, as have its one message, request and reply; values of that input, and the
//! record of each; bytes are in hexadecimal.

use std::fs;

use serde_json::{Value, json};
use tickwire::{Game, Request, Setup, Sim, SimOptions};
use tickwire_protocol::{Wire, wire};

use crate::{out, welcome};

#[derive(Clone, Copy, Debug, Default, Wire)]
enum Stance {
    #[default]
    Standing,
    Lying,
}

/// An input with a field of every kind.
#[derive(Clone, Debug, Default, Wire)]
struct Everything {
    flag: bool,
    #[wire(range = -300..=300)]
    narrow: i16,
    whole: i32,
    wide: u32,
    #[wire(range = -8.0..=8.0, step = 0.25)]
    real: f32,
    #[wire(range = 0.0..=1.0, step = 1e-6)]
    fine: f64,
    #[wire(angle, bits = 10)]
    angle: f64,
    stance: Stance,
    #[wire(max = 8)]
    text: String,
    #[wire(max = 4)]
    bytes: Vec<u8>,
}

impl Request for Everything {
    type Reply = Everything;
}

struct Nothing;

impl Game for Nothing {
    type Input = Everything;

    fn setup(&self, setup: &mut Setup<'_>) {
        setup.message::<Everything>().request::<Everything>();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Everything {
    fn json(&self) -> Value {
        let Self { flag, narrow, whole, wide, real, fine, angle, stance, text, bytes } = self;
        let (stance, bytes) = (format!("{stance:?}"), hex(bytes));
        json!({
            "flag": flag, "narrow": narrow, "whole": whole, "wide": wide, "real": real, "fine": fine, "angle": angle, "stance": stance,
            "text": text, "bytes": bytes,
        })
    }
}

#[test]
fn records() {
    let sim = Sim::new(Nothing, SimOptions::default());
    let nothing = Everything::default();
    let mut values = vec![
        nothing.clone(),
        Everything { whole: i32::MIN, wide: u32::MAX, real: -0.125, fine: 2.0, angle: -0.01, ..nothing.clone() },
        Everything { whole: i32::MAX, narrow: 999, real: 0.125, fine: -1.0, angle: 700.0, ..nothing.clone() },
        Everything {
            flag: true, stance: Stance::Lying, text: "sieben ä".into(), bytes: vec![1; 9], ..nothing.clone()
        },
    ];
    // Halves and what lies beside them, where roundings part ways.
    values.extend((-40..40).map(|n| Everything {
        real: f32::from(n) * 0.0625,
        fine: f64::from(n) * 0.013_7,
        angle: f64::from(n) * 0.31,
        narrow: n * 9,
        ..nothing.clone()
    }));
    let records: Vec<String> = values.iter().map(|value| hex(&wire::to_record(value))).collect();
    let values: Vec<Value> = values.iter().map(Everything::json).collect();
    let all = json!({ "welcome": hex(&welcome(sim.schema())), "values": values, "records": records });
    fs::write(out().join("records.json"), all.to_string()).expect("the folder can be written to");
}

//! Golden vectors: what Rust writes and every other language must read, tick by tick. The JavaScript tests read them from `tests/out`.
//!
//! `snapshots-SEED.bin` is a list of records: a kind byte, the u32 length of the bytes, the u32 snapshot hash after them, the bytes (integers
//! little endian). The kinds: 0 the schema as a welcome's frame, 1 a delta, 2 a keyframe for someone new, 3 a resync for someone who
//! has missed the deltas since the last record of kind 4, 4 the start of a loss (no bytes).
//!
//! `swarm.bin` is such a list, too. `records.json` holds such a welcome, whose input has a field of every kind, values of that input, and the record of each; bytes
//! are in hexadecimal.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tickwire::{Game, Player, Setup, Sim, SimOptions};
use tickwire_arena::{Arena, course};
use tickwire_cli::trace::{Replay, Trace};
use tickwire_protocol::snapshot::{Applied, Decoder, Encoder};
use tickwire_protocol::{Predict, Schema, SeatId, ServerMessage, Welcome, Wire, wire};

const TICKS: u32 = 1500;

/// Ticks from one loss to the next, and how long it lasts: longer than deltas are kept.
const LOSS_PERIOD: u32 = 100;
const LOST: u32 = 41;

/// Ticks from one newcomer to the next.
const NEWCOMER_PERIOD: u32 = 111;

fn out() -> PathBuf {
    let out = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/out"));
    fs::create_dir_all(&out).expect("the project's folder can be written to");
    out
}

struct Vectors(Vec<u8>);

impl Vectors {
    fn put(&mut self, kind: u8, hash: u32, bytes: &[u8]) {
        self.0.push(kind);
        self.0.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        self.0.extend_from_slice(&hash.to_le_bytes());
        self.0.extend_from_slice(bytes);
    }
}

/// A match with players who come, fly, fire and go.
struct Match {
    sim: Sim<Arena>,
    seats: Vec<(u32, SeatId)>,
}

impl Match {
    fn new(seed: u64) -> Self {
        let options = SimOptions { seed, ..SimOptions::default() };
        Self { sim: Sim::new(Arena { rocks: 40, ..Arena::default() }, options), seats: Vec::new() }
    }

    fn step(&mut self) -> Vec<u8> {
        let tick = self.sim.tick() + 1;
        if tick % 20 == 1 && self.seats.len() < 30 {
            let player = Player { id: tick.to_string(), name: format!("Pilöt {tick}") };
            self.seats.push((tick, self.sim.join(&player).expect("there are seats")));
        }
        if tick.is_multiple_of(170) {
            let (_, seat) = self.seats.remove(tick as usize % self.seats.len());
            self.sim.leave(seat);
        }
        for &(pilot, seat) in &self.seats {
            // Nobody has sent more inputs than there were ticks.
            self.sim.input(seat, tick, tick, course(pilot, tick)).expect("it is in time and in range");
        }
        self.sim.step().expect("every tick has a snapshot").body.to_vec()
    }

    fn resync(&mut self, base: Option<u32>) -> Vec<u8> {
        let mut body = Vec::new();
        self.sim.resync(1, base, &mut |resync| {
            assert!(body.is_empty(), "so long a loss is not said again");
            body.extend_from_slice(resync);
        });
        body
    }
}

fn welcome(schema: &Arc<Schema>) -> Vec<u8> {
    let welcome = ServerMessage::Welcome(Box::new(Welcome {
        room: "golden".into(),
        seat: SeatId(0),
        tick: 0,
        tick_rate: 30,
        snapshot_every: 1,
        input_ahead: 32,
        input_behind: 32,
        resume: [7; 16],
        resume_ms: 20_000,
        schema_hash: schema.hash(),
        schema: schema.clone(),
    }));
    let mut out = Vec::new();
    welcome.encode(&mut out);
    out
}

fn apply(decoder: &mut Decoder, body: &[u8], hash: u32) {
    let applied = decoder.apply(body).expect("it follows");
    assert!(matches!(applied, Applied::Fresh { hash_matched: None | Some(true), .. }));
    assert_eq!(decoder.hash(), hash);
}

#[test]
fn snapshots() {
    for seed in [1, 2, 3] {
        let mut running = Match::new(seed);
        let mut vectors = Vectors(Vec::new());
        vectors.put(0, 0, &welcome(running.sim.schema()));
        let decoder = || Decoder::new(running.sim.schema().clone());
        let (mut steady, mut lossy, new) = (decoder(), decoder(), decoder());
        for tick in 1..=TICKS {
            let delta = running.step();
            let hash = running.sim.hash();
            vectors.put(1, hash, &delta);
            apply(&mut steady, &delta, hash);
            match tick % LOSS_PERIOD {
                0 if tick > LOSS_PERIOD => {
                    let resync = running.resync(Some(lossy.tick()));
                    vectors.put(3, hash, &resync);
                    apply(&mut lossy, &resync, hash);
                }
                left if tick > LOSS_PERIOD && left >= LOSS_PERIOD - LOST => {}
                left => {
                    apply(&mut lossy, &delta, hash);
                    if tick > LOSS_PERIOD && left == LOSS_PERIOD - LOST - 1 {
                        vectors.put(4, 0, &[]);
                    }
                }
            }
            if tick % NEWCOMER_PERIOD == 0 {
                let keyframe = running.resync(None);
                vectors.put(2, hash, &keyframe);
                apply(&mut new.clone(), &keyframe, hash);
            }
        }
        fs::write(out().join(format!("snapshots-{seed}.bin")), vectors.0).expect("the folder can be written to");
    }
}

/// A recorded swarm of 1,000 entities, for other languages to time themselves on.
#[test]
fn swarm() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/data/swarm-30hz.trace.zst");
    let trace = Trace::open(&path).expect("the trace lies beside the benches");
    let schema = trace.header.schema(Predict::Auto).into();
    let mut replay = Replay::new(&trace.header, schema).expect("it is the trace's own schema");
    let mut encoder = Encoder::new(replay.tables());
    let mut vectors = Vectors(Vec::new());
    vectors.put(0, 0, &welcome(&replay.tables().schema().clone()));
    for tick in &trace.ticks {
        replay.step(tick);
        let mut delta = Vec::new();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, false, &mut delta);
        replay.tables().settle();
        assert_eq!(encoder.hash(), replay.tables().hash());
        vectors.put(1, encoder.hash(), &delta);
    }
    fs::write(out().join("swarm.bin"), vectors.0).expect("the folder can be written to");
}

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

struct Nothing;

impl Game for Nothing {
    type Input = Everything;

    fn setup(&self, _: &mut Setup<'_>) {}
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

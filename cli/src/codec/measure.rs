//! A trace through the real encoder and decoder, tick by tick, with three clients who must all see what the trace says.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tickwire_protocol::snapshot::{Decoder, Encoder};
use tickwire_protocol::wire::Source as _;
use tickwire_protocol::{Predict, Slot};

use super::plain::{Varint, full_bytes};
use super::report::{Distribution, Report};
use crate::trace::{Replay, Trace};

/// Ticks that warm the codec up before its bytes count.
const WARM_UP: usize = 60;

/// Ticks from one snapshot hash to the next, as a match has it by default.
const HASH_EVERY: u32 = 64;

/// The client that loses ticks: of so many, the last so many.
const LOSS_PERIOD: usize = 50;
const LOST: usize = 12;

/// How to measure.
#[derive(Clone, Debug, Default)]
pub struct MeasureOptions {
    /// How all fields are predicted. Default: as the codec finds best.
    pub predict: Predict,
}

/// Runs `trace` through the codec. The first 60 ticks don't count.
///
/// # Panics
/// If more entities are alive or resting at once than there are slots.
pub fn measure(trace: &Trace, options: &MeasureOptions) -> Report {
    let mut replay = Replay::new(trace.header.schema(options.predict).into());
    let mut encoder = Encoder::new(replay.tables());
    let new_decoder = |replay: &mut Replay| Decoder::new(replay.tables().schema().clone());
    let mut steady = new_decoder(&mut replay);
    let mut late = new_decoder(&mut replay);
    let mut lossy = new_decoder(&mut replay);
    let mut varint = Varint::new(&trace.header);
    let mut tally = Tally::default();
    let mut delta = Vec::new();

    for (index, tick) in trace.ticks.iter().enumerate() {
        replay.step(tick);
        delta.clear();
        let start = Instant::now();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, tick.tick.is_multiple_of(HASH_EVERY), &mut delta);
        replay.tables().settle();
        let encoded = start.elapsed();
        let start = Instant::now();
        let mut equal = steady.apply(&delta).is_ok();
        let decoded = start.elapsed();

        let joins = index == trace.ticks.len() / 2;
        if joins {
            equal &= apply_resync(&mut encoder, None, &mut late);
        } else if late.tick() > 0 {
            equal &= late.apply(&delta).is_ok();
        }
        let lost = index % LOSS_PERIOD >= LOSS_PERIOD - LOST;
        if index > 0 && index.is_multiple_of(LOSS_PERIOD) {
            let base = lossy.tick();
            equal &= apply_resync(&mut encoder, Some(base), &mut lossy);
        } else if !lost {
            equal &= lossy.apply(&delta).is_ok();
        }
        for decoder in [Some(&steady), (late.tick() > 0).then_some(&late), (!lost).then_some(&lossy)] {
            equal &= decoder.is_none_or(|decoder| holds(decoder, replay.rows()));
        }
        tally.lossless &= equal;

        let plain = varint.delta_bytes(replay.rows());
        if index >= WARM_UP {
            tally.changed += changed(tick) as u64;
            tally.live += replay.live() as u64;
            tally.full += full_bytes(replay.rows());
            tally.varint += plain;
            tally.bytes.push(delta.len() as u64);
            tally.encoding += encoded;
            tally.decoding += decoded;
        }
    }
    let mut keyframe = Vec::new();
    encoder.resync(None, &mut keyframe);
    tally.report(&trace.header.name, trace.ticks.len(), keyframe.len())
}

/// Sums over the ticks that count.
struct Tally {
    bytes: Vec<u64>,
    live: u64,
    changed: u64,
    full: u64,
    varint: u64,
    encoding: Duration,
    decoding: Duration,
    lossless: bool,
}

impl Default for Tally {
    fn default() -> Self {
        let (encoding, decoding) = Default::default();
        Self { bytes: vec![], live: 0, changed: 0, full: 0, varint: 0, encoding, decoding, lossless: true }
    }
}

impl Tally {
    fn report(self, name: &str, ticks: usize, keyframe: usize) -> Report {
        let measured = self.bytes.len().max(1) as f64;
        let mean = |sum: u64| sum as f64 / measured;
        let per_entity = |time: Duration| time.as_nanos() as f64 / self.live.max(1) as f64;
        let bytes: u64 = self.bytes.iter().sum();
        Report {
            name: name.to_owned(),
            ticks,
            live: mean(self.live),
            changed: mean(self.changed),
            bits_per_changed: bytes as f64 * 8.0 / self.changed.max(1) as f64,
            bytes_per_tick: Distribution::of(self.bytes),
            keyframe_bytes: keyframe,
            bytes_full: mean(self.full),
            bytes_varint: mean(self.varint),
            encode_ns_per_entity: per_entity(self.encoding),
            decode_ns_per_entity: per_entity(self.decoding),
            lossless: self.lossless,
        }
    }
}

fn apply_resync(encoder: &mut Encoder, base: Option<u32>, decoder: &mut Decoder) -> bool {
    let mut body = Vec::new();
    encoder.resync(base, &mut body);
    decoder.apply(&body).is_ok()
}

/// Whether the decoder holds just these rows.
fn holds(decoder: &Decoder, tables: &[BTreeMap<Slot, Vec<i32>>]) -> bool {
    tables.iter().enumerate().all(|(component, expected)| {
        let Some(rows) = decoder.rows(component) else { return false };
        let same = |(slot, values): (&Slot, &Vec<i32>)| {
            rows.get(*slot).is_some_and(|mut row| values.iter().all(|&value| row.int() == Ok(value)))
        };
        rows.slots().count() == expected.len() && expected.iter().all(same)
    })
}

fn changed(tick: &crate::trace::Tick) -> usize {
    let set = tick.set.iter().map(|set| set.0);
    let unset = tick.unset.iter().map(|(id, _)| *id);
    let ids: std::collections::BTreeSet<u32> = set.chain(unset).chain(tick.despawn.iter().copied()).collect();
    ids.len()
}

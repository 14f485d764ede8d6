//! A trace through the real encoder and decoder, tick by tick, with three clients who must all see what the trace says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tickwire_protocol::Schema;
use tickwire_protocol::snapshot::{Costs, Decoder, Encoder, Priors};

use super::plain::{Varint, full_bytes};
use super::report::{Distribution, Report};
use crate::trace::{Replay, ReplayError, Tick, Trace};

/// Ticks that warm the codec up before its bytes count.
const WARM_UP: u32 = 60;

/// Ticks from one snapshot hash to the next, as a match has it by default.
const HASH_EVERY: u32 = 64;

/// The client that loses ticks: of so many, the last so many.
const LOSS_PERIOD: usize = 50;
const LOST: usize = 12;

/// How to measure.
#[derive(Clone, Debug)]
pub struct MeasureOptions {
    /// The trace's own schema, or that of the game that it was recorded from.
    pub schema: Arc<Schema>,
    /// What the encoder begins with. Default: the built-in ones.
    pub priors: Option<Arc<Priors>>,
    /// The tick after which ticks count. Default: the 60th of the trace.
    pub after: Option<u32>,
}

impl MeasureOptions {
    /// The defaults.
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, priors: None, after: None }
    }

    /// The tick after which ticks count.
    pub(super) fn after(&self, trace: &Trace) -> u32 {
        self.after.unwrap_or_else(|| trace.ticks.first().map_or(0, |first| first.tick + WARM_UP - 1))
    }
}

/// Runs `trace` through the codec.
///
/// # Errors
/// The schema is not of what the trace was recorded from.
///
/// # Panics
/// If more entities are alive or resting at once than there are slots, or if the priors are not of the schema.
pub fn measure(trace: &Trace, options: &MeasureOptions) -> Result<Report, ReplayError> {
    let mut replay = Replay::new(&trace.header, options.schema.clone())?;
    let mut encoder = match &options.priors {
        Some(priors) => Encoder::with_priors(replay.tables(), priors.clone()),
        None => Encoder::new(replay.tables()),
    };
    let after = options.after(trace);
    let new_decoder = || Decoder::new(options.schema.clone());
    let (mut steady, mut late, mut lossy) = (new_decoder(), new_decoder(), new_decoder());
    let mut varint = Varint::new(&trace.header);
    let mut tally = Tally::default();
    let mut costs = Costs::new(&options.schema);
    let mut delta = Vec::new();

    for (index, tick) in trace.ticks.iter().enumerate() {
        replay.step(tick);
        delta.clear();
        let start = Instant::now();
        encoder.observe(replay.tables());
        encoder.delta(replay.tables(), tick.tick, tick.tick.is_multiple_of(HASH_EVERY), &mut delta);
        replay.tables().settle();
        let encoded = start.elapsed();
        let counts = tick.tick > after;
        if counts {
            steady.cost(&delta, &mut costs).expect("it is the next delta");
        }
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
            equal &= decoder.is_none_or(|decoder| replay.agrees(decoder));
        }
        tally.lossless &= equal;

        let plain = varint.delta_bytes(replay.rows());
        if counts {
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
    Ok(tally.report(trace, &options.schema, &costs, keyframe.len()))
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
    fn report(self, trace: &Trace, schema: &Schema, costs: &Costs, keyframe: usize) -> Report {
        let measured = self.bytes.len().max(1) as f64;
        let mean = |sum: u64| sum as f64 / measured;
        let per_entity = |time: Duration| time.as_nanos() as f64 / self.live.max(1) as f64;
        let bytes: u64 = self.bytes.iter().sum();
        Report {
            name: trace.header.name.clone(),
            ticks: trace.ticks.len(),
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
            parts: parts(schema, costs, measured),
        }
    }
}

/// What each part of the deltas costs, in bytes a tick.
fn parts(schema: &Schema, costs: &Costs, ticks: f64) -> Vec<(String, f64)> {
    let bytes = |bits: f64| bits / 8.0 / ticks;
    let mut parts = Vec::new();
    for (shape, costs) in schema.components.iter().zip(&costs.components) {
        parts.push((format!("{}: which rows", shape.name), bytes(costs.flags)));
        let fields = shape.fields.iter().zip(&costs.fields);
        parts.extend(fields.map(|(field, &bits)| (format!("{}.{}", shape.name, field.name), bytes(bits))));
    }
    parts.push(("spawns, despawns, learning, heads".into(), bytes(costs.rest)));
    parts
}

fn apply_resync(encoder: &mut Encoder, base: Option<u32>, decoder: &mut Decoder) -> bool {
    let mut body = Vec::new();
    encoder.resync(base, &mut body);
    decoder.apply(&body).is_ok()
}

fn changed(tick: &Tick) -> usize {
    let set = tick.set.iter().map(|set| set.0);
    let unset = tick.unset.iter().map(|(id, _)| *id);
    let ids: BTreeSet<u32> = set.chain(unset).chain(tick.despawn.iter().copied()).collect();
    ids.len()
}

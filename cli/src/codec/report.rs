//! What a trace costs, for programs and for people.

use serde::Serialize;

/// The findings of one run. Everything but `ticks` and `keyframe_bytes` is over the ticks that count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The trace's name.
    pub name: String,
    /// Ticks of the trace.
    pub ticks: usize,
    /// Entities alive, a tick.
    pub live: f64,
    /// Entities spawned, changed or despawned, a tick.
    pub changed: f64,
    /// Bytes of a delta's whole body, without the WebSocket's header.
    pub bytes_per_tick: Distribution,
    /// Bits per entity spawned, changed or despawned.
    pub bits_per_changed: f64,
    /// Bytes of a keyframe at the last tick.
    pub keyframe_bytes: usize,
    /// Bytes a tick of the full state in bincode.
    pub bytes_full: f64,
    /// Bytes a tick of masks of changed fields and their differences as varints.
    pub bytes_varint: f64,
    /// Nanoseconds to encode a delta, per live entity.
    pub encode_ns_per_entity: f64,
    /// Nanoseconds to apply a delta, per live entity.
    pub decode_ns_per_entity: f64,
    /// Whether every client saw every tick as the trace has it.
    pub lossless: bool,
    /// What each component and field costs, in bytes a tick; they add up to the mean.
    #[serde(skip)]
    pub parts: Vec<(String, f64)>,
}

/// How many bytes ticks take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Distribution {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// 99 of 100 are at most this.
    pub p99: u64,
    /// The greatest.
    pub max: u64,
}

impl Distribution {
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |part: f64| values.get((values.len() as f64 * part) as usize).or(values.last()).copied().unwrap_or(0);
        let mean = values.iter().sum::<u64>() as f64 / values.len().max(1) as f64;
        Self { mean, p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Distribution { mean, p50, p99, max } = &self.bytes_per_tick;
        writeln!(
            f,
            "{}: {} ticks, {:.0} entities, {:.0} changed a tick",
            self.name, self.ticks, self.live, self.changed
        )?;
        writeln!(f, "  bytes/tick        mean {mean:.1}   p50 {p50}   p99 {p99}   max {max}")?;
        writeln!(f, "  bits/changed      {:.2}", self.bits_per_changed)?;
        writeln!(f, "  keyframe          {} bytes", self.keyframe_bytes)?;
        let times = |plain: f64| plain / mean.max(1.0);
        writeln!(f, "  bincode, full     {:.0} bytes/tick ({:.1} ×)", self.bytes_full, times(self.bytes_full))?;
        writeln!(f, "  mask and varints  {:.0} bytes/tick ({:.1} ×)", self.bytes_varint, times(self.bytes_varint))?;
        writeln!(f, "  encode            {:.0} ns/entity", self.encode_ns_per_entity)?;
        writeln!(f, "  decode            {:.0} ns/entity", self.decode_ns_per_entity)?;
        let width = self.parts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, bytes) in self.parts.iter().filter(|(_, bytes)| *bytes >= 0.05) {
            writeln!(f, "    {name:width$}  {bytes:8.1} bytes/tick  {:5.1} %", bytes * 100.0 / mean.max(1.0))?;
        }
        let verdict = if self.lossless { "every client saw every tick" } else { "NOT LOSSLESS" };
        write!(f, "  {verdict}")
    }
}

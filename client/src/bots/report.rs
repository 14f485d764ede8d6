//! What bots measure.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::session::Counts;

/// What all bots of a run measured, together: a histogram has 190 KB, and bots come in thousands.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) tick_interval: Histogram<u64>,
    pub(crate) input_to_visible: Histogram<u64>,
    pub(crate) rtt: Histogram<u64>,
    /// In thousandths of a tick.
    pub(crate) staleness: Histogram<u64>,
}

/// What one bot counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    /// Ticks from the first snapshot to the last.
    pub(crate) ticks: u64,
    pub(crate) joined: bool,
    /// What the relay said when it first refused something.
    pub(crate) fault: Option<String>,
}

impl Default for Times {
    fn default() -> Self {
        let empty = || Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds and digits are in range");
        Self { tick_interval: empty(), input_to_visible: empty(), rtt: empty(), staleness: empty() }
    }
}

/// Notes a time in microseconds.
pub(crate) fn note(times: &mut Histogram<u64>, time: Duration) {
    times.saturating_record(time.as_micros() as u64);
}

/// Three points of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// The greatest.
    pub max: f64,
}

impl Quantiles {
    /// Of values recorded in thousandths.
    fn of_thousandths(values: &Histogram<u64>) -> Self {
        if values.is_empty() {
            return Self::default();
        }
        let at = |quantile| values.value_at_quantile(quantile) as f64 / 1000.0;
        Self { p50: at(0.5), p99: at(0.99), max: values.max() as f64 / 1000.0 }
    }
}

/// What a run of bots found, over all bots together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Bots started.
    pub bots: u64,
    /// Bots that got into their room.
    pub joined: u64,
    /// Seconds from the first start to the end.
    pub seconds: f64,
    /// Snapshots applied.
    pub snapshots: u64,
    /// WebSocket payload bytes received per bot and tick of its room.
    pub bytes_per_client_tick: f64,
    /// Milliseconds from one snapshot to the next.
    pub tick_interval_ms: Quantiles,
    /// Milliseconds from an input's sending to the snapshot that contains it.
    pub input_to_visible_ms: Quantiles,
    /// Milliseconds of round trip.
    pub rtt_ms: Quantiles,
    /// Ticks that the room is ahead of the snapshot just received, by the clock of the probes.
    pub staleness_ticks: Quantiles,
    /// Snapshot hashes compared.
    pub hash_checks: u64,
    /// … that differed.
    pub hash_mismatches: u64,
    /// Connections lost and made again.
    pub reconnects: u64,
    /// Times that the relay closed a bot's connection for a fault of the bot's.
    pub evicted: u64,
    /// Refusals, messages that could not be read, connections that led into no room.
    pub errors: u64,
    /// The fewest hash checks of any bot.
    #[serde(skip)]
    pub fewest_hash_checks: u64,
    /// The first of the errors, in the relay's words.
    #[serde(skip)]
    pub fault: Option<String>,
}

impl Report {
    pub(crate) fn of(times: &Times, bots: &[Tally], seconds: f64) -> Self {
        let ticks: u64 = bots.iter().map(|bot| bot.ticks).sum();
        let sum = |count: fn(&Counts) -> u64| bots.iter().map(|bot| count(&bot.counts)).sum();
        let bytes: u64 = sum(|counts| counts.bytes);
        Self {
            bots: bots.len() as u64,
            joined: bots.iter().filter(|bot| bot.joined).count() as u64,
            seconds,
            snapshots: sum(|counts| counts.snapshots),
            bytes_per_client_tick: bytes as f64 / ticks.max(1) as f64,
            tick_interval_ms: Quantiles::of_thousandths(&times.tick_interval),
            input_to_visible_ms: Quantiles::of_thousandths(&times.input_to_visible),
            rtt_ms: Quantiles::of_thousandths(&times.rtt),
            staleness_ticks: Quantiles::of_thousandths(&times.staleness),
            hash_checks: sum(|counts| counts.hash_checks),
            hash_mismatches: sum(|counts| counts.hash_mismatches),
            reconnects: sum(|counts| counts.reconnects),
            evicted: sum(|counts| counts.evicted),
            errors: sum(|counts| counts.errors),
            fewest_hash_checks: bots.iter().map(|bot| bot.counts.hash_checks).min().unwrap_or(0),
            fault: bots.iter().find_map(|bot| bot.fault.clone()),
        }
    }

    /// Whether every bot got in and no snapshot hash differed.
    pub fn is_good(&self) -> bool {
        self.joined == self.bots && self.hash_mismatches == 0
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quantiles = |q: &Quantiles| format!("p50 {:>7.2}   p99 {:>7.2}   max {:>7.2}", q.p50, q.p99, q.max);
        writeln!(f, "{} of {} bots joined, {:.1} s", self.joined, self.bots, self.seconds)?;
        writeln!(f, "  snapshots          {}", self.snapshots)?;
        writeln!(f, "  bytes/client·tick  {:.1}", self.bytes_per_client_tick)?;
        writeln!(f, "  tick interval ms   {}", quantiles(&self.tick_interval_ms))?;
        writeln!(f, "  input→visible ms   {}", quantiles(&self.input_to_visible_ms))?;
        writeln!(f, "  round trip ms      {}", quantiles(&self.rtt_ms))?;
        writeln!(f, "  staleness ticks    {}", quantiles(&self.staleness_ticks))?;
        let (checks, fewest) = (self.hash_checks, self.fewest_hash_checks);
        writeln!(f, "  hash checks        {checks} (at least {fewest} a bot), {} mismatches", self.hash_mismatches)?;
        write!(f, "  reconnects {}, evicted {}, errors {}", self.reconnects, self.evicted, self.errors)?;
        self.fault.iter().try_for_each(|fault| write!(f, "\n  first error: {fault}"))
    }
}

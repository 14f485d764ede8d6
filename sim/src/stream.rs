//! What goes out: the match's streams, each encoded once for all who ride it, and only while someone does.

use std::collections::VecDeque;
use std::sync::Arc;

use tickwire_protocol::Tick;
use tickwire_protocol::snapshot::{Encoder, Priors, Tables};

/// Which of a match's streams: the one with a delta in every so many-th snapshot.
pub type Every = u32;

/// The stream with a delta in every snapshot.
pub const FULL_RATE: Every = 1;

/// What a stream says at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delta<'a> {
    /// The tick it leads to.
    pub tick: Tick,
    /// The tick it starts from; none for a stream's first, which is a keyframe.
    pub base: Option<Tick>,
    /// Its bytes, for a decoder.
    pub body: &'a [u8],
}

/// A match's open streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    priors: Option<Arc<Priors>>,
    streams: Vec<Stream>,
    /// Snapshots so far.
    snapshots: u32,
}

/// Deltas of a stream that are kept, to be said again to who has missed a few. A second's worth at 30 Hz: beyond that a resync is shorter.
const KEPT: usize = 32;

/// A stream; the last of its deltas is in front.
#[derive(Debug)]
struct Stream {
    every: Every,
    encoder: Encoder,
    deltas: VecDeque<Said>,
}

/// A delta that was said.
#[derive(Debug, Default)]
struct Said {
    base: Tick,
    tick: Tick,
    body: Vec<u8>,
}

impl Stream {
    fn encode(&mut self, tables: &Tables, tick: Tick, hash_every: u32) {
        // The oldest gives its memory to the newest.
        let mut said =
            if self.deltas.len() < KEPT { Said::default() } else { self.deltas.pop_back().unwrap_or_default() };
        (said.base, said.tick) = (self.encoder.tick(), tick);
        let with_hash = tick / hash_every != said.base / hash_every;
        said.body.clear();
        self.encoder.delta(tables, tick, with_hash, &mut said.body);
        self.deltas.push_front(said);
    }

    /// How many deltas lead from `base` to the last one, if all of them are kept.
    fn since(&self, base: Tick) -> Option<usize> {
        self.deltas.iter().position(|said| said.base == base).map(|index| index + 1)
    }
}

impl Streams {
    /// None open yet. The first begins with these priors, or with the built-in ones; one that is opened after another was closed with
    /// those that were in force there.
    pub(crate) fn new(priors: Option<Arc<Priors>>) -> Self {
        Self { priors, ..Self::default() }
    }

    /// Opens a stream that begins with the tables as they are; nothing happens if it is open.
    pub(crate) fn open(&mut self, every: Every, tables: &Tables) {
        if self.find(every).is_none() {
            let encoder = match &self.priors {
                Some(priors) => Encoder::with_priors(tables, priors.clone()),
                None => Encoder::new(tables),
            };
            self.streams.push(Stream { every, encoder, deltas: VecDeque::new() });
        }
    }

    /// Closes a stream; nothing happens if it is not open.
    pub(crate) fn close(&mut self, every: Every) {
        if let Some(index) = self.streams.iter().position(|stream| stream.every == every) {
            let stream = self.streams.swap_remove(index);
            // What it has counted but not announced may be too little to go by.
            self.priors = Some(stream.encoder.priors().clone());
        }
    }

    /// Encodes the snapshot of `tick` in all streams whose turn it is, and lets the tables settle.
    pub(crate) fn encode(&mut self, tables: &mut Tables, tick: Tick, hash_every: u32) {
        self.snapshots = self.snapshots.wrapping_add(1);
        for stream in &mut self.streams {
            stream.encoder.observe(tables);
            if self.snapshots.is_multiple_of(stream.every) {
                stream.encode(tables, tick, hash_every);
            }
        }
        tables.settle();
    }

    /// What a stream says at `tick`; none if it is not its turn, or not open.
    pub(crate) fn delta(&self, every: Every, tick: Tick) -> Option<Delta<'_>> {
        let stream = self.streams.iter().find(|stream| stream.every == every)?;
        let said = stream.deltas.front().filter(|said| said.tick == tick)?;
        Some(Delta { tick, base: (said.base > 0).then_some(said.base), body: &said.body })
    }

    /// Gives the bodies that bring a replica at `base` to a stream's last delta, in order: a resync, or the deltas that it has missed if they
    /// are shorter. Returns the base that they start from, none for a keyframe.
    pub(crate) fn resync(&mut self, every: Every, base: Option<Tick>, give: &mut dyn FnMut(&[u8])) -> Option<Tick> {
        let stream = self.streams.iter_mut().find(|stream| stream.every == every);
        let stream = stream.expect("a resync is to an open stream");
        let mut resync = Vec::new();
        let from = stream.encoder.resync(base, &mut resync);
        match from.and_then(|base| stream.since(base)) {
            Some(count) if stream.deltas.range(..count).map(|said| said.body.len()).sum::<usize>() < resync.len() => {
                stream.deltas.range(..count).rev().for_each(|said| give(&said.body));
            }
            _ => give(&resync),
        }
        from
    }

    /// The encoder of a stream that is open.
    pub(crate) fn find(&mut self, every: Every) -> Option<&mut Encoder> {
        self.streams.iter_mut().find(|stream| stream.every == every).map(|stream| &mut stream.encoder)
    }
}

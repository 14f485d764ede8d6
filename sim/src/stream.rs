//! What goes out: the match's streams, each encoded once for all who ride it, and only while someone does.

use std::sync::Arc;

use tickwire_protocol::Tick;
use tickwire_protocol::snapshot::{Encoder, Priors, Tables};

/// Which of a match's streams: the one with a delta in every so many-th snapshot. 1 is the full-rate stream.
pub type Every = u32;

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

#[derive(Debug)]
struct Stream {
    every: Every,
    encoder: Encoder,
    /// The tick of the delta before the last.
    base: Tick,
    body: Vec<u8>,
}

impl Streams {
    /// None open yet. The first begins with these priors, or with the built-in ones; one that is opened after another was closed with
    /// what that one had learnt.
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
            self.streams.push(Stream { every, encoder, base: 0, body: Vec::new() });
        }
    }

    /// Closes a stream; nothing happens if it is not open.
    pub(crate) fn close(&mut self, every: Every) {
        if let Some(index) = self.streams.iter().position(|stream| stream.every == every) {
            let stream = self.streams.swap_remove(index);
            self.priors = Some(Arc::new(stream.encoder.learnt()));
        }
    }

    /// Encodes the snapshot of `tick` in all streams whose turn it is, and lets the tables settle.
    pub(crate) fn encode(&mut self, tables: &mut Tables, tick: Tick, hash_every: u32) {
        self.snapshots = self.snapshots.wrapping_add(1);
        for stream in &mut self.streams {
            stream.encoder.observe(tables);
            if self.snapshots.is_multiple_of(stream.every) {
                stream.base = stream.encoder.tick();
                let with_hash = tick / hash_every != stream.base / hash_every;
                stream.body.clear();
                stream.encoder.delta(tables, tick, with_hash, &mut stream.body);
            }
        }
        tables.settle();
    }

    /// What a stream says at `tick`; none if it is not its turn, or not open.
    pub(crate) fn delta(&self, every: Every, tick: Tick) -> Option<Delta<'_>> {
        let stream = self.streams.iter().find(|stream| stream.every == every && stream.encoder.tick() == tick)?;
        let base = (stream.base > 0).then_some(stream.base);
        Some(Delta { tick, base, body: &stream.body })
    }

    /// The encoder of a stream that is open.
    pub(crate) fn find(&mut self, every: Every) -> Option<&mut Encoder> {
        self.streams.iter_mut().find(|stream| stream.every == every).map(|stream| &mut stream.encoder)
    }
}

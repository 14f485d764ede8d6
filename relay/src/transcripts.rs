//! A room's snapshots as text: written once for everyone who rides the same stream, and nothing while nobody does.

use std::collections::BTreeMap;

use tickwire_protocol::Tick;
use tickwire_protocol::snapshot::Tables;
use tickwire_protocol::text::Snapshots;
use tickwire_sim::Every;

use crate::form::Form;
use crate::link::SessionId;
use crate::snapshot::Snapshot;

/// The streams that sessions ride in text, and what they are owed.
#[derive(Debug, Default)]
pub(crate) struct Transcripts {
    streams: BTreeMap<Every, Snapshots>,
    /// Sessions that want all there is.
    wanted: BTreeMap<SessionId, Every>,
}

/// What is said at a tick: of each stream, and to those who wanted all.
pub(crate) type Said = (Vec<Snapshot>, Vec<(SessionId, Snapshot)>);

impl Transcripts {
    /// A session wants all that there is, by the stream that it rides from then on.
    pub(crate) fn want(&mut self, session: SessionId, every: Every) {
        self.wanted.insert(session, every);
    }

    /// A session has gone.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.wanted.remove(&session);
    }

    /// Keeps the streams that are ridden, and no other.
    pub(crate) fn keep(&mut self, is_ridden: impl Fn(Every) -> bool) {
        self.streams.retain(|&every, _| is_ridden(every));
    }

    /// What is said at the tick of a room's so many-th snapshot. `unix_ms` is the date.
    pub(crate) fn say(&mut self, tables: &Tables, (tick, number): (Tick, u32), unix_ms: u64) -> Said {
        for &every in self.wanted.values() {
            self.streams.entry(every).or_insert_with(|| Snapshots::new(tables));
        }
        let mut said = Said::default();
        for (&every, stream) in self.streams.iter_mut().filter(|&(&every, _)| number.is_multiple_of(every)) {
            let base = Some(stream.tick()).filter(|&base| base > 0);
            let framed = |base, text: String| Snapshot::new(Form::Text, every, (base, tick), text.as_bytes());
            said.0.push(framed(base, stream.delta(tables, tick, unix_ms)));
            let owed = self.wanted.extract_if(.., |_, wants| *wants == every);
            let owed: Vec<SessionId> = owed.map(|(session, _)| session).collect();
            if !owed.is_empty() {
                let full = framed(None, stream.full(unix_ms));
                said.1.extend(owed.into_iter().map(|session| (session, full.clone())));
            }
        }
        said
    }
}

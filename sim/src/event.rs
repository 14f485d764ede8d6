//! What a game tells its players beside its state.

use std::any::TypeId;
use std::collections::HashMap;

use bevy_ecs::resource::Resource;
use tickwire_protocol::{SeatId, Shape, Wire, wire};

/// Who gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Everyone in the room.
    All,
    /// One seat, if it is taken.
    Seat(SeatId),
}

/// The events of the running tick, in the order in which the systems send them. They travel reliably, with the tick they belong
/// to. A resource.
#[derive(Debug, Default, Resource)]
pub struct Events {
    kinds: HashMap<TypeId, u32>,
    shapes: Vec<Shape>,
    sent: Vec<SentEvent>,
    records: Vec<u8>,
}

/// An event that waits for delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// Who gets it.
    pub to: To,
    /// Its index in the schema.
    pub event: u32,
    start: usize,
    end: usize,
}

impl Events {
    /// Sends `event` with this tick.
    ///
    /// # Panics
    /// If the game's setup has not registered its type.
    pub fn send<E: Wire>(&mut self, to: To, event: &E) {
        let Some(&kind) = self.kinds.get(&TypeId::of::<E>()) else {
            panic!("the event `{}` is not registered: call Setup::event", E::NAME)
        };
        let start = self.records.len();
        wire::put_record(&mut self.records, event);
        self.sent.push(SentEvent { to, event: kind, start, end: self.records.len() });
    }

    pub(crate) fn register<E: Wire>(&mut self) {
        self.kinds.insert(TypeId::of::<E>(), self.shapes.len() as u32);
        self.shapes.push(E::shape());
    }

    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    pub(crate) fn sent(&self) -> impl Iterator<Item = (SentEvent, &[u8])> {
        self.sent.iter().map(|&sent| (sent, &self.records[sent.start..sent.end]))
    }

    pub(crate) fn clear(&mut self) {
        self.sent.clear();
        self.records.clear();
    }
}

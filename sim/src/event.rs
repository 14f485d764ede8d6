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

/// Events in the order in which they are sent. They travel reliably, with the tick they belong to: what is sent between two ticks, as
/// by a game's join, goes with the next. A resource.
#[derive(Debug, Default, Resource)]
pub struct Events {
    kinds: HashMap<TypeId, u32>,
    shapes: Vec<Shape>,
    /// Of the tick that runs, or the next.
    next: Batch,
    /// Of the last tick.
    last: Batch,
}

#[derive(Debug, Default)]
struct Batch {
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
    /// Sends `event` with the tick that runs, or with the next.
    ///
    /// # Panics
    /// If the game's setup has not registered its type.
    pub fn send<E: Wire>(&mut self, to: To, event: &E) {
        self.put(event, [to]);
    }

    /// Sends `event` to some seats, to those of them that are taken.
    ///
    /// # Panics
    /// If the game's setup has not registered its type.
    pub fn send_to<E: Wire>(&mut self, seats: &[SeatId], event: &E) {
        self.put(event, seats.iter().map(|&seat| To::Seat(seat)));
    }

    /// One record, for all of these.
    fn put<E: Wire>(&mut self, event: &E, to: impl IntoIterator<Item = To>) {
        let Some(&kind) = self.kinds.get(&TypeId::of::<E>()) else {
            panic!("the event `{}` is not registered: call Setup::event", E::NAME)
        };
        let Batch { sent, records } = &mut self.next;
        let start = records.len();
        wire::put_record(records, event);
        let end = records.len();
        sent.extend(to.into_iter().map(|to| SentEvent { to, event: kind, start, end }));
    }

    pub(crate) fn register<E: Wire>(&mut self) {
        self.kinds.insert(TypeId::of::<E>(), self.shapes.len() as u32);
        self.shapes.push(E::shape());
    }

    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    pub(crate) fn sent(&self) -> impl Iterator<Item = (SentEvent, &[u8])> {
        self.last.sent.iter().map(|&sent| (sent, &self.last.records[sent.start..sent.end]))
    }

    /// The tick is over: what was sent belongs to it.
    pub(crate) fn publish(&mut self) {
        std::mem::swap(&mut self.next, &mut self.last);
        self.next.sent.clear();
        self.next.records.clear();
    }
}

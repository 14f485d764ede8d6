//! The client's copy of a room's state, as the game's own types.

use std::sync::Arc;

use bytes::Bytes;
use tickwire_protocol::snapshot::{Applied, DecodeError, Decoder, Rows};
use tickwire_protocol::{Schema, SeatId, Sequence, Slot, Tick, Wire};

/// A room's state at its last snapshot.
#[derive(Clone, Debug)]
pub struct Replica {
    decoder: Decoder,
}

/// A component that this program knows is not what the room sends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplicaError {
    /// The room has no component of that name.
    #[error("the room has no component `{0}`")]
    MissingComponent(&'static str),
    /// The room's component has no such field.
    #[error("the room's `{component}` has no field `{field}`")]
    MissingField {
        /// The component's name.
        component: &'static str,
        /// The field's name.
        field: String,
    },
    /// A field's kind, place or range differs.
    #[error("the room's `{component}.{field}` is of another kind, place or range")]
    OtherField {
        /// The component's name.
        component: &'static str,
        /// The field's name.
        field: String,
    },
}

/// The room's first component.
#[derive(Clone, Debug, PartialEq, Eq, Wire)]
#[wire(crate = tickwire_protocol, name = "Seat")]
pub(crate) struct SeatRow {
    pub(crate) seat: SeatId,
    pub(crate) sequence: Sequence,
    pub(crate) connected: bool,
}

impl Replica {
    pub(crate) fn new(schema: Arc<Schema>) -> Self {
        Self { decoder: Decoder::new(schema) }
    }

    pub(crate) fn apply(&mut self, snapshot: &Bytes) -> Result<Applied, DecodeError> {
        self.decoder.apply(snapshot)
    }

    /// The tick of the last snapshot, 0 before the first.
    pub fn tick(&self) -> Tick {
        self.decoder.tick()
    }

    /// The room's schema.
    pub fn schema(&self) -> &Arc<Schema> {
        self.decoder.schema()
    }

    /// The snapshot hash of the state.
    pub fn hash(&self) -> u32 {
        self.decoder.hash()
    }

    /// Whether the room's component of this name is the one that this program knows. Check it once, after the welcome.
    ///
    /// # Errors
    /// The first difference.
    pub fn expect<T: Wire>(&self) -> Result<(), ReplicaError> {
        let component = T::NAME;
        let index = self.schema().component(component).ok_or(ReplicaError::MissingComponent(component))?;
        let theirs = &self.schema().components[index].fields;
        for (place, mine) in T::shape().fields.iter().enumerate() {
            let field = mine.name.clone();
            if !theirs.iter().any(|their| their.name == mine.name) {
                return Err(ReplicaError::MissingField { component, field });
            }
            if theirs[place].name != mine.name || theirs[place].kind != mine.kind {
                return Err(ReplicaError::OtherField { component, field });
            }
        }
        Ok(())
    }

    /// Every entity with this component, by slot. Empty if the room has no such component; a row that does not fit the type (see
    /// [`Replica::expect`]) is left out.
    pub fn rows<T: Wire>(&self) -> impl Iterator<Item = (Slot, T)> + '_ {
        let rows = self.schema().component(T::NAME).and_then(|index| self.decoder.rows(index));
        rows.into_iter().flat_map(|rows| rows.slots().map(move |slot| (slot, rows.get(slot)))).filter_map(
            |(slot, row)| {
                let row = T::read(&mut row?).ok()?;
                Some((slot, row))
            },
        )
    }

    /// This component of the entity in this slot.
    pub fn get<T: Wire>(&self, slot: Slot) -> Option<T> {
        let rows = self.decoder.rows(self.schema().component(T::NAME)?)?;
        T::read(&mut rows.get(slot)?).ok()
    }

    /// The rows of the component with this index in the schema, as they travel: quantised, without their types.
    pub fn table(&self, component: usize) -> Option<&Rows> {
        self.decoder.rows(component)
    }

    /// The slot of a seat's entity.
    pub fn seat_slot(&self, seat: SeatId) -> Option<Slot> {
        self.rows::<SeatRow>().find(|(_, row)| row.seat == seat).map(|(slot, _)| slot)
    }

    /// The last input of a seat that this state contains, 0 before the first.
    pub fn consumed(&self, seat: SeatId) -> Option<Sequence> {
        self.rows::<SeatRow>().find(|(_, row)| row.seat == seat).map(|(_, row)| row.sequence)
    }
}

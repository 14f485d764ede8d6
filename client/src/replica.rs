//! The client's copy of a room's state, as the game's own types.

use std::any::TypeId;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tickwire_protocol::snapshot::{Applied, DecodeError, Decoder, Fields, Mismatch, Rows};
use tickwire_protocol::{Schema, SeatId, Sequence, Slot, Tick, Wire};

/// A room's state at its last snapshot.
#[derive(Clone, Debug)]
pub struct Replica {
    decoder: Decoder,
    /// By component: the type that reads it, and where its fields stand.
    fields: Vec<OnceLock<(TypeId, Result<Fields, Mismatch>)>>,
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
    /// A field's kind or range differs.
    #[error("the room's `{component}.{field}` is of another kind or range")]
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
        let fields = schema.components.iter().map(|_| OnceLock::new()).collect();
        Self { decoder: Decoder::new(schema), fields }
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

    /// Whether the room has a component of this name with all fields that this program knows. It may have more. Check it once, after
    /// the welcome.
    ///
    /// # Errors
    /// The first difference.
    pub fn expect<T: Wire>(&self) -> Result<(), ReplicaError> {
        let component = T::NAME;
        let (_, fields) = self.known::<T>().ok_or(ReplicaError::MissingComponent(component))?;
        match fields.into_owned() {
            Ok(_) => Ok(()),
            Err(Mismatch::Missing(field)) => Err(ReplicaError::MissingField { component, field }),
            Err(Mismatch::Kind(field)) => Err(ReplicaError::OtherField { component, field }),
        }
    }

    /// Every entity with this component, by slot. Empty if the room's component is not as [`Replica::expect`] wants it; a row that is out
    /// of range is left out.
    pub fn rows<T: Wire>(&self) -> impl Iterator<Item = (Slot, T)> + '_ {
        self.known::<T>().into_iter().flat_map(|(rows, fields)| {
            rows.slots().filter_map(move |slot| {
                let fields = fields.as_ref().as_ref().ok()?;
                Some((slot, T::read(&mut fields.get(rows, slot)?).ok()?))
            })
        })
    }

    /// This component of the entity in this slot.
    pub fn get<T: Wire>(&self, slot: Slot) -> Option<T> {
        let (rows, fields) = self.known::<T>()?;
        T::read(&mut fields.as_ref().as_ref().ok()?.get(rows, slot)?).ok()
    }

    /// The rows of a type's component, and its fields in them.
    fn known<T: Wire>(&self) -> Option<(&Rows, Cow<'_, Result<Fields, Mismatch>>)> {
        let index = self.schema().component(T::NAME)?;
        let find = || Fields::of::<T>(&self.schema().components[index]);
        let (reader, fields) = self.fields[index].get_or_init(|| (TypeId::of::<T>(), find()));
        // Another type of that name has been here first: this one is looked up every time.
        let fields = if *reader == TypeId::of::<T>() { Cow::Borrowed(fields) } else { Cow::Owned(find()) };
        Some((self.decoder.rows(index)?, fields))
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

//! Rows and records as JSON objects, field by field by name.

use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};

use super::error::Problem;
use super::object::Object;
use super::value::{self, Value};
use crate::schema::Shape;
use crate::varint::Reader;
use crate::wire::{RecordSink, Source, check_record};

/// The fields of a shape, from a source that has all of them.
pub(super) struct Fields<'a, S> {
    pub(super) shape: &'a Shape,
    pub(super) source: S,
}

impl<'a> Fields<'a, Reader<'a>> {
    /// Those of a record; none if it is not one of this shape.
    pub(super) fn of_record(shape: &'a Shape, record: &'a [u8]) -> Option<Self> {
        check_record(shape, record).ok().map(|()| Self { shape, source: Reader::new(record) })
    }
}

impl<S: Source + Clone> Serialize for Fields<'_, S> {
    fn serialize<T: Serializer>(&self, serializer: T) -> Result<T::Ok, T::Error> {
        let mut map = serializer.serialize_map(Some(self.shape.fields.len()))?;
        let mut source = self.source.clone();
        for field in &self.shape.fields {
            let value = Value::read(&field.kind, &mut source).map_err(T::Error::custom)?;
            map.serialize_entry(&field.name, &value)?;
        }
        map.end()
    }
}

/// The record of what an object says by name.
///
/// # Errors
/// A field that is missing, not known, or of another type.
pub(super) fn to_record(shape: &Shape, mut fields: Object<'_>) -> Result<Vec<u8>, Problem> {
    let mut record = Vec::new();
    for field in &shape.fields {
        let path = fields.path(&field.name);
        let Some(text) = fields.take_raw(&field.name) else { return Err(Problem::Missing(path)) };
        value::write(&field.kind, text, &mut RecordSink(&mut record))
            .map_err(|wanted| Problem::Form { path, wanted })?;
    }
    fields.end()?;
    Ok(record)
}

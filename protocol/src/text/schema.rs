//! A schema for people to read.

use serde::Serialize;

use super::value::Real;
use crate::schema::{Field, Kind, Schema, Shape};

/// What a welcome says of the schema. How values are guessed is left out: it is of no use here.
#[derive(Serialize)]
pub(super) struct SchemaText<'a> {
    components: Vec<ShapeText<'a>>,
    input: ShapeText<'a>,
    events: Vec<ShapeText<'a>>,
    messages: Vec<ShapeText<'a>>,
    requests: Vec<ExchangeText<'a>>,
}

#[derive(Serialize)]
struct ShapeText<'a> {
    name: &'a str,
    fields: Vec<FieldText<'a>>,
}

#[derive(Serialize)]
struct ExchangeText<'a> {
    request: ShapeText<'a>,
    reply: ShapeText<'a>,
}

#[derive(Serialize)]
struct FieldText<'a> {
    name: &'a str,
    #[serde(flatten)]
    kind: KindText<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum KindText<'a> {
    Bool,
    Int { min: i64, max: i64 },
    Fixed { min: Real, max: Real, step: Real },
    Angle { bits: u8 },
    Enum { variants: &'a [String] },
    Text { max_bytes: u32 },
    Bytes { max_bytes: u32 },
}

impl<'a> From<&'a Schema> for SchemaText<'a> {
    fn from(schema: &'a Schema) -> Self {
        let shapes = |list: &'a [Shape]| list.iter().map(ShapeText::from).collect();
        let requests = schema
            .requests
            .iter()
            .map(|exchange| ExchangeText { request: (&exchange.request).into(), reply: (&exchange.reply).into() });
        Self {
            components: shapes(&schema.components),
            input: (&schema.input).into(),
            events: shapes(&schema.events),
            messages: shapes(&schema.messages),
            requests: requests.collect(),
        }
    }
}

impl<'a> From<&'a Shape> for ShapeText<'a> {
    fn from(shape: &'a Shape) -> Self {
        let field = |field: &'a Field| FieldText { name: &field.name, kind: (&field.kind).into() };
        Self { name: &shape.name, fields: shape.fields.iter().map(field).collect() }
    }
}

impl<'a> From<&'a Kind> for KindText<'a> {
    fn from(kind: &'a Kind) -> Self {
        match *kind {
            Kind::Bool => Self::Bool,
            Kind::Int { min, max } => Self::Int { min, max },
            Kind::Fixed { min, max, step } => Self::Fixed { min: Real(min), max: Real(max), step: Real(step) },
            Kind::Angle { bits } => Self::Angle { bits },
            Kind::Enum { ref variants } => Self::Enum { variants },
            Kind::Text { max } => Self::Text { max_bytes: max },
            Kind::Bytes { max } => Self::Bytes { max_bytes: max },
        }
    }
}

//! One field's value in game units, to JSON and from it.

use std::borrow::Cow;
use std::f64::consts::TAU;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};

use crate::schema::Kind;
use crate::wire::{Options, Refused, Sink, Source, quantise, widen};

/// A field's value as the game sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Bool(bool),
    Int(i64),
    Real(Real),
    Text(Cow<'a, str>),
    /// As base64.
    Bytes(String),
}

/// A real number, whole ones without a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Real(pub(super) f64);

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Up to here an f64 is exact, in every reader.
        const EXACT: f64 = (1_u64 << 53) as f64;
        let Self(real) = *self;
        if real.fract() == 0.0 && real.abs() < EXACT {
            serializer.serialize_i64(real as i64)
        } else {
            serializer.serialize_f64(real)
        }
    }
}

/// The number with the fewest decimals that is within a tenth of a step of `value`: quantised again it is the same.
pub(super) fn short(value: f64, step: f64) -> Real {
    let decimals = (0..=17).map(|count| 10_f64.powi(count));
    let rounded = decimals.map(|scale| (value * scale).round() / scale);
    Real(rounded.into_iter().find(|short| (short - value).abs() <= step / 10.0).unwrap_or(value))
}

impl<'a> Value<'a> {
    /// The next field, of this kind. What no writer writes is told as well as it can be.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn read(kind: &'a Kind, source: &'a mut impl Source) -> Result<Self, Refused> {
        Ok(match *kind {
            Kind::Bool => Self::Bool(source.int()? != 0),
            Kind::Int { max, .. } => Self::Int(widen(source.int()?, max)),
            Kind::Fixed { step, .. } => Self::Real(multiple(source.int()?, step)),
            Kind::Angle { bits } => Self::Real(multiple(source.int()?, TAU / f64::from(1_u32 << bits))),
            Kind::Enum { ref variants } => {
                let index = source.int()?;
                let name = usize::try_from(index).ok().and_then(|index| variants.get(index));
                name.map_or(Self::Int(index.into()), |name| Self::Text(name.into()))
            }
            Kind::Text { .. } => Self::Text(String::from_utf8_lossy(source.opaque()?)),
            Kind::Bytes { .. } => Self::Bytes(to_base64(source.opaque()?)),
        })
    }
}

fn multiple(value: i32, step: f64) -> Real {
    short(f64::from(value) * step, step)
}

/// Bytes as base64, with padding.
pub(super) fn to_base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes of base64, with padding.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// Writes the JSON of one value by the rules of every writer: what is out of range is clamped, what is too long is cut.
///
/// # Errors
/// What it should have been, if it is of another type, or no variant.
pub(super) fn write(kind: &Kind, text: &str, sink: &mut impl Sink) -> Result<(), &'static str> {
    match kind {
        Kind::Bool => sink.int(i32::from(parse::<bool>(text).ok_or("true or false")?)),
        Kind::Int { min, max } => {
            let real = parse::<f64>(text).filter(|real| real.fract() == 0.0).ok_or("an integer")?;
            // A cast saturates; integers of 32 bits are exact in an f64.
            sink.int((real as i64).clamp(*min, *max) as i32);
        }
        Kind::Fixed { .. } | Kind::Angle { .. } => {
            sink.int(quantise(parse(text).ok_or("a number")?, &Options::of(kind)));
        }
        Kind::Enum { variants } => {
            let index = parse::<String>(text).and_then(|name| variants.iter().position(|variant| *variant == name));
            sink.int(index.ok_or("the name of a variant")? as i32);
        }
        Kind::Text { max } => {
            let text = parse::<String>(text).ok_or("a string")?;
            sink.opaque(&text.as_bytes()[..text.floor_char_boundary(*max as usize)]);
        }
        Kind::Bytes { max } => {
            let bytes = parse::<String>(text).and_then(|text| from_base64(&text)).ok_or("base64")?;
            sink.opaque(&bytes[..bytes.len().min(*max as usize)]);
        }
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

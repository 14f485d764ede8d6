//! What a game's components, inputs, events, messages and requests look like on the wire: names, kinds, ranges.

use serde::{Deserialize, Serialize};

/// Fields a [`Shape`] can have: one bit each in a changed row's mask.
pub const MAX_FIELDS: usize = 32;

/// Components, and events, messages and requests, that a [`Schema`] can have: bounds what a welcome can make a client allocate.
pub const MAX_SHAPES: usize = 256;

/// How a field's values are quantised to an integer, or carried as bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kind {
    /// 0 or 1.
    Bool,
    /// An integer in `min..=max`, both within i32, or both within u32 (then its bits are carried as an i32).
    Int {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// A real number in `min..=max`, rounded to a multiple of `step`.
    Fixed {
        /// The least value.
        min: f64,
        /// The greatest value.
        max: f64,
        /// The distance of neighbouring values.
        step: f64,
    },
    /// An angle in radians, in 2^bits steps a turn, wrapping.
    Angle {
        /// 1 to 16.
        bits: u8,
    },
    /// One of the named variants, by its index.
    Enum {
        /// The names, in order; at most 256.
        variants: Vec<String>,
    },
    /// UTF-8 of at most `max` bytes.
    Text {
        /// Bytes.
        max: u32,
    },
    /// At most `max` bytes.
    Bytes {
        /// Bytes.
        max: u32,
    },
}

impl Kind {
    /// Whether values are carried as bytes and not as an integer.
    pub fn is_opaque(&self) -> bool {
        matches!(self, Kind::Text { .. } | Kind::Bytes { .. })
    }

    /// The least and the greatest integer on the wire, as i64 so that a u32 range is in order. None for opaque kinds.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        match *self {
            Kind::Bool => Some((0, 1)),
            Kind::Int { min, max } => Some((min, max)),
            Kind::Fixed { min, max, step } => Some(((min / step).round() as i64, (max / step).round() as i64)),
            Kind::Angle { bits } => Some((0, (1 << bits) - 1)),
            Kind::Enum { ref variants } => Some((0, variants.len() as i64 - 1)),
            Kind::Text { .. } | Kind::Bytes { .. } => None,
        }
    }
}

/// How a field's next value is guessed. A hint to the codec; the values are the same with any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Predict {
    /// Whichever of the others did better lately.
    #[default]
    Auto,
    /// It stays.
    Hold,
    /// It goes on as it went.
    Velocity,
}

/// One field of a [`Shape`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Its name in the game.
    pub name: String,
    /// How its values travel.
    pub kind: Kind,
    /// How its next value is guessed.
    pub predict: Predict,
}

/// A component, input, event, message, request or reply: a name and at most [`MAX_FIELDS`] fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Its name in the game, unique in its list of the [`Schema`]; a reply's need not be.
    pub name: String,
    /// Its fields in the order in which they travel.
    pub fields: Vec<Field>,
}

/// What a player asks of the game, and what comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// What is asked.
    pub request: Shape,
    /// What is answered, unless the game refuses.
    pub reply: Shape,
}

/// Everything that two ends must agree on to understand each other's game. The default is a game of which nothing travels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The components that replicate; a component's index is its table's.
    pub components: Vec<Shape>,
    /// What a player sends for every tick.
    pub input: Shape,
    /// What the game sends beside its state.
    pub events: Vec<Shape>,
    /// What a player sends beside inputs, and needs no answer.
    pub messages: Vec<Shape>,
    /// What a player sends and the game answers.
    pub requests: Vec<Exchange>,
}

/// Why a schema from the network is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A shape has more than [`MAX_FIELDS`] fields.
    #[error("`{0}` has more than 32 fields")]
    TooManyFields(String),
    /// More than [`MAX_SHAPES`] components, events, messages or requests.
    #[error("{0} components, events, messages or requests are more than 256")]
    TooManyShapes(usize),
    /// Two shapes of one list have the same name.
    #[error("`{0}` is there twice")]
    Duplicate(String),
    /// A field's range, step or bits make no sense, or don't fit 32 bits.
    #[error("the kind of `{shape}.{field}` makes no sense")]
    Kind {
        /// The shape's name.
        shape: String,
        /// The field's name.
        field: String,
    },
}

impl Schema {
    /// Checks what arrived from the network or was put together by a game.
    ///
    /// # Errors
    /// See [`SchemaError`].
    pub fn check(&self) -> Result<(), SchemaError> {
        check_list(&self.components, |shape| shape)?;
        self.input.check()?;
        check_list(&self.events, |shape| shape)?;
        check_list(&self.messages, |shape| shape)?;
        check_list(&self.requests, |exchange| &exchange.request)?;
        self.requests.iter().try_for_each(|exchange| exchange.reply.check())
    }

    /// FNV-1a (64 bit) of the schema's bincode: equal schemas have equal hashes, on every machine.
    pub fn hash(&self) -> u64 {
        crate::codec::encode(self)
            .iter()
            .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
    }

    /// The index of the component named `name`.
    pub fn component(&self, name: &str) -> Option<usize> {
        self.components.iter().position(|shape| shape.name == name)
    }

    /// The index of the event named `name`.
    pub fn event(&self, name: &str) -> Option<usize> {
        self.events.iter().position(|shape| shape.name == name)
    }

    /// The index of the message named `name`.
    pub fn message(&self, name: &str) -> Option<usize> {
        self.messages.iter().position(|shape| shape.name == name)
    }

    /// The index of the request named `name`.
    pub fn request(&self, name: &str) -> Option<usize> {
        self.requests.iter().position(|exchange| exchange.request.name == name)
    }
}

/// Checks one list of a schema, and the shape that names each of its items.
fn check_list<T>(list: &[T], shape: impl Fn(&T) -> &Shape) -> Result<(), SchemaError> {
    if list.len() > MAX_SHAPES {
        return Err(SchemaError::TooManyShapes(list.len()));
    }
    for (index, item) in list.iter().enumerate() {
        let name = &shape(item).name;
        if list[..index].iter().any(|other| shape(other).name == *name) {
            return Err(SchemaError::Duplicate(name.clone()));
        }
        shape(item).check()?;
    }
    Ok(())
}

impl Shape {
    fn check(&self) -> Result<(), SchemaError> {
        if self.fields.len() > MAX_FIELDS {
            return Err(SchemaError::TooManyFields(self.name.clone()));
        }
        for field in &self.fields {
            if !sensible(&field.kind) {
                return Err(SchemaError::Kind { shape: self.name.clone(), field: field.name.clone() });
            }
        }
        Ok(())
    }
}

fn sensible(kind: &Kind) -> bool {
    match *kind {
        Kind::Fixed { min, max, step } if !(step > 0.0 && min <= max && max.is_finite() && min.is_finite()) => false,
        Kind::Angle { bits } if !(1..=16).contains(&bits) => false,
        Kind::Enum { ref variants } => (1..=256).contains(&variants.len()),
        _ => kind.bounds().is_none_or(|(min, max)| {
            let signed = i64::from(i32::MIN)..=i64::from(i32::MAX);
            let unsigned = 0..=i64::from(u32::MAX);
            min <= max && [signed, unsigned].iter().any(|range| range.contains(&min) && range.contains(&max))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(kind: Kind) -> Schema {
        let field = Field { name: "value".into(), kind, predict: Predict::Auto };
        Schema { input: Shape { name: "Input".into(), fields: vec![field] }, ..Schema::default() }
    }

    #[test]
    fn senseless_kinds_are_named() {
        let senseless = [
            Kind::Int { min: 2, max: 1 },
            Kind::Int { min: -1, max: i64::from(u32::MAX) },
            Kind::Fixed { min: 0.0, max: 1e12, step: 1e-3 },
            Kind::Fixed { min: 0.0, max: 1.0, step: 0.0 },
            Kind::Fixed { min: 0.0, max: f64::NAN, step: 1.0 },
            Kind::Angle { bits: 0 },
            Kind::Angle { bits: 17 },
            Kind::Enum { variants: vec![] },
        ];
        for kind in senseless {
            let refused = schema(kind.clone()).check();
            assert_eq!(refused, Err(SchemaError::Kind { shape: "Input".into(), field: "value".into() }), "{kind:?}");
        }
    }

    #[test]
    fn shapes_are_bounded() {
        let mut schema = schema(Kind::Bool);
        let event = |index| Shape { name: format!("Event{index}"), fields: vec![] };
        schema.events = (0..256).map(event).collect();
        assert_eq!(schema.check(), Ok(()));
        schema.events.push(event(256));
        assert_eq!(schema.check(), Err(SchemaError::TooManyShapes(257)));
    }

    fn exchange(request: &str, reply: Shape) -> Exchange {
        Exchange { request: Shape { name: request.into(), fields: vec![] }, reply }
    }

    #[test]
    fn names_are_unique_in_their_list() {
        let same = || Shape { name: "Same".into(), fields: vec![] };
        let one = Schema {
            components: vec![same()],
            input: same(),
            events: vec![same()],
            messages: vec![same()],
            requests: vec![exchange("Same", same()), exchange("Other", same())],
        };
        assert_eq!(one.check(), Ok(()), "lists have nothing to do with each other, and replies are not named");
        let twice = Err(SchemaError::Duplicate("Same".into()));
        assert_eq!(Schema { messages: vec![same(), same()], ..one.clone() }.check(), twice);
        let requests = vec![exchange("Same", same()), exchange("Same", same())];
        assert_eq!(Schema { requests, ..one }.check(), twice);
    }

    #[test]
    fn what_is_asked_and_answered_counts() {
        let with = |kind| {
            let reply = schema(kind).input;
            Schema { requests: vec![exchange("Ask", reply)], ..schema(Kind::Bool) }
        };
        let refused = SchemaError::Kind { shape: "Input".into(), field: "value".into() };
        assert_eq!(with(Kind::Angle { bits: 0 }).check(), Err(refused));
        assert_ne!(with(Kind::Bool).hash(), with(Kind::Angle { bits: 1 }).hash());
        let messages = vec![Shape::default()];
        assert_ne!(Schema { messages, ..schema(Kind::Bool) }.hash(), schema(Kind::Bool).hash());
    }

    #[test]
    fn one_step_more_is_another_schema() {
        let one = schema(Kind::Fixed { min: 0.0, max: 1.0, step: 0.5 });
        let other = schema(Kind::Fixed { min: 0.0, max: 1.0, step: 0.25 });
        assert_ne!(one.hash(), other.hash());
        assert_eq!(one.hash(), one.clone().hash());
    }
}

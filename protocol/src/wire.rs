//! How a game's Rust types become rows and records: the trait behind `#[derive(Wire)]`.

use crate::ids::SeatId;
use crate::varint::{ReadError, Reader, put_opaque, put_zigzag};

pub use crate::schema::{Field, Kind, Predict, Shape};

/// A component, input, event, message, request or reply that travels: a name and fields, each an integer or bytes. Derive it.
///
/// ```
/// use tickwire_protocol::{Wire, wire};
///
/// #[derive(Wire, Debug, PartialEq)]
/// #[wire(crate = tickwire_protocol)]
/// struct Position {
///     #[wire(range = 0.0..=1024.0, step = 1.0 / 16.0)]
///     x: f32,
///     #[wire(range = 0.0..=1024.0, step = 1.0 / 16.0)]
///     y: f32,
/// }
///
/// let record = wire::to_record(&Position { x: 3.03, y: -1.0 });
/// // Rounded to the step, clamped to the range.
/// assert_eq!(wire::from_record::<Position>(&record), Ok(Position { x: 3.0, y: 0.0 }));
/// ```
///
/// What a field's type needs must be said:
///
/// ```compile_fail
/// #[derive(tickwire_protocol::Wire)]
/// #[wire(crate = tickwire_protocol)]
/// struct Position {
///     x: f32,
/// }
/// ```
pub trait Wire: Sized + Send + Sync + 'static {
    /// Its name in the schema.
    const NAME: &'static str;

    /// Its name and fields.
    fn shape() -> Shape;

    /// Every field in order, quantised: what is out of range is clamped, NaN becomes the value nearest to 0.
    fn write(&self, sink: &mut impl Sink);

    /// Every field in order.
    ///
    /// # Errors
    /// The first field that is not there or out of its range.
    fn read(source: &mut impl Source) -> Result<Self, FieldError>;
}

/// A type that one field of a [`Wire`] struct can have: `bool`, integers up to 32 bits, `f32`, `f64`, `String`, `Vec<u8>`,
/// [`SeatId`], and enums of unit variants (derive `Wire` on them).
pub trait WireField: Sized {
    /// What its attributes must say.
    const NEEDS: Needs;

    /// The field's kind with these options.
    fn kind(options: &Options) -> Kind;

    /// Quantises into `sink`.
    fn write(&self, options: &Options, sink: &mut impl Sink);

    /// Reads back.
    ///
    /// # Errors
    /// Nothing there, or out of range.
    fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused>;
}

/// What a field's attributes must say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// A range within these bounds, if there is one.
    Within(i64, i64),
    /// A range and a step, or an angle.
    Step,
    /// The most bytes.
    Limit,
}

/// Takes quantised fields in order.
pub trait Sink {
    /// A number.
    fn int(&mut self, value: i32);
    /// An opaque field.
    fn opaque(&mut self, bytes: &[u8]);
}

/// Gives quantised fields in order.
pub trait Source {
    /// The next field, a number.
    ///
    /// # Errors
    /// Nothing is left.
    fn int(&mut self) -> Result<i32, Refused>;
    /// The next field, opaque.
    ///
    /// # Errors
    /// Nothing is left.
    fn opaque(&mut self) -> Result<&[u8], Refused>;
}

/// Why a field's value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not within the field's range.
    #[error("{value} is not in {min}..={max}")]
    OutOfRange {
        /// What came.
        value: i64,
        /// The least that is allowed.
        min: i64,
        /// The greatest that is allowed.
        max: i64,
    },
    /// More bytes than the field allows.
    #[error("{length} bytes are more than {max}")]
    TooLong {
        /// Bytes that came.
        length: usize,
        /// Bytes that are allowed.
        max: u32,
    },
    /// Text that is not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// The bytes themselves could not be read.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

/// A refused value and the field it came for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{shape}.{field}: {refused}")]
pub struct FieldError {
    /// The shape's name.
    pub shape: String,
    /// The field's name, empty if the record as a whole is at fault.
    pub field: String,
    /// What is wrong with it.
    pub refused: Refused,
}

impl FieldError {
    /// The error of one field.
    pub fn new(shape: impl Into<String>, field: impl Into<String>, refused: Refused) -> Self {
        Self { shape: shape.into(), field: field.into(), refused }
    }
}

/// What a field's attributes say. Checked while compiling.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    range: Option<(f64, f64)>,
    step: Option<f64>,
    bits: Option<u8>,
    limit: Option<u32>,
}

impl Options {
    /// No attribute at all: the type's own range, where it has one.
    pub const fn none() -> Self {
        Self { range: None, step: None, bits: None, limit: None }
    }

    /// `range = min..=max`.
    pub const fn range(mut self, min: f64, max: f64) -> Self {
        self.range = Some((min, max));
        self
    }

    /// `step = …`.
    pub const fn step(mut self, step: f64) -> Self {
        self.step = Some(step);
        self
    }

    /// `angle, bits = …`.
    pub const fn angle(mut self, bits: u8) -> Self {
        self.bits = Some(bits);
        self
    }

    /// `max = …` bytes.
    pub const fn limit(mut self, bytes: u32) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// The same options, if they make sense and say what the field's type needs.
    ///
    /// # Panics
    /// While compiling, in a `const`: for what is missing, an empty or infinite range or one that the type does not have, a step that is
    /// not above 0, more than 2³¹-1 steps, or bits that are not 1 to 16.
    pub const fn check(self, needs: Needs) -> Self {
        match needs {
            Needs::Nothing => {}
            Needs::Within(least, most) => {
                if let Some((min, max)) = self.range {
                    assert!(min >= least as f64 && max <= most as f64, "the type does not have all of the range");
                }
            }
            Needs::Step => assert!(
                self.bits.is_some() || (self.range.is_some() && self.step.is_some()),
                "a float needs #[wire(range = A..=B, step = S)] or #[wire(angle, bits = N)]"
            ),
            Needs::Limit => assert!(self.limit.is_some(), "a String or Vec<u8> needs #[wire(max = BYTES)]"),
        }
        if let Some((min, max)) = self.range {
            assert!(min <= max && min >= -4e18 && max <= 4e18, "the range is empty or infinite");
            let step = match self.step {
                Some(step) => step,
                None => 1.0,
            };
            assert!(step > 0.0, "the step must be above 0");
            let fits_i32 = min / step >= i32::MIN as f64 && max / step <= i32::MAX as f64;
            let fits_u32 = self.step.is_none() && min >= 0.0 && max <= u32::MAX as f64;
            assert!(fits_i32 || fits_u32, "the range has more steps than 32 bits");
        }
        if let Some(bits) = self.bits {
            assert!(bits >= 1 && bits <= 16, "an angle has 1 to 16 bits");
        }
        self
    }

    /// The options of a field of this kind that is known only at run time.
    pub(crate) fn of(kind: &Kind) -> Self {
        match *kind {
            Kind::Fixed { min, max, step } => Self::none().range(min, max).step(step),
            Kind::Angle { bits } => Self::none().angle(bits),
            _ => Self::none(),
        }
    }

    fn text_limit(&self) -> u32 {
        self.limit.expect("a field's options are checked for its type")
    }
}

fn check_range(value: i64, min: i64, max: i64) -> Result<i64, Refused> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(Refused::OutOfRange { value, min, max }) }
}

impl WireField for bool {
    const NEEDS: Needs = Needs::Nothing;

    fn kind(_: &Options) -> Kind {
        Kind::Bool
    }
    #[inline]
    fn write(&self, _: &Options, sink: &mut impl Sink) {
        sink.int(i32::from(*self));
    }
    #[inline]
    fn read(_: &Options, source: &mut impl Source) -> Result<Self, Refused> {
        Ok(check_range(source.int()?.into(), 0, 1)? == 1)
    }
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl WireField for $int {
            const NEEDS: Needs = Needs::Within(<$int>::MIN as i64, <$int>::MAX as i64);

            fn kind(options: &Options) -> Kind {
                let (min, max) = int_bounds(options, <$int>::MIN as i64, <$int>::MAX as i64);
                Kind::Int { min, max }
            }
            #[inline]
            fn write(&self, options: &Options, sink: &mut impl Sink) {
                let (min, max) = int_bounds(options, <$int>::MIN as i64, <$int>::MAX as i64);
                sink.int((*self as i64).clamp(min, max) as i32);
            }
            #[inline]
            fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused> {
                let (min, max) = int_bounds(options, <$int>::MIN as i64, <$int>::MAX as i64);
                Ok(check_range(widen(source.int()?, max), min, max)? as $int)
            }
        }
    )*};
}
integers!(i8, i16, i32, u8, u16, u32);

#[inline]
fn int_bounds(options: &Options, min: i64, max: i64) -> (i64, i64) {
    match options.range {
        Some((low, high)) => ((low as i64).max(min), (high as i64).min(max)),
        None => (min, max),
    }
}

/// The integer that 32 bits stand for in a range that ends at `max`.
#[inline]
pub(crate) fn widen(value: i32, max: i64) -> i64 {
    if max > i64::from(i32::MAX) { i64::from(value as u32) } else { i64::from(value) }
}

macro_rules! reals {
    ($($real:ty),*) => {$(
        impl WireField for $real {
            const NEEDS: Needs = Needs::Step;

            fn kind(options: &Options) -> Kind {
                match (options.bits, options.range, options.step) {
                    (Some(bits), ..) => Kind::Angle { bits },
                    (None, Some((min, max)), Some(step)) => Kind::Fixed { min, max, step },
                    _ => unreachable!("a field's options are checked for its type"),
                }
            }
            #[inline]
            fn write(&self, options: &Options, sink: &mut impl Sink) {
                sink.int(quantise(f64::from(*self), options));
            }
            #[inline]
            fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused> {
                Ok(dequantise(source.int()?, options)? as $real)
            }
        }
    )*};
}
reals!(f32, f64);

#[inline]
pub(crate) fn quantise(value: f64, options: &Options) -> i32 {
    if let Some(bits) = options.bits {
        let turn = f64::from(1u32 << bits);
        let turns = value * (turn / std::f64::consts::TAU);
        return (turns - (turns / turn).floor() * turn).round() as i32 & ((1 << bits) - 1);
    }
    let (min, max, step) = fixed(options);
    let value = if value.is_nan() { 0.0 } else { value };
    (value / step).round().clamp((min / step).round(), (max / step).round()) as i32
}

#[inline]
fn dequantise(value: i32, options: &Options) -> Result<f64, Refused> {
    if let Some(bits) = options.bits {
        let value = check_range(value.into(), 0, (1 << bits) - 1)?;
        return Ok(value as f64 * (std::f64::consts::TAU / f64::from(1u32 << bits)));
    }
    let (min, max, step) = fixed(options);
    let value = check_range(value.into(), (min / step).round() as i64, (max / step).round() as i64)?;
    Ok(value as f64 * step)
}

#[inline]
fn fixed(options: &Options) -> (f64, f64, f64) {
    match (options.range, options.step) {
        (Some((min, max)), Some(step)) => (min, max, step),
        _ => (0.0, 0.0, 1.0),
    }
}

impl WireField for String {
    const NEEDS: Needs = Needs::Limit;

    fn kind(options: &Options) -> Kind {
        Kind::Text { max: options.text_limit() }
    }
    fn write(&self, options: &Options, sink: &mut impl Sink) {
        let end = self.floor_char_boundary(options.text_limit() as usize);
        sink.opaque(&self.as_bytes()[..end]);
    }
    fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused> {
        let bytes = check_length(source.opaque()?, options.text_limit())?;
        Ok(str::from_utf8(bytes).map_err(|_| Refused::NotUtf8)?.to_owned())
    }
}

impl WireField for Vec<u8> {
    const NEEDS: Needs = Needs::Limit;

    fn kind(options: &Options) -> Kind {
        Kind::Bytes { max: options.text_limit() }
    }
    fn write(&self, options: &Options, sink: &mut impl Sink) {
        sink.opaque(&self[..self.len().min(options.text_limit() as usize)]);
    }
    fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused> {
        Ok(check_length(source.opaque()?, options.text_limit())?.to_vec())
    }
}

fn check_length(bytes: &[u8], max: u32) -> Result<&[u8], Refused> {
    if bytes.len() <= max as usize { Ok(bytes) } else { Err(Refused::TooLong { length: bytes.len(), max }) }
}

impl WireField for SeatId {
    const NEEDS: Needs = u16::NEEDS;

    fn kind(options: &Options) -> Kind {
        u16::kind(options)
    }
    fn write(&self, options: &Options, sink: &mut impl Sink) {
        self.0.write(options, sink);
    }
    fn read(options: &Options, source: &mut impl Source) -> Result<Self, Refused> {
        u16::read(options, source).map(SeatId)
    }
}

/// Writes the index of a unit enum's variant.
#[inline]
pub fn enum_write(index: u32, sink: &mut impl Sink) {
    sink.int(index as i32);
}

/// Reads the index of a unit enum's variant, one of `count`.
///
/// # Errors
/// Nothing there, or no such variant.
#[inline]
pub fn enum_read(count: u32, source: &mut impl Source) -> Result<u32, Refused> {
    Ok(check_range(source.int()?.into(), 0, i64::from(count) - 1)? as u32)
}

/// Writes fields as a record: numbers as zigzag, opaque fields with their length.
pub(crate) struct RecordSink<'a>(pub(crate) &'a mut Vec<u8>);

impl Sink for RecordSink<'_> {
    fn int(&mut self, value: i32) {
        put_zigzag(self.0, value);
    }
    fn opaque(&mut self, bytes: &[u8]) {
        put_opaque(self.0, bytes);
    }
}

impl Source for Reader<'_> {
    fn int(&mut self) -> Result<i32, Refused> {
        Ok(self.zigzag()?)
    }
    fn opaque(&mut self) -> Result<&[u8], Refused> {
        Ok(Reader::opaque(self)?)
    }
}

/// Appends `value` as a record.
pub fn put_record<T: Wire>(out: &mut Vec<u8>, value: &T) {
    value.write(&mut RecordSink(out));
}

/// `value` as a record.
pub fn to_record<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    put_record(&mut out, value);
    out
}

/// Reads a record that ends exactly.
///
/// # Errors
/// The field that is missing or out of range; bytes left over.
pub fn from_record<T: Wire>(record: &[u8]) -> Result<T, FieldError> {
    let mut reader = Reader::new(record);
    let value = T::read(&mut reader)?;
    reader.end().map_err(|error| FieldError::new(T::NAME, "", error.into()))?;
    Ok(value)
}

/// Checks a record against a shape known only at run time, without building the value.
///
/// # Errors
/// As [`from_record`].
pub fn check_record(shape: &Shape, record: &[u8]) -> Result<(), FieldError> {
    let mut reader = Reader::new(record);
    for field in &shape.fields {
        check_field(&field.kind, &mut reader)
            .map_err(|refused| FieldError::new(shape.name.as_str(), field.name.as_str(), refused))?;
    }
    reader.end().map_err(|error| FieldError::new(shape.name.as_str(), "", error.into()))
}

fn check_field(kind: &Kind, reader: &mut Reader<'_>) -> Result<(), Refused> {
    match *kind {
        Kind::Text { max } => {
            let bytes = check_length(reader.opaque()?, max)?;
            str::from_utf8(bytes).map_err(|_| Refused::NotUtf8)?;
        }
        Kind::Bytes { max } => {
            check_length(reader.opaque()?, max)?;
        }
        _ => {
            let (min, max) = kind.bounds().expect("all other kinds are numbers");
            check_range(widen(reader.zigzag()?, max), min, max)?;
        }
    }
    Ok(())
}
